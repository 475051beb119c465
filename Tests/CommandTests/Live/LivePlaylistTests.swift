// HLS sources whose servers have trouble: what is no end is not believed to be one.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct LivePlaylistTests {
        /// A live origin: its playlist slides over the last four of a recording's segments, each
        /// of which is there when it would have been encoded.
        private struct Origin {
            let server: Companion
            let url: String

            /// - Parameters:
            ///   - away: seconds between which the playlist answers 404.
            ///   - isRestarted: behind them it counts from 0, and the recording begins again.
            init(_ workspace: Workspace, away: ClosedRange<Int>, isRestarted: Bool) async throws {
                let folder = try LivePlaylistTests.segments(workspace)
                let port = try FreePorts.next()
                let script = """
                    import http.server, time
                    folder, away, again = '\(folder)', (\(away.lowerBound), \(away.upperBound)), \
                    \(isRestarted ? "True" : "False")
                    lengths = [float(l[8:].split(',')[0]) for l in open(folder + '/all.m3u8')
                               if l.startswith('#EXTINF:')]
                    start = time.time()
                    class Handler(http.server.SimpleHTTPRequestHandler):
                        def __init__(self, *a):
                            super().__init__(*a, directory=folder)
                        def do_GET(self):
                            now = time.time() - start
                            if not self.path.endswith('.m3u8'):
                                self.path = self.path.replace('again-', '')
                                return super().do_GET()
                            if away[0] <= now < away[1]:
                                return self.send_error(404)
                            isAnew = again and now >= away[1]
                            end, count = now - (away[1] if isAnew else 0), 0
                            while count < len(lengths) and sum(lengths[:count]) <= end:
                                count += 1
                            first = max(0, count - 4)
                            text = '#EXTM3U\\n#EXT-X-TARGETDURATION:3\\n'
                            text += '#EXT-X-MEDIA-SEQUENCE:%d\\n' % (first + (0 if isAnew else 70))
                            for k in range(first, count):
                                name = ('again-%d.ts' if isAnew else '%d.ts') % k
                                text += '#EXTINF:%f,\\n%s\\n' % (lengths[k], name)
                            self.send_response(200)
                            self.end_headers()
                            self.wfile.write(text.encode())
                    http.server.ThreadingHTTPServer(
                        ('127.0.0.1', \(port)), Handler).serve_forever()
                    """
                server = try Companion("python3", ["-c", script])
                try await server.untilPortsAreOpen([port])
                url = "http://127.0.0.1:\(port)/live.m3u8"
            }
        }

        /// Two seconds each, 0.ts and so on, and all.m3u8.
        private static func segments(_ workspace: Workspace) throws -> String {
            let folder = workspace.path("segments")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            let cut = try Command.run(
                "ffmpeg",
                [
                    "-v", "error", "-copyts", "-i", SamplePair.h264.path("main"), "-map", "0",
                    "-c", "copy", "-muxdelay", "0", "-f", "hls", "-hls_time", "2",
                    "-hls_list_size", "0", "-hls_segment_filename", "\(folder)/%d.ts",
                    "\(folder)/all.m3u8",
                ])
            #expect(cut.status == 0, "\(cut.errorLines)")
            return folder
        }

        /// A recording of what goes out of a channel that pulls from a server for so many seconds.
        private func record(
            _ url: String, _ server: Companion, _ workspace: Workspace, seconds: Double
        ) async throws -> (content: DecodedContent, log: String) {
            let file = workspace.path("out.ts")
            let channel = try Companion(
                try Binary.found.get(), ["run", "-i", url, "-o", file, "--hold-back", "4s"])
            try await pause(seconds)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try server.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            return (try DecodedContent.read(path: file), log)
        }

        /// Content indices of what goes out of a channel that pulls from an origin in trouble.
        private func marks(
            away: ClosedRange<Int>, isRestarted: Bool, seconds: Double
        ) async throws -> (marks: [Int], log: String) {
            let workspace = try Workspace()
            let origin = try await Origin(workspace, away: away, isRestarted: isRestarted)
            let (content, log) = try await record(
                origin.url, origin.server, workspace, seconds: seconds)
            #expect(content.messages == [], "\(log)")
            // It is stopped anywhere, among reordered pictures too.
            return (content.pictures.dropLast(8).compactMap(\.mark?.index), log)
        }

        /// Shorter than what was read ahead and the hold-back: nobody sees it.
        @Test func aPlaylistThatIsGoneForAWhileHasNotEnded() async throws {
            let (marks, log) = try await marks(away: 6...9, isRestarted: false, seconds: 22)
            #expect(marks == Array(0..<marks.count), "\(log)")
            #expect(marks.count > 350 && !log.contains("seam"), "\(marks.count) \(log)")
        }

        /// The old line is whole to its last segment, and the new one goes on from its first random
        /// access point, or the second.
        @Test func aServerThatCountsFromZeroAgainIsFollowed() async throws {
            let (marks, log) = try await marks(away: 9...9, isRestarted: true, seconds: 26)
            let steps = zip(marks, marks.dropFirst()).map { $1 - $0 }
            let turn = try #require(steps.firstIndex { $0 < 0 }, "\(log)")
            let (before, after) = (marks[...turn], marks[(turn + 1)...])
            #expect(steps.count { $0 != 1 } == 1, "\(steps.filter { $0 != 1 }) \(log)")
            #expect(before.count >= 200 && after.count > 150, "\(before.count) \(after.count)")
            #expect(before.count % 50 == 0 && [0, 50].contains(after.first), "\(log)")
        }

        /// Time stamps that fall and rise, and counters that jump: all of each piece goes out.
        @Test func aDiscontinuityCostsNothing() async throws {
            let workspace = try Workspace()
            let folder = try Self.segments(workspace)
            let pieces = [4...6, 0...3, 10...11]
            let text = pieces.map { piece in
                piece.map { "#EXTINF:2.0,\n\($0).ts\n" }.joined()
            }.joined(separator: "#EXT-X-DISCONTINUITY\n")
            try "#EXTM3U\n#EXT-X-TARGETDURATION:2\n\(text)#EXT-X-ENDLIST\n".write(
                toFile: "\(folder)/pieces.m3u8", atomically: true, encoding: .utf8)
            let port = try FreePorts.next()
            let server = try Companion(
                "python3", ["-m", "http.server", "-b", "127.0.0.1", "-d", folder, "\(port)"])
            try await server.untilPortsAreOpen([port])
            let (content, log) = try await record(
                "http://127.0.0.1:\(port)/pieces.m3u8", server, workspace, seconds: 26)
            #expect(content.messages == [], "\(log)")
            let expected = pieces.flatMap { piece in
                (piece.lowerBound * 50..<(piece.upperBound + 1) * 50).map { $0 }
            }
            #expect(content.pictures.compactMap(\.mark?.index) == expected, "\(log)")
        }
    }
}
