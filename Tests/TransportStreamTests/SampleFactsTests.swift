// Streams of other encoders and multiplexers, against the catalogue beside them (facts by another
// parser, cross-checked with TSDuck and ffprobe).

import Foundation
import Testing

@testable import TransportStream

/// One chapter of the catalogue.
private struct Chapter {
    var name: String
    var lines: [String]

    static func all() throws -> [Chapter] {
        let text = try Samples.read("CATALOG.md")
        var result: [Chapter] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("### ") {
                let name = line.dropFirst(4).prefix { $0 != " " }
                result.append(Chapter(name: String(name), lines: []))
            } else if !result.isEmpty {
                result[result.count - 1].lines.append(String(line))
            }
        }
        return result.filter { $0.name.hasSuffix("ts") }
    }

    /// The number before or behind a word.
    func number(_ pattern: String) -> Int? {
        for line in lines {
            guard let range = line.range(of: pattern, options: .regularExpression) else { continue }
            let digits = line[range].filter(\.isNumber)
            if let number = Int(digits) { return number }
        }
        return nil
    }

    /// Programmes: number, PMT PID, PCR PID, and PID with stream_type of each stream.
    var programs: [String] {
        lines.filter { $0.hasPrefix("- programme ") }.map { line in
            // The PCR's place may be named after an audio coding, with brackets inside.
            let line = line.replacingOccurrences(
                of: #"\(on [^:]*\):"#, with: ":", options: .regularExpression)
            let head = line.components(separatedBy: ", PCR PID ")
            let number = head[0].filter { $0 != "," }.split(separator: " ")
            let clock = head.count > 1 ? head[1].prefix { $0 != " " } : ""
            let streams = matches(#"0x[0-9a-f]+ [^,:\[]*?\(0x[0-9a-f]{2}\)"#, in: line).map {
                entry in
                entry.prefix { $0 != " " } + entry.suffix(6)
            }
            return "\(number[2].dropLast()) \(number[4]) \(clock) " + streams.joined(separator: " ")
        }
    }

    private func matches(_ pattern: String, in line: String) -> [String] {
        var result: [String] = []
        var rest = line[...]
        while let range = rest.range(of: pattern, options: .regularExpression) {
            result.append(String(rest[range]))
            rest = rest[range.upperBound...]
        }
        return result
    }
}

/// What the module says of a file.
private struct Facts {
    var packets = 0
    var spacing = 0
    var first: Int64?
    var gaps = 0
    var maps: [String: ProgramMap] = [:]
    var lines: [String] = []

    init(_ file: [UInt8]) {
        var framing = PacketFraming()
        var watches = [ContinuityWatch](repeating: ContinuityWatch(), count: PID.count)
        var assemblers: [PID: SectionAssembler] = [.pat: SectionAssembler()]
        var copy = self
        func take(_ bytes: Span<UInt8>, _ at: Int, _ spacing: Int) {
            copy.packets += 1
            copy.spacing = spacing
            guard let header = PacketHeader(bytes, at: at), !header.isMalformed,
                !header.transportError, header.pid != .null
            else { return }
            if case .gap(announced: false) = watches[header.pid.index].judge(header) {
                copy.gaps += 1
            }
            guard header.hasPayload, !header.isScrambled,
                var assembler = assemblers[header.pid]
            else { return }
            assembler.append(
                bytes, from: at + Int(header.payloadOffset), to: at + 188,
                startsUnit: header.startsUnit
            ) { copy.section($0, header.pid, &assemblers) }
            assemblers[header.pid] = assembler
        }
        framing.append(file.span) { bytes, first, count, spacing in
            for number in 0..<count { take(bytes, first + number * spacing, spacing) }
        }
        framing.finish { bytes, first, count, spacing in
            for number in 0..<count { take(bytes, first + number * spacing, spacing) }
        }
        self = copy
        first = framing.firstPacketPosition
    }

    private mutating func section(
        _ bytes: Span<UInt8>, _ pid: PID, _ assemblers: inout [PID: SectionAssembler]
    ) {
        if let table = ProgramAssociation(section: bytes), pid == .pat {
            for entry in table.entries where entry.program != 0 && assemblers[entry.pid] == nil {
                assemblers[entry.pid] = SectionAssembler()
            }
        }
        guard pid != .pat, let map = ProgramMap(section: bytes), map.isCurrent else { return }
        func hex(_ pid: PID) -> String { "0x" + String(pid.rawValue, radix: 16) }
        let streams = map.streams.map { stream in
            let type = String(stream.streamType, radix: 16)
            return hex(stream.pid) + "(0x" + (type.count < 2 ? "0" : "") + type + ")"
        }
        let line =
            "\(map.program) \(hex(pid)) \(hex(map.clockPID)) " + streams.joined(separator: " ")
        if maps[line] == nil { lines.append(line) }
        maps[line] = map
    }
}

