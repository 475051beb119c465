// Packets are kept with their notes, each under its number, while the ring grows and is trimmed.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct PacketRingTests {
    private func note(_ number: Int) -> PacketNote {
        var note = PacketNote.none
        note.position = Int64(number) * 3
        return note
    }

    private func append(_ number: Int, to ring: inout PacketRing) {
        // Given from the middle of a larger buffer.
        var bytes = [UInt8](repeating: 0xEE, count: 200)
        for index in 0..<188 { bytes[5 + index] = UInt8(truncatingIfNeeded: number &+ index) }
        ring.append(bytes.span, at: 5, note: note(number))
    }

    private func holds(_ number: Int, _ ring: borrowing PacketRing) -> Bool {
        let at = ring.offset(of: number)
        return ring[number].position == Int64(number) * 3
            && ring.bytes[at] == UInt8(truncatingIfNeeded: number)
            && ring.bytes[at + 187] == UInt8(truncatingIfNeeded: number + 187)
    }

    @Test func packetsStayThroughGrowth() {
        var ring = PacketRing()
        for number in 0..<1000 { append(number, to: &ring) }
        ring.trim(before: 700)
        for number in 1000..<5000 { append(number, to: &ring) }
        #expect(ring.first == 700 && ring.end == 5000 && ring.overruns == 0)
        for number in 700..<5000 where !holds(number, ring) { Issue.record("packet \(number)") }
    }

    @Test func aSteadyWindowStaysAsLargeAsItWas() {
        var ring = PacketRing()
        for number in 0..<5000 {
            append(number, to: &ring)
            ring.trim(before: number - 1000)
        }
        #expect(ring.bytes.count == 1024 * 188)
        for number in ring.first..<ring.end where !holds(number, ring) {
            Issue.record("packet \(number)")
        }
    }

    @Test func trimmingTakesTheStampBorderAlong() {
        var ring = PacketRing()
        for number in 0..<10 { append(number, to: &ring) }
        ring.stamped = 3
        ring.trim(before: 2)
        #expect(ring.stamped == 3)
        ring.trim(before: 8)
        #expect(ring.stamped == 8 && ring.first == 8)
        ring.trim(before: 4)
        #expect(ring.first == 8)
    }

    @Test func aKeptPacketIsChangedAlone() {
        var ring = PacketRing()
        for number in 0..<3 { append(number, to: &ring) }
        ring.edit(1) { bytes, offset in bytes[offset + 20] = 0x99 }
        ring[1].time = 77
        #expect(ring.bytes[ring.offset(of: 1) + 20] == 0x99 && ring[1].time == 77)
        #expect(
            ring.bytes[ring.offset(of: 0) + 20] == 20 && ring.bytes[ring.offset(of: 2) + 20] == 22)
        #expect(ring[0].time == 0 && ring[2].time == 0 && holds(1, ring))
    }
}
