// HLS in fragments of MP4 out of recordings: every picture and every sound frame once, on one line
// of time, whatever the pieces begin and end with.

import Foundation
import StreamContent
import Testing

@Suite struct FragmentTests {
    private struct Fragments {
        let workspace: Workspace
        let folder: String
        let text: String
        /// In the playlist's order.
        let names: [String]

        var playlist: String { folder + "/index.m3u8" }

        func bytes(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
        }

        /// Times that the end of a track's fragment and the begin of the next one are apart.
        func breaks() throws -> [String] {
            let all = try names.map { MovieFragment(try bytes($0)) }
            return zip(all, all.dropFirst()).enumerated().flatMap { number, pair in
                pair.0.runs.compactMap { track, run in
                    let next = pair.1.runs[track]
                    return next?.begin == run.end
                        ? nil : "\(number), track \(track): \(run), \(String(describing: next))"
                }
            }
        }

        /// A segment with its initialization section.
        func alone(_ name: String) throws -> String {
            let header = try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".mp4") }
            #expect(header.count == 1)
            let path = workspace.path("alone.mp4")
            try Data(try bytes(header[0]) + bytes(name)).write(to: URL(fileURLWithPath: path))
            return path
        }
    }

    private func package(_ recordings: [String], segment: String) throws -> Fragments {
        let workspace = try Workspace()
        let folder = workspace.path("hls")
        let outcome = try Command.attacca(
            ["package"] + recordings + ["--hls", "\(folder)?segment=\(segment)&segments=fmp4"])
        #expect(outcome.status == 0 && outcome.errorLines == [], "\(outcome.errorLines)")
        let text = try String(contentsOfFile: folder + "/index.m3u8", encoding: .utf8)
        return Fragments(
            workspace: workspace, folder: folder, text: text,
            names: text.split(separator: "\n").map(String.init).filter { $0.hasSuffix(".m4s") })
    }

    @Test(arguments: SamplePair.all)
    func everyPictureAndEverySoundFrameIsThereOnce(_ pair: SamplePair) throws {
        let source = pair.path("main")
        let fragments = try package([source], segment: "3s")
        let (made, sent) = (
            try DecodedContent.read(path: fragments.playlist),
            try DecodedContent.read(path: source)
        )
        #expect(made.messages == [])
        #expect(made.pictures.map(\.mark) == sent.pictures.map(\.mark))
        #expect(made.irregularPositions(rate: pair.rate) == [])
        #expect(made.sound.gaps().isEmpty)
        let (lips, expected) = (
            made.lipSync(rate: pair.rate, every: 20), sent.lipSync(rate: pair.rate, every: 20)
        )
        let differences = zip(lips, expected).map { $0.offset - $1.offset }
        #expect(lips.count > 30 && differences.allSatisfy { abs($0) < 0.001 })
        #expect(fragments.names.count >= 6)
        #expect(try fragments.breaks() == [])
        #expect(fragments.text.contains("#EXT-X-VERSION:6\n"))
        #expect(fragments.text.components(separatedBy: "EXT-X-MAP").count == 2)
        #expect(!fragments.text.contains("DISCONTINUITY"))
        let alone = try DecodedContent.read(path: try fragments.alone(fragments.names[3]))
        #expect(alone.messages == [] && alone.pictures.count > 50)
    }

    /// MD5 of each decoded unit. Of MPEG audio an MP4 does not say which layer it is, and the two
    /// decoders round differently.
    private func units(
        _ path: String, _ stream: String, as decoder: String = "mp3float"
    ) throws -> [String] {
        let outcome = try Command.run(
            "ffmpeg",
            ["-nostdin", "-v", "fatal", "-c:a", decoder, "-i", path, "-map", "0:\(stream)",
                "-f", "framemd5", "-"])
        return outcome.output.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
        }
    }

    /// Groups of pictures longer than a segment may be, sound frames that begin anywhere in their
    /// PES packets (as DVB allows, 13818-1 §2.4.3.7), and time stamps that wrap.
    @Test func whateverAPieceBeginsWithinIsWhole() throws {
        let workspace = try Workspace()
        let path = workspace.path("untidy.ts")
        let outcome = try Command.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=r=25:s=160x90", "-f", "lavfi", "-i",
                "sine=1000:r=44100", "-t", "26", "-c:v", "libx264", "-preset", "ultrafast", "-bf",
                "2", "-g", "1000", "-sc_threshold", "0", "-force_key_frames", "0,2,4,6,16,18",
                "-c:a", "mp2", "-output_ts_offset", "95430", "-f", "mpegts", path,
            ])
        #expect(outcome.status == 0)
        var stream = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        UntidySound.make(of: &stream)
        try Data(stream).write(to: URL(fileURLWithPath: path))
        let fragments = try package([path], segment: "2s")
        #expect(fragments.text.components(separatedBy: "within a group").count >= 5)
        for stream in ["v:0", "a:0"] {
            let (made, sent) = (try units(fragments.playlist, stream), try units(path, stream))
            // What the source begins with is half a frame, and anything to a decoder.
            let count = sent.count - 10
            #expect(count > 600 && made.suffix(count) == sent.suffix(count), "\(stream)")
        }
        #expect(try fragments.breaks() == [])
        let begins = try fragments.names.flatMap {
            MovieFragment(try fragments.bytes($0)).runs.values.map(\.begin)
        }
        #expect(begins.max() ?? 0 > UInt64(1) << 33)
    }

    /// The last sound frames of a stream may come long after the others; without pictures pieces
    /// are cut by the sound.
    @Test(arguments: [["-t", "9", "-i", "sine"], ["-i", "sine=r=44100", "-map", "1:a"]])
    func soundThatEndsAndSoundAloneIsThereToo(_ sound: [String]) throws {
        let workspace = try Workspace()
        let path = workspace.path("sound.ts")
        let outcome = try Command.run(
            "ffmpeg",
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=r=25:s=160x90", "-f", "lavfi"] + sound
                + [
                    "-t", "14", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a",
                    "aac", "-f", "mpegts", path,
                ])
        #expect(outcome.status == 0)
        let fragments = try package([path], segment: "2s")
        let sent = try units(path, "a:0", as: "aac")
        #expect(try units(fragments.playlist, "a:0", as: "aac") == sent && sent.count > 380)
        #expect(fragments.text.components(separatedBy: "EXT-X-MAP").count == 2)
        #expect(!fragments.text.contains("DISCONTINUITY"))
    }

    /// Where pictures are missing at a seam the last one lasts until the next: players wait at a
    /// hole.
    @Test func noPictureIsMissedAtASeamThatLosesSome() throws {
        let pair = SamplePair.h264
        let events = stride(from: 3.0, to: 33, by: 0.9).enumerated().map { number, time in
            "\(time)s:switch:\(number % 2 == 0 ? "backup" : "main")"
        }
        let inputs = ["main", "backup"].flatMap { ["--input", "\($0)=\(pair.path($0))"] }
        let rehearsal = try Rehearsal(
            inputs + ["--hold-back", "0", "--wait", "0ms"], events: events)
        let fragments = try package([rehearsal.path], segment: "1s")
        #expect(fragments.names.count > 20 && rehearsal.report.seams.count > 20)
        #expect(try fragments.breaks() == [])
        #expect(!fragments.text.contains("DISCONTINUITY"))
    }

    /// What an initialization section says changes only where tracks do.
    @Test func anotherCodecHasAnotherInitializationSection() throws {
        let pairs = [SamplePair.h264, .h264, .mpeg2AC3]
        let fragments = try package(pairs.map { $0.path("main") }, segment: "6s")
        let tags = fragments.text.split(separator: "\n").filter {
            $0.hasPrefix("#EXT-X-MAP") || $0.hasPrefix("#EXT-X-DISCONTINUITY")
        }.map { $0.prefix { $0 != ":" } }
        #expect(
            tags == [
                "#EXT-X-MAP", "#EXT-X-DISCONTINUITY", "#EXT-X-DISCONTINUITY", "#EXT-X-MAP",
            ], "\(fragments.text)")
    }
}

