// Worlds in child processes, each with every n-th seed: one that ends in a trap, or does not end,
// is a seed that fails, and the others go on.
//
//   worker 0   first, first + n, ...      --.
//   worker 1   first + 1, ...             --+--> told in the order of the seeds
//   worker n-1 ...                        --'

import Foundation
import Simulation

final class SimulationCrew {
    private struct Worker {
        let process: Process
        let pipe: Pipe
        /// The world that it is in.
        var seed: UInt64
        var since = Date()
        var text = Data()
        var isSilenced = false

        var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }
    }

    private struct Report {
        var fails: Bool
        var lines: [String]
    }

    /// A world that takes longer does not end, two minutes: most take 30 ms.
    private static let patience: TimeInterval = 120
    /// Where nobody looks on, a line of progress once a minute.
    private static let logInterval: TimeInterval = 60

    private let seeds: ClosedRange<UInt64>
    private let jobs: UInt64
    private let isVerbose: Bool
    private let keepsGoing: Bool
    private var workers: [Worker] = []
    /// Of worlds that are run, where there is something to tell, until all before them are.
    private var reports: [UInt64: Report] = [:]
    /// The last seed that is run.
    private var limit: UInt64
    private var done: UInt64 = 0
    private var failing: Set<UInt64> = []
    private let started = Date()
    private var logged = Date()
    private var progress = ProgressLine()

    init(seeds: ClosedRange<UInt64>, jobs: Int, isVerbose: Bool, keepsGoing: Bool) {
        self.seeds = seeds
        self.jobs = UInt64(jobs)
        self.isVerbose = isVerbose
        self.keepsGoing = keepsGoing
        limit = seeds.upperBound
    }

    /// Runs all worlds, or those up to the first that fails.
    /// - Returns: whether no law was broken.
    func run() throws -> Bool {
        defer { stop() }
        for number in 0..<jobs where number <= seeds.upperBound - seeds.lowerBound {
            try start(from: seeds.lowerBound + number)
        }
        while workers.contains(where: { $0.seed <= limit }) {
            try listen()
            tellReports()
            tellProgress()
        }
        tellReports()
        progress.clear()
        return summarise()
    }

    // MARK: Workers

    private func start(from seed: UInt64) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            "simulate", "--first-seed", "\(seed)", "--seeds", "\(seeds.upperBound - seed + 1)",
            "--worker-stride", "\(jobs)",
        ] + (isVerbose ? ["--verbose"] : [])
        // A trap is told by its seed; a trace of each would only take time.
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SWIFT_BACKTRACE": "enable=no"], uniquingKeysWith: { $1 })
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw CommandFailure.run("a worker can not be started: \(error.localizedDescription)")
        }
        workers.append(Worker(process: process, pipe: pipe, seed: seed))
    }

    private func stop() {
        for worker in workers where worker.process.isRunning {
            kill(worker.process.processIdentifier, SIGKILL)
            worker.process.waitUntilExit()
        }
    }

    /// Waits for news of the workers, a fifth of a second at most.
    private func listen() throws {
        var descriptors = workers.map {
            pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
        }
        poll(&descriptors, nfds_t(descriptors.count), 200)
        for index in workers.indices.reversed() {
            if descriptors[index].revents != 0 {
                let bytes = workers[index].pipe.fileHandleForReading.availableData
                if bytes.isEmpty {
                    try leave(index)
                    continue
                }
                workers[index].text.append(bytes)
                read(index)
            }
            if Date().timeIntervalSince(workers[index].since) > SimulationCrew.patience {
                workers[index].isSilenced = true
                kill(workers[index].process.processIdentifier, SIGKILL)
            }
            // Nothing that is behind a seed that fails matters.
            if workers[index].seed > limit {
                kill(workers[index].process.processIdentifier, SIGKILL)
            }
        }
    }

    /// Takes the worlds that a worker has told of as a whole.
    private func read(_ index: Int) {
        while let report = SimulationCrew.takeReport(&workers[index].text) {
            take(report, of: workers[index].seed)
            workers[index].seed = next(workers[index].seed)
            workers[index].since = Date()
        }
    }

    /// The seed behind all where there is none.
    private func next(_ seed: UInt64) -> UInt64 {
        let (next, isOver) = seed.addingReportingOverflow(jobs)
        return isOver ? .max : next
    }

    private static func takeReport(_ text: inout Data) -> Report? {
        let lineEnd = UInt8(ascii: "\n")
        guard let end = text.firstIndex(of: lineEnd) else { return nil }
        let head = String(decoding: text[..<end], as: UTF8.self).split(separator: " ")
        guard head.count == 3, let count = Int(head[2]) else { return nil }
        var lines: [String] = []
        var at = text.index(after: end)
        for _ in 0..<count {
            guard let end = text[at...].firstIndex(of: lineEnd) else { return nil }
            lines.append(String(decoding: text[at..<end], as: UTF8.self))
            at = text.index(after: end)
        }
        text = Data(text[at...])
        return Report(fails: head[1] == "fails", lines: lines)
    }

    /// A worker has ended: all its worlds are run, or it died in one.
    private func leave(_ index: Int) throws {
        let worker = workers.remove(at: index)
        worker.process.waitUntilExit()
        guard worker.seed <= limit else { return }
        let status = worker.process.terminationStatus
        let sentence = worker.isSilenced
            ? "the world has not ended after \(Int(SimulationCrew.patience)) s"
            : worker.process.terminationReason == .uncaughtSignal
                ? "the process died of signal \(status)" : "the process ended with status \(status)"
        let lines = WorldPlan(seed: worker.seed).facts + ["  FAILS: \(sentence)"]
        take(Report(fails: true, lines: lines), of: worker.seed)
        let next = next(worker.seed)
        if next <= limit { try start(from: next) }
    }

    private func take(_ report: Report, of seed: UInt64) {
        guard seed <= limit else { return }
        done += 1
        if report.fails {
            failing.insert(seed)
            if !keepsGoing { limit = min(limit, seed) }
        }
        if !report.lines.isEmpty { reports[seed] = report }
    }

    // MARK: Telling

    /// Shows the worlds before which all are run.
    private func tellReports() {
        let frontier = workers.map(\.seed).min() ?? .max
        for seed in reports.keys.sorted() where seed < frontier {
            guard let report = reports.removeValue(forKey: seed), seed <= limit else { continue }
            progress.clear()
            SimulationText.show(report.lines)
        }
    }

    private func tellProgress() {
        let now = Date()
        let isLogDue = !Terminal.isInteractive
            && now.timeIntervalSince(logged) >= SimulationCrew.logInterval
        guard progress.isDue || isLogDue else { return }
        let rate = Double(done) / max(now.timeIntervalSince(started), 0.001)
        let text = "\(done) worlds of \(seeds.upperBound - seeds.lowerBound + 1), "
            + "\(failing.count) failing, " + String(format: "%.0f worlds/s", rate)
        if Terminal.isInteractive { return progress.show(text) }
        logged = now
        Terminal.complain(text)
    }

    private func summarise() -> Bool {
        let failing = failing.filter { $0 <= limit }.sorted()
        let worlds = limit - seeds.lowerBound + 1
        if failing.isEmpty {
            SimulationText.show([SimulationText.noBrokenLaw(worlds, since: started)])
            return true
        }
        let list = failing.map(String.init).joined(separator: " ")
        SimulationText.show([
            "\(failing.count) of \(worlds) worlds \(failing.count == 1 ? "fails" : "fail"): \(list)"
        ])
        return false
    }
}
