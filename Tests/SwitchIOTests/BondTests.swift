// Links of one input on the air, on loopback: real sockets, real time, and a bad way between.

import Foundation
import SwitchEngine
import Testing
import TransportStream

@testable import SwitchIO

/// Takes one sender's datagrams and sends copies to two ports, each with its own faults.
private final class TwoWays: @unchecked Sendable {
    // Unchecked: touched by its own thread until that has ended.
    private let link: DatagramLink
    private let ports: [UInt16]
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    private var isStopping = false
    private var waiting: [(due: Int64, way: Int, bytes: [UInt8])] = []
    private let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    private var random: UInt64 = 20_221_107
    /// Datagrams that neither way has carried would be lost to anybody: one of the two does.
    private(set) var lost = [0, 0]

    init(from port: UInt16, to ports: [UInt16]) throws {
        link = try DatagramLink(Studio.loopback(port))
        self.ports = ports
        Thread.detachNewThread { self.run() }
    }

    private func below(_ limit: UInt64) -> UInt64 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (random >> 33) % limit
    }

    private func run() {
        while !lock.withLock({ isStopping }) {
            let now = HostClock.now
            link.poll(at: now) { datagram, _ in
                let bytes = datagram.withUnsafeBufferPointer { Array($0) }
                var losses = [below(100) < 5, below(100) < 5]
                if losses[0] && losses[1] { losses[Int(below(2))] = false }
                for way in 0..<2 {
                    if losses[way] {
                        lost[way] += 1
                        continue
                    }
                    let late = Int64(below(30_000)) * 1000 + Int64(way) * 200_000_000
                    waiting.append((now.nanoseconds + late, way, bytes))
                }
            }
            waiting.sort { $0.due < $1.due }
            while let first = waiting.first, first.due <= HostClock.now.nanoseconds {
                send(first.bytes, to: ports[first.way])
                waiting.removeFirst()
            }
            usleep(500)
        }
        done.signal()
    }

    private func send(_ bytes: [UInt8], to port: UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, bytes, bytes.count, 0, $0,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func stop() {
        lock.withLock { isStopping = true }
        done.wait()
        link.close()
        Foundation.close(descriptor)
    }
}

@Suite(.serialized) struct BondTests {
    /// 5 % independent loss, datagrams that change places within 30 ms, 200 ms of skew.
    @Test(arguments: [true, false])
    func twoBadLinksAreOneWholeInput(isRTP: Bool) async throws {
        let ports = try (0..<4).map { _ in try Studio.freePort() }
        let receiver = Receiver(try DatagramLink(Studio.loopback(ports[3])))
        let ways = try TwoWays(from: ports[0], to: [ports[1], ports[2]])
        let merged = InputPlan(
            links: [
                .datagrams(Studio.loopback(ports[1], isRTP: isRTP)),
                .datagrams(Studio.loopback(ports[2], isRTP: isRTP)),
            ], bond: .merge(skewWindow: 450_000_000))
        let channel = try Studio.channel(
            [("main", merged)], to: [.datagrams(Studio.loopback(ports[3]))]
        ) { $0.muxRate = 3_000_000 }
        let feed = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [
                OutputPlan(
                    name: "a", address: .datagrams(Studio.loopback(ports[0], isRTP: isRTP)))
            ])
        try await Task.sleep(nanoseconds: 9_000_000_000)
        let status = channel.status
        try await channel.stop().get()
        try await feed.stop().get()
        ways.stop()
        receiver.stop()
        let input = try #require(status.inputs.first)
        #expect(status.onAir == "main" && status.seams == 0)
        #expect(input.status.continuityErrors == 0 && input.status.damagedUnits == 0)
        #expect(ways.lost.allSatisfy { $0 > 5 })
        #expect(input.links.allSatisfy { $0.bond.isInUse && $0.bond.lost > 20 })
        #expect(input.links.allSatisfy { $0.bond.setAside < 50 && $0.bond.mismatched == 0 })
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
        #expect(receiver.bytes.count > 1_000_000)
    }
}
