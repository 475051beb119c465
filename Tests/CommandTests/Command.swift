// Runs the built command, and other tools, as a person would: arguments in, exit status and text
// out. Each process has a time limit, so that a hang is a result and not the end of the tests.

import Foundation

/// What a process left behind.
struct Outcome: Sendable {
    /// The exit status; 128 and the signal's number after a crash.
    let status: Int32
    let output: String
    /// Standard error without its empty lines.
    let errorLines: [String]

    /// The status of a process that ran out of time and was killed.
    static let killed: Int32 = 137

    var isTimedOut: Bool { status == Outcome.killed }
    var isCrash: Bool { status >= 128 && !isTimedOut }
}

enum Command {
    /// Seconds that any process may take; a sample takes one or two, in debug some ten.
    static let limitSeconds = 120
    /// Processes at a time, however many tests run.
    private static let places = DispatchSemaphore(value: 4)

    /// Runs the command under test.
    static func attacca(_ arguments: [String]) throws -> Outcome {
        try run(try Binary.found.get(), arguments)
    }

    /// Runs a tool: a path, or a name that is looked up in PATH.
    static func run(_ tool: String, _ arguments: [String]) throws -> Outcome {
        let workspace = try Workspace()
        let outputPath = workspace.path("output")
        let errorPath = workspace.path("errors")
        places.wait()
        defer { places.signal() }
        let output = try workspace.handle(for: "output")
        let errors = try workspace.handle(for: "errors")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-s", "KILL", "\(limitSeconds)", tool] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        try output.close()
        try errors.close()
        let text = try String(contentsOfFile: errorPath, encoding: .utf8)
        return Outcome(
            status: process.terminationStatus + (process.terminationReason == .exit ? 0 : 128),
            output: try String(contentsOfFile: outputPath, encoding: .utf8),
            errorLines: text.split(separator: "\n").map(String.init))
    }
}

/// A folder for one test's files, which goes when the test does.
final class Workspace: Sendable {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-command-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// A new file, open for writing.
    func handle(for name: String) throws -> FileHandle {
        let url = folder.appendingPathComponent(name)
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }
}

/// Where the command under test is.
enum Binary {
    struct Missing: Error, CustomStringConvertible {
        let description =
            "no attacca in .build/release or .build/debug: run 'swift build --product attacca'"
    }

    /// `ATTACCA_BINARY` where it is set, else the newest of the release and the debug build.
    static let found: Result<String, Missing> = {
        if let path = ProcessInfo.processInfo.environment["ATTACCA_BINARY"], !path.isEmpty {
            return .success(path)
        }
        let candidates = ["release", "debug"].map { ".build/\($0)/attacca" }
            .map { Repository.folder.appendingPathComponent($0).resolvingSymlinksInPath().path }
        let dated = candidates.compactMap { path -> (path: String, date: Date)? in
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return (attributes?[.modificationDate] as? Date).map { (path, $0) }
        }
        guard let newest = dated.max(by: { $0.date < $1.date }) else { return .failure(Missing()) }
        return .success(newest.path)
    }()
}

/// The folders around these sources.
enum Repository {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func sample(_ name: String) -> String {
        folder.appendingPathComponent("SampleStreams/\(name).ts").path
    }
}
