// Two encoders of the everyday kind: one RTMP address, two stream keys. The channel switches when
// the first one disconnects and goes back only when the second one does; whatever is recorded of it
// is one event.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct EncoderPairTests {
        private let workspace: Workspace
        private let port: UInt16
        private let start = Date()

        init() throws {
            workspace = try Workspace()
            port = try FreePorts.next()
        }

        /// Begins where the programme is now, as an encoder does that is started again.
        private func publish(_ input: String, key: String) throws -> Companion {
            try Companion(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-re", "-ss",
                    String(format: "%.3f", Date().timeIntervalSince(start)), "-i",
                    SamplePair.h264.path(input), "-map", "0", "-c", "copy", "-f", "flv",
                    "rtmp://127.0.0.1:\(port)/live/\(key)",
                ])
        }

        @Test func anEventOfTwoPublishersIsOneRecordingOfEachKind() async throws {
            let folder = workspace.path("archive")
            let (plain, fragmented) = (workspace.path("a.mp4"), workspace.path("b.mp4"))
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=rtmp://127.0.0.1:\(port)/live/first",
                    "-i", "backup=rtmp://127.0.0.1:\(port)/live/second", "--return", "never",
                    "--hold-back", "3s", "-o", "record:\(folder)?keep-free=0",
                    "-o", "mp4:\(plain)", "-o", "mp4:\(fragmented)?fragmented",
                ])
            try await channel.untilPortsAreOpen([port])
            let main = try publish("main", key: "first")
            let backup = try publish("backup", key: "second")
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(8)
            main.signal(SIGKILL)
            try await pause(3)
            let again = try publish("main", key: "first")
            try await pause(6)
            // Not gone back to before the backup disconnects.
            #expect(channel.errors.components(separatedBy: "notice seam").count == 2)
            backup.signal(SIGKILL)
            try await pause(6)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try again.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 3, "\(log)")
            #expect(!log.contains("level=\"L0\"") && !log.contains("level=\"L1\""), "\(log)")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            let recordings = names.filter { $0.hasSuffix(".ts") }
            #expect(recordings.count == 1 && names.count == 2, "\(names)")
            let recording = folder + "/" + (recordings.first ?? "")
            let found = try LiveTests.complaints(recording, held: 2, apart: 50)
            #expect(found == [], "\(log)")
            let sent = try DecodedContent.read(path: recording)
            // 25 pictures a second from the first to the last, but for one that a seam may hold.
            let ticks = sent.pictures.compactMap(\.ticks)
            let length = Double((ticks.max() ?? 0) - (ticks.min() ?? 0)) / 90_000
            let missing = (length * 25).rounded() + 1 - Double(sent.pictures.count)
            #expect((0...4).contains(missing) && length > 18, "\(length) s, \(missing) missing")
            for path in [plain, fragmented] {
                let content = try DecodedContent.read(path: path)
                #expect(content.messages == [], "\(path)")
                #expect(content.pictures.map(\.mark) == sent.pictures.map(\.mark), "\(path)")
            }
            let index = try sidecar(recording)
            #expect(index.seams.map(\.to) == ["backup", "main"] && index.gaps.isEmpty)
            #expect(abs(index.durationSeconds - length) < 0.1 && index.isComplete)
        }

        private struct Sidecar: Decodable {
            struct Seam: Decodable {
                var to: String
                var level: String
            }
            struct Gap: Decodable { var kind: String }
            var isComplete: Bool
            var durationSeconds: Double
            var seams: [Seam]
            var gaps: [Gap]
        }

        private func sidecar(_ recording: String) throws -> Sidecar {
            let path = recording.dropLast(3) + ".json"
            return try JSONDecoder().decode(
                Sidecar.self, from: Data(contentsOf: URL(fileURLWithPath: String(path))))
        }
    }
}
