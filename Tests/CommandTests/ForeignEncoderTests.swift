// Encoders whose streams are made in another way than those of `SampleStreams`: as good, and
// entered as well.

import Foundation
import Testing

@Suite struct ForeignEncoderTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// The same content as x265 makes it. It tells of itself in more than 2 kB of SEI, in many
    /// packets, between the begin of an access unit and its first slice.
    private func x265(_ name: String, offset: Int) throws -> String {
        let path = workspace.path("\(name).ts")
        let outcome = try Command.run(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi",
                "-i", "sine=r=48000", "-t", "24", "-c:v", "libx265", "-preset", "ultrafast",
                "-x265-params",
                "log-level=none:keyint=50:min-keyint=50:scenecut=0:pools=1:info=1", "-c:a", "aac",
                "-output_ts_offset", "\(offset)", "-f", "mpegts", path,
            ])
        #expect(outcome.status == 0)
        return path
    }

    /// Longer than the 15 s behind which an input without random access points is not sound.
    @Test func messagesBeforeAPictureHideNoRandomAccessPoint() throws {
        let (main, backup) = (try x265("main", offset: 100), try x265("backup", offset: 2000))
        let rehearsal = try Rehearsal(
            ["--input", "main=\(main)", "--input", "backup=\(backup)@1s"],
            events: ["4s:switch:backup", "17s:switch:main", "21s:switch:backup"])
        let seams = rehearsal.report.seams
        #expect(seams.map(\.reason) == ["operator", "operator", "operator"], "\(seams)")
        #expect(seams.allSatisfy { $0.level == "L3" && $0.framesLost == 0 }, "\(seams)")
        #expect(rehearsal.report.output.conformance.sentences == [])
    }
}
