// `attacca fuzz`: mutated recordings and scripts of chance through the engine, run after run, in
// child processes that may trap, hang or take all the memory.
//
//   FuzzBoard (which seed is next, what was found)
//     |  a thread for each job
//   FuzzWorker -> attacca fuzz --worker -> FuzzPlan, FuzzRun (Simulation), a line for each seed
//     |  what fails is run again without one ingredient after the other, and kept
//   out/fuzz/KIND-SEED/: the inputs, and the command that makes it happen again

import ArgumentParser
import ControlPlane
import Foundation
import Simulation

struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the engine on mutated recordings, with scripts of chance.",
        discussion: """
            Each seed is one run: recordings of the corpus, what is wrong with them, the channel's \
            settings and a script. Nothing may trap, hang, grow without bound or break the laws of \
            the output that hold for any input. With --seed that run alone is made, here; the same \
            seed and the same corpus are the same run. Exit status 1 when something was found.
            """)

    @Option(help: ArgumentHelp("How long to go on (default: 1m).", valueName: "time"),
        transform: TimeValue.parse)
    var time = TimeValue(nanoseconds: 60_000_000_000)
    @Option(help: ArgumentHelp("Make so many runs instead.", valueName: "N"))
    var runs: UInt64?
    @Option(help: ArgumentHelp("The first seed.", valueName: "N"))
    var firstSeed: UInt64 = 1
    @Option(help: ArgumentHelp("Make this run only.", valueName: "N"))
    var seed: UInt64?
    @Option(help: ArgumentHelp(
        "With --seed: what of its ingredients to take, such as 0,3; none for no one.",
        valueName: "numbers"))
    var only: String?
    @Flag(help: "With --seed: tell what the run is made of and what happened.")
    var verbose = false
    @Option(help: ArgumentHelp("With --seed: write its inputs into this folder.", valueName: "DIR"))
    var save: String?
    @Option(help: ArgumentHelp("Runs at a time (default: one per processor).", valueName: "N"))
    var jobs: Int?
    @Option(help: ArgumentHelp(
        "A recording, or a folder of them, again for each (default: SampleStreams and, where it "
            + "is there, ../shared/samples/ts).", valueName: "path"))
    var corpus: [String] = []
    @Option(help: ArgumentHelp("Where findings are kept (default: out/fuzz).", valueName: "DIR"))
    var findings = "out/fuzz"
    @Flag(help: ArgumentHelp("Take seeds from standard input.", visibility: .private))
    var worker = false

    func validate() throws {
        guard seed != nil || (only == nil && save == nil && !verbose) else {
            throw ValidationError("--only, --save and --verbose need --seed")
        }
        guard jobs.map({ (1...64).contains($0) }) ?? true else {
            throw ValidationError("--jobs: 1 to 64 are allowed")
        }
        guard FuzzSelection(argument: only ?? "") != nil else {
            throw ValidationError("--only: expected numbers such as 0,3, or none")
        }
    }

    func run() throws {
        if worker { return try FuzzChild(FuzzCorpus(corpus)).run() }
        if let seed { return try runOne(seed) }
        // Once here, for what is wrong with it.
        let loaded = try FuzzCorpus(corpus)
        let board = FuzzBoard(
            firstSeed: firstSeed, runs: runs,
            deadline: runs == nil
                ? Date(timeIntervalSinceNow: Double(time.nanoseconds) / 1e9) : nil)
        let jobs = jobs ?? ProcessInfo.processInfo.activeProcessorCount
        let hunters = (0..<jobs).map { _ in
            FuzzHunter(board: board, corpus: loaded, folder: findings)
        }
        DispatchQueue.concurrentPerform(iterations: jobs) { hunters[$0].run() }
        board.printSummary(folder: findings)
        if board.hasFindings { throw ExitCode(1) }
    }

    private func runOne(_ seed: UInt64) throws {
        let corpus = try FuzzCorpus(corpus)
        let whole = FuzzPlan(seed: seed, corpus: corpus.recordings)
        let plan = FuzzSelection(argument: only ?? "")?.applied(to: whole) ?? whole
        let inputs = plan.inputs.indices.map { plan.bytes(of: $0, corpus: corpus.recordings) }
        if verbose { print(FuzzText.plan(plan, inputs: inputs).joined(separator: "\n")) }
        if let save {
            try FuzzReproducer(plan, inputs: inputs).write(to: save)
        }
        // What was printed must be there should the run end in a trap.
        fflush(nil)
        let verdict = FuzzRun.run(plan, inputs: inputs, keepsEvents: verbose)
        if verbose { print(verdict.events.joined(separator: "\n")) }
        print(
            "seed \(seed): \(verdict.inputBytes) bytes in, \(verdict.outputBytes) bytes out in "
                + "\(TimeText.clock(verdict.duration)), \(verdict.seams) seams, digest "
                + String(verdict.digest, radix: 16))
        for finding in verdict.findings { print("  \(finding.kind): \(finding.text)") }
        if !verdict.findings.isEmpty { throw ExitCode(1) }
    }
}

/// Which ingredients of a plan are taken: all, or those with these numbers.
struct FuzzSelection {
    var kept: Set<Int>?

    /// Numbers with commas between; `none`; empty for all.
    init?(argument: String) {
        if argument.isEmpty { return }
        if argument == "none" {
            kept = []
            return
        }
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count else { return nil }
        kept = Set(numbers)
    }

    init(_ kept: Set<Int>) { self.kept = kept }

    func applied(to plan: FuzzPlan) -> FuzzPlan { kept.map { plan.keeping($0) } ?? plan }

    var text: String {
        guard let kept else { return "" }
        return kept.isEmpty ? "none" : kept.sorted().map(String.init).joined(separator: ",")
    }
}

/// The recordings that mutants are made of.
struct FuzzCorpus: Sendable {
    /// Bytes that are read of each file, 2 MB.
    static let mostBytes = 2_000_000
    /// Fewer packets are no recording.
    static let fewestPackets = 20

    let paths: [String]
    let recordings: [FuzzRecording]

    /// - Parameter paths: files and folders; none for those that are found where the command runs.
    init(_ paths: [String]) throws {
        let usual = ["SampleStreams", "../shared/samples/ts"].filter {
            FileManager.default.fileExists(atPath: $0)
        }
        self.paths = paths.isEmpty ? usual : paths
        var recordings: [FuzzRecording] = []
        for path in self.paths {
            for file in try FuzzCorpus.files(path) {
                guard let handle = FileHandle(forReadingAtPath: file),
                    let data = try? handle.read(upToCount: FuzzCorpus.mostBytes)
                else { throw CommandFailure.run("corpus: '\(file)' can not be read") }
                let name = URL(fileURLWithPath: file).lastPathComponent
                let recording = FuzzRecording(name: name, file: [UInt8](data))
                if recording.bytes.count >= FuzzCorpus.fewestPackets * 188 {
                    recordings.append(recording)
                }
            }
        }
        guard !recordings.isEmpty else {
            throw CommandFailure.run("corpus: there is no recording in \(self.paths)")
        }
        self.recordings = recordings
    }

    /// In the order of their names, which the seeds count on.
    private static func files(_ path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandFailure.run("corpus: there is no '\(path)'")
        }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".ts") || $0.hasSuffix(".m2ts") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(path)/\($0)" }
    }
}
