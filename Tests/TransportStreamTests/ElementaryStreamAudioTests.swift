// Frames of real audio streams. Counts and rates are ffprobe's (-show_packets -select_streams
// i:PID) and the catalogue's.

import Testing

@testable import TransportStream

struct AudioFacts: Sendable, CustomTestStringConvertible {
    var file: String
    var pid: Int
    var codec: Codec
    var frames: Int
    var samples: Int32
    /// Rate of the core coder: half of what ffprobe shows where SBR doubles it.
    var rate: Int32

    var testDescription: String { "\(file) \(pid)" }
}

private let audioFacts: [AudioFacts] = [
    AudioFacts(
        file: "cinegy_bars_field_idr_cbr.ts", pid: 0x1001, codec: .aacADTS, frames: 448,
        samples: 1024, rate: 48000),
    AudioFacts(
        file: "h264_nal_over_pes.ts", pid: 0x102, codec: .aacADTS, frames: 215, samples: 1024,
        rate: 22050),
    AudioFacts(
        file: "hevc_aac_seg0.ts", pid: 0x101, codec: .aacADTS, frames: 215, samples: 1024,
        rate: 44100),
    AudioFacts(
        file: "h264_ac3_aac_captions.ts", pid: 0x102, codec: .aacADTS, frames: 688, samples: 1024,
        rate: 48000),
    AudioFacts(
        file: "aac_only_radio.ts", pid: 0x50, codec: .aacADTS, frames: 187, samples: 1024,
        rate: 48000),
    // HE-AAC: 48 kHz by SBR.
    AudioFacts(
        file: "aac_id3.ts", pid: 0x100, codec: .aacADTS, frames: 117, samples: 1024, rate: 24000),
    AudioFacts(
        file: "h264_base_of_fuzz.ts", pid: 0x64, codec: .aacADTS, frames: 559, samples: 1024,
        rate: 48000),
    AudioFacts(
        file: "mpeg2_latm.ts", pid: 0x101, codec: .aacLATM, frames: 5, samples: 1024, rate: 22050),
    AudioFacts(
        file: "dvb_mpeg2_mp2_latm_ttx_ait.ts", pid: 0x96F, codec: .aacLATM, frames: 30,
        samples: 1024, rate: 24000),
    AudioFacts(
        file: "dvb_mpeg2_mp2_latm_ttx_ait.ts", pid: 0x90B, codec: .mpegAudio, frames: 53,
        samples: 1152, rate: 48000),
    AudioFacts(
        file: "h264_mp3_id3pid.ts", pid: 0x101, codec: .mpegAudio, frames: 192, samples: 1152,
        rate: 44100),
    AudioFacts(
        file: "mpeg2_mp1l2_rreverser.ts", pid: 0x101, codec: .mpegAudio, frames: 139,
        samples: 1152, rate: 32000),
    AudioFacts(
        file: "mpeg2_mp2_188_twin.ts", pid: 0x101, codec: .mpegAudio, frames: 209, samples: 1152,
        rate: 48000),
    AudioFacts(
        file: "pcr_jitter_h264_mp2.ts", pid: 0x101, codec: .mpegAudio, frames: 417, samples: 1152,
        rate: 48000),
    AudioFacts(
        file: "h264_ac3_aac_captions.ts", pid: 0x101, codec: .ac3, frames: 458, samples: 1536,
        rate: 48000),
    AudioFacts(
        file: "ac3_only.ts", pid: 0x101, codec: .ac3, frames: 188, samples: 1536, rate: 48000),
    AudioFacts(
        file: "h264_eac3_720p25.ts", pid: 0x101, codec: .eac3, frames: 187, samples: 1536,
        rate: 48000),
    AudioFacts(
        file: "eac3_declared_pids_absent.ts", pid: 0x103, codec: .eac3, frames: 289, samples: 1536,
        rate: 44100),
    AudioFacts(
        file: "eac3_joc_pcr_wrap.ts", pid: 0x76C, codec: .eac3, frames: 64, samples: 1536,
        rate: 48000),
    AudioFacts(
        file: "h264_opus.ts", pid: 0x101, codec: .opus, frames: 457, samples: 960, rate: 48000),
]

@Suite struct ElementaryStreamAudioTests {
    @Test(.needsSamples, arguments: audioFacts)
    func framesLengthsAndRates(_ facts: AudioFacts) throws {
        let file = try Samples.read("ts/" + facts.file)
        let marks = allMarks(DemuxedStream(file, pid: facts.pid), facts.codec)
        #expect(marks.count == facts.frames)
        for mark in marks {
            #expect(mark.samples == facts.samples)
            #expect(mark.sampleRate == facts.rate)
            #expect(mark.randomAccess == .closed)
            #expect(mark.hasParameterSets)
            #expect(mark.length > 0)
        }
        #expect(Set(marks.map { $0.format }).count == 1)
        // Nothing lies between two frames.
        for (mark, next) in zip(marks, marks.dropFirst()) {
            #expect(mark.position + Int64(mark.length) == next.position)
        }
    }

