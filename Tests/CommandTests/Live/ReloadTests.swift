// SIGHUP: the configuration is read again by a process on the air.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct ReloadTests {
        private let workspace: Workspace
        private let file: String

        init() throws {
            workspace = try Workspace()
            file = workspace.path("channels.yaml")
        }

        private func write(_ text: String) throws {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }

        private func wait(_ seconds: Double) async throws {
            try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
        }

        private func channel(_ name: String, _ sample: String, _ outputs: [String]) -> String {
            """
              - name: \(name)
                inputs: [{name: main, url: "file:\(Repository.sample(sample))?loop"}]
                outputs: [\(outputs.map { workspace.path($0) }.joined(separator: ", "))]
                hold-back: 500ms

            """
        }

        private func size(_ name: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: workspace.path(name))[.size] as? Int)
                ?? -1
        }

        @Test func aMistakeChangesNothingAndAChangeOnlyWhatItNames() async throws {
            try write("channels:\n" + channel("one", "h264-main", ["one.ts"])
                + channel("two", "h264-backup", ["two.ts"]))
            let running = try Companion(try Binary.found.get(), ["run", file])
            for name in ["one.ts", "two.ts"] {
                try await running.untilItWrites(workspace.path(name))
            }
            try write("channels:\n  - {name: one, inputs: [x.ts], output: [y], hold-back: 99m}\n")
            running.signal(SIGHUP)
            try await running.untilItSays("not reloaded")
            try await wait(1)
            let before = (one: size("one.ts"), two: size("two.ts"))
            try write("channels:\n" + channel("one", "h264-main", ["one.ts", "more.ts"])
                + channel("three", "h264-backup", ["three.ts"]))
            running.signal(SIGHUP)
            try await wait(4)
            let (status, log) = try running.finish(SIGTERM)
            #expect(status == 0, "\(log)")
            for words in ["output", "hold-back", "not reloaded", "channel two is removed",
                "channel three is added", "output output2 is added"]
            {
                #expect(log.contains(words), "\(words): \(log)")
            }
            #expect(before.one > 0 && before.two > 0)
            #expect(size("one.ts") > before.one && size("more.ts") > 0 && size("three.ts") > 0)
            for name in ["one.ts", "two.ts"] {
                let check = try Command.attacca(["check", workspace.path(name)])
                #expect(check.status == 0, "\(check.output)")
            }
        }

        @Test func aChannelThatIsPutBackWhileItStillEndsComesAgain() async throws {
            let one = channel("one", "h264-main", ["one.ts"])
            let two = channel("two", "h264-backup", ["two.ts"]).replacingOccurrences(
                of: "500ms", with: "4s")
            try write("channels:\n" + one + two)
            let running = try Companion(try Binary.found.get(), ["run", file])
            try await wait(6)
            for channels in [one, one + two, one, one + two] {
                try write("channels:\n" + channels)
                running.signal(SIGHUP)
                try await wait(0.5)
            }
            // What it held has left, and it has begun anew.
            try await wait(12)
            let isThere = running.isRunning && size("two.ts") > 0
            let (status, log) = try running.finish(SIGTERM)
            #expect(status == 0 && isThere, "\(log)")
            #expect(log.components(separatedBy: "channel two is removed").count == 2, "\(log)")
            #expect(log.components(separatedBy: "channel two is added").count == 2, "\(log)")
            let check = try Command.attacca(["check", workspace.path("two.ts")])
            #expect(check.status == 0, "\(check.output)")
        }

        @Test func theOnlyChannelMayBeReplacedByOneThatNeedsItsPort() async throws {
            let port = try FreePorts.next()
            func text(_ name: String) throws -> String {
                "channels: [{name: \(name), hold-back: 3s, inputs: [\"udp://127.0.0.1:\(port)\"], "
                    + "outputs: [\(workspace.path(name + ".ts"))]}]\n"
            }
            try write(try text("one"))
            let running = try Companion(try Binary.found.get(), ["run", file])
            try await running.untilPortsAreOpen([port])
            try await wait(1)
            for name in ["two", "one"] {
                try write(try text(name))
                running.signal(SIGHUP)
                try await wait(2)
            }
            try await wait(3)
            let (status, log) = try running.finish(SIGTERM)
            #expect(status == 0 && log.contains("channel two is removed"), "\(log)")
            #expect(log.contains("channel one is added"), "\(log)")
        }

        @Test func withoutAConfigurationItIsToldAndIgnored() async throws {
            let running = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "file:\(Repository.sample("h264-main"))?loop",
                    "-o", workspace.path("one.ts"),
                ])
            try await running.untilItWrites(workspace.path("one.ts"))
            running.signal(SIGHUP)
            try await running.untilItSays("SIGHUP")
            let (status, log) = try running.finish(SIGTERM)
            #expect(status == 0 && log.contains("SIGHUP"), "\(log)")
        }
    }
}
