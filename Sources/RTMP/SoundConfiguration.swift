// AudioSpecificConfig (14496-3 §1.6.2.1) into the ADTS header that goes before each AAC frame
// (§1.A.2.2).

struct SoundConfiguration: Equatable {
    /// The profile of the core: SBR and PS are in the frames and found there.
    private let objectType: UInt8
    private let rateIndex: UInt8
    /// 1 ... 7.
    private let channels: UInt8

    static let headerBytes = 7
    /// A frame's length has 13 bits, its header included.
    static let longestFrame = 0x1FFF - headerBytes
    static let samples: Int64 = 1024

    var sampleRate: Int64 { SoundConfiguration.rates[Int(rateIndex)] }

    /// Why a configuration can not be used.
    enum Lack: Error, Equatable {
        case broken
        case unsupported(String)
    }

    /// The configuration behind the tag's head.
    static func read(_ bytes: [UInt8], from start: Int) -> Result<SoundConfiguration, Lack> {
        var bits = ConfigurationBits(bytes, from: start)
        guard let type = bits.objectType(), let rate = bits.rateIndex(), let channels = bits.take(4)
        else { return .failure(.broken) }
        var core = type
        if type == 5 || type == 29 {
            // SBR, PS: the rate above is the core's, the output's follows.
            guard bits.rateIndex() != nil, let below = bits.objectType() else {
                return .failure(.broken)
            }
            core = below
        }
        guard (1...4).contains(core) else {
            return .failure(.unsupported("AAC object type \(core)"))
        }
        // frameLengthFlag: 960 samples, which ADTS can not say.
        guard bits.take(1) == 0 else { return .failure(.unsupported("AAC with short frames")) }
        guard (1...7).contains(channels) else {
            return .failure(.unsupported("AAC with a channel configuration of its own"))
        }
        return .success(
            SoundConfiguration(
                objectType: UInt8(core), rateIndex: UInt8(rate), channels: UInt8(channels)))
    }

    /// The header of a frame of at most `longestFrame` bytes.
    func header(frameBytes: Int) -> [UInt8] {
        let length = UInt16(clamping: frameBytes + SoundConfiguration.headerBytes)
        return [
            0xFF, 0xF1,
            (objectType - 1) << 6 | rateIndex << 2 | channels >> 2,
            channels << 6 | UInt8(truncatingIfNeeded: length >> 11 & 3),
            UInt8(truncatingIfNeeded: length >> 3),
            // adts_buffer_fullness: all ones, a variable rate.
            UInt8(truncatingIfNeeded: length << 5) | 0x1F,
            0xFC,
        ]
    }

    /// 14496-3 table 1.18, hertz.
    static let rates: [Int64] = [
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
    ]
}

/// The bits of an AudioSpecificConfig.
private struct ConfigurationBits {
    private let bytes: [UInt8]
    private var bit: Int

    init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        bit = max(start, 0) * 8
    }

    mutating func take(_ count: Int) -> Int? {
        guard bytes.count * 8 - bit >= count else { return nil }
        var value = 0
        for _ in 0..<count {
            value = value << 1 | Int(bytes[bit >> 3] >> UInt8(7 - bit & 7) & 1)
            bit += 1
        }
        return value
    }

    mutating func objectType() -> Int? {
        guard let type = take(5) else { return nil }
        return type == 31 ? take(6).map { $0 + 32 } : type
    }

    /// Nil also for a rate that the table does not have.
    mutating func rateIndex() -> Int? {
        guard let index = take(4) else { return nil }
        guard index == 15 else {
            return index < SoundConfiguration.rates.count ? index : nil
        }
        return take(24).flatMap { rate in
            SoundConfiguration.rates.firstIndex(of: Int64(rate))
        }
    }
}
