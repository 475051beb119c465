// A sender that stands still for less than the hold-back, and then sends everything that it had:
// nothing was lost on the way, so nothing may be lost.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct StallTests {
        /// ATTACCA_STALL_ROUNDS=10 does it ten times in a row.
        private static let rounds = ProcessInfo.processInfo.environment["ATTACCA_STALL_ROUNDS"]
            .flatMap { Int($0) } ?? 1

        private static let stalls = [0.15, 0.4, 0.8, 1.9]

        private func sender(_ scheme: String, _ port: UInt16) throws -> Companion {
            switch scheme {
            case "rtmp":
                try Companion(
                    "ffmpeg",
                    [
                        "-nostdin", "-v", "error", "-re", "-i",
                        SamplePair.h264.path("main"), "-map", "0", "-c", "copy", "-f", "flv",
                        "rtmp://127.0.0.1:\(port)/live/one",
                    ], seconds: 300)
            case "srt":
                try LiveTests.sender("main", to: "srt://127.0.0.1:\(port)?pkt_size=1316")
            default: try LiveTests.sender("main", to: "udp://127.0.0.1:\(port)?pkt_size=1316")
            }
        }

        private func url(_ scheme: String, _ port: UInt16) -> String {
            switch scheme {
            case "rtmp": "rtmp://127.0.0.1:\(port)/live/one"
            case "srt": "srt://127.0.0.1:\(port)?mode=listener"
            default: "udp://127.0.0.1:\(port)"
            }
        }

        @Test(arguments: ["udp", "srt", "rtmp"])
        func aSenderThatStandsStillLosesNothing(_ scheme: String) async throws {
            for _ in 0..<Self.rounds {
                let workspace = try Workspace()
                let (file, socket) = (workspace.path("file.ts"), workspace.path("c.sock"))
                let port = try FreePorts.next()
                let channel = try Companion(
                    try Binary.found.get(),
                    [
                        "run", "-i", "main=\(url(scheme, port))", "-o", file, "--hold-back", "2s",
                        "--control", socket,
                    ])
                if scheme != "udp" { try await channel.untilPortsAreOpen([port]) }
                let main = try sender(scheme, port)
                try await channel.untilItSays("input main is sound")
                try await pause(4)
                for stall in Self.stalls {
                    main.signal(SIGSTOP)
                    try await pause(stall)
                    main.signal(SIGCONT)
                    try await pause(3)
                    let behind = try holdBack(socket)
                    #expect(abs(behind - 2) < 0.1, "\(behind) s behind after \(stall) s")
                }
                let (status, log) = try channel.finish(SIGTERM)
                _ = try main.finish(SIGKILL)
                #expect(status == 0, "\(log)")
                #expect(!log.contains("notice seam") && !log.contains("damaged"), "\(log)")
                let found = try LiveTests.complaints(file)
                #expect(found == [], "\(log)")
                // Picture after picture; it ends among reordered ones.
                let marks = try DecodedContent.read(path: file).pictures.dropLast(4)
                    .compactMap(\.mark)
                let steps = zip(marks, marks.dropFirst()).map { $1.index - $0.index }
                #expect(marks.count > 300 && steps.allSatisfy { $0 == 1 }, "\(steps) \(log)")
            }
        }

        private func holdBack(_ socket: String) throws -> Double {
            let outcome = try Command.attacca(["status", "--json", "--control", socket])
            let text = outcome.output
            guard let range = text.range(of: "\"holdBack\"") else { return .nan }
            let rest = text[range.upperBound...].drop { !$0.isNumber && $0 != "-" }
            return Double(rest.prefix { $0.isNumber || $0 == "." || $0 == "-" }) ?? .nan
        }
    }
}
