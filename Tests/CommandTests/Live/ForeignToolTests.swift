// GStreamer, multicat and srt-live-transmit as senders and receivers.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct ForeignToolTests {
        private func gst(_ pipeline: String) throws -> Companion {
            try Companion(
                "gst-launch-1.0", ["-q", "-e"] + pipeline.split(separator: " ").map(String.init))
        }

        /// multicat paces a file by a list of times that `ingests` makes of its PCRs.
        private func multicat(_ sample: String, _ workspace: Workspace, to port: UInt16) throws
            -> Companion
        {
            let copy = workspace.path("\(sample).ts")
            try FileManager.default.copyItem(atPath: SamplePair.h264.path(sample), toPath: copy)
            _ = try Command.run("ingests", ["-p", "256", copy])
            return try Companion("multicat", ["-U", copy, "127.0.0.1:\(port)"])
        }

        @Test func multicatSendsUDPAndGStreamerRTPAndBothReceive() async throws {
            let workspace = try Workspace()
            let ports = try (0..<4).map { _ in try FreePorts.next() }
            let (file, plain, rtp) = (
                workspace.path("file.ts"), workspace.path("plain.ts"), workspace.path("rtp.ts")
            )
            let receivers = try [
                Companion("multicat", ["-u", "-U", "@127.0.0.1:\(ports[2])", plain]),
                gst("udpsrc address=127.0.0.1 port=\(ports[3]) buffer-size=2000000 "
                    + "caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=MP2T "
                    + "! rtpjitterbuffer latency=100 ! rtpmp2tdepay "
                    + "! filesink buffer-mode=2 location=\(rtp)"),
            ]
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=udp://127.0.0.1:\(ports[0])",
                    "-i", "backup=rtp://127.0.0.1:\(ports[1])",
                    "-o", "udp://127.0.0.1:\(ports[2])", "-o", "rtp://127.0.0.1:\(ports[3])",
                    "-o", file, "--hold-back", "2.5s",
                ])
            try await channel.untilPortsAreOpen(ports)
            let main = try multicat("main", workspace, to: ports[0])
            let backup = try gst(
                "filesrc blocksize=1316 location=\(SamplePair.h264.path("backup")) "
                    + "! tsparse set-timestamps=true ! rtpmp2tpay "
                    + "! udpsink host=127.0.0.1 port=\(ports[1])")
            try await channel.untilItSays("input main is sound", "input backup is sound")
            try await pause(8)
            main.signal(SIGKILL)
            try await pause(5)
            let (status, log) = try channel.finish(SIGTERM)
            try await pause(1)
            for receiver in receivers { _ = try receiver.finish(SIGKILL) }
            _ = try backup.finish(SIGKILL)
            #expect(status == 0, "\(log)")
            #expect(log.components(separatedBy: "notice seam").count == 2, "\(log)")
            let found = try LiveTests.complaints(file)
            #expect(found == [], "\(log)")
            let written = try Data(contentsOf: .init(fileURLWithPath: file))
            for path in [plain, rtp] {
                let received = try Data(contentsOf: .init(fileURLWithPath: path))
                // What a tool had not written when it was killed is not there; multicat fills the
                // last datagram up.
                #expect(
                    received.prefix(written.count) == written.prefix(received.count), "\(path)")
                #expect(received.count > written.count - 20_000, "\(path)")
            }
        }

        @Test func lossOnAnSRTWayIsMendedByItsPacketFilter() async throws {
            let workspace = try Workspace()
            let file = workspace.path("file.ts")
            let ports = try (0..<2).map { _ in try FreePorts.next() }
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i",
                    "main=srt://127.0.0.1:\(ports[0])?mode=listener&latency=300&packetfilter=fec",
                    "-o", file, "--hold-back", "1s",
                ])
            try await channel.untilPortsAreOpen([ports[0]])
            let way = try DatagramRelay(to: ports[0])
            // Rows alone, and no retransmission: what is mended is mended by the filter.
            let filter = "fec,cols:5,rows:1,arq:never"
            let relay = try Companion(
                "srt-live-transmit",
                [
                    "-q", "udp://127.0.0.1:\(ports[1])",
                    "srt://127.0.0.1:\(way.port)?mode=caller&latency=300&packetfilter=\(filter)",
                ])
            try await relay.untilPortsAreOpen([ports[1]])
            let main = try LiveTests.sender(
                "main", to: "udp://127.0.0.1:\(ports[1])?pkt_size=1316")
            way.become(.loses(percent: 1))
            try await channel.untilItSays("on air: main")
            try await pause(9)
            let (status, log) = try channel.finish(SIGTERM)
            _ = try main.finish(SIGKILL)
            _ = try relay.finish(SIGKILL)
            way.close()
            #expect(status == 0, "\(log)")
            #expect(log.contains("on air: main"), "\(log)")
            // Two of one row are lost once in some hundred: without the filter one of a hundred
            // datagrams would be missing, some ten in this time.
            let damaged = log.components(separatedBy: "damaged access units").count - 1
            #expect(damaged <= 2, "\(log)")
        }
    }
}
