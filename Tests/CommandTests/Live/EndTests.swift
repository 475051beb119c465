// The end of a process: in time, whatever stands still, and at once where it is said twice or where
// it crashes.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct EndTests {
        private static let input = "main=file:\(Repository.sample("h264-main"))?loop"

        /// Seconds until a process has ended, and how; it is killed after 20.
        private func end(
            _ running: Companion, _ signals: [Int32]
        ) async throws -> (seconds: Double, status: Int32, log: String) {
            let begin = Date()
            for (index, number) in signals.enumerated() {
                if index > 0 { try await pause(0.3) }
                running.signal(number)
            }
            while running.isRunning && Date().timeIntervalSince(begin) < 20 {
                try await pause(0.02)
            }
            let seconds = Date().timeIntervalSince(begin)
            let (status, log) = try running.finish(SIGKILL)
            return (seconds, status, log)
        }

        /// A channel into a pipe whose reader takes nothing.
        private func stalled(
            _ workspace: Workspace, holdBack: String = "1s", _ more: [String] = []
        ) async throws -> (channel: Companion, reader: Companion) {
            let pipe = workspace.path("pipe")
            #expect(mkfifo(pipe, 0o600) == 0)
            let reader = try Companion("sh", ["-c", "exec sleep 60 < \(pipe)"])
            try await pause(0.5)
            let channel = try Companion(
                try Binary.found.get(),
                ["run", "-i", Self.input, "-o", "stuck=\(pipe)", "--hold-back", holdBack]
                    + more)
            // More than the pipe holds.
            try await pause(holdBack == "1s" ? 5 : 14)
            return (channel, reader)
        }

        @Test func anOutputThatTakesNothingHoldsNoProcess() async throws {
            let workspace = try Workspace()
            let (channel, reader) = try await stalled(workspace, ["-o", workspace.path("a.ts")])
            let (seconds, status, log) = try await end(channel, [SIGTERM])
            _ = try reader.finish(SIGKILL)
            #expect(seconds < 3.6, "\(seconds) s: \(log)")
            #expect(status == 1 && log.contains("is not done with stuck"), "\(log)")
            // The other output has all of it, to the end of a picture.
            let content = try DecodedContent.read(path: workspace.path("a.ts"))
            #expect(content.messages == [] && content.pictures.count > 50)
        }

        @Test func theSecondSignalEndsAtOnce() async throws {
            let workspace = try Workspace()
            let (channel, reader) = try await stalled(workspace, holdBack: "10s")
            let (seconds, status, log) = try await end(channel, [SIGTERM, SIGTERM])
            _ = try reader.finish(SIGKILL)
            #expect(seconds < 1.3 && status == 1, "\(seconds) s: \(log)")
        }

        /// What was sent last is on its way for eight seconds.
        @Test func aReaderFarAwayHoldsNoProcess() async throws {
            let port = try FreePorts.next()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", Self.input, "-o",
                    "srt://127.0.0.1:\(port)?mode=listener&latency=8000", "--hold-back", "500ms",
                ])
            try await pause(1)
            let reader = try Companion(
                "srt-live-transmit",
                ["-q", "-a:no", "srt://127.0.0.1:\(port)?mode=caller&latency=8000", "file://con"])
            try await pause(3)
            let (seconds, status, log) = try await end(channel, [SIGTERM])
            _ = try reader.finish(SIGKILL)
            #expect(seconds < 3.1 && status == 0, "\(seconds) s: \(log)")
            #expect(log.contains("may not reach all readers"), "\(log)")
        }

        /// A media process that stands still is left to itself, and told of.
        @Test func aMediaProcessThatStandsStillHoldsNoProcess() async throws {
            let workspace = try Workspace()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", Self.input, "-o", "film=mp4:\(workspace.path("a.mp4"))",
                    "--hold-back", "500ms",
                ])
            try await pause(4)
            let children = channel.children
            #expect(children.count == 1)
            for child in children { kill(child, SIGSTOP) }
            let (seconds, _, log) = try await end(channel, [SIGTERM])
            #expect(seconds < 3.1 && log.contains("goes on with film alone"), "\(seconds) s: \(log)")
            // It has all that it was given, and finishes.
            for child in children { kill(child, SIGCONT) }
            for _ in 0..<100 where children.contains(where: { kill($0, 0) == 0 }) {
                try await pause(0.1)
            }
            let content = try DecodedContent.read(path: workspace.path("a.mp4"))
            #expect(content.messages == [] && content.pictures.count > 25)
        }

        /// A crash, as seen from outside: the signal that a trap is. SIGABRT is blocked in what
        /// threads of Dispatch start, as this test is one, and `abort` itself is not to be had.
        @Test(arguments: [SIGILL, SIGSEGV])
        func aProcessThatCrashesIsGoneAtOnce(_ number: Int32) async throws {
            let workspace = try Workspace()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", Self.input, "-o", workspace.path("a.ts"), "-o",
                    "mp4:\(workspace.path("a.mp4"))",
                ])
            try await pause(2)
            for child in channel.children {
                let begin = Date()
                kill(child, number)
                while kill(child, 0) == 0 && !isDead(child) && Date().timeIntervalSince(begin) < 5 {
                    try await pause(0.01)
                }
                #expect(Date().timeIntervalSince(begin) < 0.5)
            }
            let (seconds, status, log) = try await end(channel, [number])
            // `timeout` dies of what the tool died of.
            #expect(seconds < 0.5 && status & 0x7F == number, "\(seconds) s \(status): \(log)")
            #expect(!log.contains("Backtrace"), "\(log)")
        }

        /// Ended, and its parent has not asked yet.
        private func isDead(_ process: Int32) -> Bool {
            let facts = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
            return facts?.contains(") Z ") ?? true
        }

        @Test func whoAsksForABacktraceGetsIt() async throws {
            let channel = try Companion(
                "env",
                [
                    "SWIFT_BACKTRACE=enable=yes,interactive=no", try Binary.found.get(), "run",
                    "-i", Self.input, "-o", "/dev/null",
                ])
            try await pause(2)
            let tool = try #require(channel.tools.first)
            let facts = try String(contentsOfFile: "/proc/\(tool)/status", encoding: .utf8)
            let line = try #require(facts.split(separator: "\n").first { $0.hasPrefix("SigCgt:") })
            let caught = try #require(
                UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16))
            for number in [SIGILL, SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGTRAP] {
                #expect(caught & 1 << UInt64(number - 1) != 0)
            }
            _ = try channel.finish(SIGKILL)
        }
    }
}
