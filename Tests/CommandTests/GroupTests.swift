// Socket groups with libsrt's own sender on the other side, and what is said where there are none.

import Foundation
import StreamContent
import Testing

/// The libsrt with socket groups that `make libsrt-bonding` or `make test` has built.
enum GroupLibrary {
    static let folder: String? = ["srt", "srt-for-tests"]
        .map { Repository.folder.appendingPathComponent(".build/\($0)").path }
        .first { FileManager.default.fileExists(atPath: "\($0)/VERSION") }

    static let isBuilt = folder != nil
    static let comment: Comment = "no libsrt with socket groups: make libsrt-bonding"

    /// Arguments of `env` that run a tool with it.
    static func arguments(_ tool: String, _ arguments: [String]) -> [String] {
        ["LD_LIBRARY_PATH=\(folder ?? "")/lib", tool] + arguments
    }
}

@Suite struct GroupUsageTests {
    /// With Debian's libsrt, whatever the tests run with.
    private func debian(_ arguments: [String]) throws -> Outcome {
        try Command.run("env", ["-u", "LD_LIBRARY_PATH", try Binary.found.get()] + arguments)
    }

    @Test func theVersionTellsWhichLibsrtRuns() throws {
        let lines = try debian(["version"]).output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("attacca "))
        #expect(lines.last?.hasPrefix("libsrt 1.5") == true)
        #expect(lines.last?.hasSuffix("libsrt.so.1.5.1), socket groups: no") == true)
    }

    @Test(.enabled(if: GroupLibrary.isBuilt, GroupLibrary.comment))
    func theVersionTellsThatAnotherLibsrtRuns() throws {
        let folder = try #require(GroupLibrary.folder)
        let other = try Command.run(
            "env", GroupLibrary.arguments(try Binary.found.get(), ["version"]))
        #expect(other.output.contains("(\(folder)/lib/libsrt.so.1.5.1), socket groups: yes"))
    }

    @Test(arguments: [
        ["run", "--check", "-i", "srt://:9001?groupconnect=1", "-o", "/dev/null"],
        ["run", "-i", "srt://h:9001,i:9001?grouptype=backup", "-o", "/dev/null"],
        ["run", "--check", "-i", "srt://:9001", "-o", "srt://h:9001?grouptype=broadcast"],
        ["feed", Repository.sample("slate"), "srt://h:9001,i:9001?grouptype=broadcast"],
    ])
    func groupsWithoutALibraryForThemAreToldInOneLine(_ arguments: [String]) throws {
        let outcome = try debian(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errorLines.first?.contains("make libsrt-bonding") == true)
    }
}

@Suite(.serialized, .enabled(if: GroupLibrary.isBuilt, GroupLibrary.comment))
struct BondedSenderTests {
    @Test(arguments: ["broadcast", "backup"])
    func aBondedSenderThatLosesAPathLosesNothing(_ kind: String) async throws {
        let workspace = try Workspace()
        let file = workspace.path("file.ts")
        let folder = try #require(GroupLibrary.folder)
        let ports = try (0..<2).map { _ in try FreePorts.next() }
        let relay = try DatagramRelay(host: "127.0.0.2", to: ports[0])
        defer { relay.close() }
        let channel = try Companion(
            "env",
            GroupLibrary.arguments(
                try Binary.found.get(),
                ["run", "-i", "srt://:\(ports[0])?groupconnect=1&latency=400", "-o", file]))
        try await channel.untilPortsAreOpen([ports[0]])
        // The path through the relay has the greater weight: a backup group prefers it.
        let sender = try Companion(
            "env",
            GroupLibrary.arguments(
                "\(folder)/bin/srt-test-live",
                [
                    "udp://127.0.0.1:\(ports[1])", "-g", "srt://*?type=\(kind)&latency=400",
                    "127.0.0.2:\(relay.port)?weight=2", "127.0.0.1:\(ports[0])?weight=1",
                ]))
        try await sender.untilPortsAreOpen([ports[1]])
        let encoder = try Companion(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-re", "-i", SamplePair.h264.path("main"), "-map", "0",
                "-c", "copy", "-f", "mpegts", "udp://127.0.0.1:\(ports[1])?pkt_size=1316",
            ])
        // A path that is connected late is none that can be lost before.
        for _ in 0..<200 where relay.forwarded <= 100 { try await pause(0.1) }
        try await pause(4)
        let before = relay.forwarded
        relay.become(.silent)
        try await Task.sleep(for: .seconds(6))
        let (status, log) = try channel.finish(SIGTERM)
        _ = try encoder.finish(SIGKILL)
        _ = try sender.finish(SIGKILL)
        #expect(status == 0, "\(log)")
        #expect(before > 100)
        #expect(!log.contains("seam"), "\(log)")
        let check = try Command.attacca(["check", file])
        #expect(check.status == 0, "\(check.output)")
        let content = try DecodedContent.read(path: file)
        #expect(content.messages == [])
        #expect(content.damagedPositions().isEmpty)
        // Of more than 10 s no picture is missing, but for those around the very last, which the
        // end cuts off.
        let count = content.pictures.count
        #expect(count > 250)
        #expect(content.jumps.allSatisfy { $0.position > count - 4 }, "\(content.jumps)")
    }
}
