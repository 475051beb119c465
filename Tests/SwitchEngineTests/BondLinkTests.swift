// One link, and one at a time: numbers put it in order, and the next one takes over.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct BondLinkTests {
    @Test func aLinkAloneIsPassedAsItComes() {
        var bond = Bond(links: 1, plan: .mainBackup(MainBackupPlan()))
        var pieces: [[UInt8]] = []
        for bytes in [[0x47, 1, 2], [UInt8](repeating: 9, count: 1316), [1]] as [[UInt8]] {
            bond.receive(
                bytes.span, isRTP: false, from: 0, at: MonotonicInstant(nanoseconds: 5)
            ) { span, at in
                pieces.append(span.withUnsafeBufferPointer { Array($0) })
                #expect(at.nanoseconds == 5)
            }
        }
        #expect(pieces.map(\.count) == [3, 1316, 1])
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func oneLinksNumbersPutItInOrderAndTellItsLosses(seed: UInt64) {
        let source = BondSource(seed: seed, count: 7_000)
        var traffic = BondTraffic(count: source.packets.count)
        let way = BondWay(
            link: 0, seed: seed, isRTP: true, firstSequence: 65_500, loss: 2, jitter: 30,
            doubled: 2, calm: 35)
        traffic.carry(source, 0..<source.packets.count, way)
        var bond = Bond(links: 1, plan: .mainBackup(MainBackupPlan()))
        let outcome = playBond(&bond, traffic.datagrams, links: 1)
        let wanted = BondMergeTests.expected(source, traffic)
        #expect(bondDifference(outcome.packets, wanted) == "")
        let missing = Int64(source.packets.count - wanted.count)
        #expect(abs(outcome.facts[0].lost - missing) <= 14)
    }

    @Test func theNextLinkTakesOverAndTheBetterOneComesBack() {
        let source = BondSource(seed: 3, count: 60_000)
        var traffic = BondTraffic(count: source.packets.count)
        let main = BondWay(link: 0, seed: 31, isDroppedFrom: 9_996..<19_999)
        traffic.carry(source, 0..<source.packets.count, main)
        traffic.carry(source, 0..<source.packets.count, BondWay(link: 1, seed: 32))
        var plan = MainBackupPlan()
        plan.clear = 5_000 * bondMillisecond
        var bond = Bond(links: 2, plan: .mainBackup(plan))
        let outcome = playBond(&bond, traffic.datagrams)
        // 500 ms until it is left, 1.7 packets each; then all of the backup, and the main again.
        let missing = source.packets.count - outcome.packets.count
        #expect(missing > 1_600 && missing < 1_900)
        #expect(outcome.facts[1].setAside > 30_000 && outcome.facts[0].setAside > 15_000)
    }

    @Test func aColdBackupIsWantedWhenTheMainIsSilent() {
        var plan = MainBackupPlan()
        plan.isCold = true
        var bond = Bond(links: 2, plan: .mainBackup(plan))
        let before = [bond.isWanted(0), bond.isWanted(1)]
        #expect(before == [true, false])
        for time in stride(from: Int64(0), to: 1_200, by: 100) {
            bond.advance(to: MonotonicInstant(nanoseconds: time * bondMillisecond)) { _, _ in }
        }
        let isWanted = bond.isWanted(1)
        #expect(isWanted)
    }

    /// It delivers, the main comes back and is well again: the backup is not needed any more.
    @Test(arguments: [false, true])
    func aColdBackupIsGivenUpWhenTheMainIsBack(hasDelivered: Bool) {
        let source = BondSource(seed: 8, count: 30_000)
        var traffic = BondTraffic(count: source.packets.count)
        let main = BondWay(link: 0, seed: 81, isDroppedFrom: 4_998..<9_996)
        traffic.carry(source, 0..<source.packets.count, main)
        if hasDelivered { traffic.carry(source, 7_000..<30_000, BondWay(link: 1, seed: 82)) }
        var plan = MainBackupPlan()
        plan.isCold = true
        plan.clear = 3_000 * bondMillisecond
        var bond = Bond(links: 3, plan: .mainBackup(plan))
        var wanted: [[Bool]] = []
        var waiting = traffic.datagrams.sorted { $0.time < $1.time }[...]
        for tick in 1...900 {
            let time = MonotonicInstant(nanoseconds: Int64(tick) * 10 * bondMillisecond)
            while let first = waiting.first, first.time <= time.nanoseconds {
                bond.receive(
                    first.bytes.span, isRTP: false, from: first.link, at: time
                ) { _, _ in }
                waiting.removeFirst()
            }
            bond.advance(to: time) { _, _ in }
            wanted.append((0..<3).map { bond.isWanted($0) })
        }
        // From 1.5 s to 3 s it is away, and 3 s later it is believed.
        #expect(wanted[190] == [true, false, false])
        #expect(wanted[250].prefix(2) == [true, true])
        #expect(wanted[580].prefix(2) == [true, true])
        #expect(wanted[620] == [true, false, false])
        let (active, isWanted) = (bond.active, bond.isWanted(1))
        #expect(active == 0 && !isWanted)
    }

    /// 64 kbit/s: each datagram comes after more than the time that a gap is waited for.
    @Test(arguments: [(UInt32(77), UInt16(40_000)), (1, 20_000), (77, 301)])
    func aSlowSenderThatBeginsAnewIsFollowed(name: UInt32, firstSequence: UInt16) {
        let source = BondSource(seed: 4, count: 700)
        var way = BondWay(
            link: 0, seed: 41, isRTP: true, firstSequence: 300, pace: 23_500_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(source, 0..<350, way)
        way.synchronizationSource = name
        way.firstSequence = firstSequence
        traffic.carry(source, 350..<700, way)
        var bond = Bond(links: 1, plan: .mainBackup(MainBackupPlan()))
        let outcome = playBond(&bond, traffic.datagrams, links: 1)
        #expect(bondDifference(outcome.packets, source.packets) == "")
    }

    /// An encoder with a fixed name that counts from the same number after each start.
    @Test(arguments: [1, 2])
    func aSenderThatCountsAgainUnderTheSameNameIsFollowed(links: Int) {
        let source = BondSource(seed: 5, count: 14_000)
        var traffic = BondTraffic(count: source.packets.count)
        for link in 0..<links {
            var way = BondWay(
                link: link, seed: 51 + UInt64(link), isRTP: true, firstSequence: 300,
                skew: link * 200)
            traffic.carry(source, 0..<7_000, way)
            way.firstSequence = 20
            traffic.carry(source, 7_000..<14_000, way)
        }
        let plan =
            links == 1
            ? BondPlan.mainBackup(MainBackupPlan()) : .merge(skewWindow: 500 * bondMillisecond)
        var bond = Bond(links: links, plan: plan)
        let outcome = playBond(&bond, traffic.datagrams, links: links)
        #expect(bondDifference(outcome.packets, source.packets) == "")
    }

    @Test func aStrayDatagramCostsNothingBehindIt() {
        let source = BondSource(seed: 6, count: 14_000)
        var traffic = BondTraffic(count: source.packets.count)
        let way = BondWay(link: 0, seed: 61, isRTP: true, firstSequence: 300)
        traffic.carry(source, 0..<source.packets.count, way)
        var stray = traffic.datagrams[500]
        stray.bytes[2] += 20
        stray.time += 1
        var bond = Bond(links: 1, plan: .mainBackup(MainBackupPlan()))
        let outcome = playBond(&bond, traffic.datagrams + [stray], links: 1)
        // Seven of it are one too many.
        let packets = outcome.packets
        #expect(packets.count == source.packets.count + 7)
        #expect(Set(packets).count == Set(source.packets).count)
    }

    /// Behind by more than the window, and left alone with what it brings.
    @Test func aLinkThatIsTooLateDoesNotBeginAnew() {
        let source = BondSource(seed: 7, count: 14_000)
        var traffic = BondTraffic(count: source.packets.count)
        traffic.carry(
            source, 0..<7_000,
            BondWay(link: 0, seed: 71, isRTP: true, loss: 20, calm: 70))
        traffic.carry(
            source, 0..<source.packets.count, BondWay(link: 1, seed: 72, isRTP: true, skew: 900))
        var bond = BondMergeTests.merge()
        let numbers = playBond(&bond, traffic.datagrams).packets.map(bondNumber).filter { $0 >= 0 }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
        #expect(numbers.last == source.packets.indices.last)
    }
}
