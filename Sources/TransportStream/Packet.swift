// The 188-byte transport packet (13818-1 §2.4.3.2).
//
//   0        1                    2        3                4
//   | 0x47   | TEI PUSI prio PID  | PID    | TSC AFC CC     | adaptation field | payload |
//
// `PacketHeader` is parsed once, at the edge; afterwards nothing re-checks. What a damaged packet
// says of itself can not be believed: `isMalformed` then stands in the place of an error.

/// Sizes of packets and of the files that hold them.
public enum Packet {
    /// Bytes in a transport packet.
    public static let size = 188
    /// The first byte of each packet.
    public static let syncByte: UInt8 = 0x47
    /// The place in the packet that PCR and transport times are taken at: the byte with the last
    /// bit of program_clock_reference_base (13818-1 §2.4.2.2).
    public static let clockByteOffset = 10
}

/// The header and the adaptation field's fixed part of one packet, as values.
public struct PacketHeader: Sendable {
    public var pid: PID
    /// Where the payload begins in the packet, 4 ... 188; 188 where there is none.
    public var payloadOffset: UInt8
    /// The two header bytes that hold everything but the PID.
    @usableFromInline var flags: UInt8
    @usableFromInline var control: UInt8
    /// The adaptation field's flag byte; 0 where there is none.
    @usableFromInline var adaptationFlags: UInt8
    /// The sync byte is wrong, or the adaptation field does not fit.
    public var isMalformed: Bool
    /// The PCR, where the packet has one.
    public var clockReference: ClockReference?

    /// Reads `bytes[offset ..< offset + 188]`; nil when that is not inside `bytes`.
    @inlinable public init?(_ bytes: Span<UInt8>, at offset: Int = 0) {
        guard offset >= 0, offset <= bytes.count - Packet.size else { return nil }
        let high = bytes[offset + 1]
        flags = high
        pid = PID(UInt16(high) << 8 | UInt16(bytes[offset + 2]))
        control = bytes[offset + 3]
        adaptationFlags = 0
        clockReference = nil
        isMalformed = bytes[offset] != Packet.syncByte
        var start = 4
        if control & 0x20 != 0 {
            let length = Int(bytes[offset + 4])
            start = 5 + length
            // §2.4.3.5: 0 ... 182 with a payload behind it, 183 without. Streams with a shorter
            // field and no payload exist, what follows such a field is nothing; and so do streams
            // that announce a payload and leave no byte for it.
            if start > Packet.size {
                isMalformed = true
                start = Packet.size
            } else if length > 0 {
                adaptationFlags = bytes[offset + 5]
                if adaptationFlags & 0x10 != 0 && length >= 7 {
                    clockReference = PacketHeader.clock(bytes, at: offset + 6)
                }
            }
        }
        payloadOffset = UInt8(control & 0x10 != 0 ? start : Packet.size)
    }

    /// Whether the packet at `offset`, which must be inside `bytes`, is of the commonest sort:
    /// clear, without an error, payload only, not the first of a unit.
    @inlinable public static func isPlain(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
        bytes[offset] == Packet.syncByte && bytes[offset + 1] & 0xC0 == 0
            && bytes[offset + 3] & 0xF0 == 0x10
    }

    /// The PID of the packet at `offset`, which must be inside `bytes`.
    @inlinable public static func pid(_ bytes: Span<UInt8>, at offset: Int) -> PID {
        PID(UInt16(bytes[offset + 1]) << 8 | UInt16(bytes[offset + 2]))
    }

    @inlinable static func clock(_ bytes: Span<UInt8>, at p: Int) -> ClockReference {
        let base =
            Int64(bytes[p]) << 25 | Int64(bytes[p + 1]) << 17 | Int64(bytes[p + 2]) << 9
            | Int64(bytes[p + 3]) << 1 | Int64(bytes[p + 4]) >> 7
        let ext = Int64(bytes[p + 4] & 1) << 8 | Int64(bytes[p + 5])
        return ClockReference(wrapping: base * 300 + ext)
    }

    @inlinable public var transportError: Bool { flags & 0x80 != 0 }
    /// payload_unit_start_indicator.
    @inlinable public var startsUnit: Bool { flags & 0x40 != 0 }
    @inlinable public var isScrambled: Bool { control & 0xC0 != 0 }
    @inlinable public var hasAdaptationField: Bool { control & 0x20 != 0 }
    @inlinable public var hasPayload: Bool { control & 0x10 != 0 }
    @inlinable public var continuity: ContinuityCounter { ContinuityCounter(control) }
    @inlinable public var discontinuity: Bool { adaptationFlags & 0x80 != 0 }
    /// random_access_indicator; real streams leave it out or set it wrongly.
    @inlinable public var randomAccess: Bool { adaptationFlags & 0x40 != 0 }
    @inlinable public var hasSplicingPoint: Bool { adaptationFlags & 0x04 != 0 }
}

/// What the counter of one packet says after that of the packet before it on the same PID.
public enum ContinuityVerdict: Sendable {
    /// As it has to be.
    case continuous
    /// The same packet a second time, which §2.4.3.3 allows once; its bytes are the same but for
    /// the PCR.
    case duplicate
    /// Packets are missing, or a discontinuity was announced.
    case gap(announced: Bool)
}

/// Watches the continuity counter of one PID (13818-1 §2.4.3.3).
public struct ContinuityWatch: Sendable {
    @usableFromInline var last: ContinuityCounter?
    @usableFromInline var lastHadPayload = false
    @usableFromInline var lastStartedUnit = false
    @usableFromInline var lastPayloadOffset: UInt8 = 0
    @usableFromInline var duplicates: UInt8 = 0

    public init() {}

    /// Takes the commonest packet, a plain one (`PacketHeader.isPlain`), if its counter is the next
    /// one; changes nothing and returns false if it is not.
    @inlinable
    public mutating func advance(to counter: ContinuityCounter) -> Bool {
        guard let last, counter == last.next else { return false }
        self.last = counter
        lastHadPayload = true
        lastStartedUnit = false
        lastPayloadOffset = 4
        duplicates = 0
        return true
    }

    /// Judges the next packet of the PID. Packets without payload do not count.
    @inlinable
    public mutating func judge(_ header: PacketHeader) -> ContinuityVerdict {
        let counter = header.continuity
        defer {
            last = counter
            lastHadPayload = header.hasPayload
            lastStartedUnit = header.startsUnit
            lastPayloadOffset = header.payloadOffset
        }
        guard let last else { return .continuous }
        if header.discontinuity && counter != (header.hasPayload ? last.next : last) {
            duplicates = 0
            return .gap(announced: true)
        }
        guard header.hasPayload else {
            return counter == last ? .continuous : .gap(announced: false)
        }
        if counter == last.next {
            duplicates = 0
            return .continuous
        }
        // A packet that is made otherwise is no duplicate: fifteen between them are lost.
        if counter == last && lastHadPayload && duplicates == 0
            && header.startsUnit == lastStartedUnit && header.payloadOffset == lastPayloadOffset
        {
            duplicates = 1
            return .duplicate
        }
        duplicates = 0
        return .gap(announced: false)
    }
}
