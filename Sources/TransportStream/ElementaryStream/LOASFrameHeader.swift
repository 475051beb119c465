// AAC in LOAS: AudioSyncStream frames around an AudioMuxElement. Only as much of StreamMuxConfig
// is read as tells the samples of a frame and their rate. 14496-3 §1.7.2, §1.7.3.

extension AudioFrameHeader {
    /// Bytes of AudioMuxElement that the parts of StreamMuxConfig of interest can take.
    private static let configurationBytes = 28

    /// Length 5...8194.
    static func readLOAS(_ b: HeaderBytes) -> AudioFrameReading {
        if b.count >= 1, b[0] != 0x56 { return .wrong }
        if b.count >= 2, b[1] & 0xE0 != 0xE0 { return .wrong }
        guard b.count >= 3 else { return .more(3) }
        let length = 3 + (Int(b[1] & 0x1F) << 8 | Int(b[2]))
        guard length >= 5 else { return .wrong }
        let needed = min(length, 3 + configurationBytes)
        guard b.count >= needed else { return .more(needed) }
        var header = AudioFrameHeader(
            length: length, samples: 0, sampleRate: 0, format: 0, signature: 0)
        var bits = BitReader(b.bytes, from: b.start + 3, to: b.start + needed)
        if bits.flag() {  // useSameStreamMux
            header.inherits = true
        } else if let configuration = LOASConfiguration.parse(&bits) {
            header.samples = configuration.samples
            header.sampleRate = configuration.sampleRate
            header.format = configuration.format
        }
        return .frame(header)
    }
}

/// What is kept of a StreamMuxConfig.
struct LOASConfiguration: Sendable, Equatable {
    /// Samples of all subframes of an AudioMuxElement; 0 for object types that do not tell.
    var samples: Int32
    var sampleRate: Int32
    var format: UInt32

    /// §1.7.3.1; nil for what is not read (audioMuxVersionA 1) and for broken ones.
    static func parse(_ bits: inout BitReader) -> LOASConfiguration? {
        let version = bits.flag()
        if version {
            guard !bits.flag() else { return nil }  // audioMuxVersionA
            skipValue(&bits)  // taraBufferFullness
        }
        bits.skip(1)  // allStreamsSameTimeFraming
        let subframes = Int32(bits.bits(6)) + 1
        bits.skip(7)  // numProgram, numLayer
        if version { skipValue(&bits) }  // ascLen

        guard let audio = AudioSpecificConfig(&bits) else { return nil }
        let length: Int32 =
            switch audio.objectType {
            case 1...4, 6, 7, 17, 19...22: audio.hasShortFrames ? 960 : 1024
            case 23, 39: audio.hasShortFrames ? 480 : 512
            default: 0
            }
        var hash = FormatHash(.aacLATM)
        hash.add(audio.objectType << 8 | audio.channels)
        hash.add(UInt32(bitPattern: audio.sampleRate))
        hash.add(UInt32(bitPattern: audio.extensionRate ?? 0))
        return LOASConfiguration(
            samples: length * subframes, sampleRate: audio.sampleRate, format: hash.value)
    }

    /// LatmGetValue
    private static func skipValue(_ bits: inout BitReader) {
        let bytes = Int(bits.bits(2)) + 1
        bits.skip(bytes * 8)
    }
}
