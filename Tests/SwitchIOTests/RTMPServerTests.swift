// A port of RTMP with several places, and clients that do what encoders and others do. The clients
// are bare sockets: what they send is written out here, or is a publisher's row of bytes.

import Foundation
import Glibc
import NIOEmbedded
import RTMP
import SwitchEngine
import Testing
import TransportStream

@testable import SwitchIO

/// A TCP connection to a port of this host.
final class BareClient {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
    }

    deinit { Glibc.close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// What comes until nothing does for so long; `isOver` where the other side has closed.
    func receive(milliseconds: Int32 = 10_000) -> (bytes: [UInt8], isOver: Bool) {
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, milliseconds) > 0 else { return (result, false) }
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { return (result, true) }
            result += piece[..<count]
        }
    }
}

/// The words of a publisher, by hand: AMF0 in chunks that are as long as their messages.
enum PublisherBytes {
    static let handshake = [3] + [UInt8](repeating: 0, count: 2 * 1536)

    private static func message(
        _ type: UInt8, _ payload: [UInt8], stream: UInt8 = 0, at milliseconds: Int = 0
    ) -> [UInt8] {
        [3] + big(milliseconds, 3) + big(payload.count, 3) + [type, stream, 0, 0, 0] + payload
    }

    private static func big(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func text(_ text: String) -> [UInt8] {
        [2] + big(text.utf8.count, 2) + Array(text.utf8)
    }

    /// Chunks of 64 KB, connect, createStream, publish.
    static func publish(_ application: String, _ key: String) -> [UInt8] {
        let one: [UInt8] = [0, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]
        let app = big(3, 2) + Array("app".utf8) + text(application)
        return handshake + message(1, big(65_536, 4))
            + message(20, text("connect") + one + [3] + app + [0, 0, 9])
            + message(20, text("createStream") + one + [5])
            + message(20, text("publish") + one + [5] + text(key) + text("live"), stream: 1)
    }

    /// A configuration of AAC at 48 kHz, and frames for so many seconds from `start` on.
    static func sound(seconds: Int, from start: Int = 0) -> [UInt8] {
        var result = message(8, [0xAF, 0, 0x11, 0x90], stream: 1, at: start)
        for index in 0..<(seconds * 47) {
            let frame = [0xAF, 1, 0x21] + [UInt8](repeating: 0x33, count: 200)
            result += message(8, frame, stream: 1, at: start + index * 1024 / 48)
        }
        return result
    }
}

@Suite(.serialized) struct RTMPServerTests {
    /// TCP ports of tests; nothing else listens there.
    private func freePort() throws -> UInt16 { try Studio.freePort() }

    private func link(_ port: UInt16, _ key: String) throws -> RTMPLink {
        try RTMPLink(
            RTMPAddress(
                endpoint: HostPort(host: "127.0.0.1", port: port), application: "live",
                streamKey: key))
    }

    /// Asks a link until it has what is waited for.
    private func ask(_ link: RTMPLink, until: () -> Bool) async throws {
        for _ in 0..<3000 where !until() {
            link.poll(at: HostClock.now) { _, _ in }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        #expect(until())
    }

    @Test func eachKeyOfAPortIsALinkOfItsOwn() async throws {
        let port = try freePort()
        let (one, two) = (try link(port, "one"), try link(port, "two"))
        defer { one.close(); two.close() }
        let client = try BareClient(port: port)
        client.send(
            PublisherBytes.publish("live", "two") + PublisherBytes.sound(seconds: 2))
        try await ask(two) { two.facts.bytes > 20_000 }
        one.poll(at: HostClock.now) { _, _ in }
        #expect(one.facts.state == .waiting && one.facts.bytes == 0)
        #expect(two.facts.state == .connected && two.facts.connections == 1)
        #expect(two.facts.bytes % Int64(Packet.size) == 0)
    }

    @Test func anUnknownKeyIsRefusedCountedAndToldWithoutIt() async throws {
        let port = try freePort()
        let link = try link(port, "known")
        defer { link.close() }
        let client = try BareClient(port: port)
        client.send(PublisherBytes.publish("live", "zq9zq9"))
        let said = client.receive()
        #expect(said.isOver)
        #expect(String(decoding: said.bytes, as: UTF8.self).contains("NetStream.Publish.BadName"))
        try await ask(link) { link.facts.refusals == 1 }
        let notes = link.takeNotes()
        #expect(notes.count == 1 && notes[0].contains("127.0.0.1"), "\(notes)")
        #expect(!notes.joined().contains("zq9"))
    }

    @Test func aSecondPublisherWaitsUntilTheFirstIsSilent() async throws {
        let port = try freePort()
        let link = try link(port, "key")
        defer { link.close() }
        let first = try BareClient(port: port)
        first.send(PublisherBytes.publish("live", "key") + PublisherBytes.sound(seconds: 1))
        try await ask(link) { link.facts.state == .connected && link.facts.bytes > 0 }
        let second = try BareClient(port: port)
        second.send(PublisherBytes.publish("live", "key"))
        #expect(second.receive().isOver)
        try await ask(link) { link.facts.refusals == 1 }
        // The first one is there still.
        first.send(PublisherBytes.sound(seconds: 1, from: 1000))
        let before = link.facts.bytes
        try await ask(link) { link.facts.bytes > before }
        try await Task.sleep(nanoseconds: UInt64(RTMPPlace.patience) + 200_000_000)
        let third = try BareClient(port: port)
        third.send(PublisherBytes.publish("live", "key") + PublisherBytes.sound(seconds: 1))
        try await ask(link) { link.facts.connections == 2 && link.facts.bytes > 2 * before }
        #expect(first.receive().isOver)
        #expect(!third.receive(milliseconds: 100).isOver)
    }

    @Test func whoDoesNotSpeakRTMPDisturbsNobody() async throws {
        let port = try freePort()
        let link = try link(port, "key")
        defer { link.close() }
        let publisher = try BareClient(port: port)
        publisher.send(PublisherBytes.publish("live", "key"))
        var strangers: [BareClient] = []
        for index in 0..<300 {
            let stranger = try BareClient(port: port)
            switch index % 4 {
            case 0: stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            case 1: stranger.send([3, 1, 2, 3])
            case 2:
                stranger.send(PublisherBytes.handshake + [UInt8](repeating: 0xFF, count: 5000))
            default: break
            }
            strangers.append(stranger)
            if index % 30 == 0 {
                publisher.send(PublisherBytes.sound(seconds: 1, from: index / 30 * 1000))
            }
        }
        try await ask(link) { link.facts.datagrams == 10 * 48 }
        #expect(link.facts.connections == 1 && link.facts.state == .connected)
        try await ask(link) { link.facts.refusals >= 150 }
        // A log that anybody can fill would be of no use.
        #expect(link.takeNotes().count <= 10)
    }

    @Test func twoLinksOfOneKeyOrOfTwoWaysToSecureAPortAreRefused() throws {
        let port = try freePort()
        let one = try link(port, "key")
        defer { one.close() }
        #expect(throws: IOFailure.self) { try link(port, "key") }
        var address = RTMPAddress(
            endpoint: HostPort(host: "127.0.0.1", port: port), application: "live",
            streamKey: "other")
        address.certificate = .init(certificate: "none.pem", key: "none.pem")
        #expect(throws: IOFailure.self) { try RTMPLink(address) }
        let taken = try freePort()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(listener) }
        let place = try SocketAddress(HostPort(host: "127.0.0.1", port: taken))
        #expect(place.withPointer { bind(listener, $0, $1) } == 0 && listen(listener, 1) == 0)
        #expect(throws: IOFailure.self) { try link(taken, "key") }
    }

