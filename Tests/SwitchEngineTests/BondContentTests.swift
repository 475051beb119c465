// The merge by content where links come back from another content, and where it is full.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct BondContentTests {
    /// What of the other content goes when the link is believed again may stand in the read that
    /// made it so: the link came back with two datagrams in the wrong order.
    @Test(.timeLimit(.minutes(1)), arguments: [[10], [12], [15]], [1, 2, 3])
    func aLinkMayComeBackInDisorder(cut: [Int], swaps: Int) {
        let source = BondSource(seed: 16, count: 12_000)
        let other = BondSource(seed: 17, label: 2, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(
            source, 0..<source.packets.count, BondWay(link: 1, seed: 161, cut: cut, skew: 200))
        traffic.carry(source, 0..<4_004, BondWay(link: 0, seed: 162))
        var ignored = BondTraffic(count: other.packets.count)
        ignored.carry(other, 4_004..<9_002, BondWay(link: 0, seed: 163))
        let back = traffic.datagrams.count
        traffic.carry(source, 9_002..<12_000, BondWay(link: 0, seed: 164))
        for swap in 0..<swaps {
            let (first, second) = (back + 2 * swap, back + 2 * swap + 1)
            let time = traffic.datagrams[first].time
            traffic.datagrams[first].time = traffic.datagrams[second].time
            traffic.datagrams[second].time = time
        }
        var bond = BondMergeTests.merge()
        let outcome = playBond(&bond, traffic.datagrams + ignored.datagrams)
        #expect(bondDifference(outcome.packets, source.packets) == "")
    }

    @Test(.timeLimit(.minutes(1)), arguments: 1...20)
    func whereThereIsNoMoreRoomTheOldestGoEarly(seed: Int) {
        // More within one window than is kept, half of it of a link that is set aside.
        let source = BondSource(seed: UInt64(seed), count: 3_000, nullShare: 10)
        let other = BondSource(seed: UInt64(seed) + 20, label: 2, count: 3_000)
        var merge = ContentMerge(links: 2, window: 500 * bondMillisecond, nodeLimit: 40)
        var random = SeededNumbers(seed: UInt64(seed))
        var packets: [[UInt8]] = []
        func take(_ bytes: Span<UInt8>, _: MonotonicInstant) {
            for at in stride(from: 0, to: bytes.count, by: 188) {
                packets.append((at..<at + 188).map { bytes[$0] })
            }
        }
        for at in stride(from: 20, to: 2_980, by: 5) {
            let time = Int64(at) * bondMillisecond
            for link in 0..<2 {
                let stream = link == 1 && at % 200 > 100 ? other : source
                let start = at - random.below(link * 20 + 1)
                let count = 5 + random.below(12)
                let bytes = Array(stream.packets[start..<start + count].joined())
                merge.take(
                    bytes.span, first: 0, count: count, stride: 188, from: link, flow: .unknown,
                    straddles: random.below(4) == 0, at: time)
            }
            merge.release(at: time, take)
        }
        merge.flush(at: 10_000 * bondMillisecond, take)
        #expect(packets.count > 1_000 && packets.count < 12_000)
        #expect(merge.chain.head < 0 && merge.chain.first >= 0)
    }

    @Test func aPacketThatIsNoneLeavesNoTraceInTheCounters() {
        let source = BondSource(seed: 18, count: 40)
        var merge = ContentMerge(links: 2, window: 500 * bondMillisecond)
        func take(_ packets: [[UInt8]], straddles: Bool) {
            let bytes = Array(packets.joined())
            merge.take(
                bytes.span, first: 0, count: packets.count, stride: 188, from: 0, flow: .unknown,
                straddles: straddles, at: bondMillisecond)
        }
        take(Array(source.packets[2..<9]), straddles: false)
        let before = merge.links[0].counters
        // A datagram that the network doubled, behind half a packet of another.
        var torn = source.packets[20]
        torn[1] = 0x03
        take([torn] + source.packets[3..<9], straddles: true)
        #expect(merge.links[0].counters == before)
    }
}
