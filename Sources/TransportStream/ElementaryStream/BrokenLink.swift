// The standards' own marks that the pictures before a RAP are gone.
//
// They change bits in place and never a size: HEVC gives the RAP another NAL unit type, MPEG-2 and
// H.264 have a flag. An encoder that spliced would write the same; a decoder that finds them throws
// away the leading pictures instead of showing them with holes. Where nothing has to be said (IDR,
// closed GOP) nothing is changed. 23008-2 §7.4.2.2, 13818-2 §6.3.8, 14496-10 §D.2.8.

/// Writes into a RAP that what stood before it is gone.
public enum BrokenLink {
    /// Which leading pictures of the RAP still follow it.
    public enum LeadingPictures: Sendable {
        /// Those that can not be decoded too (HEVC RASL): BLA_W_LP.
        case all
        /// Only those that can be decoded from the RAP on (HEVC RADL): BLA_W_RADL.
        case decodable
        /// None: BLA_N_LP.
        case none
    }

    /// Marks the access unit that fills `bytes` (from its first start code on). The size never
    /// changes; emulation prevention stays valid: where it could not, nothing is changed.
    /// Returns how many bytes changed, 0 when the mark was there or there is nothing to mark.
    public static func mark(
        _ codec: Codec, accessUnit bytes: inout MutableSpan<UInt8>, leading: LeadingPictures
    ) -> Int {
        switch codec {
        case .hevc: markHEVC(&bytes, leading)
        case .h264: markH264(&bytes)
        case .mpeg2Video: markMPEG2(&bytes)
        default: 0
        }
    }

    /// Index behind the next start code prefix at or after `start`.
    private static func nextUnit(_ bytes: borrowing MutableSpan<UInt8>, from start: Int) -> Int? {
        var index = start
        while index + 2 < bytes.count {
            if bytes[index + 2] > 1 {
                index += 3
            } else if bytes[index] == 0, bytes[index + 1] == 0, bytes[index + 2] == 1 {
                return index + 3
            } else {
                index += 1
            }
        }
        return nil
    }

    // MARK: - HEVC

    /// CRA_NUT 21 in nal_unit_type; all slices of the picture carry it.
    private static func markHEVC(
        _ bytes: inout MutableSpan<UInt8>, _ leading: LeadingPictures
    ) -> Int {
        let type: UInt8 =
            switch leading {
            case .all: 16
            case .decodable: 17
            case .none: 18
            }
        var changed = 0
        var start = 0
        while let unit = nextUnit(bytes, from: start), unit + 1 < bytes.count {
            start = unit
            let header = bytes[unit]
            guard header & 0x81 == 0, bytes[unit + 1] >> 3 == 0, header >> 1 == 21 else { continue }
            // Neither value is near an emulated start code: the byte is 0x20, 0x22 or 0x24.
            bytes[unit] = type << 1
            changed += 1
        }
        return changed
    }

    // MARK: - MPEG-2

    /// broken_link is bit 0x20 of the fourth byte of the GOP header. With closed_gop the B pictures
    /// do not need what is gone, so nothing is broken.
    private static func markMPEG2(_ bytes: inout MutableSpan<UInt8>) -> Int {
        var start = 0
        while let unit = nextUnit(bytes, from: start), unit < bytes.count {
            start = unit
            // The picture begins: a GOP header would have come before it.
            if bytes[unit] == 0 { return 0 }
            guard bytes[unit] == 0xB8 else { continue }
            guard unit + 4 < bytes.count, bytes[unit + 4] & 0x60 == 0 else { return 0 }
            bytes[unit + 4] |= 0x20
            return 1
        }
        return 0
    }

    // MARK: - H.264

    /// broken_link_flag of the recovery point SEI message, §D.1.8:
    /// recovery_frame_cnt ue(v), exact_match_flag, broken_link_flag, changing_slice_group_idc u(2).
    private static func markH264(_ bytes: inout MutableSpan<UInt8>) -> Int {
        var start = 0
        while let unit = nextUnit(bytes, from: start), unit < bytes.count {
            start = unit
            let type = bytes[unit] & 31
            if (1...5).contains(type) { return 0 }
            guard type == 6, let place = brokenLinkBit(bytes, from: unit + 1) else { continue }
            guard bytes[place.index] & place.mask == 0,
                mayChange(bytes, at: place.index, to: bytes[place.index] | place.mask)
            else { return 0 }
            bytes[place.index] |= place.mask
            return 1
        }
        return 0
    }

    /// Reads an SEI NAL unit in place, passing over emulation prevention bytes.
    private struct Cursor {
        var index: Int
        var zeros = 0

        /// Index of the next byte of the RBSP; nil at the end of the NAL unit.
        mutating func next(_ bytes: borrowing MutableSpan<UInt8>) -> Int? {
            guard index < bytes.count else { return nil }
            if zeros >= 2, bytes[index] <= 3 {
                guard bytes[index] == 3, index + 1 < bytes.count else { return nil }
                index += 1
                zeros = 0
            }
            zeros = bytes[index] == 0 ? zeros + 1 : 0
            defer { index += 1 }
            return index
        }

        /// payloadType or payloadSize, §7.3.2.3.1.
        mutating func number(_ bytes: borrowing MutableSpan<UInt8>) -> Int? {
            var value = 0
            while let place = next(bytes) {
                value += Int(bytes[place])
                if bytes[place] != 0xFF { return value }
            }
            return nil
        }
    }

    private static func brokenLinkBit(
        _ bytes: borrowing MutableSpan<UInt8>, from start: Int
    ) -> (index: Int, mask: UInt8)? {
        var cursor = Cursor(index: start)
        while let type = cursor.number(bytes), let size = cursor.number(bytes) {
            guard type == SEIMessages.recoveryPoint else {
                for _ in 0..<size {
                    if cursor.next(bytes) == nil { return nil }
                }
                continue
            }
            // Leading zeros of the exponential Golomb code tell where the flags stand.
            var zeros = 0
            var place = cursor.next(bytes)
            var bit = 0
            while let index = place, bytes[index] & (0x80 >> UInt8(bit & 7)) == 0, zeros < 32 {
                zeros += 1
                bit += 1
                if bit & 7 == 0 { place = cursor.next(bytes) }
            }
            let target = bit + zeros + 2
            // The bit must be inside the message.
            guard target < size * 8 else { return nil }
            for _ in bit / 8..<target / 8 { place = cursor.next(bytes) }
            guard let index = place else { return nil }
            return (index, 0x80 >> UInt8(target & 7))
        }
        return nil
    }

    /// §7.4.1: whether a byte that is not to become zero may take this value: no start code or
    /// forbidden pattern may appear, and emulation prevention bytes must stay what they are.
    private static func mayChange(
        _ bytes: borrowing MutableSpan<UInt8>, at index: Int, to value: UInt8
    ) -> Bool {
        func isZero(_ place: Int) -> Bool {
            place >= 0 && place < bytes.count && bytes[place] == 0
        }
        func isThree(_ place: Int) -> Bool { place < bytes.count && bytes[place] == 3 }
        // After two zeros, or after an emulation prevention byte.
        if isZero(index - 1), isZero(index - 2), value <= 3 { return false }
        if index >= 3, isThree(index - 1), isZero(index - 2), isZero(index - 3), value > 3 {
            return false
        }
        // A zero that an emulation prevention byte behind it counts on.
        guard bytes[index] == 0 else { return true }
        if isZero(index + 1), isThree(index + 2) { return false }
        return !(isZero(index - 1) && isThree(index + 1))
    }
}
