// A channel on the air between other people's senders and receivers, on loopback.

import Foundation
import StreamContent
import Testing

/// A process that runs beside the test; it is killed when the test lets go of it, and by `timeout`
/// in any case.
final class Companion: @unchecked Sendable {
    // Unchecked: used by one test only.
    private let process = Process()
    private let workspace: Workspace
    private let errorPath: String

    /// - Parameter output: a file for what the tool writes to standard output.
    init(_ tool: String, _ arguments: [String], output: String? = nil) throws {
        workspace = try Workspace()
        errorPath = workspace.path("errors")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        // In the foreground group `timeout` hands signals on to the tool.
        process.arguments = ["-s", "KILL", "90", tool] + arguments
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

    /// Sends a signal to the tool itself: `timeout` can not hand all of them on, and of those that
    /// it could it may have inherited a block.
    func signal(_ number: Int32) {
        let own = process.processIdentifier
        let children = try? String(
            contentsOfFile: "/proc/\(own)/task/\(own)/children", encoding: .utf8)
        for child in (children ?? "").split(separator: " ") {
            if let child = Int32(child) { kill(child, number) }
        }
    }

    /// Ends the tool and gives its exit status and what it said.
    func finish(_ number: Int32) throws -> (status: Int32, errors: String) {
        if process.isRunning { signal(number) }
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOfFile: errorPath, encoding: .utf8))
    }
}

@Suite(.serialized) struct LiveTests {
    private func sender(_ input: String, to url: String) throws -> Companion {
        try Companion(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-re", "-i", SamplePair.h264.path(input), "-map", "0",
                "-c", "copy", "-f", "mpegts", url,
            ])
    }

    private func wait(_ seconds: Double) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    }

    /// What is wrong with a recording of the output.
    private func complaints(_ path: String) throws -> [String] {
        var result: [String] = []
        let check = try Command.attacca(["check", path])
        if check.status != 0 { result.append(check.output) }
        let content = try DecodedContent.read(path: path)
        result += content.messages
        if !content.unreadablePositions.isEmpty { result.append("unreadable pictures") }
        let damaged = content.damagedPositions()
        if !damaged.isEmpty { result.append("damaged pictures \(damaged)") }
        // The senders were not started in the same instant.
        for jump in content.jumps where abs(jump.to.index - jump.from.index - 1) > 12 {
            result.append("\(jump)")
        }
        let irregular = content.irregularPositions(rate: SamplePair.h264.rate)
        if irregular.count > 2 { result.append("picture times \(irregular)") }
        return result
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func aSenderOfSRTThatIsGoneIsReplaced(_ signal: Int32) async throws {
        let workspace = try Workspace()
        let recording = workspace.path("recording.ts")
        let file = workspace.path("file.ts")
        let channel = try Companion(
            try Binary.found.get(),
            [
                "run", "-i", "main=srt://127.0.0.1:17101?mode=listener&latency=500",
                "-i", "backup=srt://127.0.0.1:17102?mode=listener&latency=500",
                "-o", "srt://127.0.0.1:17103?mode=listener&latency=800", "-o", file,
                "--hold-back", "2.5s",
            ])
        try await wait(0.5)
        let receiver = try Companion(
            "srt-live-transmit",
            ["-q", "-a:no", "srt://127.0.0.1:17103?mode=caller&latency=800", "file://con"],
            output: recording)
        try await wait(0.5)
        let main = try sender("main", to: "srt://127.0.0.1:17101?pkt_size=1316")
        let backup = try sender("backup", to: "srt://127.0.0.1:17102?pkt_size=1316")
        try await wait(8)
        main.signal(signal)
        try await wait(6)
        let (status, log) = try channel.finish(SIGTERM)
        // It ends by itself with the connection, when it has written all.
        _ = try receiver.finish(0)
        _ = try backup.finish(SIGKILL)
        #expect(status == 0, "\(log)")
        #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
        let found = try complaints(file)
        #expect(found == [], "\(log)")
        // It was there before the first packet, and got what the file got.
        let (received, written) = (try Data(contentsOf: .init(fileURLWithPath: recording)),
            try Data(contentsOf: .init(fileURLWithPath: file)))
        #expect(received.count == written.count && received == written, "\(log)")
    }
}
