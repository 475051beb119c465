// What libav reads as links: recordings in other containers, HLS, HTTP and HTTPS from Python's
// server.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct MediaLinkTests {
        /// Eight seconds, and then nothing: all of it is to go out, at its own pace.
        @Test func aRecordingAndAPlaylistComeWholeAndAtTheirOwnPace() async throws {
            let workspace = try Workspace()
            let port = try FreePorts.next()
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
            try await server.untilPortsAreOpen([port])
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

        /// A web server over TLS that tells what it is asked for.
        private func secureServer(_ folder: String, _ port: UInt16) throws -> Companion {
            let (certificate, key) = ("\(folder)/\(port).pem", "\(folder)/\(port).key")
            _ = try Command.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", certificate,
                ])
            let script = """
                import functools, http.server, ssl
                handler = functools.partial(
                    http.server.SimpleHTTPRequestHandler, directory='\(folder)')
                server = http.server.ThreadingHTTPServer(('127.0.0.1', \(port)), handler)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain('\(certificate)', '\(key)')
                server.socket = context.wrap_socket(server.socket, server_side=True)
                server.serve_forever()
                """
            return try Companion("python3", ["-c", script])
        }

        /// A playlist may lead to any other server.
        @Test func segmentsAreTakenFromServersThatAreWhoTheySayTheyAre() async throws {
            let workspace = try Workspace()
            let folder = workspace.path("web")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: SamplePair.h264.path("main"), toPath: folder + "/segment.ts")
            let ports = try (0..<2).map { _ in try FreePorts.next() }
            for port in ports {
                let text = "#EXTM3U\n#EXT-X-TARGETDURATION:36\n#EXTINF:36,\n"
                    + "https://127.0.0.1:\(port)/segment.ts\n#EXT-X-ENDLIST\n"
                try text.write(
                    toFile: "\(folder)/\(port).m3u8", atomically: true, encoding: .utf8)
            }
            let servers = try ports.map { try secureServer(folder, $0) }
            for (server, port) in zip(servers, ports) {
                try await server.untilPortsAreOpen([port])
            }
            let outputs = ports.map { workspace.path("\($0).ts") }
            // The first server is believed. Both playlists are there.
            let channels = try zip(ports, outputs).map { port, output in
                try Companion(
                    "env",
                    [
                        "SSL_CERT_FILE=\(folder)/\(ports[0]).pem", try Binary.found.get(), "run",
                        "-i", "https://127.0.0.1:\(ports[0])/\(port).m3u8", "-o", output,
                        "--hold-back", "500ms",
                    ])
            }
            try await pause(4)
            for channel in channels { _ = try channel.finish(SIGTERM) }
            let asked = try servers.map { try $0.finish(SIGKILL).errors }
            #expect(asked[0].contains("GET /segment.ts"), "\(asked[0])")
            #expect(asked[0].contains("GET /\(ports[1]).m3u8"), "\(asked[0])")
            #expect(!asked[1].contains("GET"), "\(asked[1])")
            let sizes = try outputs.map {
                try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int
            }
            #expect(sizes[0] ?? 0 > 50_000 && sizes[1] == 0, "\(sizes)")
        }

        /// Where the address names none of this host's.
        @Test func ristIsReceived() async throws {
            let workspace = try Workspace()
            let (file, port) = (workspace.path("rist.ts"), try FreePorts.next())
            let channel = try Companion(
                try Binary.found.get(),
                ["run", "-i", "rist://@:\(port)", "-o", file, "--hold-back", "1s"])
            try await channel.untilPortsAreOpen([port])
            let sender = try LiveTests.sender("main", to: "rist://127.0.0.1:\(port)")
            try await pause(8)
            _ = try sender.finish(SIGKILL)
            let (status, log) = try channel.finish(SIGTERM)
            #expect(status == 0, "\(log)")
            let content = try DecodedContent.read(path: file)
            #expect(content.messages == [] && content.jumps == [], "\(log)")
            #expect(content.pictures.count > 100, "\(log)")
        }

        /// A channel that is sent to for a while, and has a slate for what follows.
        private struct Stage {
            let file: String
            let channel: Companion
            let port: UInt16

            init(_ slate: String, _ workspace: Workspace) throws {
                file = workspace.path(slate + ".ts")
                port = try FreePorts.next()
                channel = try Companion(
                    try Binary.found.get(),
                    [
                        "run", "-i", "main=udp://127.0.0.1:\(port)", "--slate",
                        workspace.path(slate), "-o", file, "--hold-back", "1s",
                    ])
            }

            /// Its pictures, three bytes for each pixel of 320x180.
            func pictures(_ workspace: Workspace) throws -> [Data] {
                let pixels = workspace.path("pixels")
                _ = try Command.run(
                    "ffmpeg",
                    [
                        "-v", "error", "-y", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24",
                        pixels,
                    ])
                let data = try Data(contentsOf: URL(fileURLWithPath: pixels))
                let size = 320 * 180 * 3
                return stride(from: 0, through: data.count - size, by: size).map {
                    Data(data[$0..<($0 + size)])
                }
            }
        }

        @Test func aCardAndAClipAreMadeToFitAndShownWhenNothingElseIsThere() async throws {
            let workspace = try Workspace()
            func make(_ name: String, _ arguments: String...) throws {
                let outcome = try Command.run(
                    "ffmpeg", ["-v", "error"] + arguments + [workspace.path(name)])
                #expect(outcome.errorLines == [])
            }
            try make("card.png", "-f", "lavfi", "-i", "color=c=red:s=1000x400", "-frames:v", "1")
            // A second of each colour, at another rate and in another shape, with sound.
            try make(
                "clip.mp4", "-f", "lavfi", "-i", "color=c=blue:s=640x640:r=30:d=1", "-f", "lavfi",
                "-i", "color=c=lime:s=640x640:r=30:d=1", "-f", "lavfi", "-i", "sine=duration=2",
                "-filter_complex", "[0][1]concat[v]", "-map", "[v]", "-map", "2:a", "-c:v",
                "libx264", "-pix_fmt", "yuv420p")
            let stages = try ["card.png", "clip.mp4"].map { try Stage($0, workspace) }
            for stage in stages { try await stage.channel.untilPortsAreOpen([stage.port]) }
            let senders = try stages.map {
                try LiveTests.sender("main", to: "udp://127.0.0.1:\($0.port)?pkt_size=1316")
            }
            try await pause(11)
            for main in senders { main.signal(SIGKILL) }
            try await pause(5)
            for stage in stages {
                let (status, log) = try stage.channel.finish(SIGTERM)
                #expect(status == 0 && log.contains("seam 1 main -> slate"), "\(log)")
                let check = try Command.attacca(["check", stage.file])
                #expect(check.status == 0, "\(check.output) \(log)")
            }
            // The card has no marks; its red fills the width, and is black above.
            let (middle, top, left) = ((90 * 320 + 160) * 3, 480, 90 * 320 * 3)
            let last = try #require(try stages[0].pictures(workspace).last)
            #expect(last[middle] > 200 && last[middle + 1] < 60 && last[top] < 40)
            // The clip's pictures fill the height, one second of each colour again and again; a
            // pass is as long as its sound, to a PES packet.
            let clip = try stages[1].pictures(workspace).suffix(75)
            #expect(clip.allSatisfy { $0[left] < 40 && $0[left + 1] < 40 && $0[left + 2] < 40 })
            let isGreen = clip.map { $0[middle + 1] > 150 && $0[middle + 2] < 100 }
            #expect(zip(isGreen, clip).allSatisfy { $0 || $1[middle + 2] > 150 })
            let changes = isGreen.indices.dropFirst().filter { isGreen[$0] != isGreen[$0 - 1] }
            let lengths = zip(changes, changes.dropFirst()).map { $1 - $0 }
            #expect(lengths.count >= 1 && lengths.allSatisfy { (21...25) ~= $0 }, "\(changes)")
        }
    }
}
