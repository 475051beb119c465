// Whatever the pieces are, the marks are the same; and no bytes, however broken, do harm.

import Testing

@testable import TransportStream

/// A generator whose seed gives the same numbers again (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

private let streams: [(String, Int, Codec)] = [
    ("fr_tnt_h264_paff_eac3x3_dvbsub.ts", 0x78, .h264),
    ("h264_ac3_aac_captions.ts", 0x100, .h264), ("h264_opus.ts", 0x100, .h264),
    ("h264_nal_over_pes.ts", 0x101, .h264), ("gst_h264_188.ts", 0x41, .h264),
    ("hevc_unaligned_pes_cra_b.ts", 0x65, .hevc), ("hevc_30_idr_nlp.ts", 0x100, .hevc),
    ("rai_dvbt_mpts_mpeg2_hevc_radio.ts", 0x1F4, .hevc),
    ("rai_dvbt_mpts_mpeg2_hevc_radio.ts", 0x202, .mpeg2Video),
    ("mpeg2_mp1l2_rreverser.ts", 0x100, .mpeg2Video),
    ("h264_nal_over_pes.ts", 0x102, .aacADTS), ("aac_id3.ts", 0x100, .aacADTS),
    ("dvb_mpeg2_mp2_latm_ttx_ait.ts", 0x96F, .aacLATM),
    ("h264_mp3_id3pid.ts", 0x101, .mpegAudio), ("ac3_only.ts", 0x101, .ac3),
    ("eac3_joc_pcr_wrap.ts", 0x76C, .eac3), ("h264_opus.ts", 0x101, .opus),
]

/// Cuts a stream anew: PES begins and losses stay where they are, the rest is cut at random.
private func marks(
    _ stream: DemuxedStream, _ codec: Codec, longest: Int, seed: UInt64, losses: Bool
) -> [AccessUnitMark] {
    var random = SeededNumbers(seed: seed)
    var detector = AccessUnitDetector(codec: codec)
    var marks: [AccessUnitMark] = []
    var index = 0
    let fixed = stream.pieces.filter { $0.startsPES || losses && $0.followsLoss }
    var nextFixed = 0
    while index < stream.bytes.count {
        var startsPES = false
        while nextFixed < fixed.count, fixed[nextFixed].start == index {
            if losses, fixed[nextFixed].followsLoss { detector.reset() }
            if fixed[nextFixed].startsPES { startsPES = true }
            nextFixed += 1
        }
        let limit = nextFixed < fixed.count ? fixed[nextFixed].start : stream.bytes.count
        let end = min(limit, index + 1 + Int(random.next() % UInt64(longest)))
        detector.scan(
            stream.bytes.span, from: index, to: end, startsPES: startsPES, into: &marks)
        index = end
    }
    detector.finish(into: &marks)
    return marks
}

@Suite struct ElementaryStreamChunkTests {
    @Test(.needsSamples, arguments: streams)
    func piecesMakeNoDifference(_ name: String, _ pid: Int, _ codec: Codec) throws {
        let file = try Samples.read("ts/" + name)
        var stream = DemuxedStream(file, pid: pid)
        shorten(&stream, to: 400_000)
        for losses in [false, true] {
            let whole = marks(
                stream, codec, longest: 1 << 30, seed: 1, losses: losses)
            #expect(!whole.isEmpty)
            for longest in [1, 2, 3, 7, 40, 184, 5000] {
                let cut = marks(
                    stream, codec, longest: longest, seed: UInt64(longest), losses: losses)
                #expect(cut == whole, "pieces up to \(longest)")
            }
        }
    }

