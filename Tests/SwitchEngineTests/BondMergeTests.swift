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
        // Where links lose different ones of a row of null packets nobody can know how many.
        func isPayload(_ packet: [UInt8]) -> Bool { packet[1] != 0x1F }
        let wanted = Self.expected(source, traffic)
        #expect(bondDifference(outcome.packets.filter(isPayload), wanted.filter(isPayload)) == "")
        #expect(abs(outcome.packets.count - wanted.count) <= 2)
        // Each leaves one window after its first copy came, whatever was lost.
        #expect(outcome.pieces.allSatisfy { $0.at - $0.arrival < 6 * bondMillisecond })
    }

    @Test func numberedReliableAndPlainLinksAreOneStream() {
        let source = BondSource(seed: 7, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        for way in [
            BondWay(
                link: 0, seed: 71, isRTP: true, firstSequence: 9, loss: 5, jitter: 20, calm: 35),
            BondWay(link: 1, seed: 72, cut: [7], skew: 300, isDroppedFrom: 4000..<6000),
            BondWay(link: 2, seed: 73, cut: [5, 3], loss: 5, skew: 100, calm: 35),
        ] {
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge(3)
        let outcome = playBond(&bond, traffic.datagrams, links: 3)
        #expect(bondDifference(outcome.packets, Self.expected(source, traffic)) == "")
        let whole = Int64(source.packets.count)
        for facts in [outcome.facts[0], outcome.facts[2]] {
            #expect(abs(facts.packets + facts.lost - whole) < 100)
        }
    }

    @Test(arguments: [false, true])
    func aLinkThatDiesAndComesBackChangesNeitherBytesNorTimes(isRTP: Bool) {
        let source = BondSource(seed: 8, count: 16_000)
        var traffic = BondTraffic(count: source.packets.count)
        let first = BondWay(link: 0, seed: 81, isRTP: isRTP, isDroppedFrom: 4004..<11_004)
        traffic.carry(source, 0..<source.packets.count, first)
        traffic.carry(source, 0..<source.packets.count, BondWay(
            link: 1, seed: 82, isRTP: isRTP, skew: 200))
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams)
        #expect(bondDifference(outcome.packets, source.packets) == "")
        // The hole of a link that was ahead is not seen: what the other brings leaves at its time.
        let holes = zip(outcome.pieces, outcome.pieces.dropFirst()).map { $1.arrival - $0.arrival }
        #expect(holes.max() ?? 0 < 10 * bondMillisecond)
        #expect(outcome.facts[0].lost > 0 && outcome.facts.allSatisfy(\.isInUse))
        #expect(outcome.facts[1].lost == 0 && outcome.facts[1].setAside == 0)
    }

    @Test func aLinkThatBringsAnotherStreamIsSetAside() {
        let source = BondSource(seed: 9, count: 12_000)
        let other = BondSource(seed: 10, label: 2, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(source, 0..<source.packets.count, BondWay(link: 1, seed: 91, skew: 200))
        traffic.carry(source, 0..<4_004, BondWay(link: 0, seed: 92))
        var ignored = BondTraffic(count: other.packets.count)
        ignored.carry(other, 4_004..<9_002, BondWay(link: 0, seed: 93))
        traffic.carry(source, 9_002..<12_000, BondWay(link: 0, seed: 94))
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams + ignored.datagrams)
        #expect(bondDifference(outcome.packets, source.packets) == "")
        #expect(outcome.facts[0].setAside > 4_000 && outcome.facts[0].isInUse)
    }

    @Test func aLinkThatRepeatsWhatWasIsSetAside() {
        let source = BondSource(seed: 11, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(source, 0..<source.packets.count, BondWay(link: 1, seed: 91, skew: 200))
        traffic.carry(source, 0..<6_006, BondWay(link: 0, seed: 92))
        var loop = BondTraffic(count: source.packets.count)
        loop.carry(source, 0..<6_006, BondWay(link: 0, seed: 93))
        let late = loop.datagrams.map { datagram in
            var datagram = datagram
            datagram.time += 6_006 * bondPacketNanoseconds
            return datagram
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams + late)
        #expect(bondDifference(outcome.packets, source.packets) == "")
    }

    @Test func damagedPacketsCostNoMoreThanThemselves() {
        let source = BondSource(seed: 12, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(source, 0..<12_000, BondWay(link: 0, seed: 95, corrupted: 2))
        traffic.carry(source, 0..<12_000, BondWay(link: 1, seed: 96, skew: 100))
        var bond = Self.merge()
        let packets = playBond(&bond, traffic.datagrams).packets
        let right = Set(source.packets)
        // Of two that differ nobody knows which is right; all the others are there, in order.
        let wrong = packets.count { !right.contains($0) }
        #expect(wrong <= 300)
        #expect(right.subtracting(packets).count <= 300)
        let numbers = packets.filter(right.contains).map(bondNumber).filter { $0 >= 0 }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func aSenderThatBeginsAnewIsFollowed() {
        let source = BondSource(seed: 13, count: 12_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: 131 + UInt64(link), isRTP: true, firstSequence: 300, loss: 2,
                jitter: 20, skew: link * 200, calm: 35)
            traffic.carry(source, 0..<6_006, way)
            var again = way
            again.synchronizationSource = 77
            again.firstSequence = 40_000
            again.calm = 1_000
            traffic.carry(source, 6_006..<12_000, again)
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, traffic.datagrams)
        #expect(bondDifference(outcome.packets, Self.expected(source, traffic)) == "")
    }

    @Test func numbersThatAreNotCommonLeadToAMergeByContent() {
        let source = BondSource(seed: 14, count: 24_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: 141 + UInt64(link), isRTP: true,
                firstSequence: UInt16(link) * 20_000, synchronizationSource: UInt32(link),
                loss: 5, jitter: 20, skew: link * 100, calm: 35)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Self.merge()
        let packets = playBond(&bond, traffic.datagrams).packets
        // Of the first second only what the first link brought is there.
        let last = Array(Self.expected(source, traffic).suffix(16_000))
        #expect(bondDifference(Array(packets.suffix(16_000)), last) == "")
    }

    /// 9500 datagrams a second, as many as 100 Mbit/s are, and the longest window.
    @Test func aWideSkewHoldsAtAHighRate() {
        let source = BondSource(seed: 19, count: 28_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<2 {
            let way = BondWay(
                link: link, seed: 191 + UInt64(link), cut: [1], isRTP: true, firstSequence: 300,
                loss: 5, pace: 105_263, skew: link * 1_400, calm: 50)
            traffic.carry(source, 0..<source.packets.count, way)
        }
        var bond = Bond(links: 2, plan: .merge(skewWindow: BondPlan.longestSkewWindow))
        let outcome = playBond(&bond, traffic.datagrams)
        #expect(bondDifference(outcome.packets, Self.expected(source, traffic)) == "")
        #expect(outcome.facts.allSatisfy { $0.late == 0 && $0.setAside == 0 })
    }

    @Test func datagramsMayBeginWithinAPacket() {
        let source = BondSource(seed: 15, count: 6_000)
        let bytes = Array(source.packets.joined())
        var random = SeededNumbers(seed: 15)
        var datagrams: [BondDatagram] = []
        for link in 0..<2 {
            var at = 0
            while at < bytes.count {
                let end = min(bytes.count, at + 1 + random.below(1400))
                if link == 0 || random.below(100) >= 5 {
                    let time = Int64(end) * bondPacketNanoseconds / 188
                    datagrams.append(
                        BondDatagram(
                            time: time + Int64(link) * 50 * bondMillisecond, link: link,
                            isRTP: false, bytes: Array(bytes[at..<end])))
                }
                at = end
            }
        }
        var bond = Self.merge()
        let outcome = playBond(&bond, datagrams)
        #expect(bondDifference(outcome.packets, source.packets) == "")
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func anythingMayCome(seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        let source = BondSource(seed: seed, count: 400, nullShare: 20)
        for mode in [BondPlan.merge(skewWindow: 50 * bondMillisecond), .mainBackup(.init())] {
            var bond = Bond(links: 3, plan: mode)
            var time: Int64 = 0
            var given = 0
            for _ in 0..<20_000 {
                time += Int64(random.below(1_000_000))
                var bytes: [UInt8] = []
                for _ in 0..<random.below(5) { bytes += source.packets[random.below(400)] }
                if random.below(3) == 0 { bytes = Array(bytes.dropFirst(random.below(200))) }
                for _ in 0..<random.below(4) where !bytes.isEmpty {
                    bytes[random.below(bytes.count)] = UInt8(random.below(256))
                }
                let isRTP = random.below(4) == 0
                if isRTP {
                    let number = UInt8(random.below(256))
                    bytes = [0x80, 33, UInt8(random.below(2)), number, 0, 0, 0, 0, 0, 0, 0,
                        UInt8(random.below(2))] + bytes
                }
                let back = Int64(random.below(100) == 0 ? 80_000_000 : 0)
                bond.receive(
                    bytes.span, isRTP: isRTP, from: random.below(3),
                    at: MonotonicInstant(nanoseconds: time - back)
                ) { span, _ in given += span.count }
                if random.below(10) == 0 {
                    bond.advance(to: MonotonicInstant(nanoseconds: time)) { span, _ in
                        given += span.count
                    }
                }
            }
            bond.finish(at: MonotonicInstant(nanoseconds: time)) { span, _ in given += span.count }
            #expect(given > 0)
        }
    }
}
