// The header of a PES packet (13818-1 §2.4.3.6).
//
//   00 00 01 | stream_id | length (2) | flags (2) | header_data_length | PTS, DTS, … | payload
//
// Reads headers where they lie and rewrites PTS and DTS in place. It does not collect payloads.

/// A PES packet header as values.
public struct PESHeader: Sendable {
    public var streamID: UInt8
    /// PES_packet_length: bytes behind the field; 0 means "until the next one begins", which is
    /// allowed for video only but seen elsewhere.
    public var packetLength: Int
    /// Bytes from the packet_start_code_prefix to the first payload byte, 6 ... 264.
    public var headerLength: Int
    public var presentation: Timestamp?
    public var decoding: Timestamp?
    /// PES_scrambling_control is not 0: the payload can not be read.
    public var isScrambled: Bool
    public var dataAlignment: Bool

    public enum Reading: Sendable {
        case header(PESHeader)
        /// It begins as a PES header and goes on beyond `end`.
        case incomplete
        case notPES
    }

    /// Reads the header that begins at `bytes[start]`, looking no further than `end`.
    public static func read(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Reading {
        guard start >= 0, end <= bytes.count else { return .notPES }
        let count = end - start
        guard count >= 3 else { return .incomplete }
        guard bytes[start] == 0, bytes[start + 1] == 0, bytes[start + 2] == 1 else {
            return .notPES
        }
        guard count >= 6 else { return .incomplete }
        let id = bytes[start + 3]
        guard id >= 0xBC else { return .notPES }
        let length = Int(bytes[start + 4]) << 8 | Int(bytes[start + 5])
        var header = PESHeader(
            streamID: id, packetLength: length, headerLength: 6, presentation: nil, decoding: nil,
            isScrambled: false, dataAlignment: false)
        guard hasOptionalHeader(streamID: id) else { return .header(header) }
        guard count >= 9 else { return .incomplete }
        // '10' marks the 13818-1 header; 11172-1 packets in a transport stream do not exist.
        guard bytes[start + 6] & 0xC0 == 0x80 else { return .notPES }
        header.headerLength = 9 + Int(bytes[start + 8])
        header.isScrambled = bytes[start + 6] & 0x30 != 0
        header.dataAlignment = bytes[start + 6] & 0x04 != 0
        guard count >= header.headerLength else { return .incomplete }
        let flags = bytes[start + 7] >> 6
        if flags & 0b10 != 0, header.headerLength >= 14 {
            header.presentation = timestamp(bytes, at: start + 9)
            if flags == 0b11, header.headerLength >= 19 {
                header.decoding = timestamp(bytes, at: start + 14)
            }
        }
        return .header(header)
    }

    /// Payload bytes in the packet when PES_packet_length tells it, else nil.
    public var payloadLength: Int? {
        packetLength == 0 ? nil : max(0, packetLength + 6 - headerLength)
    }

    /// §2.4.3.6: these stream_ids are followed by bytes only.
    public static func hasOptionalHeader(streamID id: UInt8) -> Bool {
        switch id {
        case 0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF: false
        default: true
        }
    }

    /// Reads the 33 bits of a PTS or DTS field; marker bits are not judged here.
    static func timestamp(_ bytes: Span<UInt8>, at p: Int) -> Timestamp {
        Timestamp(
            wrapping: Int64(bytes[p] & 0x0E) << 29 | Int64(bytes[p + 1]) << 22
                | Int64(bytes[p + 2] & 0xFE) << 14 | Int64(bytes[p + 3]) << 7
                | Int64(bytes[p + 4]) >> 1)
    }

    /// Writes the 33 bits of a PTS or DTS field; the four prefix bits stay.
    public static func write(
        _ stamp: Timestamp, in bytes: inout MutableSpan<UInt8>, at p: Int
    ) {
        let t = stamp.ticks
        bytes[p] = bytes[p] & 0xF0 | UInt8(truncatingIfNeeded: t >> 29) & 0x0E | 1
        bytes[p + 1] = UInt8(truncatingIfNeeded: t >> 22)
        bytes[p + 2] = UInt8(truncatingIfNeeded: t >> 14) | 1
        bytes[p + 3] = UInt8(truncatingIfNeeded: t >> 7)
        bytes[p + 4] = UInt8(truncatingIfNeeded: t << 1) | 1
    }

    /// Moves PTS and DTS of the complete header at `bytes[start]` by `ticks` of 90 kHz, modulo
    /// 2^33.
    public static func shift(
        by ticks: Int64, in bytes: inout MutableSpan<UInt8>, at start: Int, header: PESHeader
    ) {
        if let stamp = header.presentation {
            write(Timestamp(wrapping: stamp.ticks &+ ticks), in: &bytes, at: start + 9)
        }
        if let stamp = header.decoding {
            write(Timestamp(wrapping: stamp.ticks &+ ticks), in: &bytes, at: start + 14)
        }
    }

    /// A header with PTS, and DTS where it differs, as bytes.
    /// - Parameter payloadLength: bytes behind the header; nil writes PES_packet_length 0.
    public static func bytes(
        streamID: UInt8, presentation: Timestamp?, decoding: Timestamp?, payloadLength: Int?,
        dataAlignment: Bool
    ) -> [UInt8] {
        let withDecoding = decoding != nil && decoding != presentation && presentation != nil
        let stamps = presentation == nil ? 0 : withDecoding ? 10 : 5
        let length = (payloadLength ?? 0) + 3 + stamps
        let told = payloadLength == nil || length > 0xFFFF ? 0 : length
        var result: [UInt8] = [
            0, 0, 1, streamID, UInt8(told >> 8), UInt8(told & 0xFF),
            0x80 | (dataAlignment ? 0x04 : 0),
            presentation == nil ? 0 : withDecoding ? 0xC0 : 0x80, UInt8(stamps),
        ]
        result += [UInt8](repeating: 0, count: stamps)
        var span = result.mutableSpan
        if let presentation {
            span[9] = withDecoding ? 0x30 : 0x20
            write(presentation, in: &span, at: 9)
        }
        if withDecoding, let decoding {
            span[14] = 0x10
            write(decoding, in: &span, at: 14)
        }
        return result
    }
}
