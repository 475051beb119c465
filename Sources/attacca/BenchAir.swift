// `attacca bench air`: what channels on the air cost. Another process of this command runs them;
// this one is the world around it: two senders for each channel, a receiver behind it, and a clock.
//
//     senders, one datagram each at its own time --> attacca run --> receivers, kernel times
//
// What is sent is a recording at a constant rate, so that each datagram has a time. A packet is
// known again by its payload, which no switcher may touch: so nothing is lost unseen, and the way
// of each packet is measured from the kernel's time at the receiver.

import ArgumentParser
import Foundation
import TransportStream

struct BenchAir: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "air",
        abstract: "Measure what channels on the air cost: two UDP inputs and one UDP output each.")

    @Argument(help: "A recording at a constant rate, as long as the measurement.")
    var stream: String
    @Option(help: "How many channels, in one process.") var channels = 1
    @Option(help: "Seconds that are measured, after the hold-back has filled.") var seconds = 20
    @Option(help: "Milliseconds of hold-back.") var holdBack = 500
    @Option(help: "The channels' burst: what is due within so long leaves together.")
    var burst = "0ms"
    @Option(help: """
        A command to measure instead, one for each channel: %m, %b and %o in it are the ports of \
        main, backup and output. Its delay is its own.
        """)
    var instead: String?

    /// Seconds before the measurement begins.
    private var settlingSeconds: Int { 3 + holdBack / 1000 }

    private static let configurationPath =
        FileManager.default.temporaryDirectory.path + "/attacca-bench-\(getpid()).yaml"

    func validate() throws {
        guard 1...200 ~= channels, 1...3600 ~= seconds, 0...10_000 ~= holdBack else {
            throw ValidationError("1 to 200 channels, 1 to 3600 seconds, 0 to 10000 milliseconds")
        }
    }

    func run() throws {
        let traffic = try AirTraffic(path: stream, seconds: seconds + settlingSeconds + 2)
        let receiver = try AirReceiver(channels: channels, known: traffic.prints)
        let inputs = try LoopbackPort.free(channels * 2)
        defer { unlink(BenchAir.configurationPath) }
        let children = try start(inputs, receiver.ports)
        defer { children.forEach { $0.terminate() } }
        let sender = AirSender(traffic, ports: inputs, groups: min(channels, 4))
        let receiving = receiver.start()
        let sending = sender.start()
        sleep(UInt32(settlingSeconds))
        let before = try ProcessFigures(children)
        receiver.begin()
        sleep(UInt32(seconds))
        let after = try ProcessFigures(children)
        receiver.end()
        sender.stop()
        sending.wait()
        receiver.stop()
        receiving.wait()
        report(before, after, receiver.outcome(sentAt: sender.times), traffic)
    }

    /// The process that is measured, or those.
    private func start(_ inputs: [UInt16], _ outputs: [UInt16]) throws -> [Process] {
        guard let instead else {
            let file = try writeConfiguration(inputs, outputs)
            let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            return [try start(path, ["run", file])]
        }
        return try outputs.indices.map { channel in
            let words = instead.split(separator: " ").map {
                $0.replacingOccurrences(of: "%m", with: "\(inputs[2 * channel])")
                    .replacingOccurrences(of: "%b", with: "\(inputs[2 * channel + 1])")
                    .replacingOccurrences(of: "%o", with: "\(outputs[channel])")
            }
            return try start(URL(fileURLWithPath: "/usr/bin/env"), words)
        }
    }

    private func writeConfiguration(_ inputs: [UInt16], _ outputs: [UInt16]) throws -> String {
        var text = "channels:\n"
        for channel in 0..<channels {
            text += """
                  - name: c\(channel)
                    inputs:
                      - udp://127.0.0.1:\(inputs[2 * channel])
                      - udp://127.0.0.1:\(inputs[2 * channel + 1])
                    outputs:
                      - udp://127.0.0.1:\(outputs[channel])
                    hold-back: \(holdBack)ms
                    burst: \(burst)

                """
        }
        let path = BenchAir.configurationPath
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure.run("'\(path)' can not be written")
        }
        return path
    }

    private func start(_ path: URL, _ arguments: [String]) throws -> Process {
        let child = Process()
        child.executableURL = path
        child.arguments = arguments
        child.standardOutput = FileHandle.nullDevice
        do {
            try child.run()
        } catch {
            throw CommandFailure.run("\(arguments.joined(separator: " ")): \(error)")
        }
        return child
    }

    private func report(
        _ before: ProcessFigures, _ after: ProcessFigures, _ outcome: AirOutcome,
        _ traffic: AirTraffic
    ) {
        let share = (after.cpuSeconds - before.cpuSeconds) / Double(seconds) * 100
        func text(_ format: String, _ values: CVarArg...) -> String {
            String(format: format, arguments: values)
        }
        print(text("%d channels, each two inputs of %.2f Mbit/s, %d s:", channels,
            Double(traffic.bitsPerSecond) / 1e6, seconds))
        print(text("  processor   %.2f %% of a core per channel (%.1f %% in all)",
            share / Double(channels), share))
        print(text("  waking      %.0f times a second per channel",
            Double(after.switches - before.switches) / Double(seconds * channels)))
        print(text("  memory      %.1f MiB per channel (%.0f MiB in all)",
            after.residentMebibytes / Double(channels), after.residentMebibytes))
        print(text("  waiting     %.1f ms a second for a processor, the thread that waited most",
            (after.waitingSeconds - before.waitingSeconds) / Double(seconds) * 1000))
        print("  packets     \(outcome.packets) came, \(outcome.missing) missing")
        let extra = outcome.delaysNanoseconds.map {
            Double($0) / 1e6 - (instead == nil ? Double(holdBack) : 0)
        }.sorted()
        guard !extra.isEmpty else { return print("  no packet came") }
        func place(_ share: Double) -> Double { extra[Int(Double(extra.count - 1) * share)] }
        print(text(
            "  delay       beyond the hold-back: median %.2f, p99 %.2f, p99.9 %.2f, most %.2f ms",
            place(0.5), place(0.99), place(0.999), place(1)))
        print("  bursts      \(outcome.burstText)")
    }
}

/// What the kernel says of some processes, together.
struct ProcessFigures {
    private(set) var cpuSeconds = 0.0
    private(set) var residentMebibytes = 0.0
    /// Times that a thread of them went to sleep.
    private(set) var switches = 0
    /// What threads waited for a processor that others had, the most of any, seconds.
    private(set) var waitingSeconds = 0.0

    init(_ processes: [Process]) throws {
        for process in processes { try add(process.processIdentifier) }
    }

    private mutating func add(_ process: Int32) throws {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { throw CommandFailure.run("what is measured has ended") }
        // proc(5): behind the name come the state (3) and so on; 14 and 15 are the ticks used.
        let fields = stat[end...].split(separator: " ")
        let ticks = (Double(fields[12]) ?? 0) + (Double(fields[13]) ?? 0)
        cpuSeconds += ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        let own = "/proc/\(process)"
        residentMebibytes += Double(ProcessFigures.number("\(own)/status", "VmRSS")) / 1024
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "\(own)/task")) ?? []
        for task in tasks {
            switches += ProcessFigures.number("\(own)/task/\(task)/status", "voluntary_ctxt")
            // Documentation/scheduler/sched-stats: running, waiting (ns), time slices.
            let path = "\(own)/task/\(task)/schedstat"
            let waits = try? String(contentsOfFile: path, encoding: .utf8)
            let wait = waits?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
            waitingSeconds = max(waitingSeconds, wait / 1e9)
        }
    }

    private static func number(_ path: String, _ key: String) -> Int {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}