    /// The capture has losses: frames that a loss cut are not joined with what follows.
    @Test(.needsSamples) func chainIsFoundAgainAfterLoss() throws {
        let file = try Samples.read("ts/fr_tnt_h264_mbaff_open_cc_14s.ts")
        let stream = DemuxedStream(file, pid: 0x14A)
        let marks = allMarks(stream, .eac3, resetsAfterLoss: true)
        let losses = stream.pieces.filter { $0.followsLoss }.map { Int64($0.start) }
        #expect(losses.count == 25)
        #expect(marks.count > 380)
        for mark in marks {
            let at = Int(mark.position)
            #expect(stream.bytes[at] == 0x0B && stream.bytes[at + 1] == 0x77)
            #expect(mark.samples == 1536)
        }
    }

    /// A sync word in the sound is no frame: reading from the middle finds the true frames only.
    @Test(.needsSamples, arguments: audioFacts)
    func startingAnywhereFindsTheSameFrames(_ facts: AudioFacts) throws {
        let file = try Samples.read("ts/" + facts.file)
        let stream = DemuxedStream(file, pid: facts.pid)
        let all = allMarks(stream, facts.codec)
        let known = Set(all.map { $0.position })
        var random = SeededNumbers(seed: 7)
        for _ in 0..<40 {
            let start = Int(random.next() % UInt64(stream.bytes.count))
            var detector = AccessUnitDetector(codec: facts.codec)
            var marks: [AccessUnitMark] = []
            detector.scan(
                stream.bytes.span, from: start, to: stream.bytes.count, startsPES: false,
                into: &marks)
            detector.finish(into: &marks)
            let found = marks.map { $0.position + Int64(start) }
            let lastStart = all[all.count - 1].position
            #expect(found.allSatisfy { known.contains($0) })
            // Two whole frames are enough to be sure.
            let possible = all.filter { $0.position >= Int64(start) && $0.position < lastStart }
            #expect(found.count >= possible.count, "from \(start)")
        }
    }

    /// ADTS, 48 kHz, of 82 bytes.
    private static let frame: [UInt8] =
        [0xFF, 0xF1, 0x4C, 0x80, 82 >> 3, (82 & 7) << 5 | 0x1F, 0xFC]
        + [UInt8](repeating: 0, count: 75)

    /// Positions of the frames of two PES packets, between which some may be missing.
    private func places(_ first: [UInt8], _ second: [UInt8]) -> [Int64] {
        var detector = AccessUnitDetector(codec: .aacADTS)
        var marks: [AccessUnitMark] = []
        detector.scan(first.span, from: 0, to: first.count, startsPES: true, into: &marks)
        detector.doubtRest()
        detector.scan(second.span, from: 0, to: second.count, startsPES: true, into: &marks)
        return marks.map(\.position)
    }

    @Test func theRestOfAFrameMayNotCome() {
        let frame = Self.frame
        let (begin, rest) = (Array(frame.prefix(41)), Array(frame.suffix(41)))
        #expect(places(begin, frame + frame) == [0, 41, 123])
        #expect(places(begin, rest + frame + frame) == [0, 82, 164])
        #expect(places(frame, frame) == [0, 82])
    }

    @Test func aFrameBehindARestIsProvedByTheNextPacket() {
        let rest = Array(Self.frame.suffix(41))
        var detector = AccessUnitDetector(codec: .aacADTS)
        var marks: [AccessUnitMark] = []
        for bytes in [rest + Self.frame, Self.frame] {
            detector.scan(bytes.span, from: 0, to: bytes.count, startsPES: true, into: &marks)
        }
        #expect(marks.map(\.position) == [41, 123])
    }

    @Test func ac3FrameSizes() {
        // TS 102 366 table 4.13: 44.1 kHz, 448 kbit/s is 975 or 976 words.
        for (code, bytes) in [(UInt8(0x40 | 30), 1950), (UInt8(0x40 | 31), 1952)] {
            let header: [UInt8] = [0x0B, 0x77, 0, 0, code, 8 << 3, 0x40]
            guard
                case .frame(let frame) = AudioFrameHeader.readAC3(
                    HeaderBytes(bytes: header, start: 0, count: 7), isEnhanced: false)
            else {
                Issue.record("no frame")
                return
            }
            #expect(frame.length == bytes)
            #expect(frame.sampleRate == 44100)
        }
    }

