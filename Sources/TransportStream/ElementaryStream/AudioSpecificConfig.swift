// AudioSpecificConfig (14496-3 §1.6.2.1): what an AAC stream is, said once, in the StreamMuxConfig
// of LOAS and in the headers of containers. Only as much is read as tells the samples of a frame,
// their rate and their channels.

public struct AudioSpecificConfig: Sendable, Equatable {
    /// audioObjectType of the core coder: that of SBR and PS is passed over.
    public var objectType: UInt32
    /// Of the core coder, hertz; greater than 0.
    public var sampleRate: Int32
    /// channelConfiguration
    public var channels: UInt32
    /// Of explicit SBR, hertz; 0 for one that is reserved, nil without SBR.
    public var extensionRate: Int32?
    /// frameLengthFlag: 960 samples for 1024, 480 for 512.
    public var hasShortFrames: Bool

    /// Nil for what is cut off, and for a rate that is reserved.
    public init?(_ bytes: [UInt8], from start: Int) {
        var bits = BitReader(bytes, from: start, to: bytes.count)
        self.init(&bits)
    }

    init?(_ bits: inout BitReader) {
        objectType = AudioSpecificConfig.objectType(&bits)
        guard let rate = AudioSpecificConfig.sampleRate(&bits), rate > 0 else { return nil }
        sampleRate = rate
        channels = bits.bits(4)
        if objectType == 5 || objectType == 29 {
            // Explicit SBR: the access unit has the samples of the core coder at its rate.
            extensionRate = AudioSpecificConfig.sampleRate(&bits) ?? 0
            objectType = AudioSpecificConfig.objectType(&bits)
            if objectType == 22 { bits.skip(4) }
        }
        // It comes first in the configurations of all coders of interest.
        hasShortFrames = bits.flag()
        guard !bits.failed else { return nil }
    }

    private static func objectType(_ bits: inout BitReader) -> UInt32 {
        let type = bits.bits(5)
        return type == 31 ? 32 + bits.bits(6) : type
    }

    private static func sampleRate(_ bits: inout BitReader) -> Int32? {
        let index = Int(bits.bits(4))
        if index == 15 { return Int32(bits.bits(24)) }
        return index < sampleRates.count ? sampleRates[index] : nil
    }

    /// 14496-3 table 1.18, hertz.
    public static let sampleRates: [Int32] = [
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
    ]
}
