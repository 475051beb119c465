// A run with many seams as a recording, an MP4 and HLS on demand: what other people's tools see in
// them is one programme with one video and one audio, from begin to end.

import Foundation
import StreamContent
import Testing

@Suite struct ProductTests {
    /// Twenty seams and more, with and without loss.
    private static let seams = 20

    private struct Products {
        let workspace: Workspace
        let recording: String
        let movie: String
        let playlist: String
        let fragments: String
        /// Of the recording.
        let content: DecodedContent

        var all: [String] { [recording, movie, playlist, fragments] }
    }

    private func make() throws -> Products {
        let pair = SamplePair.h264
        let events = stride(from: 3.0, to: 33, by: 0.9).enumerated().map { number, time in
            "\(time)s:switch:\(number % 2 == 0 ? "backup" : "main")"
        }
        let inputs = ["main", "backup"].flatMap { ["--input", "\($0)=\(pair.path($0))"] }
        let rehearsal = try Rehearsal(
            inputs + ["--hold-back", pair.holdBack, "--wait", "300ms"], events: events)
        #expect(rehearsal.report.seams.count >= Self.seams)
        let workspace = try Workspace()
        let (movie, folder) = (workspace.path("event.mp4"), workspace.path("event"))
        let fragments = workspace.path("fragments")
        let recording = workspace.path("event.ts")
        try FileManager.default.copyItem(atPath: rehearsal.path, toPath: recording)
        let outcome = try Command.attacca(
            ["package", recording, "--mp4", movie, "--hls", "\(folder)?segment=4s"])
        #expect(outcome.status == 0 && outcome.errorLines == [], "\(outcome.errorLines)")
        let more = try Command.attacca(
            ["package", recording, "--hls", "\(fragments)?segment=4s&segments=fmp4"])
        #expect(more.status == 0 && more.errorLines == [], "\(more.errorLines)")
        return Products(
            workspace: workspace, recording: recording, movie: movie,
            playlist: folder + "/index.m3u8", fragments: fragments + "/index.m3u8",
            content: try DecodedContent.read(path: recording))
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> String {
        let outcome = try Command.run(tool, arguments)
        #expect(outcome.status == 0, "\(tool): \(outcome.errorLines)")
        return outcome.output
    }

    @Test func everybodysToolsSeeOneProgrammeFromBeginToEnd() throws {
        let products = try make()
        #expect(products.content.messages == [] && products.content.sound.gaps().isEmpty)
        let ticks = products.content.pictures.compactMap(\.ticks)
        let seconds = Double((ticks.max() ?? 0) - (ticks.min() ?? 0)) / 90_000
        for path in products.all {
            let content = try DecodedContent.read(path: path)
            #expect(content.messages == [], "\(path)")
            #expect(content.pictures.map(\.mark) == products.content.pictures.map(\.mark))
            try lookWithFFprobe(path)
            try lookWithGStreamer(path, seconds)
            try lookWithVLC(path, products)
        }
        for path in [products.recording, products.movie] { try lookWithMediainfo(path, seconds) }
    }

    /// Each picture and each sound frame lasts as long in the MP4 as in the recording, and both
    /// begin where its one edit list says.
    @Test func anMP4OfManySeamsKeepsLipsAndTimes() throws {
        let products = try make()
        let content = try DecodedContent.read(path: products.movie)
        let rate = SamplePair.h264.rate
        let differences = zip(
            content.lipSync(rate: rate, every: 10), products.content.lipSync(rate: rate, every: 10)
        ).map { $0.offset - $1.offset }
        #expect(differences.count > 40)
        #expect(differences.allSatisfy { abs($0) < 0.001 }, "\(differences)")
        let times = [content, products.content].map { content in
            content.pictures.compactMap(\.ticks)
        }
        let steps = times.map { zip($0, $0.dropFirst()).map { $1 - $0 } }
        #expect(steps[0] == steps[1])
        let trace = try Command.run(
            "ffprobe", ["-v", "trace", "-show_entries", "format=nb_streams", products.movie])
        let edits = trace.errorLines.filter { $0.contains("].edit_count") }
        #expect(edits.count == 2 && edits.allSatisfy { $0.hasSuffix("= 1") }, "\(edits)")
    }

    private func lookWithFFprobe(_ path: String) throws {
        let text = try run(
            "ffprobe",
            ["-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", path])
        let kinds = text.split(whereSeparator: \.isNewline).map {
            $0.trimmingCharacters(in: [",", " "])
        }
        // Streams stand twice where there are programmes.
        #expect(Set(kinds) == ["video", "audio"] && [2, 4].contains(kinds.count), "\(text)")
    }

    private func lookWithMediainfo(_ path: String, _ seconds: Double) throws {
        let text = try run(
            "mediainfo",
            ["--Inform=General;%VideoCount% %AudioCount% %MenuCount% %Duration%", path])
        let fields = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        #expect(fields.prefix(2) == [1, 1], "\(path): \(text)")
        let length = try #require(fields.last) / 1000
        #expect(abs(length - seconds) < 0.5, "\(path): \(text)")
    }

    private func lookWithGStreamer(_ path: String, _ seconds: Double) throws {
        let text = try run("gst-discoverer-1.0", ["file://" + path])
        let lines = text.split(whereSeparator: \.isNewline)
        for kind in ["video #", "audio #"] {
            #expect(lines.filter { $0.contains(kind) }.count == 1, "\(path): \(text)")
        }
        // 0:00:35.960000000
        let duration = lines.first { $0.contains("Duration: ") }?.split(separator: " ").last ?? ""
        let length = duration.split(separator: ":").compactMap { Double($0) }
            .reduce(0) { $0 * 60 + $1 }
        #expect(abs(length - seconds) < 1, "\(path): \(text)")
    }

    /// VLC reads it to its end and writes what it has read. As root it would not.
    private func lookWithVLC(_ path: String, _ products: Products) throws {
        let folder = products.workspace.path("vlc")
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o777])
        let other = getuid() == 0
            ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
        let copy = folder + "/copy.ts"
        let words = other + [
            "env", "HOME=\(folder)", "cvlc", "-I", "dummy", "--no-dbus", "--sout",
            "#std{access=file,mux=ts,dst=\(copy)}", "file://" + path, "vlc://quit",
        ]
        let outcome = try Command.run(words[0], Array(words.dropFirst()))
        let complaints = outcome.errorLines.filter {
            $0.contains("demux error")
                // It counts a stream's fragments from 0, everybody else from 1.
                || $0.contains("discontinuity") && !$0.contains("detected 1 != 0")
                || $0.contains("packetizer error")
        }
        #expect(outcome.status == 0 && complaints == [], "\(path): \(outcome.errorLines)")
        let content = try DecodedContent.read(path: copy)
        // When it is told to quit it leaves what it has not written, and on a machine that others
        // use it leaves out what it takes for late.
        let indexes = content.pictures.compactMap { $0.mark?.index }
        let sent = products.content.pictures.compactMap { $0.mark?.index }
        #expect(indexes.count > sent.count * 9 / 10 && indexes.first == sent.first, "\(path)")
        #expect(indexes == indexes.sorted(), "\(path)")
    }
}
