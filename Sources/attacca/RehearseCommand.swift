// `attacca rehearse`: recordings of several encoders through the real engine, in virtual time.

import ArgumentParser
import Conformance
import ControlPlane
import Foundation
import Simulation
import SwitchEngine

struct Rehearse: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play recordings through the switcher in virtual time, with scripted faults.",
        discussion: """
            Packets of an input arrive when its own clock says, from virtual time 0 on; at its end \
            it falls silent. The first input is preferred, the others are its backups in order. \
            The output is the stream that a recorder downstream would have got.
            """)

    @Option(
        help: ArgumentHelp("An input, again for each.", valueName: "name=file[@delay]"),
        transform: InputValue.parse)
    var input: [InputValue] = []
    @Option(
        help: ArgumentHelp("How far the output runs behind (default: 2s).", valueName: "time"),
        transform: TimeValue.parse)
    var holdBack = TimeValue(nanoseconds: 2_000_000_000)
    @Option(
        help: ArgumentHelp(
            "How inputs are lined up: auto, timestamps or arrival.", valueName: "mode"),
        transform: AlignmentMode.parse)
    var align: AlignmentMode = .auto
    @Option(
        name: .customLong("return"),
        help: ArgumentHelp(
            "Go back to a better input: never (default), now, or after proven health of this time.",
            valueName: "never|now|time"), transform: ReturnValue.parse)
    var returning = ReturnValue(.never)
    @Option(
        help: ArgumentHelp(
            "The input of last resort: left as soon as another one is there.", valueName: "name"))
    var slate: String?
    @Option(
        help: ArgumentHelp(
            "Where SCTE-35 splice_inserts of the input on air lead to, until the break ends.",
            valueName: "name"))
    var cue: String?
    @Option(
        help: ArgumentHelp(
            "What goes out when no input brings anything: tables (default) or silence.",
            valueName: "mode"), transform: StandstillMode.parse)
    var standstill: StandstillMode = .tables
    @Option(
        help: ArgumentHelp("The programme to take.", valueName: "N or name=N"),
        transform: ProgramValue.parse)
    var program: [ProgramValue] = []
    @Option(
        help: ArgumentHelp("Constant output rate.", valueName: "rate"),
        transform: RateValue.parse)
    var muxRate: RateValue?
    @Option(
        help: ArgumentHelp(
            "How long a planned seam waits for an L3 place (default: 10s).", valueName: "time"),
        transform: TimeValue.parse)
    var wait = TimeValue(nanoseconds: 10_000_000_000)
    @Option(
        help: ArgumentHelp(
            "A thing that happens, again for each: 8s:drop:main, 14s:restore:main, "
                + "20s:switch:backup, 22s:schedule:main, 24s:hold:main, 30s:release, "
                + "25s:loss:main:2%:7.", valueName: "time:what:input"),
        transform: EventValue.parse)
    var event: [EventValue] = []
    @Option(help: ArgumentHelp("The stream that goes out.", valueName: "file.ts"))
    var output: String
    @Option(help: ArgumentHelp("What happened, as JSON; judges the output too.", valueName: "file"))
    var report: String?
    @Flag(help: "Print nothing but errors.")
    var quiet = false

    func run() throws {
        let configuration = try channel()
        let script = try self.script()
        let recordings = try input.map { try Recording(name: $0.name, path: $0.path) }
        let sink = try OutputFile(path: output, inputs: input.map(\.path))
        let sources = zip(recordings, input).map { recording, value in
            Rehearsal.Source(delay: value.delay?.nanoseconds ?? 0) { recording.read(into: &$0, $1) }
        }
        var play = RehearsalPlay(
            Rehearsal(configuration, sources: sources, script: script), recordings: recordings,
            judges: report != nil, isQuiet: quiet)
        try play.run(into: sink)
        let result = play.result(configuration, sink)
        if let report { try result.write(to: report) }
        if !quiet { print(result.summary(path: output)) }
        try result.complain()
    }

    private func channel() throws -> ChannelConfiguration {
        guard !input.isEmpty else {
            throw CommandFailure.usage("--input is missing: expected \(InputValue.allowed)")
        }
        guard input.count <= 64 else {
            throw CommandFailure.usage("--input: \(input.count) inputs, at most 64 are allowed")
        }
        for (index, value) in input.enumerated()
        where input[..<index].contains(where: { $0.name == value.name }) {
            throw CommandFailure.usage("--input: two inputs are called '\(value.name)'")
        }
        var configuration = ChannelConfiguration(
            inputs: input.map { InputConfiguration(name: $0.name) })
        for choice in program {
            if let name = choice.input {
                configuration.inputs[try index(of: name, option: "--program")].program =
                    choice.program
            } else {
                for index in configuration.inputs.indices {
                    configuration.inputs[index].program = choice.program
                }
            }
        }
        configuration.holdBack = holdBack.nanoseconds
        guard configuration.holdBack <= 60_000_000_000 else {
            throw CommandFailure.usage("--hold-back: at most 60s is allowed")
        }
        configuration.alignment = align
        configuration.returning = returning.policy
        configuration.muxRate = muxRate?.bitsPerSecond
        configuration.plannedWait = wait.nanoseconds
        configuration.standstillMode = standstill
        if let slate {
            configuration.inputs[try index(of: slate, option: "--slate")].isSlate = true
        }
        if let cue {
            configuration.cue = CuePolicy(target: InputID(try index(of: cue, option: "--cue")))
        }
        return configuration
    }

    private func script() throws -> [RehearsalEvent] {
        try event.map { value in
            let time = value.time.nanoseconds
            if value.action == "release" {
                return RehearsalEvent(time: time, action: .command(.release))
            }
            let id = InputID(try index(of: value.input, option: "--event"))
            // A switch is scheduled from the begin on, for its time.
            if value.action == "schedule" {
                let moment = MonotonicInstant(nanoseconds: time)
                return RehearsalEvent(time: 0, action: .command(.switchTo(id, at: moment)))
            }
            let action: RehearsalEvent.Action =
                switch value.action {
                case "drop": .drop(id)
                case "restore": .restore(id)
                case "switch": .command(.switchTo(id))
                case "hold": .command(.hold(id))
                default: .loss(id, perMillion: value.sharePerMillion, seed: value.seed)
                }
            return RehearsalEvent(time: time, action: action)
        }
    }

    private func index(of name: String, option: String) throws -> Int {
        if let index = input.firstIndex(where: { $0.name == name }) { return index }
        let names = input.map(\.name).joined(separator: ", ")
        throw CommandFailure.usage("\(option): there is no input '\(name)'; there are \(names)")
    }
}

/// The file that the output goes to.
final class OutputFile {
    let path: String
    private(set) var bytes: Int64 = 0
    private let handle: FileHandle

    init(path: String, inputs: [String]) throws {
        self.path = path
        let own = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        for input in inputs
        where URL(fileURLWithPath: input).resolvingSymlinksInPath().path == own {
            throw CommandFailure.usage("--output: '\(path)' is also an input")
        }
        // Opened as it is: what stands there may be a device or a pipe, and is not replaced.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure.run("output: '\(path)' can not be written")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Writes all bytes.
    func write(_ span: Span<UInt8>) throws {
        var failure = false
        span.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty && !failure {
                let count = Foundation.write(
                    handle.fileDescriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                    rest.count)
                if count > 0 { rest = rest.dropFirst(count) }
                failure = count == 0 || (count < 0 && errno != EINTR)
            }
        }
        if failure { throw CommandFailure.run("output: '\(path)' offset \(bytes): writing failed") }
        bytes += Int64(span.count)
    }
}
