// Recorders and players of others behind a channel: what they read of its folders, live and after,
// across seams.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct PlayerTests {
        /// A channel with two encoders whose ways can be cut off, and HLS of both kinds. What makes
        /// the fragments is killed again and again.
        private final class Stage {
            let workspace: Workspace
            let folder: String
            let archive: String
            let port: UInt16
            let channel: Companion
            let ways: [DatagramRelay]
            private let senders: [Companion]
            private let killer: Task<Int, Never>

            init(_ hls: String) async throws {
                workspace = try Workspace()
                folder = workspace.path("hls")
                archive = workspace.path("archive")
                // One that is free may be given twice.
                var free: Set<UInt16> = []
                while free.count < 3 { free.insert(try FreePorts.next()) }
                let ports = Array(free.prefix(2))
                port = try #require(free.subtracting(ports).first)
                channel = try Companion(
                    try Binary.found.get(),
                    [
                        "run", "-i", "main=udp://127.0.0.1:\(ports[0])",
                        "-i", "backup=udp://127.0.0.1:\(ports[1])",
                        "-o", "hls:\(folder)?\(hls)",
                        "-o", "hls:\(folder)?\(hls)&name=fragments&segments=fmp4",
                        "-o", "record:\(archive)?size=1M&keep-free=0",
                        "--http", "127.0.0.1:\(port)", "--hold-back", "3s", "--return", "never",
                    ])
                try await channel.untilPortsAreOpen(ports + [port])
                ways = try ports.map { try DatagramRelay(to: $0) }
                // Again and again, with time stamps that go on: only the content jumps.
                senders = try zip(["main", "backup"], ways).map { name, way in
                    try Companion(
                        "ffmpeg",
                        [
                            "-nostdin", "-v", "error", "-re", "-stream_loop", "9", "-i",
                            SamplePair.h264.path(name), "-map", "0", "-c", "copy", "-f", "mpegts",
                            "udp://127.0.0.1:\(way.port)?pkt_size=1316",
                        ])
                }
                killer = Task { [channel] in
                    var killed = 0
                    // Now between two pieces, now in the middle of one.
                    while (try? await pause(0.9)) != nil {
                        for child in channel.children where kill(child, SIGKILL) == 0 {
                            killed += 1
                        }
                    }
                    return killed
                }
            }

            func url(_ name: String) -> String {
                "http://127.0.0.1:\(port)/channel1/\(name).m3u8"
            }

            /// Cuts the input on air off; it is back when the other one is on air.
            func failOver(_ number: Int) async throws {
                let way = ways[number % 2]
                way.become(.silent)
                try await pause(1.2)
                way.become(.none)
            }

            func end() async throws -> (status: Int32, log: String) {
                killer.cancel()
                let killed = await killer.value
                #expect(killed >= 8)
                let (status, log) = try channel.finish(SIGTERM)
                for sender in senders { _ = try sender.finish(SIGKILL) }
                ways.forEach { $0.close() }
                return (status, log)
            }

            func names(_ folder: String, _ suffix: String) throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: folder)
                    .filter { $0.hasSuffix(suffix) }.sorted().map { folder + "/" + $0 }
            }
        }

        private func reading(_ url: String, into path: String) -> [String] {
            [
                "-nostdin", "-v", "warning", "-live_start_index", "0", "-i", url, "-c", "copy",
                "-f", "mpegts", path,
            ]
        }

        /// What a decoder says of a file or a playlist.
        private func messages(_ path: String) throws -> [String] {
            try Command.run(
                "ffmpeg",
                ["-nostdin", "-v", "warning", "-xerror", "-i", path, "-f", "null", "-"]
            ).errorLines
        }

        private func frames(_ path: String) throws -> Int {
            let outcome = try Command.run(
                "ffprobe",
                [
                    "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
                    "stream=nb_read_packets", "-of", "csv=p=0", path,
                ])
            let first = outcome.output.split(whereSeparator: { ",\n".contains($0) }).first
            return first.flatMap { Int($0) } ?? -1
        }

        @Test func playersReadAChannelWhileItSwitchesAndAfterwardsWithoutAMessage() async throws {
            let stage = try await Stage("segment=2s&type=event")
            try await pause(9)
            let (live, streamed) = (
                stage.workspace.path("live.ts"), stage.workspace.path("streamed.ts")
            )
            let (liveFragments, streamedFragments) = (
                stage.workspace.path("live-fragments.ts"), stage.workspace.path("streamed.mp4")
            )
            let readers = try [
                Companion("ffmpeg", reading(stage.url("index"), into: live)),
                Companion("ffmpeg", reading(stage.url("fragments"), into: liveFragments)),
                Companion(
                    "gst-launch-1.0",
                    ["-q", "-e", "souphttpsrc", "location=\(stage.url("index"))", "!", "hlsdemux",
                        "!", "filesink", "location=\(streamed)"]),
                Companion(
                    "gst-launch-1.0",
                    ["-q", "-e", "souphttpsrc", "location=\(stage.url("fragments"))", "!",
                        "hlsdemux", "!", "filesink", "location=\(streamedFragments)"]),
            ]
            for number in 0..<3 {
                try await stage.failOver(number)
                try await pause(3)
            }
            let (status, log) = try await stage.end()
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 4, "\(log)")
            // Nobody answers them any more, which is all that they may have to complain of.
            for reader in readers {
                let said = try reader.finish(SIGINT).errors.split(separator: "\n")
                #expect(
                    said.filter { $0.contains("non-monoton") || $0.contains("corrupt") } == [])
            }
            let playlist = stage.folder + "/index.m3u8"
            let text = try String(contentsOfFile: playlist, encoding: .utf8)
            #expect(!text.contains("DISCONTINUITY") && text.contains("#EXT-X-ENDLIST"), "\(text)")
            #expect(text.contains("INDEPENDENT-SEGMENTS"), "\(text)")
            let segments = try stage.names(stage.folder, ".ts")
            for path in try [playlist] + segments + stage.names(stage.archive, ".ts") {
                let said = try messages(path)
                #expect(said == [], "\(path): \(log)")
            }
            // Every picture comes once: in the segments, in the recordings, and by the wire.
            let all = try segments.reduce(0) { try $0 + frames($1) }
            #expect(try frames(playlist) == all)
            #expect(
                try stage.names(stage.archive, ".ts").reduce(0) { try $0 + frames($1) } == all)
            // The live ones have all up to the last segments.
            for path in [live, streamed, liveFragments, streamedFragments] {
                let name = path.split(separator: "/").last ?? ""
                #expect(try messages(path) == [], "\(name)")
                #expect(try frames(path) > all - 225 && frames(path) <= all, "\(name)")
            }
            try judgeFragments(stage, all)
            let sidecars = try stage.names(stage.archive, ".json").map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            #expect(sidecars.joined().components(separatedBy: "\"level\":").count == 4)
            // Packaged afterwards the recordings have the same times of day.
            let again = stage.workspace.path("again")
            let outcome = try Command.attacca(
                ["package"] + stage.names(stage.archive, ".ts") + ["--hls", again + "?segment=2s"])
            #expect(outcome.status == 0 && outcome.errorLines == [])
            let made = try String(contentsOfFile: again + "/index.m3u8", encoding: .utf8)
            let (then, later) = (try dates(text), try dates(made))
            #expect(then.count > 5 && later.count > 5)
            #expect(abs((then.first?.begin ?? 0) - (later.first?.begin ?? 0)) < 0.05, "\(made)")
            #expect(abs((then.last?.end ?? 0) - (later.last?.end ?? 0)) < 0.2, "\(made)")
            for (before, next) in zip(later, later.dropFirst()) {
                #expect(abs(next.begin - before.end) < 0.1, "\(made)")
            }
        }

        /// When each segment of a playlist begins and ends, seconds; all have dates.
        private func dates(_ playlist: String) throws -> [(begin: Double, end: Double)] {
            let lines = playlist.split(separator: "\n")
            let lengths = lines.filter { $0.hasPrefix("#EXTINF:") }
                .compactMap { Double($0.dropFirst(8).prefix { $0 != "," }) }
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let begins = try lines.filter { $0.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") }
                .map { try format.parse(String($0.dropFirst(25))).timeIntervalSince1970 }
            try #require(begins.count == lengths.count)
            return zip(begins, lengths).map { ($0, $0 + $1) }
        }

        /// One initialization section for all encoders, and each segment plays with it alone.
        private func judgeFragments(_ stage: Stage, _ all: Int) throws {
            let playlist = stage.folder + "/fragments.m3u8"
            let text = try String(contentsOfFile: playlist, encoding: .utf8)
            #expect(!text.contains("DISCONTINUITY") && text.contains("#EXT-X-ENDLIST"), "\(text)")
            #expect(text.components(separatedBy: "EXT-X-MAP").count == 2, "\(text)")
            #expect(text.contains("INDEPENDENT-SEGMENTS"), "\(text)")
            #expect(try messages(playlist) == [] && frames(playlist) == all)
            let headers = try stage.names(stage.folder, ".mp4")
            let header = try Data(contentsOf: URL(fileURLWithPath: try #require(headers.first)))
            #expect(headers.count == 1)
            for segment in try stage.names(stage.folder, ".m4s") {
                let path = stage.workspace.path("segment.mp4")
                try (header + Data(contentsOf: URL(fileURLWithPath: segment)))
                    .write(to: URL(fileURLWithPath: path))
                #expect(try messages(path) == [], "\(segment)")
            }
            #expect(try stage.names(stage.folder, ".part") == [])
        }

        /// Debian's Chromium plays HLS by itself.
        @Test(
            .enabled(
                if: FileManager.default.fileExists(atPath: "/usr/bin/chromium"),
                "chromium is not installed"))
        func chromiumPlaysThroughTenFailoversWithoutAStall() async throws {
            let stage = try await Stage("segment=2s")
            try await pause(11)
            let page = stage.workspace.path("page.html")
            try """
                <video id="index" muted autoplay playsinline crossorigin
                  src="\(stage.url("index"))"></video>
                <video id="fragments" muted autoplay playsinline crossorigin
                  src="\(stage.url("fragments"))"></video>
                <script>
                // The number of the picture that is shown: sixteen blocks of 16 by 16 in its first
                // row, behind two that are fixed.
                const canvas = new OffscreenCanvas(320, 16).getContext(
                  '2d', {willReadFrequently: true});
                function shown(v) {
                  canvas.drawImage(v, 0, 0, 320, 16, 0, 0, 320, 16);
                  const pixels = canvas.getImageData(0, 0, 320, 16).data;
                  let number = 0;
                  for (let block = 2; block < 18; block++)
                    number = 2 * number + (pixels[4 * (8 * 320 + 16 * block + 8)] > 128);
                  return number;
                }
                function there(v) {
                  return [...Array(v.buffered.length).keys()].map(
                    i => `${v.buffered.start(i)} to ${v.buffered.end(i)}`).join(', ');
                }
                for (const v of document.querySelectorAll('video')) {
                  let started = false;
                  for (const name of ['playing', 'waiting', 'seeking', 'error', 'ended'])
                    v.addEventListener(name, () => {
                      if (name == 'playing') started = true;
                      if (started || name == 'error')
                        console.log(`event ${v.id} ${name} at ${v.currentTime} of ` + there(v));
                    });
                  setInterval(() => {
                    const q = v.getVideoPlaybackQuality();
                    console.log(`${v.id} time ${v.currentTime} frames ${q.totalVideoFrames} ` +
                      `dropped ${q.droppedVideoFrames} picture ${shown(v)} end`);
                  }, 500);
                }
                </script>
                """.write(toFile: page, atomically: true, encoding: .utf8)
            let browser = try Companion(
                "chromium",
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
                    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
                    "--enable-logging=stderr", "--user-data-dir=\(stage.workspace.path("profile"))",
                    "file://" + page,
                ])
            try await pause(6)
            let names = ["index", "fragments"]
            let before = names.map { playback(browser, $0) }
            let start = Date()
            for number in 0..<10 {
                try await stage.failOver(number)
                try await pause(2.3)
            }
            // What is sent now is seen after the hold-back and three segments.
            try await pause(10)
            let after = names.map { playback(browser, $0) }
            let elapsed = Date().timeIntervalSince(start)
            browser.signal(SIGKILL)
            let (status, log) = try await stage.end()
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 11, "\(log)")
            // It may wait once more in the first second, for its own start.
            let events = browser.errors.split(separator: "\n").filter { line in
                line.contains("event ") && !line.contains("at 0")
            }
            #expect(events == [])
            for (name, (before, after)) in zip(names, zip(before, after)) {
                #expect(
                    before.time > 0 && abs(after.time - before.time - elapsed) < 1.5, "\(name)")
                #expect(Double(after.frames - before.frames) > 24 * elapsed, "\(name)")
                // What it shows twice a second: the pictures go on, but where the encoders begin
                // again.
                let pictures = pictures(browser, name)
                let steps = zip(pictures, pictures.dropFirst()).map { $1 - $0 }
                #expect(pictures.count > 60 && Set(pictures).count > 50, "\(name) \(pictures)")
                #expect(steps.count { !(1...30).contains($0) } <= 5, "\(name) \(pictures)")
            }
        }

        /// The numbers of the pictures that were shown when it told where it is.
        private func pictures(_ browser: Companion, _ name: String) -> [Int] {
            browser.errors.split(separator: "\n").compactMap { line in
                guard line.contains("\(name) time "), !line.contains("frames 0 ") else { return nil }
                let words = line.split(separator: " ")
                let place = words.firstIndex(of: "picture").map { $0 + 1 }
                return place.flatMap { $0 < words.count ? Int(words[$0]) : nil }
            }
        }

        /// Where the player is, by its last line.
        private func playback(_ browser: Companion, _ name: String) -> (time: Double, frames: Int) {
            let line = browser.errors.split(separator: "\n").last {
                $0.contains("\(name) time ") && $0.contains(" end")
            }
            let words = (line ?? "").split(whereSeparator: { " \"".contains($0) }).map(String.init)
            func value(_ name: String) -> Double {
                words.firstIndex(of: name).flatMap { index in
                    index + 1 < words.count ? Double(words[index + 1]) : nil
                } ?? -1
            }
            return (value("time"), Int(value("frames")))
        }
    }
}
