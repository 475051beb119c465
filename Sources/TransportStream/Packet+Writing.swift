// Writing into packets. Every call takes a buffer and the offset of a packet inside it; offsets are
// the caller's own numbers, so a wrong one is a mistake of ours and traps.

public enum PacketWriter {
    @inlinable public static func setPID(
        _ pid: PID, in bytes: inout MutableSpan<UInt8>, at offset: Int
    ) {
        bytes[offset + 1] = bytes[offset + 1] & 0xE0 | UInt8(truncatingIfNeeded: pid.rawValue >> 8)
        bytes[offset + 2] = UInt8(truncatingIfNeeded: pid.rawValue)
    }

    @inlinable public static func setContinuity(
        _ counter: ContinuityCounter, in bytes: inout MutableSpan<UInt8>, at offset: Int
    ) {
        bytes[offset + 3] = bytes[offset + 3] & 0xF0 | counter.rawValue
    }

    /// Writes the PCR of a packet that has one.
    @inlinable public static func setClock(
        _ clock: ClockReference, in bytes: inout MutableSpan<UInt8>, at offset: Int
    ) {
        let base = clock.ticks / 300
        let ext = clock.ticks % 300
        bytes[offset + 6] = UInt8(truncatingIfNeeded: base >> 25)
        bytes[offset + 7] = UInt8(truncatingIfNeeded: base >> 17)
        bytes[offset + 8] = UInt8(truncatingIfNeeded: base >> 9)
        bytes[offset + 9] = UInt8(truncatingIfNeeded: base >> 1)
        bytes[offset + 10] = UInt8(truncatingIfNeeded: base << 7) | 0x7E | UInt8(ext >> 8)
        bytes[offset + 11] = UInt8(truncatingIfNeeded: ext)
    }

    /// Takes the PCR out of an adaptation field that has one: what follows it moves up, stuffing
    /// fills the end, the payload stays where it is.
    public static func removeClock(in bytes: inout MutableSpan<UInt8>, at offset: Int) {
        let end = min(offset + 5 + Int(bytes[offset + 4]), offset + Packet.size)
        guard end >= offset + 12 else { return }
        bytes[offset + 5] &= ~0x10
        var to = offset + 6
        for from in (offset + 12)..<max(end, offset + 12) {
            bytes[to] = bytes[from]
            to += 1
        }
        while to < end {
            bytes[to] = 0xFF
            to += 1
        }
    }

    /// A whole packet of adaptation field with nothing but a PCR. The counter is the last one sent
    /// on the PID: it does not count packets without payload (§2.4.3.3).
    public static func writeClockPacket(
        pid: PID, continuity: ContinuityCounter, clock: ClockReference,
        in bytes: inout MutableSpan<UInt8>, at offset: Int
    ) {
        for index in offset..<(offset + Packet.size) { bytes[index] = 0xFF }
        bytes[offset] = Packet.syncByte
        bytes[offset + 1] = 0
        bytes[offset + 2] = 0
        bytes[offset + 3] = 0x20 | continuity.rawValue
        bytes[offset + 4] = 183
        bytes[offset + 5] = 0x10
        setPID(pid, in: &bytes, at: offset)
        setClock(clock, in: &bytes, at: offset)
    }

    /// A null packet (§2.4.3.3).
    public static func writeNull(in bytes: inout MutableSpan<UInt8>, at offset: Int) {
        for index in offset..<(offset + Packet.size) { bytes[index] = 0xFF }
        bytes[offset] = Packet.syncByte
        bytes[offset + 1] = 0x1F
        bytes[offset + 2] = 0xFF
        bytes[offset + 3] = 0x10
    }

    /// Header and, where `payloadCount` < 184, adaptation field stuffing. The payload belongs at
    /// the returned offset.
    /// - Parameter payloadCount: 1 ... 184 bytes.
    /// - Parameter randomAccess: sets random_access_indicator; needs payloadCount <= 182.
    /// - Parameter clock: the PCR; needs payloadCount <= 176.
    /// - Parameter isBroken: sets discontinuity_indicator; needs payloadCount <= 182.
    public static func writeHeader(
        pid: PID, continuity: ContinuityCounter, startsUnit: Bool, randomAccess: Bool = false,
        clock: ClockReference? = nil, isBroken: Bool = false, payloadCount: Int,
        in bytes: inout MutableSpan<UInt8>, at offset: Int
    ) -> Int {
        precondition(payloadCount >= 1 && payloadCount <= (clock == nil ? 184 : 176))
        let stuffing = 184 - payloadCount
        bytes[offset] = Packet.syncByte
        bytes[offset + 1] = startsUnit ? 0x40 : 0
        bytes[offset + 2] = 0
        setPID(pid, in: &bytes, at: offset)
        bytes[offset + 3] = (stuffing > 0 ? 0x30 : 0x10) | continuity.rawValue
        if stuffing > 0 {
            bytes[offset + 4] = UInt8(stuffing - 1)
            if stuffing > 1 {
                bytes[offset + 5] = (isBroken ? 0x80 : 0) | (randomAccess ? 0x40 : 0)
                    | (clock != nil ? 0x10 : 0)
                for index in (offset + 6)..<max(offset + 4 + stuffing, offset + 6) {
                    bytes[index] = 0xFF
                }
                if let clock { setClock(clock, in: &bytes, at: offset) }
            }
        }
        return offset + 4 + stuffing
    }
}