/// Moves sound within its PES packets, so that frames begin anywhere in them.
enum UntidySound {
    private static let moved = 100
    /// Of an MPEG audio frame at 44.1 kHz, 90 kHz.
    private static let frameTicks = 2351

    static func make(of stream: inout [UInt8]) {
        var sound: Int?
        var places: [Int] = []
        for packet in stride(from: 0, to: stream.count, by: 188)
        where stream[packet + 3] & 0x10 != 0 {
            let pid = Int(stream[packet + 1] & 0x1F) << 8 | Int(stream[packet + 2])
            var start = packet + 4
            if stream[packet + 3] & 0x20 != 0 { start += 1 + Int(stream[packet + 4]) }
            if stream[packet + 1] & 0x40 != 0, start + 14 <= packet + 188,
                stream[start..<(start + 3)].elementsEqual([0, 0, 1]), stream[start + 3] >> 5 == 6
            {
                sound = pid
                // The first frame that begins in it is the one behind the one that did.
                delay(&stream, start + 9)
                start += 9 + Int(stream[start + 8])
            }
            if pid == sound { places += start..<(packet + 188) }
        }
        let bytes = places.map { stream[$0] }
        for (index, place) in places.enumerated() {
            stream[place] = index + moved < bytes.count ? bytes[index + moved] : 0
        }
    }

    private static func delay(_ stream: inout [UInt8], _ at: Int) {
        let bytes = stream[at..<(at + 5)].map(Int.init)
        let old = (bytes[0] >> 1 & 7) << 30 | bytes[1] << 22 | (bytes[2] >> 1) << 15
            | bytes[3] << 7 | bytes[4] >> 1
        let new = (old + frameTicks) & ((1 << 33) - 1)
        let fields = [
            bytes[0] & 0xF1 | (new >> 30) << 1, new >> 22 & 0xFF, new >> 14 & 0xFE | 1,
            new >> 7 & 0xFF, (new & 0x7F) << 1 | 1,
        ]
        for (index, field) in fields.enumerated() { stream[at + index] = UInt8(field) }
    }
}
