// The process by HTTP, on a thread of its own: HLS outputs as /CHANNEL/NAME.m3u8 with their
// segments, and a page that plays them. Whatever readers do, no channel's loop sees them: what is
// sent was written to a disk before, and disks are read by threads that do nothing else.

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import SwitchIO

public final class WebServer: Sendable {
    /// Readers at a time, where descriptors are plenty: each may have a file open too.
    private static let mostReaders = 4000
    public static let patience = TimeAmount.seconds(20)
    /// Bytes of a request's head.
    private static let longestHead = 16 << 10
    /// Bytes read from a disk at a time, and threads that do.
    private static let chunkBytes = 128 << 10
    private static let readers = 4

    /// The port that is listened at.
    public let port: Int
    private let loops: MultiThreadedEventLoopGroup
    private let disks: NIOThreadPool
    private let task: Task<Void, Never>
    private let tally: WebTally

    public var facts: WebFacts { tally.facts }

    /// Listens; returns when it does.
    /// - Parameters:
    ///   - address: Where.
    ///   - patience: a connection that brings or takes nothing ends after so long.
    ///   - mostReaders: connections at a time; nil for as many as the process's descriptors allow.
    ///   - shows: the channels as they are now; called on any thread, for each request.
    /// - Throws: where the address can not be had.
    public init(
        _ address: WebAddress, patience: TimeAmount = WebServer.patience,
        mostReaders: Int? = nil, logger: Logger,
        shows: @escaping @Sendable () -> [WebChannel]
    ) async throws(ControlFailure) {
        loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        disks = NIOThreadPool(numberOfThreads: WebServer.readers)
        disks.start()
        // What it says while it works is nobody's concern.
        var quiet = logger
        quiet.logLevel = .critical
        let tally = WebTally()
        self.tally = tally
        let guests = WebGuests(
            most: mostReaders ?? FileDescriptors.share(part: 2, most: WebServer.mostReaders),
            tally: tally)
        let bound = loops.next().makePromise(of: Int.self)
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderListSize = WebServer.longestHead
        decoder.maxHeaderFieldSize = WebServer.longestHead
        let app = Application(
            router: WebServer.router(disks, shows),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        StallGuard(patience: patience, tally: tally), WebGuest(of: guests),
                    ],
                    idleTimeout: patience, httpDecoderConfiguration: decoder)),
            configuration: ApplicationConfiguration(
                address: .hostname(
                    address.host.isEmpty ? "0.0.0.0" : address.host, port: Int(address.port)),
                serverName: "attacca"),
            onServerRunning: { bound.succeed($0.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(loops), logger: quiet)
        task = Task {
            do { try await app.run() } catch { bound.fail(error) }
        }
        do {
            port = try await bound.futureResult.get()
        } catch {
            WebServer.end(task, loops, disks)
            throw ControlFailure("\(address): \(error)")
        }
    }

    /// Nobody is answered any more. What is under way ends by itself, and does not wait for
    /// readers.
    public func close() { WebServer.end(task, loops, disks) }

    private static func end(
        _ task: Task<Void, Never>, _ loops: MultiThreadedEventLoopGroup, _ disks: NIOThreadPool
    ) {
        task.cancel()
        Task {
            await task.value
            loops.shutdownGracefully { _ in }
            disks.shutdownGracefully { _ in }
        }
    }

    // MARK: Answers

    private static func router(
        _ disks: NIOThreadPool, _ shows: @escaping @Sendable () -> [WebChannel]
    ) -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("/") { _, _ in
            var headers = plain
            headers[.contentType] = "text/html; charset=utf-8"
            headers[.cacheControl] = "no-cache"
            headers[.contentSecurityPolicy] =
                "default-src 'none'; media-src 'self' blob:; style-src 'unsafe-inline'"
            let text = WebPage.text(shows())
            return Response(
                status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
        }
        router.get("/:channel/:file") { request, context in
            let channel = context.parameters.get("channel")?.removingPercentEncoding
            let name = context.parameters.get("file")?.removingPercentEncoding
            guard let channel, let name,
                let file = shows().first(where: { $0.name == channel })?.file(name)
            else { return missing }
            return try await answer(file, request.headers[.range], disks)
        }
        router.on("/:channel/:file", method: .options) { _, _ in
            var headers = plain
            headers[.accessControlAllowMethods] = "GET, HEAD, OPTIONS"
            headers[.accessControlAllowHeaders] = "Range"
            headers[.accessControlMaxAge] = "86400"
            return Response(status: .noContent, headers: headers)
        }
        return router
    }

    /// Players on other people's pages may read it.
    private static let plain: HTTPFields = {
        var headers = HTTPFields()
        headers[.accessControlAllowOrigin] = "*"
        headers[.accessControlExposeHeaders] = "Content-Length, Content-Range, Date"
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }()

    /// What has a segment's name never changes.
    private static let unchanging = "max-age=86400, immutable"

    private static var missing: Response {
        var headers = plain
        headers[.cacheControl] = "max-age=1"
        return Response(status: .notFound, headers: headers)
    }

    /// A reader asks again for what it did not get now.
    static let busy: Response = {
        var headers = plain
        headers[.retryAfter] = "1"
        return Response(status: .serviceUnavailable, headers: headers)
    }()

    private static func answer(
        _ file: WebChannel.File, _ range: String?, _ disks: NIOThreadPool
    ) async throws -> Response {
        var headers = plain
        let path: String
        switch file {
        case .playlist(let found):
            path = found
            headers[.contentType] = "application/vnd.apple.mpegurl"
            // A shared cache may spare us readers, but for no longer than a segment.
            headers[.cacheControl] = "max-age=1"
        case .segment(let found, let format):
            path = found
            headers[.contentType] = format == .ts ? "video/mp2t" : "video/iso.segment"
            headers[.cacheControl] = unchanging
        case .header(let found):
            path = found
            headers[.contentType] = "video/mp4"
            headers[.cacheControl] = unchanging
        }
        headers[.acceptRanges] = "bytes"
        let file: WebFile
        switch try await disks.runIfActive({ WebFile.open(path) }) {
        case .file(let found): file = found
        case .missing: return missing
        case .noRoom: return busy
        }
        switch ByteRange(range, size: file.size) {
        case .none:
            headers[.contentRange] = "bytes */\(file.size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        case .all:
            return Response(
                status: .ok, headers: headers, body: body(file, 0..<file.size, disks))
        case .part(let part):
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)"
            return Response(
                status: .partialContent, headers: headers, body: body(file, part, disks))
        }
    }

    private static func body(
        _ file: WebFile, _ range: Range<Int>, _ disks: NIOThreadPool
    ) -> ResponseBody {
        ResponseBody(contentLength: range.count) { writer in
            var offset = range.lowerBound
            while offset < range.upperBound {
                let (place, count) = (offset, min(chunkBytes, range.upperBound - offset))
                let chunk = try await disks.runIfActive { file.read(at: place, count: count) }
                // Cut off since: the length that was promised can not be kept.
                guard chunk.readableBytes == count else { throw CancellationError() }
                offset += count
                try await writer.write(chunk)
            }
            try await writer.finish(nil)
        }
    }
}