    /// Real streams with bits turned over, bytes thrown away and pieces swapped.
    @Test(.needsSamples, arguments: streams)
    func damageDoesNoHarm(_ name: String, _ pid: Int, _ codec: Codec) throws {
        let file = try Samples.read("ts/" + name)
        var original = DemuxedStream(file, pid: pid)
        shorten(&original, to: 60_000)
        for seed in UInt64(1)...24 {
            var random = SeededNumbers(seed: seed)
            var stream = original
            for _ in 0..<200 {
                let at = Int(random.next() % UInt64(stream.bytes.count))
                switch random.next() % 4 {
                case 0: stream.bytes[at] ^= UInt8(1) << UInt8(random.next() % 8)
                case 1: stream.bytes[at] = 0xFF
                case 2: stream.bytes[at] = 0
                default: stream.bytes[at] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            let whole = marks(stream, codec, longest: 1 << 30, seed: seed, losses: true)
            let cut = marks(stream, codec, longest: 90, seed: seed, losses: true)
            #expect(cut == whole, "seed \(seed)")
            for (mark, next) in zip(whole, whole.dropFirst()) {
                #expect(mark.position < next.position, "seed \(seed)")
            }
        }
    }

    /// Noise in which start codes and sync words are frequent.
    @Test(arguments: Codec.allCases)
    func noiseDoesNoHarm(_ codec: Codec) {
        let sequences: [[UInt8]] = [
            [0, 0, 1], [0, 0, 0, 1], [0, 0, 3], [0, 0, 1, 0x67], [0, 0, 1, 0x68], [0, 0, 1, 6, 6],
            [0, 0, 1, 0x65], [0, 0, 1, 0x40, 1], [0, 0, 1, 0x42, 1], [0, 0, 1, 0x44, 1],
            [0, 0, 1, 0x2A, 1], [0, 0, 1, 0xB3], [0, 0, 1, 0xB5], [0, 0, 1, 0], [0xFF, 0xF1],
            [0xFF, 0xFB], [0x0B, 0x77], [0x56, 0xE0], [0x7F, 0xE0], [0xFF, 0xFF, 0xFF],
        ]
        for seed in UInt64(1)...20 {
            var random = SeededNumbers(seed: seed)
            var bytes: [UInt8] = []
            while bytes.count < 30_000 {
                if random.next() % 3 == 0 {
                    bytes += sequences[Int(random.next() % UInt64(sequences.count))]
                }
                for _ in 0..<random.next() % 30 {
                    bytes.append(UInt8(truncatingIfNeeded: random.next()))
                }
            }
            var detector = AccessUnitDetector(codec: codec)
            var marks: [AccessUnitMark] = []
            var index = 0
            while index < bytes.count {
                let end = min(bytes.count, index + Int(random.next() % 400))
                if random.next() % 50 == 0 { detector.reset() }
                detector.scan(
                    bytes.span, from: index, to: end, startsPES: random.next() % 20 == 0,
                    into: &marks)
                index = end
            }
            detector.finish(into: &marks)
            if codec.kind == .data { #expect(marks.isEmpty) }
        }
    }

    /// Ranges that are not in the bytes are cut to them.
    @Test func rangesAreClamped() {
        let bytes: [UInt8] = [0, 0, 1, 9]
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        detector.scan(bytes.span, from: -5, to: 99, startsPES: true, into: &marks)
        detector.scan(bytes.span, from: 9, to: 2, startsPES: false, into: &marks)
        #expect(detector.position == 4)
    }

    /// The search by words against a search by bytes.
    @Test func zeroPairsAreFoundAnywhere() {
        var random = SeededNumbers(seed: 3)
        for length in 0..<300 {
            var bytes = (0..<length).map { _ in UInt8(random.next() % 255) + 1 }
            #expect(ZeroPair.first(in: bytes.span, from: 0, to: length) == nil)
            // Lone zeros do not count.
            for index in stride(from: 0, to: length, by: 2) where random.next() % 8 == 0 {
                bytes[index] = 0
            }
            #expect(ZeroPair.first(in: bytes.span, from: 0, to: length) == nil)
            guard length >= 2 else { continue }
            let pair = Int(random.next() % UInt64(length - 1))
            bytes[pair] = 0
            bytes[pair + 1] = 0
            let expected = (0..<length - 1).first { bytes[$0] == 0 && bytes[$0 + 1] == 0 }
            #expect(ZeroPair.first(in: bytes.span, from: 0, to: length) == expected)
        }
    }

    private func shorten(_ stream: inout DemuxedStream, to length: Int) {
        guard stream.bytes.count > length else { return }
        stream.pieces.removeAll { $0.end > length }
        stream.bytes.removeSubrange((stream.pieces.last?.end ?? 0)...)
    }
}
