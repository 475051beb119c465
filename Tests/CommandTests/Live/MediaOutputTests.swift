// MP4 files and pushes: what is in them is what went out, and whatever happens to the process that
// writes them, the other outputs do not notice.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct MediaOutputTests {
        private let workspace: Workspace
        private let ports: [UInt16]
        private var file: String { workspace.path("file.ts") }

        init() throws {
            workspace = try Workspace()
            ports = try (0..<3).map { _ in try FreePorts.next() }
        }

        private func channel(_ outputs: String...) throws -> Companion {
            let inputs = ["main=udp://127.0.0.1:\(ports[0])", "backup=udp://127.0.0.1:\(ports[1])"]
            return try Companion(
                try Binary.found.get(),
                ["run", "--hold-back", LiveTests.depth, "--align", "timestamps", "-o", file]
                    + inputs.flatMap { ["-i", $0] } + outputs.flatMap { ["-o", $0] })
        }

        private func senders() throws -> (main: Companion, backup: Companion) {
            (
                try LiveTests.sender("main", to: "udp://127.0.0.1:\(ports[0])?pkt_size=1316"),
                try LiveTests.sender("backup", to: "udp://127.0.0.1:\(ports[1])?pkt_size=1316")
            )
        }

        /// The boxes of an MP4's first level.
        private func boxes(_ path: String) throws -> [String] {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            var names: [String] = []
            var at = 0
            while at + 8 <= data.count {
                let size = data[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
                names.append(String(decoding: data[(at + 4)..<(at + 8)], as: UTF8.self))
                guard size >= 8 else { break }
                at += size
            }
            return names
        }

        @Test func anMP4AndAPushHoldWhatWentOutAcrossASeam() async throws {
            let (recording, pushed) = (workspace.path("one.mp4"), workspace.path("pushed.flv"))
            let server = try Companion(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-y", "-listen", "1", "-i",
                    "rtmp://127.0.0.1:\(ports[2])/live/secret-key", "-c", "copy", pushed,
                ])
            try await server.untilPortsAreOpen([ports[2]])
            let channel = try channel(
                "mp4:\(recording)", "rtmp://127.0.0.1:\(ports[2])/live/secret-key")
            try await channel.untilPortsAreOpen([ports[0], ports[1]])
            let (main, backup) = try senders()
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(8)
            main.signal(SIGKILL)
            try await pause(5)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try backup.finish(SIGKILL)
            _ = try server.finish(0)
            #expect(status == 0, "\(log)")
            #expect(!log.contains("secret-key"))
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
            let sent = try DecodedContent.read(path: file)
            #expect(Set(sent.pictures.compactMap { $0.mark?.encoder }).count == 2, "\(log)")
            // The index first, then what it is of, in no fragments.
            #expect(try boxes(recording) == ["ftyp", "moov", "free", "mdat"])
            for path in [recording, pushed] {
                let content = try DecodedContent.read(path: path)
                #expect(content.messages == [], "\(path)")
                #expect(content.pictures.map(\.mark) == sent.pictures.map(\.mark), "\(path)")
                let lips = content.lipSync(rate: SamplePair.h264.rate, every: 10).map(\.offset)
                let before = sent.lipSync(rate: SamplePair.h264.rate, every: 10).map(\.offset)
                #expect(lips.count > 8)
                // An FLV has milliseconds.
                for (offset, expected) in zip(lips, before) {
                    #expect(abs(offset - expected) < 0.004, "\(path)")
                }
            }
        }

        @Test func aMediaProcessThatIsKilledAgainAndAgainIsNoticedByNobody() async throws {
            let recording = workspace.path("one.mp4")
            let channel = try channel(
                "mp4:\(recording)", "rtmp://127.0.0.1:\(ports[2])/live/nobody-there")
            try await channel.untilPortsAreOpen([ports[0], ports[1]])
            let (main, backup) = try senders()
            try await channel.untilItSays("input main is sound", "input backup is sound")
            // Until something goes out.
            try await pause(6)
            var killed = 0
            for round in 0..<4 {
                try await pause(2.3)
                for process in channel.grandchildren where kill(process, SIGKILL) == 0 {
                    killed += 1
                }
                if round == 1 { main.signal(SIGKILL) }
            }
            try await pause(2)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try backup.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(killed >= 4, "\(log)")
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
            // Each process went on in a file of its own, from a picture on that is in the one
            // before.
            let sent = try DecodedContent.read(path: file).pictures.map(\.mark)
            var next = sent.startIndex
            for number in 1...20 {
                let path = number == 1 ? recording : workspace.path("one-\(number).mp4")
                guard FileManager.default.fileExists(atPath: path) else { break }
                let content = try DecodedContent.read(path: path)
                #expect(content.messages == [], "\(path)")
                let marks = content.pictures.map(\.mark)
                let start = try #require(marks.first.flatMap { sent.firstIndex(of: $0) })
                #expect(start <= next, "\(path) begins behind a hole")
                #expect(marks == Array(sent[start..<min(start + marks.count, sent.count)]))
                next = start + marks.count
            }
            #expect(next == sent.endIndex)
        }
    }
}

extension Companion {
    /// What the tool has started.
    var grandchildren: [Int32] {
        tools.flatMap { tool -> [Int32] in
            let tasks = "/proc/\(tool)/task"
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
            return threads.flatMap { thread -> [Int32] in
                let text = try? String(
                    contentsOfFile: "\(tasks)/\(thread)/children", encoding: .utf8)
                return (text ?? "").split(separator: " ").compactMap { Int32($0) }
            }
        }
    }
}
