// Recordings into one MP4: every picture, every sound frame, lips where they were.

import Foundation
import StreamContent
import Testing

@Suite struct PackageTests {
    private func package(_ recordings: [String], _ workspace: Workspace) throws -> String {
        let path = workspace.path("out.mp4")
        let outcome = try Command.attacca(["package"] + recordings + ["--mp4", path])
        #expect(outcome.status == 0 && outcome.errorLines == [], "\(outcome.errorLines)")
        return path
    }

    private func judge(_ path: String, like recording: String, _ pair: SamplePair) throws {
        let (made, sent) = (
            try DecodedContent.read(path: path), try DecodedContent.read(path: recording)
        )
        #expect(made.messages == [])
        #expect(made.pictures.map(\.mark) == sent.pictures.map(\.mark))
        #expect(made.irregularPositions(rate: pair.rate) == [])
        #expect(made.sound.gaps().isEmpty)
        let (lips, expected) = (
            made.lipSync(rate: pair.rate, every: 20), sent.lipSync(rate: pair.rate, every: 20)
        )
        #expect(lips.count > 30)
        // One reading of the tones is a little off, all of them are not.
        let differences = zip(lips, expected).map { $0.offset - $1.offset }
        #expect(differences.allSatisfy { abs($0) < 0.001 })
        #expect(abs(differences.reduce(0, +) / Double(differences.count)) < 0.0002)
    }

    @Test(arguments: SamplePair.all)
    func aRecordingIsPackagedPictureByPicture(_ pair: SamplePair) throws {
        let workspace = try Workspace()
        let path = try package([pair.path("main")], workspace)
        try judge(path, like: pair.path("main"), pair)
    }

    @Test func recordingsCutOutOfOneStreamGoOnFromEachOther() throws {
        let workspace = try Workspace()
        let pair = SamplePair.h264
        _ = try Command.run(
            "ffmpeg",
            [
                "-v", "error", "-copyts", "-i", pair.path("main"), "-c", "copy", "-f", "segment",
                "-segment_time", "10", "-segment_format_options", "mpegts_copyts=1",
                workspace.path("part%d.ts"),
            ])
        let parts = (0..<4).map { workspace.path("part\($0).ts") }
        let path = try package(parts, workspace)
        try judge(path, like: pair.path("main"), pair)
    }

    @Test func recordingsThatHaveNothingToDoWithEachOtherAreOneBehindTheOther() throws {
        let workspace = try Workspace()
        let pair = SamplePair.h264
        let path = try package([pair.path("main"), pair.path("main")], workspace)
        let content = try DecodedContent.read(path: path)
        let marks = try DecodedContent.read(path: pair.path("main")).pictures.map(\.mark)
        #expect(content.messages == [])
        #expect(content.pictures.map(\.mark) == marks + marks)
    }

    /// What `record:` writes beside a recording says when it was; beside the third one stands
    /// something else.
    @Test func segmentsHaveTheTimesOfDayOfTheirRecordings() throws {
        let workspace = try Workspace()
        let pair = SamplePair.h264
        let ticks = try DecodedContent.read(path: pair.path("main")).pictures.compactMap(\.ticks)
        let first = try #require(ticks.min())
        for (name, sidecar) in [
            ("a", #"{"begin": "2026-11-21T23:59:58.000Z", "firstPTS": \#(first), "gaps": []}"#),
            (
                "b", #"""
                    {"begin": "2026-11-22T08:00:00.500Z", "firstPTS": \#(first), "gaps": [
                    {"kind": "damage", "time": "2026-11-22T08:00:01.000Z", "pts": 1}]}
                    """#
            ), ("c", "no JSON"),
        ] {
            try FileManager.default.copyItem(
                atPath: pair.path("main"), toPath: workspace.path(name + ".ts"))
            try sidecar.write(
                toFile: workspace.path(name + ".json"), atomically: true, encoding: .utf8)
        }
        let folder = workspace.path("hls")
        let outcome = try Command.attacca(
            ["package"] + ["a", "b", "c"].map { workspace.path($0 + ".ts") }
                + ["--hls", folder + "?segment=10s"])
        #expect(outcome.status == 0 && outcome.errorLines == [], "\(outcome.errorLines)")
        let lines = try String(contentsOfFile: folder + "/index.m3u8", encoding: .utf8)
            .split(separator: "\n").map(String.init)
        let dates = lines.filter { $0.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") }
            .map { String($0.dropFirst(25)) }
        #expect(dates.first == "2026-11-21T23:59:58.000Z")
        #expect(dates.contains("2026-11-22T00:00:08.000Z"), "\(dates)")
        #expect(dates.contains("2026-11-22T08:00:00.500Z"), "\(dates)")
        // The segments of the third have none.
        let segments = lines.filter { $0.hasPrefix("#EXTINF:") }.count
        #expect(segments % 3 == 0 && dates.count == segments / 3 * 2, "\(lines)")
    }

    /// Bytes are changed here and there: units are left out, the rest is there.
    @Test func aDamagedRecordingIsPackagedWithoutWhatIsDamaged() throws {
        let workspace = try Workspace()
        let (damaged, pair) = (workspace.path("damaged.ts"), SamplePair.h264)
        var data = try Data(contentsOf: URL(fileURLWithPath: pair.path("main")))
        var state: UInt64 = 7
        for _ in 0..<(data.count / 20_000) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            data[Int(state >> 33) % data.count] ^= 0x55
        }
        try data.write(to: URL(fileURLWithPath: damaged))
        let path = try package([damaged], workspace)
        #expect(try DecodedContent.read(path: path).pictures.count > 600)
    }

    @Test func whatIsNoRecordingIsToldAndLeavesNothing() throws {
        let workspace = try Workspace()
        let (text, out) = (workspace.path("a.ts"), workspace.path("out.mp4"))
        try Data("no transport stream".utf8).write(to: URL(fileURLWithPath: text))
        let outcome = try Command.attacca(["package", text, "--mp4", out])
        #expect(outcome.status == 1 && outcome.errorLines.first?.contains("a.ts") == true)
        #expect(!FileManager.default.fileExists(atPath: out))
    }
}
