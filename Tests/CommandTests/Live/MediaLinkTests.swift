// What libav reads as links: recordings in other containers, HLS and HTTP from Python's server.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct MediaLinkTests {
        /// Eight seconds, and then nothing: all of it is to go out, at its own pace.
        @Test func aRecordingAndAPlaylistComeWholeAndAtTheirOwnPace() async throws {
            let workspace = try Workspace()
            let port = try DatagramRelay.freePort()
            let cut = workspace.path("cut.mkv")
            func ffmpeg(_ arguments: String...) throws {
                let outcome = try Command.run("ffmpeg", ["-v", "error", "-y", "-i"] + arguments)
                #expect(outcome.errorLines == [])
            }
            try ffmpeg(SamplePair.h264.path("main"), "-t", "8", "-c", "copy", cut)
            try ffmpeg(cut, "-c", "copy", "-movflags", "faststart", workspace.path("cut.mp4"))
            try ffmpeg(cut, "-c", "copy", workspace.path("cut.ts"))
            try ffmpeg(
                cut, "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod",
                workspace.path("cut.m3u8"))
            let server = try Companion(
                "python3",
                [
                    "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory",
                    workspace.path("."),
                ])
            try await pause(0.7)
            let web = "http://127.0.0.1:\(port)"
            let sources = [
                cut, "\(web)/cut.mp4?token=very-secret", "\(web)/cut.ts", "\(web)/cut.m3u8",
            ]
            let channels = try sources.enumerated().map { number, source in
                try Companion(
                    try Binary.found.get(),
                    [
                        "run", "-i", source, "-o", workspace.path("out\(number).ts"),
                        "--hold-back", "1s",
                    ])
            }
            try await pause(6)
            for number in sources.indices {
                let path = workspace.path("out\(number).ts")
                let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? Int
                // Not all at once; what is written in pieces of 64 kB is behind a little.
                #expect((size ?? 0) < 230_000, "\(sources[number])")
            }
            try await pause(6.5)
            let expected = try DecodedContent.read(path: cut).pictures.map(\.mark)
            #expect(expected.count >= 200)
            for (number, channel) in channels.enumerated() {
                let (status, log) = try channel.finish(SIGTERM)
                #expect(status == 0, "\(log)")
                #expect(!log.contains("very-secret"))
                let path = workspace.path("out\(number).ts")
                // What was muxed behind the last PCR comes when it comes.
                let check = try Command.attacca(["check", path])
                let laws = check.output.split(separator: "\n").prefix { !$0.hasPrefix("input ") }
                for law in laws where law.contains(" 0x") {
                    #expect(law.contains("lateAccessUnit"), "\(sources[number]) \(law)")
                }
                let content = try DecodedContent.read(path: path)
                #expect(content.messages == [], "\(sources[number])")
                #expect(content.pictures.map(\.mark) == expected, "\(sources[number]) \(log)")
            }
            _ = try server.finish(SIGKILL)
        }

        @Test func aCardIsMadeToFitAndShownWhenNothingElseIsThere() async throws {
            let workspace = try Workspace()
            let (card, file) = (workspace.path("card.png"), workspace.path("file.ts"))
            _ = try Command.run(
                "ffmpeg",
                [
                    "-v", "error", "-f", "lavfi", "-i", "color=c=red:s=1000x400", "-frames:v",
                    "1", card,
                ])
            let port = try DatagramRelay.freePort()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=udp://127.0.0.1:\(port)", "--slate", card, "-o", file,
                    "--hold-back", "1s",
                ])
            try await pause(0.7)
            let main = try LiveTests.sender("main", to: "udp://127.0.0.1:\(port)?pkt_size=1316")
            try await pause(11)
            main.signal(SIGKILL)
            try await pause(5)
            let (status, log) = try channel.finish(SIGTERM)
            #expect(status == 0 && log.contains("seam 1 main -> slate"), "\(log)")
            let check = try Command.attacca(["check", file])
            #expect(check.status == 0, "\(check.output)")
            // The card has no marks; its red fills the width, and is black above.
            let pixels = workspace.path("pixels")
            _ = try Command.run(
                "ffmpeg",
                ["-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", pixels])
            let data = try Data(contentsOf: URL(fileURLWithPath: pixels))
            let last = data.suffix(320 * 180 * 3)
            let middle = last.startIndex + (90 * 320 + 160) * 3
            #expect(last.count == 320 * 180 * 3)
            #expect(last[middle] > 200 && last[middle + 1] < 60 && last[last.startIndex + 480] < 40)
        }
    }
}
