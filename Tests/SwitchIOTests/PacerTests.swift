// Datagrams of seven packets, each when its last packet is due.

import Testing

@testable import SwitchIO

@Suite struct PacerTests {
    private func packets(_ count: Int, from first: Int = 0) -> [UInt8] {
        (0..<count).flatMap {
            [UInt8](repeating: UInt8(truncatingIfNeeded: first + $0), count: 188)
        }
    }

    private func pace(_ pacer: inout Pacer, to now: Int64) -> [(first: UInt8, count: Int)] {
        var sent: [(UInt8, Int)] = []
        pacer.pace(to: now) { bytes, _ in sent.append((bytes[0], bytes.count)) }
        return sent
    }

    @Test func aDatagramLeavesWhenItsLastPacketIsDue() {
        var pacer = Pacer(firstSequence: 0)
        pacer.append(packets(14).span) { Int64($0) * 100 }
        #expect(pacer.nextDue == 600)
        #expect(pace(&pacer, to: 599).isEmpty)
        let first = pace(&pacer, to: 600)
        #expect(first.map(\.count) == [1316] && first.first?.first == 0)
        #expect(pacer.nextDue == 1300)
        #expect(pace(&pacer, to: 5000).map(\.first) == [7])
        #expect(pacer.nextDue == nil)
    }

    @Test func packetsOfSeveralTicksFillOneDatagram() {
        var pacer = Pacer(firstSequence: 0)
        pacer.append(packets(5).span) { Int64($0) }
        #expect(pace(&pacer, to: 1000).isEmpty)
        pacer.append(packets(3, from: 5).span) { 100 + Int64($0) }
        #expect(pace(&pacer, to: 1000).map(\.count) == [1316])
        #expect(pacer.nextDue == 102 + Pacer.longestFilling)
    }

    @Test func timesNeverRunBackwards() {
        var pacer = Pacer(firstSequence: 0)
        pacer.append(packets(7).span) { 1000 - Int64($0) * 100 }
        #expect(pacer.nextDue == 1000)
    }

    @Test func sequenceNumbersCountDatagramsAndWrap() {
        var pacer = Pacer(firstSequence: 65_534)
        pacer.append(packets(28).span) { Int64($0) }
        var sequences: [UInt16] = []
        pacer.pace(to: 1000) { _, datagram in sequences.append(datagram.sequence) }
        #expect(sequences == [65_534, 65_535, 0, 1])
    }

    @Test func theEndIsFlushedWholeOrNot() {
        var pacer = Pacer(firstSequence: 0)
        pacer.append(packets(9).span) { Int64($0) }
        var sizes: [Int] = []
        pacer.flush { bytes, _ in sizes.append(bytes.count) }
        #expect(sizes == [1316, 376])
    }
}
