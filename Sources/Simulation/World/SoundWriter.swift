// The bytes of synthetic audio frames: right headers, then a mark with the frame's first sample. A
// pure function of the encoder and the frame, as with pictures.

import TransportStream

struct SoundWriter: Sendable {
    /// Set in the identity that the frames of an encoder's second sound carry.
    static let secondMark: UInt8 = 0x80

    private let profile: EncoderProfile
    private let life: UInt8

    init(_ profile: EncoderProfile, life: UInt8) {
        self.profile = profile
        self.life = life
    }

    /// The frame whose first sample is `sample`.
    func bytes(ofSample sample: Int64) -> [UInt8] {
        let length = frameLength
        var bytes = profile.content.sound == .layerTwo ? layerTwo() : dataStream(length)
        let mark = ContentMark(life: life, content: sample)
        mark.append(to: &bytes)
        mark.appendFiller(length - bytes.count, to: &bytes)
        return bytes
    }

    /// Layer II at 32 kbit/s has 96 bytes, ADTS as many as the profile says.
    private var frameLength: Int {
        profile.content.sound == .layerTwo ? 96 : max(profile.soundBytes, 32)
    }

    /// 11172-3 §2.4.1.3: MPEG-1, layer II, 32 kbit/s, 48 kHz, single channel.
    private func layerTwo() -> [UInt8] { [0xFF, 0xFD, 0x14, 0xC0] }

    /// 14496-3 §1.A.2.2: AAC LC, two channels, no CRC, one block.
    private func dataStream(_ length: Int) -> [UInt8] {
        let rateIndex: UInt8 = profile.content.sound == .aac44 ? 4 : 3
        return [
            0xFF, 0xF1, 0x40 | rateIndex << 2, 0x80 | UInt8(length >> 11),
            UInt8(length >> 3 & 0xFF), UInt8(length & 7) << 5 | 0x1F, 0xFC,
        ]
    }

    /// Length of the frame that begins at `start`, by its own header; nil where there is none.
    static func length(_ bytes: [UInt8], at start: Int) -> Int? {
        guard start + 7 <= bytes.count, bytes[start] == 0xFF else { return nil }
        if bytes[start + 1] == 0xFD { return bytes[start + 2] == 0x14 ? 96 : nil }
        guard bytes[start + 1] == 0xF1 else { return nil }
        let length = Int(bytes[start + 3] & 3) << 11 | Int(bytes[start + 4]) << 3
            | Int(bytes[start + 5] >> 5)
        return length < 7 ? nil : length
    }
}
