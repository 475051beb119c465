// Links that carry the same bits, each with its own faults, become the source again.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct BondMergeTests {
    static let window: Int64 = 500 * bondMillisecond

    static func merge(_ links: Int = 2) -> Bond {
        Bond(links: links, plan: .merge(skewWindow: window))
    }

    /// The packets that one link at least brought.
    static func expected(_ source: BondSource, _ traffic: BondTraffic) -> [[UInt8]] {
        source.packets.indices.filter { traffic.brought[$0] > 0 }.map { source.packets[$0] }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func rtpWithLossDisorderAndSkewIsTheSourceAgain(seed: UInt64) {
        let source = BondSource(seed: seed, count: 12_000, nullShare: 20)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: seed * 10 + UInt64(link), isRTP: true, firstSequence: 65_000,
                loss: 5, jitter: 30, skew: link * 200, doubled: 1, calm: 70)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams)
        let wanted = Self.expected(source, traffic)
        #expect(bondDifference(outcome.packets, wanted) == "")
        #expect(wanted.count < source.packets.count)
    }

    /// 1.5 Mbit/s, so that 30 ms are a few datagrams: counters of continuity tell no more.
    @Test(arguments: [UInt64(1), 2, 3, 4, 5], [7, 5])
    func plainPacketsThatChangePlacesAreTheSourceAgain(seed: UInt64, cut: Int) {
        let source = BondSource(seed: seed, count: 6_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: seed * 10 + UInt64(link), cut: link == 0 ? [7] : [cut],
                loss: 5, jitter: 30, pace: 1_000_000, skew: link * 200, doubled: 1, calm: 50)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams)
        #expect(bondDifference(outcome.packets, Self.expected(source, traffic)) == "")
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func wherePlacesCanNotBeToldNothingIsLostOrDoubled(seed: UInt64) {
        let source = BondSource(seed: seed, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: seed * 10 + UInt64(link), cut: link == 0 ? [7] : [4, 5, 4, 3],
                loss: 5, jitter: 30, skew: link * 200, doubled: 1, calm: 350)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge()
        let packets = playBond(&bond, traffic.datagrams).packets
        let wanted = Self.expected(source, traffic)
        #expect(packets.count == wanted.count && Set(packets) == Set(wanted))
        let numbers = packets.map(bondNumber).filter { $0 >= 0 }
        #expect(zip(numbers, numbers.dropFirst()).count { $0 > $1 } < 50)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func plainPacketsInOrderAreTheSourceAgain(seed: UInt64) {
        let source = BondSource(seed: seed, count: 12_000, nullShare: seed > 5 ? 10 : 0)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: seed * 10 + UInt64(link), cut: link == 0 ? [7] : [6, 7, 5],
                loss: 5, skew: link * 200, calm: 35)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams)
        #expect(bondDifference(outcome.packets, Self.expected(source, traffic)) == "")
        // Each leaves one window after its first copy came, whatever was lost.
        #expect(outcome.pieces.allSatisfy { $0.at - $0.arrival < 6 * bondMillisecond })
    }
}
