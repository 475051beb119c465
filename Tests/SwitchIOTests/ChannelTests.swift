// Channels on the air, on loopback: real sockets, real time.

import Foundation
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
}
