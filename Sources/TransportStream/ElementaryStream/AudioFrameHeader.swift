// The frame headers of the audio codecs that begin a frame with a sync word and tell its length:
// ADTS, MPEG audio, AC-3 and E-AC-3. LOAS and Opus are in files of their own.

/// What an audio frame's header says.
struct AudioFrameHeader: Sendable, Equatable {
    /// Bytes of the frame, header included.
    var length: Int
    var samples: Int32
    var sampleRate: Int32
    /// See `AccessUnitMark.format`; 0 when the frame does not say.
    var format: UInt32
    /// What two frames of one stream have in common; a second header that differs is not believed.
    var signature: UInt32
    /// The frame belongs to the access unit before it (E-AC-3 substreams).
    var continuesUnit = false
    /// The length of the access unit is known only when the next one begins (E-AC-3).
    var mayBeContinued = false
    /// LOAS: the configuration is the one sent before.
    var inherits = false
}

/// What a parser says of the bytes at a place where a frame may begin.
enum AudioFrameReading {
    /// Not a frame.
    case wrong
    /// This many bytes are needed to tell.
    case more(Int)
    case frame(AudioFrameHeader)
}

/// A few bytes at which a frame may begin, for the parsers: reading never leaves them.
struct HeaderBytes {
    let bytes: [UInt8]
    let start: Int
    /// How many bytes are there.
    let count: Int

    /// Byte `index`; only asked for below `count`.
    subscript(index: Int) -> UInt8 {
        index >= 0 && index < count ? bytes[start + index] : 0
    }
}

extension AudioFrameHeader {
    /// 14496-3 §1.A.2.2, 13818-7 §6.2. Length 7...8191.
    static func readADTS(_ b: HeaderBytes) -> AudioFrameReading {
        if b.count >= 1, b[0] != 0xFF { return .wrong }
        if b.count >= 2, b[1] & 0xF6 != 0xF0 { return .wrong }
        guard b.count >= 7 else { return .more(7) }
        let rateIndex = Int(b[2] >> 2 & 15)
        let length = Int(b[3] & 3) << 11 | Int(b[4]) << 3 | Int(b[5] >> 5)
        let headerLength = b[1] & 1 == 1 ? 7 : 9
        guard rateIndex < AudioSpecificConfig.sampleRates.count, length >= headerLength else {
            return .wrong
        }
        let profile = UInt32(b[2] >> 6)
        let channels = UInt32(b[2] & 1) << 2 | UInt32(b[3] >> 6)
        let blocks = Int32(b[6] & 3) + 1
        let rate = AudioSpecificConfig.sampleRates[rateIndex]
        var hash = FormatHash(.aacADTS)
        hash.add(profile << 16 | channels)
        hash.add(UInt32(rate))
        return .frame(
            AudioFrameHeader(
                length: length, samples: 1024 * blocks, sampleRate: rate, format: hash.value,
                signature: UInt32(b[1] & 8) << 16 | UInt32(rateIndex) << 8 | profile))
    }

    /// 11172-3 §2.4.1.3, 13818-3 §2.4.1.3, and the 2.5 extension. Free format has no length and
    /// is not taken.
    static func readMPEGAudio(_ b: HeaderBytes) -> AudioFrameReading {
        if b.count >= 1, b[0] != 0xFF { return .wrong }
        if b.count >= 2, b[1] & 0xE0 != 0xE0 { return .wrong }
        guard b.count >= 4 else { return .more(4) }
        let version = b[1] >> 3 & 3  // 0: 2.5, 2: MPEG-2 LSF, 3: MPEG-1
        let layer = 4 - Int(b[1] >> 1 & 3)
        let rateIndex = Int(b[2] >> 2 & 3)
        let bitRateIndex = Int(b[2] >> 4)
        guard version != 1, layer <= 3, rateIndex < 3, bitRateIndex != 0, bitRateIndex != 15,
            b[3] & 3 != 2
        else { return .wrong }
        let isLowRate = version != 3
        let rate = mpegSampleRates[rateIndex] >> (version == 0 ? 2 : isLowRate ? 1 : 0)
        let table = isLowRate ? (layer == 1 ? 3 : 4) : layer - 1
        let bitRate = Int(mpegBitRates[table][bitRateIndex]) * 1000
        let padding = Int(b[2] >> 1 & 1)
        var samples: Int32 = 1152
        var length = 144 * bitRate / Int(rate) + padding
        if layer == 1 {
            samples = 384
            length = (12 * bitRate / Int(rate) + padding) * 4
        } else if layer == 3, isLowRate {
            samples = 576
            length = 72 * bitRate / Int(rate) + padding
        }
        guard length > 4 else { return .wrong }
        let isMono = b[3] >> 6 == 3
        var hash = FormatHash(.mpegAudio)
        hash.add(UInt32(rate) << 8 | UInt32(layer) << 4 | (isMono ? 1 : 0))
        return .frame(
            AudioFrameHeader(
                length: length, samples: samples, sampleRate: rate, format: hash.value,
                signature: UInt32(version) << 16 | UInt32(layer) << 8 | UInt32(rateIndex)))
    }

