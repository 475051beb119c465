// Who sends to a channel's ports what does not belong there disturbs nobody.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct StrangerTests {
        /// The first packet of an SRT caller, which asks for a cookie (draft-sharabayko-srt
        /// §3.2.1).
        private static func induction(_ random: inout SeededNumbers) -> [UInt8] {
            var packet = [UInt8](repeating: 0, count: 64)
            packet[0] = 0x80
            packet[19] = 4
            packet[23] = 2
            packet[30...31] = [0x05, 0xDC]
            packet[34...35] = [0x20, 0x00]
            packet[39] = 1
            for index in 40..<44 { packet[index] = UInt8(random.below(256)) }
            return packet
        }

        /// The second one, with a cookie that nobody gave.
        private static func conclusion(_ random: inout SeededNumbers) -> [UInt8] {
            var packet = induction(&random)
            packet[19] = 5
            packet[23] = 5
            packet[36...39] = [0xFF, 0xFF, 0xFF, 0xFF]
            for index in 44..<48 { packet[index] = UInt8(random.below(256)) }
            return packet
        }

        private static func noise(_ random: inout SeededNumbers) -> [UInt8] {
            let size = [0, 1, 7, 188, 1315, 1316, 1317, 9000, random.below(2000)][random.below(9)]
            return (0..<size).map { _ in UInt8(random.below(256)) }
        }

        /// Sends to a port from many sockets, each of them new.
        private static func harass(_ port: UInt16, _ callers: Int, _ random: inout SeededNumbers) {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = port.bigEndian
            for _ in 0..<callers {
                let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
                defer { close(descriptor) }
                for packet in [induction(&random), conclusion(&random), noise(&random)] {
                    withUnsafePointer(to: &address) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            _ = sendto(
                                descriptor, packet, packet.count, 0, $0,
                                socklen_t(MemoryLayout<sockaddr_in>.size))
                        }
                    }
                }
            }
        }

        @Test func thousandsOfHalfHandshakesAndNoiseDisturbNoChannel() async throws {
            let workspace = try Workspace()
            let file = workspace.path("file.ts")
            let ports = try (0..<3).map { _ in try FreePorts.next() }
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i",
                    "main=srt://127.0.0.1:\(ports[0])?mode=listener&latency=300&streamid=a",
                    "-i", "backup=udp://127.0.0.1:\(ports[1])", "-o", file,
                    "-o", "srt://127.0.0.1:\(ports[2])?mode=listener",
                    "--hold-back", LiveTests.depth,
                    "--align", "timestamps",
                ])
            try await channel.untilPortsAreOpen(ports)
            let main = try LiveTests.sender(
                "main", to: "srt://127.0.0.1:\(ports[0])?pkt_size=1316&streamid=a")
            let way = try DatagramRelay(to: ports[1])
            // Noise comes between the datagrams of the other input all the time.
            way.become(.babbles)
            let backup = try LiveTests.sender(
                "backup", to: "udp://127.0.0.1:\(way.port)?pkt_size=1316")
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(2)
            var random = SeededNumbers(seed: 7)
            for _ in 0..<20 {
                for port in [ports[0], ports[2]] { Self.harass(port, 100, &random) }
                try await pause(0.2)
            }
            main.signal(SIGKILL)
            try await pause(4)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try backup.finish(SIGKILL)
            way.close()
            #expect(status == 0, "\(log)")
            // From main to backup when main ended, and no other.
            #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
            #expect(log.contains("main -> backup"), "\(log)")
            #expect(!log.contains("damaged access units"), "\(log)")
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
        }

        /// Another sender's whole packets on the port of the input on air, for six seconds.
        @Test(arguments: ["udp", "rtp"])
        func anotherSendersPacketsOnThePortAreLeftOut(_ scheme: String) async throws {
            let workspace = try Workspace()
            let (file, socket) = (workspace.path("file.ts"), workspace.path("c.sock"))
            let port = try FreePorts.next()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=\(scheme)://127.0.0.1:\(port)", "-o", file, "--hold-back",
                    "2s", "--control", socket,
                ])
            try await pause(0.5)
            let main = try Companion(
                try Binary.found.get(),
                ["feed", "--loop", Repository.sample("h264-main"), "\(scheme)://127.0.0.1:\(port)"])
            try await pause(5)
            let begin = try holdBack(socket)
            let stranger = try Companion(
                "python3",
                [
                    "-c", Self.stranger, Repository.sample("hevc-main"), "\(port)", scheme,
                ])
            try await pause(5)
            let (middle, link) = (try holdBack(socket), try status(socket).inputs[0].links[0])
            try await pause(4)
            let end = try holdBack(socket)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try main.finish(SIGKILL)
            let sent = try stranger.finish(0)
            #expect(sent.status == 0, "\(sent.errors)")
            #expect(status == 0, "\(log)")
            #expect(!log.contains("notice seam") && !log.contains("damaged"), "\(log)")
            #expect(log.contains("datagrams from 127.0.0.66:"), "\(log)")
            #expect(link.strays > 50 && link.sender?.hasPrefix("127.0.0.1:") == true)
            #expect(abs(middle - begin) < 0.3 && abs(end - begin) < 0.3, "\(begin) \(middle) \(end)")
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
        }

        /// An encoder that is started again sends from another port: it is taken within a second.
        @Test func aSenderThatIsStartedAgainHasThePortAgain() async throws {
            let workspace = try Workspace()
            let (file, socket) = (workspace.path("file.ts"), workspace.path("c.sock"))
            let port = try FreePorts.next()
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=udp://127.0.0.1:\(port)", "-o", file, "--hold-back", "2s",
                    "--control", socket,
                ])
            try await pause(0.5)
            func sender() throws -> Companion {
                try Companion(
                    try Binary.found.get(),
                    ["feed", "--loop", Repository.sample("h264-main"), "udp://127.0.0.1:\(port)"])
            }
            let first = try sender()
            try await pause(4)
            first.signal(SIGKILL)
            let second = try sender()
            try await pause(4)
            let link = try status(socket).inputs[0].links[0]
            let (status, log) = try channel.finish(SIGTERM)
            _ = try first.finish(SIGKILL)
            _ = try second.finish(SIGKILL)
            #expect(status == 0 && log.contains("has the port now"), "\(log)")
            // 24 datagrams a second: less than a second of them.
            #expect(link.strays < 40, "\(link.strays)")
        }

        private struct Status: Decodable {
            struct Channel: Decodable {
                var holdBack: Double
                var inputs: [Input]
            }
            struct Input: Decodable { var links: [Link] }
            struct Link: Decodable {
                var strays: Int
                var sender: String?
            }
            var channels: [Channel]
        }

        private func status(_ socket: String) throws -> Status.Channel {
            let outcome = try Command.attacca(["status", "--json", "--control", socket])
            let found = try JSONDecoder().decode([Status].self, from: Data(outcome.output.utf8))
            return try #require(found.first?.channels.first)
        }

        private func holdBack(_ socket: String) throws -> Double { try status(socket).holdBack }

        /// Whole packets out of a recording, seven in a datagram, 40 datagrams a second for 6 s,
        /// from another address; with RTP under a source of its own.
        private static let stranger = """
            import random, socket, struct, sys, time
            packets = open(sys.argv[1], 'rb').read()
            out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            out.bind(('127.0.0.66', 0))
            begin = time.time()
            for number in range(240):
                at = number * 1316 % (len(packets) // 188 * 188 - 1316)
                at -= at % 188
                head = b'' if sys.argv[3] == 'udp' else struct.pack(
                    '>BBHII', 0x80, 33, number & 0xffff, number * 90, 0x12345678)
                out.sendto(head + packets[at:at + 1316], ('127.0.0.1', int(sys.argv[2])))
                time.sleep(max(0, begin + number / 40 - time.time()))
            """
    }
}
