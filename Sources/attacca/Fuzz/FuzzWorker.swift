// The parent's side of a child: asks it for one run after the other, and tells what became of it.

import Foundation

/// What became of a run.
enum FuzzAnswer {
    case note(FuzzNote)
    /// The child is gone, with what it said last.
    case died(signal: Int32, text: String)
    /// Nothing came of it for a long time.
    case silent

    /// What was found: the first finding stands for all.
    var finding: FuzzNote.Finding? {
        switch self {
        case .note(let note): return note.findings.first
        case .silent: return .init(kind: "hang", text: "no answer in \(FuzzWorker.patience) s")
        case .died(SIGPROF, _):
            return .init(
                kind: "hang", text: "more than \(FuzzChild.limitSeconds) s of processor time")
        case .died(let signal, let text):
            let line = text.split(separator: "\n").first.map(String.init) ?? ""
            let place = FuzzAnswer.place(text).map { " in \($0)" } ?? ""
            return .init(kind: "trap\(place)", text: "signal \(signal) \(line)")
        }
    }

    /// Where a backtrace says that it was: the first function of ours.
    private static func place(_ text: String) -> String? {
        for line in text.split(separator: "\n") {
            guard let range = line.range(of: " in ") else { continue }
            let name = line[range.upperBound...]
            guard name.contains(" at /"), let file = name.range(of: "/Sources/") else { continue }
            return name[file.upperBound...].split(separator: ":").prefix(2)
                .joined(separator: ":")
        }
        return nil
    }
}

/// A child; to be used by one thread.
final class FuzzWorker {
    /// Seconds that an answer may take where others need the processor too.
    static let patience = 300

    private let corpus: FuzzCorpus
    private let traces: Bool
    private var process: Process?
    private var toChild: FileHandle?
    private var fromChild: FileHandle?
    private let errorPath: String

    /// - Parameter traces: a trap leaves a backtrace, which takes seconds.
    init(corpus: FuzzCorpus, traces: Bool) {
        self.corpus = corpus
        self.traces = traces
        errorPath = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-fuzz-\(UUID().uuidString)").path
    }

    deinit {
        end()
        try? FileManager.default.removeItem(atPath: errorPath)
    }

    /// Makes one run.
    func ask(_ seed: UInt64, _ selection: FuzzSelection = FuzzSelection(all: ())) throws
        -> FuzzAnswer
    {
        if process == nil { try start() }
        let line = "\(seed) \(selection.text)\n"
        try? toChild?.write(contentsOf: Data(line.utf8))
        switch readAnswer() {
        case .some(let answer) where !answer.isEmpty:
            if let note = try? JSONDecoder().decode(FuzzNote.self, from: answer) {
                return .note(note)
            }
            return buried()
        case .some: return buried()
        case nil:
            end()
            return .silent
        }
    }

    /// Ends the child.
    func end() {
        try? toChild?.close()
        if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process?.waitUntilExit()
        process = nil
    }

    private func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["fuzz", "--worker"] + corpus.paths.flatMap { ["--corpus", $0] }
        var environment = ProcessInfo.processInfo.environment
        environment["SWIFT_BACKTRACE"] = traces
            ? "enable=yes,color=no,interactive=no,threads=crashed,images=none,registers=none,"
                + "cache=no,output-to=stderr"
            : "enable=no"
        process.environment = environment
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        do {
            try Data().write(to: URL(fileURLWithPath: errorPath))
            process.standardError = try FileHandle(
                forWritingTo: URL(fileURLWithPath: errorPath))
            try process.run()
        } catch {
            throw CommandFailure.run("a worker can not be started: \(error)")
        }
        self.process = process
        toChild = input.fileHandleForWriting
        fromChild = output.fileHandleForReading
    }

    /// One line; empty where the child is gone, nil where nothing came.
    private func readAnswer() -> Data? {
        guard let descriptor = fromChild?.fileDescriptor else { return Data() }
        var line = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wait, 1, Int32(FuzzWorker.patience * 1000))
            if ready == 0 { return nil }
            if ready < 0 && errno == EINTR { continue }
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return Data() }
            line.append(contentsOf: buffer[..<count])
            if line.last == UInt8(ascii: "\n") { return line }
        }
    }

    private func buried() -> FuzzAnswer {
        process?.waitUntilExit()
        let signal = process.map {
            $0.terminationReason == .uncaughtSignal ? $0.terminationStatus : 0
        }
        process = nil
        let text = (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
        return .died(signal: signal ?? 0, text: text)
    }
}

extension FuzzSelection {
    init(all: ()) { kept = nil }
}