    /// MPEG audio frame sizes by 11172-3 §2.4.3.1: layer I 384 kbit/s 48 kHz, layer III 128 kbit/s
    /// 44.1 kHz padded, MPEG-2 layer III 64 kbit/s 22.05 kHz.
    @Test func mpegAudioFrameSizes() {
        let cases: [([UInt8], Int, Int32, Int32)] = [
            ([0xFF, 0xFF, 0xC4, 0x00], 384, 384, 48000),
            ([0xFF, 0xFB, 0x92, 0x00], 418, 1152, 44100),
            ([0xFF, 0xF3, 0x80, 0x00], 208, 576, 22050),
        ]
        for (header, length, samples, rate) in cases {
            guard
                case .frame(let frame) = AudioFrameHeader.readMPEGAudio(
                    HeaderBytes(bytes: header, start: 0, count: 4))
            else {
                Issue.record("no frame")
                continue
            }
            #expect(frame.length == length)
            #expect(frame.samples == samples)
            #expect(frame.sampleRate == rate)
        }
    }

    /// E-AC-3 dependent frames belong to the unit of the independent one before them.
    @Test func dependentSubstreamsBelongToTheirUnit() {
        func frame(type: UInt8, substream: UInt8, words: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0x55, count: words * 2)
            let size = words - 1
            bytes[0] = 0x0B
            bytes[1] = 0x77
            bytes[2] = type << 6 | substream << 3 | UInt8(size >> 8)
            bytes[3] = UInt8(size & 255)
            bytes[4] = 0x3F  // 48 kHz, six blocks, 3/2 with LFE
            bytes[5] = 16 << 3
            return bytes
        }
        var stream: [UInt8] = []
        for _ in 0..<3 {
            stream += frame(type: 0, substream: 0, words: 100)
            stream += frame(type: 1, substream: 0, words: 40)
            stream += frame(type: 0, substream: 1, words: 30)
        }
        var detector = AccessUnitDetector(codec: .eac3)
        var marks: [AccessUnitMark] = []
        detector.scan(
            stream.span, from: 0, to: stream.count, startsPES: true, into: &marks)
        #expect(marks.map { $0.position } == [0, 340])
        detector.finish(into: &marks)
        #expect(marks.map { $0.position } == [0, 340, 680])
        #expect(marks.allSatisfy { $0.length == 340 && $0.samples == 1536 })
    }

    /// Durations by RFC 6716 table 2 and §3.2.
    @Test func opusDurations() {
        let cases: [(toc: [UInt8], samples: Int32)] = [
            ([0xFC, 1], 960), ([0x80, 1], 120), ([0x18, 1], 2880), ([0x61, 1], 960),
            ([0x03, 2], 960), ([0xFB, 3], 2880),
        ]
        for (toc, samples) in cases {
            let packet = [0x7F, 0xE0, UInt8(toc.count)] + toc
            let stream = packet + packet
            var detector = AccessUnitDetector(codec: .opus)
            var marks: [AccessUnitMark] = []
            detector.scan(
                stream.span, from: 0, to: stream.count, startsPES: true, into: &marks)
            #expect(marks.map { $0.samples } == [samples, samples])
            #expect(marks.map { $0.position } == [0, Int64(packet.count)])
        }
    }

    /// au_size of more than 254 bytes takes several bytes; trims and extension precede the packet.
    @Test func opusControlHeaderIsReadWhole() {
        var unit: [UInt8] = [0x7F, 0xFC, 255, 45, 0, 10, 0, 20, 2, 0xAA, 0xBB, 0xFC]
        unit += [UInt8](repeating: 1, count: 299)
        let stream = unit + unit
        var detector = AccessUnitDetector(codec: .opus)
        var marks: [AccessUnitMark] = []
        detector.scan(stream.span, from: 0, to: stream.count, startsPES: true, into: &marks)
        #expect(marks.map { $0.length } == [311, 311])
    }

    /// Scrambled bytes are not read, and all the same each has a position of its own.
    @Test func bytesThatCanNotBeReadHavePositionsToo() {
        let packet: [UInt8] = [0x7F, 0xE0, 2, 0x00, 0x00]
        var detector = AccessUnitDetector(codec: .opus)
        var marks: [AccessUnitMark] = []
        detector.scan(packet.span, from: 0, to: 3, startsPES: true, into: &marks)
        detector.skip(184)
        #expect(detector.position == 187)
        let stream = packet + packet
        detector.scan(stream.span, from: 0, to: stream.count, startsPES: true, into: &marks)
        #expect(marks.map { $0.position } == [187, 192])
    }
}
