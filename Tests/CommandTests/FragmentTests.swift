// HLS in fragments of MP4 out of recordings: every picture and every sound frame once, on one line
// of time, whatever the pieces begin and end with. What is compared is what ffmpeg decodes.

import Foundation
import StreamContent
import Testing

@Suite struct FragmentTests {
    private struct Fragments {
        var folder: String
        var playlist: String { folder + "/index.m3u8" }

        func text() throws -> String { try String(contentsOfFile: playlist, encoding: .utf8) }

        func names(_ suffix: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(suffix) }.sorted()
        }
    }

    private func package(
        _ recordings: [String], _ workspace: Workspace, segment: String
    ) throws -> Fragments {
        let folder = workspace.path("hls")
        let outcome = try Command.attacca(
            ["package"] + recordings + ["--hls", "\(folder)?segment=\(segment)&segments=fmp4"])
        #expect(outcome.status == 0 && outcome.errorLines == [], "\(outcome.errorLines)")
        return Fragments(folder: folder)
    }

    /// MD5 of each decoded unit.
    private func units(_ path: String, _ stream: String, _ more: [String] = []) throws -> [String] {
        let outcome = try Command.run(
            "ffmpeg",
            ["-nostdin", "-v", "error"] + more
                + ["-i", path, "-map", "0:\(stream)", "-f", "framemd5", "-"])
        return outcome.output.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespace) } ?? ""
        }
    }

    @Test(arguments: SamplePair.all)
    func everyPictureAndEverySoundFrameIsThereOnce(_ pair: SamplePair) throws {
        let workspace = try Workspace()
        let source = pair.path("main")
        let fragments = try package([source], workspace, segment: "3s")
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
        // Nothing is missing or twice where one fragment ends and the next begins.
        #expect(try sum(fragments, "moof") >= 7)
        #expect(try sum(fragments, "mfra") == 0)
        #expect(try fragments.names(".mp4").count == 1)
        #expect(!(try fragments.text().contains("DISCONTINUITY")))
    }

    private func sum(_ fragments: Fragments, _ box: String) throws -> Int {
        try fragments.names(".m4s").reduce(0) { sum, name in
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(fragments.folder)/\(name)"))
            return sum + Box.all(in: [UInt8](bytes)).filter { $0.name == box }.count
        }
    }
}
