// The bytes of synthetic pictures: syntactically right as far as a switcher or a checker reads,
// with marks and filler where the coefficients would be.
//
//   AUD  SPS  PPS  SEI  slice header | magic, encoder, content index | filler          (H.264)
//   sequence  group  picture  coding extension  slice 1 | the same                     (MPEG-2)
//
// The bytes are a pure function of the encoder and the picture, so a reader of the output makes
// them again and compares: that is law 9 to the bit.

import TransportStream

/// Writes bits, most significant first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var room = 0

    mutating func put(_ value: UInt64, _ count: Int) {
        for bit in (0..<count).reversed() {
            if room == 0 {
                bytes.append(0)
                room = 8
            }
            room -= 1
            if value >> UInt64(bit) & 1 == 1 { bytes[bytes.count - 1] |= 1 << UInt8(room) }
        }
    }

    /// Exponential Golomb code, 14496-10 §9.1.
    mutating func ue(_ value: UInt64) {
        let code = value + 1
        let length = 64 - code.leadingZeroBitCount
        put(0, length - 1)
        put(code, length)
    }

    /// Fills the last byte with ones (cabac_alignment_one_bit).
    mutating func alignWithOnes() { if room > 0 { put((1 << UInt64(room)) - 1, room) } }

    /// rbsp_trailing_bits.
    mutating func finish() {
        put(1, 1)
        if room > 0 { put(0, room) }
    }
}

/// What every picture and audio frame carries.
struct ContentMark: Sendable, Equatable {
    /// Identity of the encoder's life.
    var life: UInt8
    /// Content index of a picture, first sample of an audio frame.
    var content: Int64

    /// None of these bytes is part of a start code or a sync word.
    private static let magic: [UInt8] = [0xA5, 0x5C, 0xC3, 0x96]
    static let byteCount = 18

    /// Four bytes of magic, then nibbles.
    func append(to bytes: inout [UInt8]) {
        bytes += ContentMark.magic
        bytes.append(0x40 | life >> 4)
        bytes.append(0x40 | life & 15)
        for nibble in (0..<12).reversed() {
            bytes.append(0x40 | UInt8(content >> Int64(4 * nibble) & 15))
        }
    }

    /// The first whole mark in the bytes.
    static func find(in bytes: [UInt8], from start: Int, to end: Int) -> ContentMark? {
        var place = start
        while place + byteCount <= end {
            if bytes[place] == 0xA5, bytes[place + 1] == 0x5C, bytes[place + 2] == 0xC3,
                bytes[place + 3] == 0x96
            {
                return read(bytes, at: place + 4)
            }
            place += 1
        }
        return nil
    }

    private static func read(_ bytes: [UInt8], at start: Int) -> ContentMark? {
        var value: UInt64 = 0
        for place in start..<(start + 14) {
            guard bytes[place] & 0xF0 == 0x40 else { return nil }
            value = value << 4 | UInt64(bytes[place] & 15)
        }
        let content = Int64(value & 0xFFFF_FFFF_FFFF)
        // More is a mark that was damaged; its time could not be counted.
        guard content < 1 << 40 else { return nil }
        return ContentMark(life: UInt8(value >> 48 & 0xFF), content: content)
    }

    /// Appends bytes between 0x10 and 0x8F that differ from mark to mark.
    func appendFiller(_ count: Int, to bytes: inout [UInt8]) {
        guard count > 0 else { return }
        let hash = UInt64(bitPattern: content &+ Int64(life) &* 7_919) &* 0x9E37_79B9_7F4A_7C15
        let start = Int(hash >> 49) % (ContentMark.filler.count - count)
        bytes.append(contentsOf: ContentMark.filler[start..<(start + count)])
    }

    /// Enough for the largest picture at any of many places.
    private static let filler: [UInt8] = {
        var chance = SeededGenerator(seed: 1)
        return (0..<40_000).map { _ in 0x10 + UInt8(chance.next() >> 57) }
    }()
}

/// Makes the bytes of pictures.
struct PictureWriter: Sendable {
    private let profile: EncoderProfile
    private let life: UInt8
    private let sequence: [UInt8]
    private let parameters: [UInt8]

    init(_ profile: EncoderProfile, life: UInt8) {
        self.profile = profile
        self.life = life
        sequence = PictureWriter.sequenceParameters(profile)
        parameters = PictureWriter.pictureParameters()
    }

    /// - Parameter isBroken: with the standard's mark that what was before the picture is gone.
    func bytes(of picture: PlannedPicture, isBroken: Bool = false) -> [UInt8] {
        profile.content.picture == .mpeg2
            ? mpeg2(picture, isBroken: isBroken) : h264(picture, isBroken: isBroken)
    }

    private func size(of picture: PlannedPicture) -> Int {
        let full = switch picture.kind {
        case .intra: profile.sizes.intra
        case .predicted: profile.sizes.predicted
        case .bidirectional: profile.sizes.bidirectional
        }
        // No two pictures are of the same size.
        return full + Int(picture.index * 17 % 61)
    }

    // MARK: H.264

