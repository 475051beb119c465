// HLS outputs by HTTP, as readers and as those who mean no good see them: bytes on a socket.

import Foundation
import Logging
import NIOCore
import SwitchIO
import Testing

@testable import ControlPlane

@Suite(.serialized) struct WebServerTests {
    /// A server with one channel, and its folder.
    final class Site: Sendable {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-web-\(UUID().uuidString)")
        let server: WebServer
        /// More than a socket takes at once.
        static let content = Data(
            [[UInt8]](repeating: Array(0..<250), count: 4000).joined())
        var segment: Data { Site.content }

        init(
            patience: TimeAmount = WebServer.patience, mostReaders: Int? = nil
        ) async throws {
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent("sub"), withIntermediateDirectories: true)
            for (name, data) in [
                ("index.m3u8", Data("#EXTM3U\n".utf8)), ("index-7.ts", Site.content),
                ("index-7.m4s", Data("f".utf8)),
                ("index-init-0123456789abcdef.mp4", Data("i".utf8)),
                ("index-piece8.m4s.part", Data("no".utf8)), ("index-init-0.mp4", Data("no".utf8)),
                ("secret.ts", Data("no".utf8)), ("index-8.ts.part", Data("no".utf8)),
                ("sub/index-9.ts", Data("no".utf8)),
            ] { try data.write(to: folder.appendingPathComponent(name)) }
            let target = HLSTarget(folder: folder.path)
            server = try await WebServer(
                try #require(WebAddress("127.0.0.1:0")), patience: patience,
                mostReaders: mostReaders,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { [WebChannel(name: "one <1>", outputs: [target])] }
        }

        deinit {
            server.close()
            try? FileManager.default.removeItem(at: folder)
        }

        func connect() throws -> Int32 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(server.port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Foundation.connect(
                        descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(status == 0)
            var limit = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit,
                socklen_t(MemoryLayout<timeval>.size))
            return descriptor
        }

        /// What comes back until the connection ends: head and body.
        func ask(_ text: String) async throws -> (head: String, body: Data) {
            // Not on one of Swift's own threads: the server answers on them.
            try await withCheckedThrowingContinuation { answer in
                DispatchQueue.global().async { answer.resume(with: Result { try self.wait(text) }) }
            }
        }

        private func wait(_ text: String) throws -> (head: String, body: Data) {
            let descriptor = try connect()
            defer { close(descriptor) }
            _ = text.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            var all = Data()
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                all.append(contentsOf: buffer[..<count])
            }
            let end = all.range(of: Data("\r\n\r\n".utf8))
            let head = String(decoding: all[..<(end?.lowerBound ?? all.endIndex)], as: UTF8.self)
            return (head.lowercased(), end.map { Data(all[$0.upperBound...]) } ?? Data())
        }

