// The fixed header of an RTP packet, and what lies between it and the payload. RFC 3550 §5.1.
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//     |                           timestamp                           |
//     |           synchronization source (SSRC) identifier            |
//     |            contributing source (CSRC) identifiers             |
//
// It says nothing about what the payload is, and RTCP packets are not told apart here.

/// A checked view of an RTP packet's header. It holds no bytes: ranges are indices of the packet.
public struct RTPHeader: Sendable, Equatable {
    /// Why a datagram is no RTP packet.
    public enum Rejection: Error, Sendable, Equatable {
        /// Shorter than its header says.
        case tooShort
        /// The version is not 2.
        case version(UInt8)
        /// The padding count is 0 or reaches into the header.
        case padding
    }

    /// Length of the fixed header in bytes.
    public static let fixedLength = 12

    public let hasPadding: Bool
    public let hasExtension: Bool
    /// Number of contributing sources, 0...15.
    public let contributingSources: Int
    public let marker: Bool
    /// 0...127; 33 is MPEG-2 transport stream (RFC 3551).
    public let payloadType: UInt8
    public let sequenceNumber: RTPSequenceNumber
    /// In the payload type's clock: 90 kHz for payload type 33 (RFC 2250). Wraps at 2^32.
    public let timestamp: UInt32
    public let synchronizationSource: UInt32
    /// The "defined by profile" number of the header extension, where there is one.
    public let extensionProfile: UInt16?
    /// The header extension's data, empty where there is none.
    public let extensionRange: Range<Int>
    /// The payload, padding taken off. May be empty.
    public let payload: Range<Int>

    /// Reads the datagram `bytes`.
    public static func parse(_ bytes: Span<UInt8>) -> Result<RTPHeader, Rejection> {
        guard bytes.count >= fixedLength else { return .failure(.tooShort) }
        let version = bytes[0] >> 6
        guard version == 2 else { return .failure(.version(version)) }
        let sources = Int(bytes[0] & 15)
        let hasExtension = bytes[0] & 0x10 != 0
        let hasPadding = bytes[0] & 0x20 != 0
        var start = fixedLength + 4 * sources
        var profile: UInt16?
        var extensionRange = start..<start
        if hasExtension {
            // RFC 3550 §5.3.1: the length counts 32-bit words and not this word.
            guard bytes.count >= start + 4 else { return .failure(.tooShort) }
            profile = UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1])
            let words = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
            extensionRange = start + 4..<start + 4 + 4 * words
            start = extensionRange.upperBound
        }
        guard bytes.count >= start else { return .failure(.tooShort) }
        var end = bytes.count
        if hasPadding {
            let padding = Int(bytes[end - 1])
            guard padding > 0, end - padding >= start else { return .failure(.padding) }
            end -= padding
        }
        return .success(
            RTPHeader(
                hasPadding: hasPadding, hasExtension: hasExtension, contributingSources: sources,
                marker: bytes[1] & 0x80 != 0, payloadType: bytes[1] & 0x7F,
                sequenceNumber: RTPSequenceNumber(UInt16(bytes[2]) << 8 | UInt16(bytes[3])),
                timestamp: word(bytes, 4), synchronizationSource: word(bytes, 8),
                extensionProfile: profile, extensionRange: extensionRange, payload: start..<end))
    }

    private static func word(_ bytes: Span<UInt8>, _ at: Int) -> UInt32 {
        UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16
            | UInt32(bytes[at + 2]) << 8 | UInt32(bytes[at + 3])
    }
}

/// An RTP sequence number: 16 bits that wrap, so it can be followed and compared, not added.
public struct RTPSequenceNumber: Sendable, Hashable {
    public let value: UInt16

    @inlinable
    public init(_ value: UInt16) { self.value = value }

    @inlinable
    public var next: RTPSequenceNumber { RTPSequenceNumber(value &+ 1) }

    /// How far `self` is ahead of `other`, modulo 2^16: -32768...32767. A packet that is exactly
    /// half the circle away counts as behind.
    @inlinable
    public func distance(from other: RTPSequenceNumber) -> Int {
        Int(Int16(bitPattern: value &- other.value))
    }

    /// Whether `self` was sent after `other`, if they are less than half the circle apart.
    @inlinable
    public func isAfter(_ other: RTPSequenceNumber) -> Bool { distance(from: other) > 0 }
}