    @Test func whoIsNotTakenInIsNotSaidToBeSlow() throws {
        let port = try freePort()
        let link = try link(port, "key")
        defer { link.close() }
        let (server, place) = try RTMPServer.place(
            for: RTMPAddress(
                endpoint: HostPort(host: "127.0.0.1", port: port), application: "live",
                streamKey: "other"))
        defer { server.leave(place) }
        let channel = EmbeddedChannel()
        let refused = RTMPConnection(to: server, on: channel)
        channel.embeddedEventLoop.advanceTime(by: RTMPConnection.patience + .seconds(1))
        #expect(link.takeNotes() == [])
        // Who is taken in and says nothing is.
        try channel.pipeline.syncOperations.addHandler(refused)
        channel.embeddedEventLoop.advanceTime(by: RTMPConnection.patience + .seconds(1))
        #expect(link.takeNotes().count == 1)
    }

    /// What a shell says.
    private func shell(_ script: String) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-s", "KILL", "20", "sh", "-c", script]
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }

    @Test func aReloadGivesAPortAnotherCertificateAtOnce() async throws {
        let port = try freePort()
        let folder = NSTemporaryDirectory() + "attacca-certificates-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["first", "second"] {
            _ = try shell(
                "mkdir -p \(folder); cd \(folder); openssl req -x509 -newkey ec -pkeyopt "
                    + "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(name) "
                    + "-keyout \(name).key -out \(name).pem")
        }
        /// - Parameter certificate: nil for a port in the clear.
        func plan(_ certificate: String?) -> ChannelPlan {
            var address = RTMPAddress(
                endpoint: HostPort(host: "127.0.0.1", port: port), application: "live",
                streamKey: "key")
            address.certificate = certificate.map {
                .init(certificate: "\(folder)/\($0).pem", key: "\(folder)/\($0).key")
            }
            return ChannelPlan(
                name: "one",
                engine: ChannelConfiguration(inputs: [InputConfiguration(name: "main")]),
                inputs: [InputPlan(links: [.rtmp(address)])], outputs: [])
        }
        let channel = try ChannelRunner(
            plan(nil), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        for name in ["first", "second"] {
            #expect(try await channel.apply(plan(name)).get() == [])
            let said = try shell("openssl s_client -connect 127.0.0.1:\(port) </dev/null")
            #expect(said.contains("CN = \(name)") || said.contains("CN=\(name)"), "\(said)")
        }
        // Files that are none are told, and change nothing for others.
        #expect(try await channel.apply(plan("none")).get().count == 1)
        #expect(try await channel.apply(plan(nil)).get() == [])
        let client = try BareClient(port: port)
        client.send(PublisherBytes.publish("live", "unknown"))
        #expect(
            String(decoding: client.receive().bytes, as: UTF8.self)
                .contains("NetStream.Publish.BadName"))
        try await channel.stop().get()
    }

    @Test func aLinkThatComesAgainHasItsPortAtOnce() async throws {
        let port = try freePort()
        for _ in 0..<5 {
            let link = try link(port, "key")
            let client = try BareClient(port: port)
            client.send(PublisherBytes.publish("live", "key") + PublisherBytes.sound(seconds: 1))
            try await ask(link) { link.facts.bytes > 0 }
            link.close()
            #expect(client.receive(milliseconds: 2000).isOver)
        }
    }
}
