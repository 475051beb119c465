// A channel on the air between other people's senders and receivers, on loopback: the main one ends
// in every way that a sender and its network have.

import Foundation
import StreamContent
import Testing

/// All that runs in real time: one after the other, or they take each other's processor.
///
/// Where a seam without loss is expected the channel is told that the senders stamp alike: without
/// that, two that are started as far apart as their reorder delays differ look like strangers.
@Suite(.serialized) struct LiveTests {
    /// A hold-back with several entries of the backup in it. At one of them in three the main one
    /// ends cleanly, so there is one wherever it is cut off: 2.5 s have two entries, and a cut that
    /// the machine delays by half a second finds other ones.
    static let depth = "6s"

    /// Plays a sample as an encoder would.
    static func sender(
        _ input: String, to url: String, through tool: [String] = []
    ) throws -> Companion {
        let words = tool + [
            "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", SamplePair.h264.path(input),
            "-map", "0", "-c", "copy", "-f", "mpegts", url,
        ]
        return try Companion(words[0], Array(words.dropFirst()))
    }

    /// What is wrong with a recording of the output.
    /// - Parameters:
    ///   - held: places where a picture may stand longer, since the next one was lost.
    ///   - apart: pictures that senders may be apart, which were not started in the same instant.
    static func complaints(_ path: String, held: Int = 0, apart: Int = 12) throws -> [String] {
        var result: [String] = []
        let check = try Command.attacca(["check", path])
        if check.status != 0 { result.append(check.output) }
        let content = try DecodedContent.read(path: path)
        result += content.messages
        if !content.unreadablePositions.isEmpty { result.append("unreadable pictures") }
        let damaged = content.damagedPositions()
        if !damaged.isEmpty { result.append("damaged pictures \(damaged)") }
        for jump in content.jumps where abs(jump.to.index - jump.from.index - 1) > apart {
            result.append("\(jump)")
        }
        let irregular = content.irregularPositions(rate: SamplePair.h264.rate)
        if irregular.count > 2 + held { result.append("picture times \(irregular)") }
        return result
    }

    enum End: String, CaseIterable, CustomTestStringConvertible {
        case killed, stopped, dropped
        var testDescription: String { rawValue }
    }

    @Test(arguments: End.allCases)
    func aSenderOfSRTThatIsGoneIsReplaced(_ end: End) async throws {
        let workspace = try Workspace()
        let recording = workspace.path("recording.ts")
        let file = workspace.path("file.ts")
        let ports = try (0..<3).map { _ in try FreePorts.next() }
        let channel = try Companion(
            try Binary.found.get(),
            [
                "run", "-i", "main=srt://127.0.0.1:\(ports[0])?mode=listener&latency=500",
                "-i", "backup=srt://127.0.0.1:\(ports[1])?mode=listener&latency=500",
                "-o", "srt://127.0.0.1:\(ports[2])?mode=listener&latency=800", "-o", file,
                "--hold-back", Self.depth, "--align", "timestamps",
            ])
        try await channel.untilPortsAreOpen(ports)
        let receiver = try Companion(
            "srt-live-transmit",
            ["-q", "-a:no", "srt://127.0.0.1:\(ports[2])?mode=caller&latency=800", "file://con"],
            output: recording)
        try await pause(0.5)
        let way = try DatagramRelay(to: ports[0])
        let main = try Self.sender("main", to: "srt://127.0.0.1:\(way.port)?pkt_size=1316")
        let backup = try Self.sender("backup", to: "srt://127.0.0.1:\(ports[1])?pkt_size=1316")
        try await channel.untilItSays("input main is sound", "input backup is sound")
        try await pause(7)
        switch end {
        case .killed: main.signal(SIGKILL)
        case .stopped: main.signal(SIGSTOP)
        case .dropped: way.become(.silent)
        }
        try await pause(6)
        let (status, log) = try channel.finish(SIGTERM)
        // It ends by itself with the connection, when it has written all.
        _ = try receiver.finish(0)
        _ = try backup.finish(SIGKILL)
        _ = try main.finish(SIGKILL)
        way.close()
        #expect(status == 0, "\(log)")
        #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
        #expect(log.contains("level=\"L3\""), "\(log)")
        let found = try Self.complaints(file)
        #expect(found == [], "\(log)")
        // It was there before the first packet, and got what the file got.
        let (received, written) = (
            try Data(contentsOf: .init(fileURLWithPath: recording)),
            try Data(contentsOf: .init(fileURLWithPath: file))
        )
        #expect(received.count == written.count && received == written, "\(log)")
    }

