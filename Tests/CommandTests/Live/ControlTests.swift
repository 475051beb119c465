// Operators' commands against a process on the air.

import Foundation
import Testing

extension LiveTests {
    @Suite struct ControlTests {
        private let workspace: Workspace
        private let socket: String
        private let output: String
        private let running: Companion

        init() throws {
            workspace = try Workspace()
            socket = workspace.path("c.sock")
            output = workspace.path("out.ts")
            running = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=file:\(Repository.sample("h264-main"))?loop",
                    "-i", "backup=file:\(Repository.sample("h264-backup"))?loop", "-o", output,
                    "--wait", "2s", "--control", socket,
                ])
        }

        private func wait(_ seconds: Double) async throws {
            try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
        }

        private func ask(_ arguments: String...) throws -> Outcome {
            try Command.attacca(arguments + ["--control", socket])
        }

        private struct Status: Decodable {
            struct Channel: Decodable {
                struct Scheduled: Decodable { var input: String }
                struct Seam: Decodable {
                    var from: String
                    var to: String
                    var reason: String
                    var level: String
                }
                struct Named: Decodable { var name: String }
                var name: String
                var onAir: String?
                var held: String?
                var schedule: [Scheduled]
                var lastSeam: Seam?
                var inputs: [Named]
                var outputs: [Named]
            }
            var channels: [Channel]
        }

        private func status() throws -> Status.Channel {
            let outcome = try ask("status", "--json")
            let list = try JSONDecoder().decode([Status].self, from: Data(outcome.output.utf8))
            return try #require(list.first?.channels.first)
        }

        @Test func anOperatorSwitchesHoldsAndReleases() async throws {
            try await running.untilItSays("on air: main")
            try await wait(3)
            let first = try status()
            #expect(first.onAir == "main" && first.held == nil && first.lastSeam == nil)
            #expect(first.inputs.map(\.name) == ["main", "backup"] && first.outputs.count == 1)
            #expect(try ask("switch", "backup", "--hold").status == 0)
            try await wait(4)
            let held = try status()
            #expect(held.onAir == "backup" && held.held == "backup")
            #expect(held.lastSeam?.reason == "operator" && held.lastSeam?.to == "backup")
            let refused = try ask("switch", "main")
            #expect(refused.status == 1 && refused.errorLines.count == 1)
            #expect(refused.errorLines.first?.contains("held") == true)
            #expect(try ask("release").status == 0)
            #expect(try ask("release").status == 1)
            #expect(try ask("switch", "channel1", "main", "--at", "+3s").status == 0)
            #expect(try status().schedule.map(\.input) == ["main"])
            #expect(try ask("switch", "main", "--at", "+1h").status == 0)
            #expect(try ask("schedule").output.split(separator: "\n").count == 2)
            #expect(try ask("schedule", "--clear").status == 0)
            #expect(try status().schedule.isEmpty)
            #expect(try ask("switch", "main", "--at", "+3s").status == 0)
            try await wait(8)
            let back = try status()
            #expect(back.onAir == "main" && back.schedule.isEmpty)
            #expect(back.lastSeam?.reason == "schedule")
            let table = try ask("status").output
            for word in ["channel1", "on air main", "backup", "output1", "last seam"] {
                #expect(table.contains(word), "\(table)")
            }
            #expect(try running.finish(SIGTERM).status == 0)
            #expect(!FileManager.default.fileExists(atPath: socket))
            #expect(try Command.attacca(["check", output]).status == 0)
        }

        @Test(arguments: [
            (["switch", "x"], ["'x'", "main, backup"]),
            (["switch", "one", "main"], ["'one'", "channel1"]),
            (["switch", "a", "b", "c"], ["[CHANNEL] INPUT"]),
            (["switch", "main", "--at", "soon"], ["soon", "+30s"]),
            (["switch", "main", "--at", "2020-01-01T00:00:00Z"], ["over", "to come"]),
            (["hold", "one"], ["'one'", "channel1"]),
            (["status", "one"], ["'one'", "channel1"]),
        ])
        func aMistakeIsToldWithWhatIsAllowed(
            _ arguments: [String], _ words: [String]
        ) async throws {
            for _ in 0..<300 {
                if try ask("status").status == 0 { break }
                try await wait(0.1)
            }
            let outcome = try Command.attacca(arguments + ["--control", socket])
            #expect([1, 2].contains(outcome.status) && outcome.errorLines.count == 1)
            for word in words {
                #expect(outcome.errorLines.first?.contains(word) == true, "\(outcome.errorLines)")
            }
        }

        @Test func whereNobodyRunsThatIsSaid() throws {
            let outcome = try Command.attacca(["status", "--control", workspace.path("none.sock")])
            #expect(outcome.status == 1 && outcome.errorLines.count == 1)
            #expect(outcome.errorLines.first?.contains("no process answers") == true)
        }
    }
}