    private func h264(_ picture: PlannedPicture, isBroken: Bool) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, 0, 1, 0x09, picture.kind == .intra ? 0x10 : 0x50]
        if picture.isEntry { bytes += sequence + parameters }
        if picture.isOpenEntry {
            // Recovery point, §D.1.8: ue(0) = 1, exact_match 1, broken_link, slice group idc 00.
            var message = BitWriter()
            message.put(0b11, 2)
            message.put(isBroken ? 1 : 0, 1)
            message.put(0b00_100, 5)
            bytes += [0, 0, 1, 0x06, 6, UInt8(message.bytes.count)] + message.bytes + [0x80]
        }
        let isIDR = picture.isEntry && !picture.isOpenEntry
        var slice = BitWriter()
        slice.ue(0)
        slice.ue(picture.kind == .intra ? 7 : picture.kind == .predicted ? 5 : 6)
        slice.ue(0)
        slice.put(UInt64(picture.frameNumber & 255), 8)
        if isIDR { slice.ue(UInt64(picture.group & 1)) }
        // The count begins anew at each IDR picture; with open groups only the first one is.
        let isOpen = profile.isOpen && profile.depth > 0
        let order = 2 * (picture.index - (isOpen ? profile.firstIndex : groupStart(picture)))
        slice.put(UInt64(order & 255), 8)
        slice.alignWithOnes()
        bytes += [0, 0, 1, UInt8(picture.isReference ? 0x60 : 0) | (isIDR ? 5 : 1)]
        PictureWriter.appendProtected(slice.bytes, to: &bytes)
        // No byte of what follows asks for protection.
        let mark = ContentMark(life: life, content: picture.index)
        mark.append(to: &bytes)
        mark.appendFiller(size(of: picture), to: &bytes)
        bytes.append(0x80)
        return bytes
    }

    /// Emulation prevention, 14496-10 §7.4.1.
    private static func appendProtected(_ unit: [UInt8], to bytes: inout [UInt8]) {
        var zeros = 0
        for byte in unit {
            if zeros >= 2 && byte <= 3 {
                bytes.append(3)
                zeros = 0
            }
            bytes.append(byte)
            zeros = byte == 0 ? zeros + 1 : 0
        }
    }

    /// §7.3.2.1.1: Main profile, progressive, 320 x 192, order count of type 0, with timing.
    private static func sequenceParameters(_ profile: EncoderProfile) -> [UInt8] {
        var bits = BitWriter()
        bits.put(77, 8)
        bits.put(0x40, 8)
        bits.put(30, 8)
        bits.ue(0)
        bits.ue(4)  // 8 bits of frame_num
        bits.ue(0)
        bits.ue(4)  // 8 bits of order count
        bits.ue(4)
        bits.put(0, 1)
        bits.ue(19)
        bits.ue(11)
        bits.put(0b11, 2)  // frames only, direct 8x8
        bits.put(0, 1)
        bits.put(1, 1)
        bits.put(0b0000, 4)
        bits.put(1, 1)
        bits.put(UInt64(profile.content.frameTicks / 2), 32)
        bits.put(27_000_000, 32)
        bits.put(1, 1)
        bits.put(0b0000, 4)
        bits.finish()
        var bytes: [UInt8] = [0, 0, 0, 1, 0x67]
        appendProtected(bits.bytes, to: &bytes)
        return bytes
    }

    private static func pictureParameters() -> [UInt8] {
        var bits = BitWriter()
        bits.ue(0)
        bits.ue(0)
        bits.put(0b00, 2)
        bits.ue(0)
        bits.ue(1)
        bits.ue(0)
        bits.put(0, 3)
        bits.ue(0)
        bits.ue(0)
        bits.ue(0)
        bits.put(0b100, 3)
        bits.finish()
        var bytes: [UInt8] = [0, 0, 0, 1, 0x68]
        appendProtected(bits.bytes, to: &bytes)
        return bytes
    }

    // MARK: MPEG-2

    /// 13818-2 §6.2.2: 320 x 192, progressive.
    private func mpeg2(_ picture: PlannedPicture, isBroken: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if picture.isEntry {
            bytes += [0, 0, 1, 0xB3, 0x14, 0x00, 0xC0, 0x20 | rateCode, 0x01, 0x77, 0x23, 0x80]
            bytes += [0, 0, 1, 0xB5, 0x14, 0x8A, 0x00, 0x01, 0x00, 0x00]
            let flags: UInt8 = (picture.isOpenEntry ? 0 : 0x40) | (isBroken ? 0x20 : 0)
            bytes += [0, 0, 1, 0xB8, 0x00, 0x08, 0x00, flags]
        }
        let firstShown = picture.group == 0 ? 0 : profile.isOpen ? profile.depth : 0
        let inGroup = picture.index - groupStart(picture) + Int64(firstShown)
        var header = BitWriter()
        header.put(UInt64(inGroup & 1023), 10)
        header.put(picture.kind == .intra ? 1 : picture.kind == .predicted ? 2 : 3, 3)
        header.put(0xFFFF, 16)
        if picture.kind != .intra { header.put(0b0111, 4) }
        if picture.kind == .bidirectional { header.put(0b0111, 4) }
        header.put(0, 1)
        bytes += [0, 0, 1, 0x00] + header.bytes
        bytes += [0, 0, 1, 0xB5, 0x8F, 0xFF, 0xF3, 0x41, 0x80]
        bytes += [0, 0, 1, 0x01, 0x22]
        let mark = ContentMark(life: life, content: picture.index)
        mark.append(to: &bytes)
        mark.appendFiller(size(of: picture), to: &bytes)
        return bytes
    }

    private func groupStart(_ picture: PlannedPicture) -> Int64 {
        let depth = profile.isOpen ? profile.depth : 0
        let length = depth > 0
            ? max(1, profile.groupLength / (depth + 1)) * (depth + 1) : profile.groupLength
        return profile.firstIndex + picture.group * Int64(length)
    }

    private var rateCode: UInt8 {
        switch profile.content.frameTicks {
        case 1_080_000: 3
        case 900_900: 4
        case 540_000: 6
        default: 7
        }
    }
}
