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
    }
}
