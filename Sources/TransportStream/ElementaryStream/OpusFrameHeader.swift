// Opus in MPEG-TS: each access unit has an opus_control_header, which tells its size, and an Opus
// packet, whose first byte tells its duration. ETSI TS 103 491 Annex B; RFC 6716 §3.1, §3.2.

extension AudioFrameHeader {
    /// au_size takes a byte per 255; more than this is no audio.
    private static let longestSizeField = 33

    static func readOpus(_ b: HeaderBytes) -> AudioFrameReading {
        if b.count >= 1, b[0] != 0x7F { return .wrong }
        if b.count >= 2, b[1] & 0xE0 != 0xE0 { return .wrong }
        guard b.count >= 4 else { return .more(4) }
        var index = 2
        var size = 0
        while true {
            guard index < 2 + longestSizeField else { return .wrong }
            guard index < b.count else { return .more(index + 1) }
            let byte = b[index]
            index += 1
            size += Int(byte)
            if byte != 255 { break }
        }
        guard size > 0 else { return .wrong }
        if b[1] & 0x10 != 0 { index += 2 }  // start_trim
        if b[1] & 0x08 != 0 { index += 2 }  // end_trim
        if b[1] & 0x04 != 0 {  // control_extension
            guard index < b.count else { return .more(index + 1) }
            index += 1 + Int(b[index])
        }
        guard index < b.count else { return .more(index + 1) }
        let configuration = Int(b[index] >> 3)
        var frames: Int32 = b[index] & 3 == 0 ? 1 : 2
        if b[index] & 3 == 3 {
            guard size > 1 else { return .wrong }
            guard index + 1 < b.count else { return .more(index + 2) }
            frames = Int32(b[index + 1] & 63)
        }
        // RFC 6716 table 2, samples at 48 kHz
        let frame: Int32 =
            switch configuration {
            case 0..<12: [480, 960, 1920, 2880][configuration & 3]
            case 12..<16: [480, 960][configuration & 1]
            default: [120, 240, 480, 960][configuration & 3]
            }
        // §3.2.5: at most 120 ms
        guard frames > 0, frame * frames <= 5760 else { return .wrong }
        var hash = FormatHash(.opus)
        hash.add(48000)
        return .frame(
            AudioFrameHeader(
                length: index + size, samples: frame * frames, sampleRate: 48000,
                format: hash.value, signature: 0))
    }
}