    /// Stopped while pictures are coming: of the newest nothing goes out, or all. Several channels,
    /// so that one of them is stopped in the middle of a picture.
    @Test func aChannelThatIsStoppedEndsWithWholeUnits() async throws {
        let workspace = try Workspace()
        let ports = try (0..<6).map { _ in try FreePorts.next() }
        let paths = ports.map { workspace.path("\($0).ts") }
        let channels = try zip(ports, paths).map { port, path in
            try Companion(
                try Binary.found.get(),
                ["run", "-i", "udp://127.0.0.1:\(port)", "-o", path, "--hold-back", "1s"])
        }
        for (channel, port) in zip(channels, ports) { try await channel.untilPortsAreOpen([port]) }
        let sender = try Companion(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-re", "-i", SamplePair.h264.path("main"), "-map", "0",
                "-c", "copy", "-f", "tee",
                ports.map { "[f=mpegts]udp://127.0.0.1:\($0)?pkt_size=1316" }
                    .joined(separator: "|"),
            ])
        for channel in channels { try await channel.untilItSays("on air: ") }
        try await pause(4)
        for channel in channels {
            channel.signal(SIGTERM)
            try await pause(0.013)
        }
        for (channel, path) in zip(channels, paths) {
            #expect(try channel.finish(0).status == 0)
            let content = try DecodedContent.read(path: path)
            #expect(content.messages == [] && content.damagedPositions() == [])
            #expect(content.pictures.count > 50)
        }
        _ = try sender.finish(SIGKILL)
    }

    /// An interface that is taken down: the sender stands in a network namespace of its own, which
    /// the test makes, and goes on sending.
    @Test(.enabled(if: Namespace.isPossible, "network namespaces take root and iproute2"))
    func anInterfaceThatGoesDownIsAFailoverLikeAnother() async throws {
        let workspace = try Workspace()
        let file = workspace.path("file.ts")
        let namespace = try Namespace()
        let port = try FreePorts.next()
        let channel = try Companion(
            try Binary.found.get(),
            [
                "run", "-i", "main=udp://\(namespace.host):\(port)",
                "-i", "backup=udp://127.0.0.1:\(port)", "-o", file, "--hold-back", Self.depth,
                "--align", "timestamps",
            ])
        try await channel.untilPortsAreOpen([port])
        let main = try Self.sender(
            "main", to: "udp://\(namespace.host):\(port)?pkt_size=1316",
            through: ["ip", "netns", "exec", namespace.name])
        let backup = try Self.sender("backup", to: "udp://127.0.0.1:\(port)?pkt_size=1316")
        try await channel.untilItSays("input main is sound", "input backup is sound")
        try await pause(7)
        try namespace.takeDown()
        try await pause(5)
        let (status, log) = try channel.finish(SIGTERM)
        _ = try main.finish(SIGKILL)
        _ = try backup.finish(SIGKILL)
        #expect(status == 0, "\(log)")
        #expect(log.contains("main -> backup level=\"L3\""), "\(log)")
        let found = try Self.complaints(file)
        #expect(found == [], "\(log)")
    }
}

/// A network namespace with one end of a cable in it, the other end is here.
final class Namespace {
    static var isPossible: Bool {
        guard getuid() == 0, let made = try? Namespace() else { return false }
        return made.isWhole
    }

    private static let number = FreePorts.blockNumber
    private static let network = "198.18.\(77 + number / 64)."
    let name = "attacca-test-\(Namespace.number)"
    /// The ends of the cable, and the address of the one that is here.
    private let near = "attacca\(Namespace.number)a"
    private let far = "attacca\(Namespace.number)b"
    let host = "\(Namespace.network)\(Namespace.number % 64 * 4 + 1)"
    private(set) var isWhole = true

    init() throws {
        // One that was killed has left what it made.
        try ip("netns", "delete", name, mayFail: true)
        try ip("link", "delete", near, mayFail: true)
        try ip("netns", "add", name)
        try ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        try ip("address", "add", "\(host)/30", "dev", near)
        try ip("link", "set", near, "up")
        let other = "\(Namespace.network)\(Namespace.number % 64 * 4 + 2)"
        try ip("-n", name, "address", "add", "\(other)/30", "dev", far)
        try ip("-n", name, "link", "set", far, "up")
    }

    deinit {
        try? ip("link", "delete", near, mayFail: true)
        try? ip("netns", "delete", name, mayFail: true)
    }

    func takeDown() throws { try ip("-n", name, "link", "set", far, "down") }

    private func ip(_ arguments: String..., mayFail: Bool = false) throws {
        let outcome = try Command.run("ip", arguments)
        if outcome.status != 0 && !mayFail { isWhole = false }
    }
}