        func get(
            _ path: String, _ more: String = "", method: String = "GET"
        ) async throws -> (head: String, body: Data) {
            try await ask(
                "\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(more)\r\n")
        }
    }

    private let way = "/one%20%3C1%3E/"

    @Test func aPlaylistAndItsSegmentsAreServedAsWhatTheyAre() async throws {
        let site = try await Site()
        let playlist = try await site.get(way + "index.m3u8")
        #expect(playlist.head.hasPrefix("http/1.1 200"))
        #expect(playlist.head.contains("content-type: application/vnd.apple.mpegurl"))
        #expect(playlist.head.contains("cache-control: max-age=1\r"))
        #expect(playlist.head.contains("access-control-allow-origin: *"))
        #expect(playlist.body == Data("#EXTM3U\n".utf8))
        let segment = try await site.get(way + "index-7.ts")
        #expect(segment.head.contains("content-type: video/mp2t"))
        #expect(segment.head.contains("content-length: 1000000"))
        #expect(segment.head.contains("immutable"))
        #expect(segment.body == site.segment)
        for (name, type, body) in [
            ("index-7.m4s", "video/iso.segment", "f"),
            ("index-init-0123456789abcdef.mp4", "video/mp4", "i"),
        ] {
            let part = try await site.get(way + name)
            #expect(part.head.contains("content-type: \(type)\r") && part.body == Data(body.utf8))
            #expect(part.head.contains("immutable"))
            #expect(part.head.contains("access-control-allow-origin: *"))
        }
    }

    @Test func aHeadHasNoBody() async throws {
        let site = try await Site()
        let answer = try await site.get(way + "index-7.ts", method: "HEAD")
        #expect(answer.head.hasPrefix("http/1.1 200") && answer.body.isEmpty)
        #expect(answer.head.contains("content-length: 1000000"))
    }

    @Test(arguments: [
        ("bytes=0-9", 206, 0..<10), ("bytes=999990-", 206, 999_990..<1_000_000),
        ("bytes=-5", 206, 999_995..<1_000_000), ("bytes=999999-2000000", 206, 999_999..<1_000_000),
        ("bytes=1000000-", 416, 0..<0), ("bytes=-0", 416, 0..<0), ("bytes=5-4", 200, 0..<1_000_000),
        ("bytes=0-1,4-5", 200, 0..<1_000_000), ("lines=0-1", 200, 0..<1_000_000),
        ("bytes=-", 200, 0..<1_000_000), ("bytes=99999999999999999999-", 200, 0..<1_000_000),
        ("bytes=0-9223372036854775807", 206, 0..<1_000_000),
    ])
    func aRangeIsAnsweredAsTheStandardHasIt(
        _ range: String, _ status: Int, _ expected: Range<Int>
    ) async throws {
        let site = try await Site()
        let answer = try await site.get(way + "index-7.ts", "Range: \(range)\r\n")
        #expect(answer.head.hasPrefix("http/1.1 \(status)"), "\(answer.head)")
        #expect(answer.body == site.segment[expected])
        if status == 206 {
            let told = "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/1000000"
            #expect(answer.head.contains("content-range: \(told)"))
        }
        if status == 416 { #expect(answer.head.contains("content-range: bytes */1000000")) }
    }

    @Test(arguments: [
        "secret.ts", "index-8.ts.part", "index-piece8.m4s.part", "index-init-0.mp4",
        "sub/index-9.ts", "sub%2Findex-9.ts", "../index-7.ts",
        "..%2F..%2Fetc%2Fpasswd", "%2e%2e/%2e%2e/etc/passwd", "index-7.ts%00.m3u8", "index-.ts",
        "", ".", "..", "index-7%2ets%2f..%2fsecret.ts", "%", "%ff%fe.ts",
    ])
    func nothingElseIsServed(_ name: String) async throws {
        let site = try await Site()
        let answer = try await site.get(way + name)
        #expect(!answer.head.hasPrefix("http/1.1 200"), "\(answer.head)")
        #expect(answer.body != Data("no".utf8))
        let other = try await site.get("/two/index.m3u8")
        #expect(other.head.hasPrefix("http/1.1 404"))
    }

    @Test func thePageShowsWhatThereIs() async throws {
        let site = try await Site()
        let page = try await site.get("/")
        let text = String(decoding: page.body, as: UTF8.self)
        #expect(page.head.contains("content-type: text/html"))
        #expect(text.contains("one &lt;1&gt;") && text.contains(way + "index.m3u8"))
        #expect(!text.contains("<script") && text.contains("<video"))
    }

    @Test func aPlayerOnAnotherPageMayAsk() async throws {
        let site = try await Site()
        let answer = try await site.get(
            way + "index-7.ts", "Origin: https://a.example\r\n", method: "OPTIONS")
        #expect(answer.head.hasPrefix("http/1.1 204"))
        #expect(answer.head.contains("access-control-allow-headers: range"))
    }

    /// Readers that take nothing, say nothing, or say too much; the next one is served at once.
    @Test func hostileReadersDisturbNobody() async throws {
        let site = try await Site()
        var open: [Int32] = []
        defer { open.forEach { close($0) } }
        for number in 0..<200 {
            let descriptor = try site.connect()
            open.append(descriptor)
            let text = number % 2 == 0
                ? "GET \(way)index-7.ts HTTP/1.1\r\nHost: a\r\n\r\n" : "GET \(way)ind"
            _ = text.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        }
        let start = Date()
        #expect(try await site.get(way + "index-7.ts").body == site.segment)
        #expect(Date().timeIntervalSince(start) < 5)
        let long = String(repeating: "a", count: 100_000)
        let answer = try await site.ask("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(!answer.head.hasPrefix("http/1.1 200"))
        for text in ["\r\n\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
            #expect(try await !site.ask(text).head.hasPrefix("http/1.1 200"))
        }
        #expect(try await site.get("/").head.hasPrefix("http/1.1 200"))
    }

    /// More than all buffers hold, asked for and not taken.
    @Test func aReaderThatTakesNothingIsCutOff() async throws {
        let site = try await Site(patience: .milliseconds(500))
        let path = site.folder.appendingPathComponent("index-10.ts").path
        let size = 100 << 20
        let file = open(path, O_WRONLY | O_CREAT, 0o644)
        #expect(ftruncate(file, off_t(size)) == 0)
        close(file)
        let reader = try site.connect()
        defer { close(reader) }
        let text = "GET \(way)index-10.ts HTTP/1.1\r\nHost: a\r\n\r\n"
        _ = text.withCString { send(reader, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        try await Task.sleep(nanoseconds: 2_500_000_000)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var taken = 0
        var count = recv(reader, &buffer, buffer.count, 0)
        while count > 0 {
            taken += count
            count = recv(reader, &buffer, buffer.count, 0)
        }
        #expect(taken > 0 && taken < size)
        for _ in 0..<100 where site.server.facts.readers > 0 {
            try await Task.sleep(nanoseconds: 50_000_000)
        }
        #expect(site.server.facts == WebFacts(readers: 0, cutOff: 1))
        // Who takes it gets all of it.
        #expect(try await site.get(way + "index-10.ts").body.count == size)
    }

    /// Four at a time: who says nothing makes room for the next one, the oldest first.
    @Test func whoSaysNothingMakesRoom() async throws {
        let site = try await Site(mostReaders: 4)
        var idle: [Int32] = []
        defer { idle.forEach { close($0) } }
        for _ in 0..<30 { idle.append(try site.connect()) }
        for _ in 0..<3 { #expect(try await site.get(way + "index-7.ts").body == site.segment) }
        for _ in 0..<100 where site.server.facts.readers > 4 {
            try await Task.sleep(nanoseconds: 50_000_000)
        }
        #expect(site.server.facts.readers <= 4)
        #expect(site.server.facts.displaced >= 27 && site.server.facts.refused == 0)
        var byte: UInt8 = 0
        #expect(recv(idle[0], &byte, 1, 0) <= 0)
    }

    /// Four at a time, and all of them are being answered.
    @Test func whomThereIsNoRoomForIsToldSo() async throws {
        let site = try await Site(mostReaders: 4)
        let path = site.folder.appendingPathComponent("index-10.ts").path
        let file = open(path, O_WRONLY | O_CREAT, 0o644)
        #expect(ftruncate(file, off_t(100 << 20)) == 0)
        close(file)
        var busy: [Int32] = []
        defer { busy.forEach { close($0) } }
        for _ in 0..<4 {
            let reader = try site.connect()
            busy.append(reader)
            let text = "GET \(way)index-10.ts HTTP/1.1\r\nHost: a\r\n\r\n"
            _ = text.withCString { send(reader, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            // Its answer begins.
            var byte: UInt8 = 0
            #expect(recv(reader, &byte, 1, 0) == 1)
        }
        let answer = try await site.get("/")
        #expect(answer.head.hasPrefix("http/1.1 503"), "\(answer.head)")
        #expect(answer.head.contains("retry-after: 1"))
        #expect(site.server.facts.refused == 1 && site.server.facts.displaced == 0)
        close(busy.removeLast())
        for _ in 0..<100 where site.server.facts.readers > 3 {
            try await Task.sleep(nanoseconds: 50_000_000)
        }
        #expect(try await site.get("/").head.hasPrefix("http/1.1 200"))
    }

    @Test func anAddressIsAHostAndAPort() async throws {
        for (text, host, port) in [
            (":8080", "", 8080), ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:8080", "::1", 8080),
            ("play.example:0", "play.example", 0),
        ] {
            let address = try #require(WebAddress(text))
            #expect(address.host == host && Int(address.port) == port)
            #expect(address.description == text)
        }
        let wrong = [
            "", "8080", ":", ":x", ":70000", "::1:80", "[]:80", "a b:80", "a/b:80", ":+8",
        ]
        for text in wrong {
            #expect(WebAddress(text) == nil, "\(text)")
        }
    }

    @Test func aPortThatIsTakenIsToldOf() async throws {
        let site = try await Site()
        let address = try #require(WebAddress("127.0.0.1:\(site.server.port)"))
        await #expect(throws: ControlFailure.self) {
            let logger = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
            _ = try await WebServer(address, logger: logger) { [] }
        }
    }
}
