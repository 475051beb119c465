// Datagrams of seven packets, each when its last packet is due.

import Testing

@testable import SwitchIO

@Suite struct PacerTests {
    private func packets(_ count: Int, from first: Int = 0) -> [UInt8] {
        (0..<count).flatMap {
            [UInt8](repeating: UInt8(truncatingIfNeeded: first + $0), count: 188)
        }
    }

    /// - Parameter time: when each packet is due, microseconds: 27 ticks each.
    private func append(_ pacer: inout Pacer, _ bytes: [UInt8], _ time: (Int) -> Int64) {
        let schedule = (0..<bytes.count / 188).map { time($0) * 27 }
        pacer.append(bytes.span, schedule: schedule.span, hostOffset: 0)
    }

    /// - Parameter microseconds: now.
    private func pace(
        _ pacer: inout Pacer, to microseconds: Int64
    ) -> [(first: UInt8, count: Int)] {
        var sent: [(UInt8, Int)] = []
        pacer.pace(to: microseconds * 1000) { bytes, _ in sent.append((bytes[0], bytes.count)) }
        return sent
    }

    @Test func aDatagramLeavesWhenItsLastPacketIsDueAndTheNextOneWithIt() {
        var pacer = Pacer(firstSequence: 0)
        append(&pacer, packets(28)) { Int64($0) * 100 }
        #expect(pacer.nextDue == 600_000)
        #expect(pace(&pacer, to: 599).isEmpty)
        let first = pace(&pacer, to: 600)
        #expect(first.map(\.count) == [1316, 1316] && first.map(\.first) == [0, 7])
        #expect(pacer.nextDue == 2_000_000)
        #expect(pace(&pacer, to: 5000).map(\.first) == [14, 21])
        #expect(pacer.nextDue == nil)
    }

    @Test func nothingLeavesMoreThanTwoMillisecondsEarly() {
        var pacer = Pacer(firstSequence: 0)
        append(&pacer, packets(7)) { _ in 0 }
        append(&pacer, packets(7, from: 7)) { _ in 2001 }
        #expect(pace(&pacer, to: 0).map(\.first) == [0])
        #expect(pacer.nextDue == 2_001_000)
    }

    @Test func packetsOfSeveralTicksFillOneDatagram() {
        var pacer = Pacer(firstSequence: 0)
        append(&pacer, packets(5)) { Int64($0) }
        #expect(pace(&pacer, to: 1000).isEmpty)
        append(&pacer, packets(3, from: 5)) { 100 + Int64($0) }
        #expect(pace(&pacer, to: 1000).map(\.count) == [1316])
        #expect(pacer.nextDue == 102_000 + Pacer.longestFilling)
    }

    @Test func timesNeverRunBackwards() {
        var pacer = Pacer(firstSequence: 0)
        append(&pacer, packets(7)) { 1000 - Int64($0) * 100 }
        #expect(pacer.nextDue == 1_000_000)
    }

    @Test func sequenceNumbersCountDatagramsAndWrap() {
        var pacer = Pacer(firstSequence: 65_534)
        append(&pacer, packets(28)) { Int64($0) }
        var sequences: [UInt16] = []
        pacer.pace(to: 1_000_000) { _, datagram in sequences.append(datagram.sequence) }
        #expect(sequences == [65_534, 65_535, 0, 1])
    }

    @Test func theEndIsFlushedWholeOrNot() {
        var pacer = Pacer(firstSequence: 0)
        append(&pacer, packets(9)) { Int64($0) }
        var sizes: [Int] = []
        pacer.flush { bytes, _ in sizes.append(bytes.count) }
        #expect(sizes == [1316, 376])
    }
}