@Suite struct SampleFactsTests {
    @Test(.needsSamples) func packetsSpacingAndProgrammesAsInTheCatalogue() throws {
        var compared = 0
        for chapter in try Chapter.all() {
            let file = try Samples.read("ts/" + chapter.name)
            let facts = Facts(file)
            if let spacing = chapter.number(#"\d+-byte packets"#) {
                #expect(facts.spacing == spacing, "\(chapter.name)")
            }
            if let packets = chapter.number(#", \d+ packets"#) {
                #expect(facts.packets == packets, "\(chapter.name)")
                compared += 1
            }
            if let first = chapter.number(#"first sync at byte \d+"#) {
                #expect(facts.first == Int64(first), "\(chapter.name)")
            }
            for program in chapter.programs {
                #expect(
                    facts.maps[program] != nil, "\(chapter.name): \(program), not \(facts.lines)")
            }
        }
        #expect(compared >= 60)
    }

    @Test(.needsSamples) func continuityErrorsAsInTheCatalogue() throws {
        // These two hold transport errors and third copies, which the catalogue counts its own way;
        // `PacketTests` compares the second with TSDuck.
        let others = ["err_cc144_scrambled_bits.ts", "cc_oracle_dups_gap_afonly.ts"]
        for chapter in try Chapter.all() where !others.contains(chapter.name) {
            let file = try Samples.read("ts/" + chapter.name)
            let expected = chapter.number(#"CC errors \d+"#) ?? 0
            #expect(Facts(file).gaps == expected, "\(chapter.name)")
        }
    }

    @Test(
        .needsSamples,
        arguments: [
            ("bd_mpeg2_dtshd_0x86_not_scte.ts", [0x1100: Codec.otherPES, 0x1011: .mpeg2Video]),
            ("h264_scte35_live_10s.ts", [0x1F4: .scte35, 0x1E1: .h264, 0x1E2: .aacADTS]),
            (
                "fr_tnt_h264_mbaff_open_cc_14s.ts",
                [0x14A: .eac3, 0x154: .otherPES, 0x173: .otherSections]
            ),
            ("h264_opus.ts", [0x101: .opus]), ("h264_dts_audio.ts", [0x101: .otherPES]),
            ("dvb_mpeg2_mp2_latm_ttx_ait.ts", [0x96F: .aacLATM]), ("ac3_only.ts", [0x101: .ac3]),
            ("eac3_joc_pcr_wrap.ts", [0x76C: .eac3]), ("ac4_only.ts", [0x100: .otherPES]),
            (
                "rai_dvbt_mpts_mpeg2_hevc_radio.ts",
                [0x1F4: .hevc, 0x28C: .mpegAudio, 0x240: .otherPES]
            ),
        ] as [(String, [Int: Codec])])
    func codecsOfRealStreams(name: String, expected: [Int: Codec]) throws {
        let file = try Samples.read("ts/" + name)
        var found: [Int: Codec] = [:]
        for map in Facts(file).maps.values {
            for stream in map.streams {
                found[stream.pid.index] = Codec(
                    stream: stream, programDescriptors: map.descriptors)
            }
        }
        for (pid, codec) in expected where found[pid] != nil || name != "ac4_only.ts" {
            #expect(found[pid] == codec, "\(name) \(pid)")
        }
    }

    /// The other tool's 188-byte packets out of the 204-byte file, whatever the pieces.
    @Test(.needsSamples) func packetsOfTwoHundredAndFourBytes() throws {
        let file = try Samples.read("ts/canal_204_bytes.ts")
        let expected = try Samples.read("oracle/canal_204_bytes/test-071.2.ts")
        for size in [1, 50, 188, 204, 1316, 100_000] {
            let outcome = PacketFramingTests.frame(file) { size }
            #expect(outcome.packets.flatMap(\.self) == expected && outcome.spacing == .protected)
        }
    }

    /// Apple's segmenter ends each segment with packets that are all adaptation field, length 183,
    /// although payload is announced; they count, so that the next segment may begin at 0.
    @Test(.needsSamples) func packetsThatAnnounceAnEmptyPayload() throws {
        let file = try Samples.read("ts/h264_mp3_id3pid.ts")
        var malformed = 0
        for at in stride(from: 0, to: file.count - 187, by: 188) {
            let header = try #require(readHeader(file, at: at))
            if header.isMalformed { malformed += 1 }
        }
        #expect(malformed == 0)
    }

    /// PCR, PTS and DTS of a stream that wraps go on when unwrapped, and stay together.
    @Test(
        .needsSamples,
        arguments: [("pts_wrap_h264_aac_4seg.ts", 0x102), ("eac3_joc_pcr_wrap.ts", 0x76C)])
    func clocksAndStampsGoOnThroughTheWrap(name: String, pid: Int) throws {
        let file = try Samples.read("ts/" + name)
        var clock: StreamTime?
        var wraps = 0
        for at in stride(from: 0, to: file.count - 187, by: 188) {
            let header = try #require(readHeader(file, at: at))
            guard header.pid.index == pid else { continue }
            if let reference = header.clockReference {
                let next = reference.unwrapped(near: clock ?? StreamTime(ticks: reference.ticks))
                if let clock {
                    #expect(next > clock && next - clock < StreamTime.ticksPerSecond / 5)
                    if reference.ticks < ClockReference(clock).ticks { wraps += 1 }
                }
                clock = next
            }
            guard header.startsUnit, let clock else { continue }
            let start = at + Int(header.payloadOffset)
            if case .header(let pes) = PESHeader.read(file.span, from: start, to: at + 188),
                let presentation = pes.presentation
            {
                let distance = presentation.unwrapped(near: clock) - clock
                #expect(abs(distance) < 2 * StreamTime.ticksPerSecond)
            }
        }
        #expect(wraps == 1)
    }
}