    /// TS 102 366 §4.3 and §4.4 (AC-3), §E.1.2 and §E.1.3 (E-AC-3): bsid tells which.
    /// `isEnhanced`: the stream is announced as E-AC-3, dependent frames may follow an AC-3 frame.
    static func readAC3(_ b: HeaderBytes, isEnhanced: Bool) -> AudioFrameReading {
        if b.count >= 1, b[0] != 0x0B { return .wrong }
        if b.count >= 2, b[1] != 0x77 { return .wrong }
        guard b.count >= 7 else { return .more(7) }
        let streamID = b[5] >> 3
        guard streamID <= 16 else { return .wrong }
        return streamID <= 10 ? plainAC3(b, streamID, isEnhanced) : enhancedAC3(b)
    }

    private static func plainAC3(
        _ b: HeaderBytes, _ streamID: UInt8, _ isEnhanced: Bool
    ) -> AudioFrameReading {
        let rateCode = Int(b[4] >> 6)
        let sizeCode = Int(b[4] & 63)
        guard rateCode < 3, sizeCode >> 1 < ac3BitRates.count else { return .wrong }
        let bitRate = Int(ac3BitRates[sizeCode >> 1])
        // Table 4.13, in 16-bit words
        let words =
            switch rateCode {
            case 0: bitRate * 2
            case 1: bitRate * 320 / 147 + sizeCode & 1
            default: bitRate * 3
            }
        // bsid 9 and 10 (half and quarter rate) are not in the standard but in old streams.
        let rate = ac3SampleRates[rateCode] >> Int32(streamID > 8 ? streamID - 8 : 0)
        var hash = FormatHash(.ac3)
        hash.add(UInt32(rate) << 8 | UInt32(b[6] >> 5))
        return .frame(
            AudioFrameHeader(
                length: words * 2, samples: 1536, sampleRate: rate, format: hash.value,
                signature: UInt32(rateCode), mayBeContinued: isEnhanced))
    }

    private static func enhancedAC3(_ b: HeaderBytes) -> AudioFrameReading {
        let streamType = b[2] >> 6
        let substream = b[2] >> 3 & 7
        let length = (Int(b[2] & 7) << 8 | Int(b[3])) * 2 + 2
        guard streamType < 3, length >= 8 else { return .wrong }
        let rateCode = Int(b[4] >> 6)
        var rate: Int32
        var blocks: Int32 = 6
        if rateCode == 3 {
            let halfCode = Int(b[4] >> 4 & 3)
            guard halfCode < 3 else { return .wrong }
            rate = ac3SampleRates[halfCode] / 2
        } else {
            rate = ac3SampleRates[rateCode]
            blocks = [1, 2, 3, 6][Int(b[4] >> 4 & 3)]
        }
        var hash = FormatHash(.eac3)
        hash.add(UInt32(rate) << 8 | UInt32(b[4] & 15))
        return .frame(
            AudioFrameHeader(
                length: length, samples: blocks * 256, sampleRate: rate, format: hash.value,
                signature: UInt32(rateCode), continuesUnit: streamType == 1 || substream != 0,
                mayBeContinued: true))
    }
}

/// 11172-3 §2.4.2.3, hertz; halved in MPEG-2 LSF, quartered in 2.5.
private let mpegSampleRates: [Int32] = [44100, 48000, 32000]

/// TS 102 366 table 4.1, hertz.
private let ac3SampleRates: [Int32] = [48000, 44100, 32000]

/// TS 102 366 table 4.13, kbit/s.
private let ac3BitRates: [Int32] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
]

/// 11172-3 §2.4.2.3, 13818-3 §2.4.2.3, kbit/s: layers I, II, III, then LSF layer I, then II and
/// III.
private let mpegBitRates: [[Int32]] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
]
