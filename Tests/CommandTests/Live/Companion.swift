// A process that runs beside a test: the channel, a sender, a receiver.

import Foundation
import Testing

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

extension Companion {
    /// Waits until it has said all of this: how long that takes is the machine's matter.
    func untilItSays(_ words: String...) async throws {
        try await until("\(words) of: \(errors)") { words.allSatisfy(errors.contains) }
    }

    /// Waits until somebody has each of these ports, by the kernel's tables.
    func untilPortsAreOpen(_ ports: [UInt16]) async throws {
        try await until("the ports \(ports), \(errors)") {
            let open = OpenPorts.now()
            return ports.allSatisfy(open.contains)
        }
    }

    /// Waits until there is something in a file.
    func untilItWrites(_ path: String) async throws {
        try await until("\(path), \(errors)") {
            let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            return (size ?? 0) > 0
        }
    }

    /// Waits until there is a file or a socket of a name.
    func untilItHas(_ path: String) async throws {
        try await until("\(path), \(errors)") { FileManager.default.fileExists(atPath: path) }
    }

    private func until(
        _ what: @autoclosure () -> String, _ isSo: () throws -> Bool
    ) async throws {
        for _ in 0..<600 {
            if try isSo() { return }
            try #require(isRunning, "it ended before \(what())")
            try await pause(0.05)
        }
        Issue.record("30 s without \(what())")
    }
}

/// What is bound on this host.
enum OpenPorts {
    /// Ports that receive UDP, or listen for TCP.
    static func now() -> Set<UInt16> {
        var result: Set<UInt16> = []
        for (table, states) in [("udp", ["07", "01"]), ("tcp", ["0A"])] {
            for name in [table, table + "6"] {
                let text = (try? String(contentsOfFile: "/proc/net/\(name)", encoding: .utf8)) ?? ""
                // "  12: 0100007F:1F90 00000000:0000 0A ...", behind a line of titles.
                for line in text.split(separator: "\n").dropFirst() {
                    let words = line.split(separator: " ")
                    guard words.count > 3, states.contains(String(words[3])) else { continue }
                    let port = words[1].split(separator: ":").last ?? ""
                    if let port = UInt16(port, radix: 16) { result.insert(port) }
                }
            }
        }
        return result
    }
}
