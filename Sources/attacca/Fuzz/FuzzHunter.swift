// Runs seeds in a child, and makes the least of what fails.

import Foundation
import Simulation
import Synchronization

/// What all jobs know together.
final class FuzzBoard: Sendable {
    struct Group: Sendable {
        var count = 0
        /// The first ones.
        var seeds: [UInt64] = []
        var text: String
    }
    private struct State {
        var next: UInt64
        var runs: UInt64 = 0
        var inputBytes: Int64 = 0
        var groups: [String: Group] = [:]
        var progress = ProgressLine()
    }

    /// Seeds that are told of each kind.
    private static let seedsPerKind = 8

    private let state: Mutex<State>
    private let end: UInt64
    private let deadline: Date?
    private let started = Date()

    init(firstSeed: UInt64, runs: UInt64?, deadline: Date?) {
        state = Mutex(State(next: firstSeed))
        end = runs.map { firstSeed &+ $0 } ?? .max
        self.deadline = deadline
    }

    /// The next seed; nil when it is time to end.
    func next() -> UInt64? {
        if let deadline, Date() >= deadline { return nil }
        return state.withLock { state in
            guard state.next < end else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Takes down a run that is done.
    func count(_ note: FuzzNote?) {
        state.withLock { state in
            state.runs += 1
            state.inputBytes += note?.inputBytes ?? 0
            if state.progress.isDue {
                let found = state.groups.values.reduce(0) { $0 + $1.count }
                state.progress.show("\(state.runs) runs, \(found) findings")
            }
        }
    }

    /// Takes down a finding.
    /// - Returns: whether it is the first of its kind.
    func add(_ finding: FuzzNote.Finding, seed: UInt64) -> Bool {
        state.withLock { state in
            let isNew = state.groups[finding.kind] == nil
            var group = state.groups[finding.kind] ?? Group(text: finding.text)
            group.count += 1
            if group.seeds.count < FuzzBoard.seedsPerKind { group.seeds.append(seed) }
            state.groups[finding.kind] = group
            return isNew
        }
    }

    func say(_ text: String) {
        state.withLock { state in
            state.progress.clear()
            FileHandle.standardOutput.write(Data((text + "\n").utf8))
        }
    }

    var hasFindings: Bool { state.withLock { !$0.groups.isEmpty } }

    func printSummary(folder: String) {
        let seconds = Date().timeIntervalSince(started)
        let (runs, bytes, groups) = state.withLock { state in
            state.progress.clear()
            return (state.runs, state.inputBytes, state.groups)
        }
        let size = String(format: "%.1f GB", Double(bytes) / 1e9)
        let found = groups.values.reduce(0) { $0 + $1.count }
        print("\(runs) runs, \(size) of mutants, \(String(format: "%.0f s", seconds)): "
            + (groups.isEmpty ? "nothing found" : "\(found) findings of \(groups.count) kinds"))
        for (kind, group) in groups.sorted(by: { $0.value.count > $1.value.count }) {
            let seeds = group.seeds.map(String.init).joined(separator: " ")
            print("\(group.count)  \(kind): \(group.text); seeds \(seeds)")
        }
        if !groups.isEmpty { print("kept in \(folder)") }
    }
}

/// One job.
final class FuzzHunter: @unchecked Sendable {
    /// Runs that are spent on making one finding small.
    static let triesPerFinding = 60

    private let board: FuzzBoard
    private let corpus: FuzzCorpus
    private let folder: String
    private let worker: FuzzWorker

    /// Used by one thread from then on.
    init(board: FuzzBoard, corpus: FuzzCorpus, folder: String) {
        self.board = board
        self.corpus = corpus
        self.folder = folder
        worker = FuzzWorker(corpus: corpus)
    }

    /// Goes on until the board says that it is time to end.
    func run() {
        while let seed = board.next() {
            do {
                let answer = try worker.ask(seed)
                if case .note(let note) = answer { board.count(note) } else { board.count(nil) }
                guard let finding = try traced(answer, seed).finding else { continue }
                guard board.add(finding, seed: seed) else { continue }
                board.say("seed \(seed): \(finding.kind): \(finding.text)")
                try keep(finding, seed)
            } catch {
                let failure = error as? CommandFailure
                board.say("attacca: \(failure?.message ?? "\(error)")")
                return
            }
        }
    }

    /// A trap is run again, with a backtrace this time.
    private func traced(_ answer: FuzzAnswer, _ seed: UInt64) throws -> FuzzAnswer {
        guard case .died(let signal, _) = answer, signal != SIGPROF else { return answer }
        let tracer = FuzzWorker(corpus: corpus, trace: .names)
        return try tracer.ask(seed)
    }

    /// Makes the finding small, and writes it down.
    private func keep(_ finding: FuzzNote.Finding, _ seed: UInt64) throws {
        let whole = FuzzPlan(seed: seed, corpus: corpus.recordings)
        let kept = try smallest(finding, seed, of: whole.ingredients.count)
        let plan = whole.keeping(kept)
        let inputs = plan.inputs.indices.map { plan.bytes(of: $0, corpus: corpus.recordings) }
        let kind = finding.kind.map { $0.isLetter || $0.isNumber || $0 == "." ? $0 : "-" }
        let path = "\(folder)/\(String(kind))-\(seed)"
        var reproducer = FuzzReproducer(plan, inputs: inputs)
        reproducer.told = [
            "attacca fuzz --seed \(seed) --only \(FuzzSelection(kept).text) --verbose"
                + corpus.paths.map { " --corpus \($0)" }.joined(),
            "\(finding.kind): \(finding.text)",
        ]
        if finding.kind.hasPrefix("trap") {
            let tracer = FuzzWorker(corpus: corpus, trace: .lines)
            if case .died(_, let text) = try tracer.ask(seed, FuzzSelection(kept)) {
                reproducer.told.append(text)
            }
        }
        try reproducer.write(to: path)
        board.say(
            "  it takes: " + FuzzText.plan(plan, inputs: inputs).joined(separator: "\n    ")
                + "\n  kept in \(path)")
    }

    /// Leaves out one ingredient after the other, as long as the finding stays.
    private func smallest(
        _ finding: FuzzNote.Finding, _ seed: UInt64, of count: Int
    ) throws -> Set<Int> {
        var kept = Set(0..<count)
        // A trap's place would take seconds to learn: any trap will do.
        let kind = finding.kind.hasPrefix("trap") ? "trap" : finding.kind
        for number in (0..<count).reversed().prefix(FuzzHunter.triesPerFinding) {
            let fewer = kept.subtracting([number])
            let answer = try worker.ask(seed, FuzzSelection(fewer))
            let isSame: Bool
            if case .note(let note) = answer {
                isSame = note.findings.contains { $0.kind == kind }
            } else {
                isSame = answer.finding.map { $0.kind.hasPrefix(kind) } ?? false
            }
            if isSame { kept = fewer }
        }
        return kept
    }
}
