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
            let words = ["Fatal error", "runtime failure", "Crash"]
            let line = text.split(separator: "\n").first { line in
                words.contains { line.contains($0) }
            }
            if let line, line.contains("failed to allocate") {
                return .init(kind: "memory", text: String(line))
            }
            let place = FuzzAnswer.place(text).map { " in \($0)" } ?? ""
            return .init(kind: "trap\(place)", text: "signal \(signal) \(line ?? "")")
        }
    }

    /// Where a backtrace says that it was: the first function of this binary.
    private static func place(_ text: String) -> String? {
        for line in text.split(separator: "\n") {
            guard line.contains(" in \(FuzzWorker.binary.lastPathComponent) at "),
                !line.contains("runtime failure"),
                let address = line.range(of: "0x"),
                let space = line[address.upperBound...].firstIndex(of: " ")
            else { continue }
            var name = line[space...].dropFirst()
            for word in ["specialized ", "static "] where name.hasPrefix(word) {
                name = name.dropFirst(word.count)
            }
            return String(name.prefix { $0 != "(" && $0 != " " })
        }
        return nil
    }
}

/// What a trap leaves behind.
enum FuzzTrace {
    case nothing
    /// Names of functions, which takes a second.
    case names
    /// Lines of files too, which takes seconds.
    case lines

    /// The value of SWIFT_BACKTRACE.
    var setting: String {
        let common = "enable=yes,color=no,interactive=no,threads=crashed,images=none,"
            + "registers=none,cache=no,output-to=stderr,symbolicate="
        return switch self {
        case .nothing: "enable=no"
        case .names: common + "fast"
        case .lines: common + "full"
        }
    }
}

/// A child; to be used by one thread.
final class FuzzWorker {
    /// This command.
    static let binary = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    /// Seconds that an answer may take. A run that never ends is ended by its processor time, well
    /// before; this is for a child that does nothing at all.
    static let patience = 1_800

    private let corpus: FuzzCorpus
    private let trace: FuzzTrace
    private var process: Process?
    private var toChild: FileHandle?
    private var fromChild: FileHandle?
    private let errorPath: String

    /// - Parameter trace: what a trap leaves behind.
    init(corpus: FuzzCorpus, trace: FuzzTrace = .nothing) {
        self.corpus = corpus
        self.trace = trace
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
        process.executableURL = FuzzWorker.binary
        process.arguments = ["fuzz", "--worker"] + corpus.paths.flatMap { ["--corpus", $0] }
        var environment = ProcessInfo.processInfo.environment
        environment["SWIFT_BACKTRACE"] = trace.setting
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
