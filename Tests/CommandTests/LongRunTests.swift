// What must not add up over many seams.

import Foundation
import StreamContent
import Testing

@Suite struct LongRunTests {
    /// How often the 36 s of the pair are played.
    static let laps = 6
    /// Seconds of output that are decoded at each end.
    static let endSeconds = 12

    /// Pictures and sound of this pair both last 36 s exactly, so it can be played again and again
    /// without a slip between them.
    @Test func hundredsOfSeamsLeaveHoldBackAndLipSyncWhereTheyWere() throws {
        let pair = SamplePair.mpeg2
        let workspace = try Workspace()
        for input in ["main", "backup"] {
            let outcome = try Command.run(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-stream_loop", "\(Self.laps - 1)",
                    "-i", pair.path(input), "-c", "copy", "-f", "mpegts",
                    workspace.path("\(input).ts"),
                ])
            #expect(outcome.status == 0)
        }
        let events = stride(from: 4.0, to: Double(Self.laps) * 36 - 6, by: 0.5).flatMap {
            ["\($0)s:switch:backup", "\($0 + 0.25)s:switch:main"]
        }
        let inputs = ["main", "backup"].flatMap {
            ["--input", "\($0)=\(workspace.path($0 + ".ts"))"]
        }
        let rehearsal = try Rehearsal(inputs + ["--wait", "200ms"], events: events)
        let seams = rehearsal.report.seams
        #expect(rehearsal.outcome.status == 0)
        #expect(seams.count > 300)
        #expect(rehearsal.report.output.conformance.sentences == [])
        for input in ["main", "backup"] {
            let holdBacks = seams.filter { $0.to == input }.map(\.holdBack)
            let first = try #require(holdBacks.first)
            let last = try #require(holdBacks.last)
            // A seam moves it by half an audio frame and a picture's rounding at most.
            #expect(abs(last - first) < 0.08)
        }
        let offsets = try [false, true].map { atEnd in
            try lipSync(of: rehearsal.path, pair: pair, atEnd: atEnd, in: workspace)
        }
        let limit = pair.frameDuration / 2 + OutputJudge.readingError
        #expect(offsets.joined().filter { abs($0) > limit } == [])
    }

    /// Lip-sync at one end of a file. A decoder that starts in the middle shows nothing before
    /// the next random access point; readings across a seam are left out by their scatter.
    private func lipSync(
        of path: String, pair: SamplePair, atEnd: Bool, in workspace: Workspace
    ) throws -> [Double] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let count = data.count / 188 * Self.endSeconds / (Self.laps * 36) * 188
        let piece = workspace.path(atEnd ? "end.ts" : "begin.ts")
        let bytes = atEnd ? data.suffix(count) : data.prefix(count)
        try Data(bytes).write(to: URL(fileURLWithPath: piece))
        let content = try DecodedContent.read(path: piece)
        let jumps = content.jumps.map(\.position)
        let points = content.lipSync(rate: pair.rate, every: 2).filter { point in
            !jumps.contains { abs($0 - point.position) <= 2 }
        }
        #expect(points.count > 20)
        return points.map(\.offset)
    }
}
