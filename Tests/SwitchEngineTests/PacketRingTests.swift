// Packets are kept with their notes, each under its number, while the ring grows and is trimmed.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct PacketRingTests {
    private func note(_ number: Int) -> PacketNote {
        var note = PacketNote.none
        note.elementaryPosition = Int64(number) * 3
        return note
    }

    private func append(_ number: Int, to ring: inout PacketRing) {
        // Given from the middle of a larger buffer.
        var bytes = [UInt8](repeating: 0xEE, count: 200)
        for index in 0..<188 { bytes[5 + index] = UInt8(truncatingIfNeeded: number &+ index) }
        ring.append(bytes.span, at: 5, note: note(number))
    }

    private func bytes(of number: Int, _ ring: PacketRing) -> [UInt8] {
        var result: [UInt8] = []
        ring.copy(number, to: &result)
        return result
    }

    private func holds(_ number: Int, _ ring: PacketRing) -> Bool {
        let bytes = bytes(of: number, ring)
        return ring[number].elementaryPosition == Int64(number) * 3 && bytes.count == 188
            && bytes[0] == UInt8(truncatingIfNeeded: number)
            && bytes[187] == UInt8(truncatingIfNeeded: number + 187)
    }

    @Test func packetsStayThroughGrowth() {
        var ring = PacketRing()
        for number in 0..<1000 { append(number, to: &ring) }
        ring.trim(before: 700)
        for number in 1000..<5000 { append(number, to: &ring) }
        #expect(ring.first == 700 && ring.end == 5000 && ring.overruns == 0)
        for number in 700..<5000 where !holds(number, ring) { Issue.record("packet \(number)") }
    }

    @Test func aSteadyWindowTakesTheMemoryItNeeds() {
        var ring = PacketRing()
        for number in 0..<50_000 {
            append(number, to: &ring)
            ring.trim(before: number - 1000)
        }
        // 1000 packets touch five chunks at most; one more is being filled, one is spare.
        #expect(ring.capacityBytes <= 7 * PacketRing.chunkPackets * 188)
        for number in ring.first..<ring.end where !holds(number, ring) {
            Issue.record("packet \(number)")
        }
    }

    @Test func memoryOfABurstIsGivenBack() {
        var ring = PacketRing()
        for number in 0..<50_000 { append(number, to: &ring) }
        #expect(ring.capacityBytes >= 50_000 * 188)
        ring.trim(before: 49_000)
        #expect(ring.capacityBytes < 5000 * 188)
        for number in ring.first..<ring.end where !holds(number, ring) {
            Issue.record("packet \(number)")
        }
    }

    @Test func aPieceOfAPacketIsCopiedOut() {
        var ring = PacketRing()
        for number in 0..<300 { append(number, to: &ring) }
        var target: [UInt8] = [1]
        ring.copy(299, 186..<188, to: &target)
        ring.copy(0, 4..<4, to: &target)
        let expected = [299 + 186, 299 + 187].map { UInt8(truncatingIfNeeded: $0) }
        #expect(target == [1] + expected)
    }

    @Test func trimmingTakesTheStampBorderAlong() {
        var ring = PacketRing()
        for number in 0..<10 { append(number, to: &ring) }
        for number in 0..<10 { ring[number].time = Int64(number) + 50 }
        ring.stamp(before: 3) { number, position in Int64(number) * 7 + position }
        #expect(ring.stamped == 3 && ring.stampedPosition == 52)
        #expect(ring[2].time == 66 && ring[3].time == 53)
        ring.trim(before: 2)
        #expect(ring.stamped == 3)
        ring.trim(before: 8)
        #expect(ring.stamped == 8 && ring.first == 8)
        ring.trim(before: 4)
        #expect(ring.first == 8)
    }
}
