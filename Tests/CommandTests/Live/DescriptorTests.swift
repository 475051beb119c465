// More connections than the process may have descriptors: storage does not notice.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct DescriptorTests {
        /// Connects so often, and says nothing.
        private static let idlers = """
            import socket, sys, time
            connections = []
            for number in range(int(sys.argv[2])):
                one = socket.socket()
                one.settimeout(5)
                try:
                    one.connect(('127.0.0.1', int(sys.argv[1])))
                    connections.append(one)
                except OSError:
                    one.close()
            time.sleep(float(sys.argv[3]))
            """

        private static let reader = """
            import sys, urllib.request
            print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
            """

        private struct Status: Decodable {
            struct HTTP: Decodable {
                var readers: Int
                var displaced: Int
            }
            struct Channel: Decodable { var outputs: [Output] }
            struct Output: Decodable {
                var name: String
                var dropped: Int
                var trouble: String?
            }
            var channels: [Channel]
            var http: HTTP
        }

        private func status(_ socket: String) throws -> Status {
            let text = try Command.attacca(["status", "--json", "--control", socket]).output
            let found = try JSONDecoder().decode([Status].self, from: Data(text.utf8))
            return try #require(found.first)
        }

        /// 1,500 that say nothing, at a limit of 1,024 that can not be raised, while segments and
        /// recordings are begun every second or two.
        @Test func idleConnectionsCostNoRecording() async throws {
            let workspace = try Workspace()
            let (file, socket) = (workspace.path("all.ts"), workspace.path("c.sock"))
            let port = try FreePorts.next()
            let address = "127.0.0.1:\(port)"
            let running = try Companion(
                "sh",
                [
                    "-c", "ulimit -n 1024; exec \"$0\" \"$@\"", try Binary.found.get(), "run", "-i",
                    "main=file:\(Repository.sample("h264-main"))?loop", "-o", file,
                    "-o", "hls=hls:\(workspace.path("hls"))?segment=1s", "-o",
                    "record=record:\(workspace.path("record"))?size=1M", "--hold-back", "500ms",
                    "--http", address, "--control", socket,
                ])
            try await pause(4)
            let idlers = try (0..<5).map { _ in
                try Companion("python3", ["-c", Self.idlers, "\(port)", "300", "40"])
            }
            for _ in 0..<30 where try status(socket).http.displaced < 500 { try await pause(0.5) }
            // A reader is served among them, again and again.
            for _ in 0..<3 {
                let answer = try Command.run(
                    "python3", ["-c", Self.reader, "http://\(address)/channel1/index.m3u8"])
                #expect(answer.output.hasPrefix("#EXTM3U"), "\(answer.errorLines)")
                try await pause(2)
            }
            let status = try status(socket)
            for idler in idlers { idler.signal(SIGKILL) }
            try await pause(1)
            let (code, log) = try running.finish(SIGTERM)
            for idler in idlers { _ = try idler.finish(SIGKILL) }
            #expect(code == 0, "\(log)")
            #expect(status.http.displaced > 500 && status.http.readers < 500, "\(status)")
            for output in status.channels.flatMap(\.outputs) {
                #expect(output.dropped == 0 && output.trouble == nil, "\(output)")
            }
            #expect(!log.contains("error channel"), "\(log)")
            let complaints = try LiveTests.complaints(file, held: 1)
            #expect(complaints == [], "\(log)")
        }
    }
}
