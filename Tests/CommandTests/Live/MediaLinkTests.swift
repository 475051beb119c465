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
            let ports = try (0..<2).map { _ in try DatagramRelay.freePort() }
            for port in ports {
                let text = "#EXTM3U\n#EXT-X-TARGETDURATION:36\n#EXTINF:36,\n"
                    + "https://127.0.0.1:\(port)/segment.ts\n#EXT-X-ENDLIST\n"
                try text.write(
                    toFile: "\(folder)/\(port).m3u8", atomically: true, encoding: .utf8)
            }
            let servers = try ports.map { try secureServer(folder, $0) }
            try await pause(0.7)
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
