// Channels on the air, on loopback: real sockets, real time.

import Foundation
import StreamContent
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite(.serialized) struct ChannelTests {
    private func wait(_ seconds: Double) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    }

    @Test func aMainThatStopsIsLeftWithoutALoss() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        let receiver = Receiver(try DatagramLink(Studio.loopback(ports[2])))
        let main = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "a", address: .datagrams(Studio.loopback(ports[0])))])
        let backup = try Studio.feed(
            Studio.sample("h264-backup.ts"),
            to: [OutputPlan(name: "b", address: .datagrams(Studio.loopback(ports[1])))])
        let channel = try Studio.channel(
            [
                ("main", InputPlan(links: [.datagrams(Studio.loopback(ports[0]))])),
                ("backup", InputPlan(links: [.datagrams(Studio.loopback(ports[1]))])),
            ], to: [.datagrams(Studio.loopback(ports[2]))]
        ) { $0.muxRate = 3_000_000 }
        try await wait(7)
        try await main.stop().get()
        try await wait(4)
        let status = channel.status
        try await channel.stop().get()
        try await backup.stop().get()
        receiver.stop()
        #expect(status.seams == 1 && status.onAir == "backup")
        let seam = try #require(status.lastSeam)
        // Two senders that were started one after the other meet within a picture or lose one.
        #expect(seam.level >= .l2 && seam.framesLost <= 3, "\(seam.why)")
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
        #expect(receiver.longestHole < 50_000_000)
        #expect(receiver.arrivals.dropLast().allSatisfy { $0.count == 1316 })
    }

    private func srt(
        _ mode: SRTAddress.Mode, _ port: UInt16, id: String? = nil, passphrase: String? = nil
    ) -> SRTAddress {
        var address = SRTAddress(mode: mode, endpoint: HostPort(host: "127.0.0.1", port: port))
        address.streamID = id
        address.passphrase = passphrase
        return address
    }

    /// Its pictures reach further than its sound, and its last packets are no measure of either.
    @Test func aLoopedFileGoesOnPassAfterPassWithoutAGapInItsSound() async throws {
        let port = try Studio.freePort()
        let whole = try Data(contentsOf: URL(fileURLWithPath: Studio.sample("h264-main.ts")))
        let clip = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-\(UUID().uuidString).ts")
        try whole.prefix(1000 * 188).write(to: clip)
        defer { try? FileManager.default.removeItem(at: clip) }
        let receiver = Receiver(try DatagramLink(Studio.loopback(port)))
        let feed = try Studio.feed(
            clip.path, to: [OutputPlan(name: "a", address: .datagrams(Studio.loopback(port)))])
        try await wait(20)
        let status = feed.status
        try await feed.stop().get()
        try await wait(0.1)
        receiver.stop()
        // A pass of six seconds.
        #expect(status.seams >= 3)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    /// Stopped while pictures are coming: what of the newest has not come does not go out half.
    @Test func aChannelThatIsStoppedEndsWithAWholePicture() async throws {
        let ports = try (0..<8).map { _ in try Studio.freePort() }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let feed = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: ports.map {
                OutputPlan(name: "\($0)", address: .datagrams(Studio.loopback($0)))
            })
        let paths = ports.map { folder.appendingPathComponent("\($0).ts").path }
        let channels = try zip(ports, paths).map { port, path in
            try Studio.channel(
                [("main", InputPlan(links: [.datagrams(Studio.loopback(port))]))],
                to: [.file(path: path)]
            ) { $0.holdBack = 300_000_000 }
        }
        try await wait(3)
        for channel in channels {
            try await channel.stop().get()
            try await wait(0.011)
        }
        try await feed.stop().get()
        for path in paths {
            let content = try DecodedContent.read(path: path)
            #expect(content.messages == [] && content.pictures.count > 30)
            #expect(content.damagedPositions() == [])
        }
    }

    /// libsrt takes five seconds to see that a caller is gone.
    @Test func anEncoderThatWasCutOffIsBackBeforeItsOldConnectionIsGivenUp() async throws {
        let port = try Studio.freePort()
        let way = try DatagramRelay(to: port)
        let receiver = Receiver(try SRTLink(srt(.listener, port)))
        func caller(_ port: UInt16) throws -> ChannelRunner {
            try Studio.feed(
                Studio.sample("h264-main.ts"),
                to: [OutputPlan(name: "x", address: .srt(srt(.caller, port)))])
        }
        let first = try caller(way.port)
        try await wait(2)
        // As long as it brings something nobody takes its place.
        let second = try caller(port)
        // A link tells of refusals once a second.
        try await wait(1.6)
        #expect(receiver.facts.connections == 1 && receiver.facts.refusals > 0)
        way.become(.silent)
        try await wait(3.5)
        #expect(receiver.facts.connections == 2 && receiver.facts.state == .connected)
        for feed in [first, second] { try await feed.stop().get() }
        receiver.stop()
        way.close()
        #expect(receiver.longestHole < 3_000_000_000)
    }

    /// One packet whose header says a wrong place in its message, or a wrong time, and libsrt
    /// delivers nothing for minutes, while the sender goes on.
    @Test(arguments: [4, 8])
    func aConnectionThatBringsPacketsButNoStreamIsMadeAnew(_ byte: Int) async throws {
        let port = try Studio.freePort()
        let way = try DatagramRelay(to: port)
        let receiver = Receiver(try SRTLink(srt(.listener, port)))
        let sender = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "x", address: .srt(srt(.caller, way.port)))])
        try await wait(2)
        way.become(.distortsHeader(byte: byte))
        try await wait(1)
        way.become(.none)
        try await wait(5)
        let before = receiver.facts.datagrams
        try await wait(1)
        let facts = receiver.facts
        #expect(facts.datagrams - before > 20 && facts.connections > 1, "\(facts)")
        try await sender.stop().get()
        receiver.stop()
        way.close()
    }

    @Test func callersOfOnePortAreToldApartAndStrangersDisturbNobody() async throws {
        let (port, outPort) = (try Studio.freePort(), try Studio.freePort())
        let key = "0123456789"
        let channel = try Studio.channel(
            [
                ("main", InputPlan(links: [.srt(srt(.listener, port, id: "a", passphrase: key))])),
                ("backup", InputPlan(links: [.srt(srt(.listener, port, id: "b"))])),
            ], to: [.srt(srt(.listener, outPort))]
        ) { $0.muxRate = 3_000_000 }
        let main = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "a", address: .srt(srt(.caller, port, id: "a", passphrase: key)))]
        )
        let backup = try Studio.feed(
            Studio.sample("h264-backup.ts"),
            to: [OutputPlan(name: "b", address: .srt(srt(.caller, port, id: "b")))])
        try await wait(1)
        // A wrong passphrase, an unknown stream id, a second sender of a place that is taken.
        let strangers = try [
            srt(.caller, port, id: "a", passphrase: "a wrong passphrase"),
            srt(.caller, port, id: "c"), srt(.caller, port, id: "b"),
        ].map { address in
            try Studio.feed(
                Studio.sample("h264-main.ts"),
                to: [OutputPlan(name: "x", address: .srt(address))])
        }
        let receiver = Receiver(try SRTLink(srt(.caller, outPort)))
        let late = Receiver(try SRTLink(srt(.caller, outPort)))
        try await wait(6)
        try await main.stop().get()
        try await wait(4)
        let status = channel.status
        for feed in strangers { try await feed.stop().get() }
        try await backup.stop().get()
        receiver.stop()
        late.stop()
        try await channel.stop().get()
        #expect(status.seams == 1 && status.onAir == "backup")
        #expect(status.inputs.allSatisfy { $0.links.allSatisfy { $0.connections == 1 } })
        #expect(status.inputs.allSatisfy { $0.links.allSatisfy { $0.refusals > 0 } })
        #expect(status.outputs.map(\.facts.readers) == [2])
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
        #expect(late.bytes.count > 1_000_000 && receiver.bytes.count > 1_000_000)
        #expect(receiver.arrivals.allSatisfy { $0.count == 1316 })
    }
}
