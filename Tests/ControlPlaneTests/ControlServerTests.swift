// The control socket, and what comes to it on purpose or by mistake.

import Foundation
import NIOCore
import Testing

@testable import ControlPlane

@Suite(.serialized) struct ControlServerTests {
    private let path = NSTemporaryDirectory() + "attacca-test-\(UUID().uuidString.prefix(8)).sock"

    private func server() throws -> ControlServer {
        try ControlServer(path: path) { request, loop in
            if request.command == .status {
                return loop.makeSucceededFuture(
                    ControlReply(
                        status: ProcessDocument(process: 7, version: "test", channels: [])))
            }
            return loop.makeSucceededFuture(
                ControlReply(error: "asked for \(request.input ?? "nothing")"))
        }
    }

    private func connect() throws -> Int32 {
        let descriptor = try ControlSocket.made()
        var limit = timeval(tv_sec: 8, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try #require(ControlSocket.connect(descriptor, try ControlSocket.address(path)) == 0)
        return descriptor
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// All that comes until the other side closes; nil when it does not.
    private func rest(of descriptor: Int32) -> String? {
        var result: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count < 0 && errno != ECONNRESET { return nil }
            if count <= 0 { return String(decoding: result, as: UTF8.self) }
            result += piece[..<count]
        }
    }

    private func expectAnswers() throws {
        let reply = try ControlClient.ask(ControlRequest(.status), at: path)
        #expect(reply.status?.process == 7)
    }

    @Test func aLineIsAnsweredByALine() throws {
        let server = try server()
        defer { server.close() }
        try expectAnswers()
        var request = ControlRequest(.switch, channel: "one")
        request.input = "backup"
        #expect(throws: ControlFailure("asked for backup")) {
            try ControlClient.ask(request, at: path)
        }
    }

    @Test func onlyItsOwnerMayOpenItAndItGoesWithTheServer() throws {
        let server = try server()
        var facts = stat()
        #expect(lstat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(throws: ControlFailure.self) { try self.server() }
        server.close()
        #expect(lstat(path, &facts) != 0)
    }

    @Test func aSocketThatNobodyHasAnyMoreIsTakenOver() throws {
        let descriptor = try ControlSocket.listener(at: path)
        close(descriptor)
        #expect(access(path, F_OK) == 0)
        let server = try server()
        defer { server.close() }
        try expectAnswers()
    }

    @Test(arguments: [
        "garbage\n", "{}\n", "[]\n", "{\"command\": \"explode\"}\n", "\n", "\u{0}\u{1}\n",
        String(repeating: "[", count: 10_000) + "\n", "{\"command\": 7}",
    ])
    func whatIsNoRequestIsToldAndClosed(_ text: String) throws {
        let server = try server()
        defer { server.close() }
        let descriptor = try connect()
        defer { close(descriptor) }
        #expect(send(Array(text.utf8), to: descriptor) == text.utf8.count)
        shutdown(descriptor, Int32(SHUT_WR))
        let answer = try #require(rest(of: descriptor))
        #expect(answer.contains("\"error\"") && answer.contains("status"))
        try expectAnswers()
    }

    @Test func anEndlessLineIsCutOff() throws {
        let server = try server()
        defer { server.close() }
        let descriptor = try connect()
        defer { close(descriptor) }
        let piece = [UInt8](repeating: 0x61, count: 64 << 10)
        var sent = 0
        while sent < 64 << 20 {
            let count = send(piece, to: descriptor)
            if count <= 0 { break }
            sent += count
        }
        #expect(sent < 8 << 20)
        try expectAnswers()
    }

    @Test func fiveHundredSilentConnectionsKeepNobodyOut() throws {
        let server = try server()
        defer { server.close() }
        var open: [Int32] = []
        defer { open.forEach { close($0) } }
        for number in 0..<500 {
            open.append(try connect())
            if number % 100 == 99 { try expectAnswers() }
        }
        // The oldest had to go; the newest are let go when their time is up.
        #expect(rest(of: open[0]) == "")
        #expect(rest(of: open[499]) == "")
        try expectAnswers()
    }

    @Test func aTimeIsOnTheWallOrFromNow() {
        let now: Int64 = 1_795_000_000_000_000_000
        #expect(WallClockValue(argument: "+30s", now: now)?.nanoseconds == now + 30_000_000_000)
        // 2026-11-21T20:00:00Z is 1,795,291,200 s after 1970 (date -u -d ... +%s).
        for text in ["2026-11-21T20:00:00Z", "2026-11-21T21:00:00+01:00",
            "2026-11-21T20:00:00.000Z"]
        {
            let time = WallClockValue(argument: text, now: now)
            #expect(time?.nanoseconds == 1_795_291_200_000_000_000, "\(text)")
        }
        for text in ["", "+", "20:00", "tomorrow", "+30", "2026-11-21T20:00:00", "+999999999h"] {
            #expect(WallClockValue(argument: text, now: now) == nil, "\(text)")
        }
    }
}
