// RTMP publishers of others: ffmpeg, GStreamer; in the clear and over TLS.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct PublisherTests {
        /// Plays a sample as an RTMP encoder would.
        private func publisher(_ input: String, to url: String, from seconds: Int = 0) throws
            -> Companion
        {
            try Companion(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-re",
                ] + (seconds > 0 ? ["-ss", "\(seconds)"] : []) + [
                    "-i", SamplePair.h264.path(input), "-map", "0:v", "-map", "0:a", "-c", "copy",
                    "-f", "flv", url,
                ])
        }

        /// From main to backup; where no entry of the one meets a clean end of the other in the
        /// moment that the two were started, as many as are reordered around an entry may be
        /// missing.
        private func losesFewPictures(_ log: String) -> Bool {
            ["L3\" lost=\"0", "L2\" lost=\"1", "L2\" lost=\"2", "L2\" lost=\"3"].contains {
                log.contains("main -> backup level=\"" + $0 + "\"")
            }
        }

        @Test func anRTMPEncoderThatIsKilledIsReplacedByOneOfSRT() async throws {
            let workspace = try Workspace()
            let file = workspace.path("file.ts")
            let ports = try (0..<2).map { _ in try FreePorts.next() }
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=rtmp://127.0.0.1:\(ports[0])/live/zq9zq9",
                    "-i", "backup=srt://127.0.0.1:\(ports[1])?mode=listener&latency=300",
                    // So much has several entries of the backup, and one of them fits.
                    "-o", file, "--hold-back", "6s",
                ])
            try await channel.untilPortsAreOpen(ports)
            let main = try publisher("main", to: "rtmp://127.0.0.1:\(ports[0])/live/zq9zq9")
            let backup = try LiveTests.sender(
                "backup", to: "srt://127.0.0.1:\(ports[1])?pkt_size=1316")
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(8)
            main.signal(SIGKILL)
            try await pause(6)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try backup.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
            #expect(log.contains("main -> backup level=\"L3\" lost=\"0\""), "\(log)")
            #expect(!log.contains("zq9"), "\(log)")
            let found = try LiveTests.complaints(file, apart: 25)
            #expect(found == [], "\(log)")
        }

        /// Two keys of one port; the main encoder comes back, and the backup stays on air.
        @Test func anEncoderThatComesBackIsTakenInAndDoesNotTakeTheAir() async throws {
            let workspace = try Workspace()
            let file = workspace.path("file.ts")
            let port = try FreePorts.next()
            let url = "rtmp://127.0.0.1:\(port)/live"
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=\(url)/zq9zq9", "-i", "backup=\(url)/zq8zq8", "-o", file,
                    "--hold-back", "2.5s", "--return", "never",
                ])
            try await channel.untilPortsAreOpen([port])
            let main = try publisher("main", to: "\(url)/zq9zq9")
            let backup = try Companion(
                "gst-launch-1.0",
                ("-q filesrc location=\(SamplePair.h264.path("backup")) ! tsdemux name=d "
                    + "d. ! queue ! h264parse ! identity sync=true ! flvmux name=m streamable=true "
                    + "! rtmp2sink location=\(url)/zq8zq8 d. ! queue ! aacparse ! m.")
                    .split(separator: " ").map(String.init))
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(6)
            let stranger = try publisher("main", to: "\(url)/zq7zq7")
            let second = try publisher("main", to: "\(url)/zq8zq8")
            main.signal(SIGKILL)
            try await pause(3)
            let again = try publisher("main", to: "\(url)/zq9zq9", from: 10)
            try await pause(5)
            let (status, log) = try channel.finish(SIGTERM)
            #expect(!stranger.isRunning && !second.isRunning)
            for publisher in [backup, again] { _ = try publisher.finish(SIGKILL) }
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
            #expect(losesFewPictures(log), "\(log)")
            #expect(log.components(separatedBy: "main is sound").count == 3, "\(log)")
            #expect(log.components(separatedBy: "refused a publisher").count == 3, "\(log)")
            #expect(!log.contains("zq"), "\(log)")
            let found = try LiveTests.complaints(file, held: 3, apart: 25)
            #expect(found == [], "\(log)")
        }

        @Test func aPublisherComesOverTLS() async throws {
            let workspace = try Workspace()
            let (file, certificate, key) = (
                workspace.path("file.ts"), workspace.path("cert.pem"), workspace.path("key.pem")
            )
            _ = try Command.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", key, "-out", certificate,
                ])
            let port = try FreePorts.next()
            let url = "rtmps://127.0.0.1:\(port)/live/zq9zq9"
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "\(url)?cert=\(certificate)&key=\(key)", "-o", file,
                    "--hold-back", "500ms",
                ])
            try await channel.untilPortsAreOpen([port])
            // In the clear nobody comes in.
            let plain = try publisher(
                "main", to: url.replacingOccurrences(of: "rtmps:", with: "rtmp:"))
            let main = try publisher("main", to: url)
            try await channel.untilItSays("on air")
            try await pause(5)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try main.finish(SIGKILL)
            _ = try plain.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(log.contains("on air"), "\(log)")
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
        }
    }
}
