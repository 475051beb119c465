// AudioSpecificConfig into the ADTS header that goes before each AAC frame (14496-3 §1.A.2.2).

import TransportStream

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

    var sampleRate: Int64 { Int64(AudioSpecificConfig.sampleRates[Int(rateIndex)]) }

    /// Why a configuration can not be used.
    enum Lack: Error, Equatable {
        case broken
        case unsupported(String)
    }

    /// The configuration behind the tag's head.
    static func read(_ bytes: [UInt8], from start: Int) -> Result<SoundConfiguration, Lack> {
        guard let audio = AudioSpecificConfig(bytes, from: start), audio.extensionRate != 0,
            let rate = AudioSpecificConfig.sampleRates.firstIndex(of: audio.sampleRate)
        else { return .failure(.broken) }
        // SBR and PS: the rate is the core's.
        guard (1...4).contains(audio.objectType) else {
            return .failure(.unsupported("AAC object type \(audio.objectType)"))
        }
        // 960 samples, which ADTS can not say.
        guard !audio.hasShortFrames else { return .failure(.unsupported("AAC with short frames")) }
        guard (1...7).contains(audio.channels) else {
            return .failure(.unsupported("AAC with a channel configuration of its own"))
        }
        return .success(
            SoundConfiguration(
                objectType: UInt8(audio.objectType), rateIndex: UInt8(rate),
                channels: UInt8(audio.channels)))
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
}
