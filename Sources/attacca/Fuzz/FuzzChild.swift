// The child's side: a line with a seed in, a line with what was found out. Its limits end it where
// a run takes too long or too much.

import Foundation
import Simulation

/// What a child says of a run.
struct FuzzNote: Codable, Sendable {
    struct Finding: Codable, Sendable {
        var kind: String
        var text: String
    }
    var findings: [Finding]
    var inputBytes: Int64
    var outputBytes: Int64
    /// Most resident bytes of the run.
    var memory: Int64
}

struct FuzzChild {
    /// Processor time that a run may take, 30 s: a hundred times what the longest takes.
    static let limitSeconds = 30
    /// Address space that a child may take, 3 GB.
    static let limitBytes: rlim_t = 3 << 30
    /// Memory that a run may take beside 8 times its input, 256 MB.
    static let memoryBytes: Int64 = 256 << 20

    private let corpus: FuzzCorpus

    init(_ corpus: FuzzCorpus) { self.corpus = corpus }

    func run() throws {
        var space = rlimit(rlim_cur: FuzzChild.limitBytes, rlim_max: FuzzChild.limitBytes)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space)
        let base = MemoryMeter.peak
        let encoder = JSONEncoder()
        while let line = readLine() {
            let parts = line.split(separator: " ").map(String.init)
            guard let seed = parts.first.flatMap({ UInt64($0) }),
                let selection = FuzzSelection(argument: parts.count > 1 ? parts[1] : "")
            else { throw CommandFailure.usage("--worker: expected a seed, not '\(line)'") }
            arm(FuzzChild.limitSeconds)
            MemoryMeter.reset()
            let plan = selection.applied(to: FuzzPlan(seed: seed, corpus: corpus.recordings))
            let inputs = plan.inputs.indices.map { plan.bytes(of: $0, corpus: corpus.recordings) }
            let verdict = FuzzRun.run(plan, inputs: inputs)
            arm(0)
            var note = FuzzNote(
                findings: verdict.findings.map { .init(kind: $0.kind, text: $0.text) },
                inputBytes: verdict.inputBytes, outputBytes: verdict.outputBytes,
                memory: MemoryMeter.peak - base)
            let limit = FuzzChild.memoryBytes + 8 * inputs.reduce(0) { $0 + Int64($1.count) }
            if note.memory > limit {
                note.findings.append(
                    .init(kind: "memory", text: "\(note.memory) bytes, \(limit) allowed"))
            }
            var data = try encoder.encode(note)
            data.append(UInt8(ascii: "\n"))
            FileHandle.standardOutput.write(data)
        }
    }

    /// After so many seconds of processor time SIGPROF ends the process; 0 for never.
    private func arm(_ seconds: Int) {
        var timer = itimerval(
            it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
        setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    }
}

/// The most memory that this process has had.
enum MemoryMeter {
    /// Bytes resident; 0 where the system does not say.
    static var peak: Int64 {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                .dropFirst().first.flatMap({ Int64($0) })
        else { return 0 }
        return kilobytes * 1024
    }

    /// Begins anew from what is resident now.
    static func reset() {
        guard let handle = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return }
        try? handle.write(contentsOf: Data("5\n".utf8))
        try? handle.close()
    }
}
