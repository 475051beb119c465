// A process that runs beside a test: the channel, a sender, a receiver.

import Foundation

/// It is killed when the test lets go of it, and by `timeout` in any case.
final class Companion: @unchecked Sendable {
    // Unchecked: used by one test only.
    private let process = Process()
    private let workspace: Workspace
    private let errorPath: String

    /// - Parameters:
    ///   - output: a file for what the tool writes to standard output.
    ///   - seconds: it is killed after so long.
    init(
        _ tool: String, _ arguments: [String], output: String? = nil, seconds: Int = 90
    ) throws {
        workspace = try Workspace()
        errorPath = workspace.path("errors")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        // In the foreground group `timeout` hands signals on to the tool.
        process.arguments = ["-s", "KILL", "\(seconds)", tool] + arguments
        process.standardInput = FileHandle.nullDevice
        if let output {
            try Data().write(to: URL(fileURLWithPath: output))
            process.standardOutput = FileHandle(forWritingAtPath: output)
        } else {
            process.standardOutput = FileHandle.nullDevice
        }
        process.standardError = try workspace.handle(for: "errors")
        try process.run()
    }

    deinit { if process.isRunning { signal(SIGKILL) } }

    /// The tool itself: `timeout` can not hand all signals on, and of those that it could it may
    /// have inherited a block. Where there is a tool between, such as `ip netns exec`, that is
    /// replaced by what it runs.
    var tools: [Int32] { Companion.children(of: process.processIdentifier) }

    /// What the tool has started, on whichever of its threads.
    var children: [Int32] { tools.flatMap(Companion.children) }

    private static func children(of process: Int32) -> [Int32] {
        let tasks = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.flatMap { thread in
            ((try? String(contentsOfFile: "\(tasks)/\(thread)/children", encoding: .utf8)) ?? "")
                .split(separator: " ").compactMap { Int32($0) }
        }
    }

    func signal(_ number: Int32) {
        for tool in tools { kill(tool, number) }
    }

    var isRunning: Bool { process.isRunning }

    /// What it has said so far.
    var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    /// Ends the tool and gives its exit status and what it said.
    func finish(_ number: Int32) throws -> (status: Int32, errors: String) {
        if process.isRunning { signal(number) }
        // One that has just been started may not have been there to get it.
        while number == SIGKILL && process.isRunning {
            usleep(50_000)
            signal(number)
        }
        process.waitUntilExit()
        return (process.terminationStatus, errors)
    }
}

/// Waits without holding a thread.
func pause(_ seconds: Double) async throws {
    try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
}
