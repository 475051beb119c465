// What libav reads: a file, a server, or the transport packets that the parent hands over.

import CLibAV
import Foundation
import Glibc
import MediaJobs
import Synchronization

typealias FormatContext = UnsafeMutablePointer<AVFormatContext>
typealias StreamPointer = UnsafeMutablePointer<AVStream>
typealias PacketPointer = UnsafeMutablePointer<AVPacket>

final class Demuxer {
    private(set) var context: FormatContext?
    private let pipe: PipeSource?
    private let piece: PieceSource?
    private var splitter: LineSplitter?
    /// What was read ended with its line, and another follows.
    private(set) var hasNextLine = false
    /// What is read gave an error instead of a packet.
    private(set) var hasFailed = false
    /// Where it was opened before the format was known.
    private var bytes: UnsafeMutablePointer<AVIOContext>?

    /// What a live stream is, is known when some pictures of it have come: bytes, microseconds.
    private static let liveProbeBytes: Int64 = 20 << 20
    private static let liveProbeTime: Int64 = 3_000_000

    /// The transport packets of a pipe: read until it is known what is in them.
    init(packetsOf descriptor: Int32) throws(MediaFailure) {
        let pipe = try PipeSource(descriptor)
        self.pipe = pipe
        piece = nil
        guard let made = avformat_alloc_context() else { throw MediaFailure("no memory") }
        made.pointee.pb = pipe.context
        made.pointee.interrupt_callback = Watch.interrupt
        made.pointee.probesize = Demuxer.liveProbeBytes
        made.pointee.max_analyze_duration = Demuxer.liveProbeTime
        context = made
        try open(named: "", format: av_find_input_format("mpegts"), [:])
    }

    /// One piece of a transport stream.
    /// - Parameter tracks: what is known of its streams, where it does not say so itself.
    init(_ piece: PieceSource, like tracks: [FragmentTrack] = []) throws(MediaFailure) {
        pipe = nil
        self.piece = piece
        guard let made = avformat_alloc_context() else { throw MediaFailure("no memory") }
        made.pointee.pb = piece.context
        made.pointee.interrupt_callback = Watch.interrupt
        made.pointee.probesize = Demuxer.liveProbeBytes
        made.pointee.max_analyze_duration = Demuxer.liveProbeTime
        context = made
        try open(named: "", format: av_find_input_format("mpegts"), [:], like: tracks)
    }

    /// - Parameters:
    ///   - url: with its protocol: `file:…`.
    ///   - bytes: the same, opened already; to be closed here.
    init(
        _ url: String, bytes: UnsafeMutablePointer<AVIOContext>? = nil,
        format: UnsafePointer<AVInputFormat>? = nil, _ options: [String: String]
    ) throws(MediaFailure) {
        pipe = nil
        piece = nil
        self.bytes = bytes
        guard let made = avformat_alloc_context() else { throw MediaFailure("no memory") }
        made.pointee.pb = bytes
        made.pointee.interrupt_callback = Watch.interrupt
        made.pointee.io_open = { Demuxer.openTrusted($0, $1, $2, $3, $4) }
        context = made
        try open(named: url, format: format, options)
    }

    /// Opens one of the addresses that a playlist names: libav hands on some options of the first
    /// one to them, and whom to trust is none of those.
    private static func openTrusted(
        _ context: FormatContext?,
        _ bytes: UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>?,
        _ url: UnsafePointer<CChar>?, _ flags: Int32, _ given: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        guard let usual = Demuxer.openUsually else { return clibav_error_memory() }
        if let url { note(String(cString: url)) }
        var trust = Options(Options.trust)
        guard let given else { return usual(context, bytes, url, flags, &trust.pointer) }
        av_dict_copy(given, trust.pointer, 0)
        return usual(context, bytes, url, flags, given)
    }

    private static let opened = Mutex<[String]>([])
    /// Keys of segments, and the other playlists of a source, are among them.
    private static let mostOpened = 16

    private static func note(_ url: String) {
        opened.withLock { $0 = $0.suffix(mostOpened - 1) + [url] }
    }

    /// The addresses that playlists have led to, the newest last.
    static var lastOpened: [String] { opened.withLock { $0 } }

    /// What libav does where it is not asked to do otherwise.
    private static let openUsually = {
        let context = avformat_alloc_context()
        defer { avformat_free_context(context) }
        return context?.pointee.io_open
    }()

    private func open(
        named url: String, format: UnsafePointer<AVInputFormat>?, _ options: [String: String],
        like tracks: [FragmentTrack] = []
    ) throws(MediaFailure) {
        var dictionary = Options(options)
        Watch.begin()
        defer { Watch.end() }
        // Frees the context where it fails.
        try check(avformat_open_input(&context, url, format, &dictionary.pointer), "opening")
        for track in tracks { try setParameters(track) }
        Watch.begin()
        try check(avformat_find_stream_info(context, nil), "looking at the streams")
    }

    private func setParameters(_ track: FragmentTrack) throws(MediaFailure) {
        guard let bytes = track.parameters,
            let stream = streams.first(where: { $0.pointee.id == track.id }),
            let parameters = stream.pointee.codecpar, parameters.pointee.extradata == nil
        else { return }
        guard let room = av_mallocz(bytes.count + Int(AV_INPUT_BUFFER_PADDING_SIZE)) else {
            throw MediaFailure("no memory")
        }
        parameters.pointee.extradata = room.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = Int32(bytes.count)
        bytes.copyBytes(to: parameters.pointee.extradata, count: bytes.count)
    }

    deinit {
        avformat_close_input(&context)
        if bytes != nil { avio_closep(&bytes) }
    }

    var streams: [StreamPointer] {
        guard let context else { return [] }
        return (0..<Int32(context.pointee.nb_streams)).compactMap { clibav_stream(context, $0) }
    }

    /// Where the tables stand that go before a place in the parent's bytes; nil where that is not
    /// known.
    func entry(before position: Int64) -> Int64? { pipe?.tables(before: position) }

    /// Reads the next packet; false at the end, of a line too where there may be several
    /// (`hasNextLine`).
    func read(into packet: PacketPointer) throws(MediaFailure) -> Bool {
        av_packet_unref(packet)
        guard let splitter else { return try readAny(into: packet) }
        if hasNextLine { splitter.goOn() }
        hasNextLine = false
        var isAtEnd = false
        while true {
            if splitter.give(into: packet) { return true }
            hasNextLine = splitter.hasEnded
            if hasNextLine || isAtEnd { return false }
            isAtEnd = try !readAny(into: packet)
            if isAtEnd {
                splitter.end()
            } else if let stream = stream(of: packet) {
                if try splitter.passes(packet, of: stream) { return true }
                av_packet_unref(packet)
            }
        }
    }

    private func stream(of packet: PacketPointer) -> StreamPointer? {
        context.flatMap { clibav_stream($0, packet.pointee.stream_index) }
    }

    private func readAny(into packet: PacketPointer) throws(MediaFailure) -> Bool {
        Watch.begin()
        defer { Watch.end() }
        while true {
            let code = av_read_frame(context, packet)
            if code == clibav_error_end() { return false }
            if code == clibav_error_again() { continue }
            hasFailed = code < 0
            try check(code, "reading")
            return true
        }
    }

    /// From here on time stamps that begin again end what is read.
    /// - Parameter other: what was read before, of the same streams.
    func splitLines(behind other: Demuxer?) { splitter = LineSplitter(behind: other?.splitter) }
}

/// Options of a call of libav.
struct Options: ~Copyable {
    /// A server has to be who it says it is; libav would not ask. `SSL_CERT_FILE` names other
    /// authorities than Debian's.
    static var trust: [String: String] {
        let named = getenv("SSL_CERT_FILE").map { String(cString: $0) } ?? ""
        return [
            "tls_verify": "1",
            "ca_file": named.isEmpty ? "/etc/ssl/certs/ca-certificates.crt" : named,
        ]
    }

    var pointer: OpaquePointer?

    init(_ values: [String: String]) {
        for (key, value) in values { av_dict_set(&pointer, key, value, 0) }
    }

    deinit {
        var pointer = pointer
        av_dict_free(&pointer)
    }
}

/// A pipe that is read for libav. While it is waited for, no call counts as being late.
final class PipeSource {
    private static let bufferBytes = 188 * 512
    private static let packetBytes: Int64 = 188
    /// Of them a minute or more.
    private static let mostTables = 1000
    fileprivate(set) var context: UnsafeMutablePointer<AVIOContext>?
    private let descriptor: Int32
    private var position: Int64 = 0
    /// Where PATs began, in order. The parent sends whole packets.
    private var tables: [Int64] = []

    init(_ descriptor: Int32) throws(MediaFailure) {
        self.descriptor = descriptor
        guard let buffer = av_malloc(PipeSource.bufferBytes) else {
            throw MediaFailure("no memory")
        }
        context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(PipeSource.bufferBytes), 0,
            Unmanaged.passUnretained(self).toOpaque(),
            { opaque, bytes, count in
                guard let opaque, let bytes else { return clibav_error_end() }
                let source = Unmanaged<PipeSource>.fromOpaque(opaque).takeUnretainedValue()
                return source.read(bytes, Int(count))
            }, nil, nil)
        guard context != nil else { throw MediaFailure("no memory") }
    }

    deinit {
        if let context { av_free(context.pointee.buffer) }
        avio_context_free(&context)
    }

    private func read(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        while true {
            let came = Watch.pause { Glibc.read(descriptor, bytes, count) }
            if came > 0 {
                note(UnsafeBufferPointer(start: bytes, count: came))
                return Int32(came)
            }
            if came == 0 { return clibav_error_end() }
            if errno != EINTR { return clibav_error_system(errno) }
        }
    }
}

extension PipeSource {
    private func note(_ bytes: UnsafeBufferPointer<UInt8>) {
        let size = PipeSource.packetBytes
        // A read may end in the middle of a packet.
        var at = Int((size - position % size) % size)
        while at + 3 < bytes.count {
            if bytes[at + 1] & 0x1F == 0, bytes[at + 2] == 0, bytes[at + 1] & 0x40 != 0 {
                tables.append(position + Int64(at))
            }
            at += Int(size)
        }
        if tables.count > PipeSource.mostTables {
            tables.removeFirst(tables.count - PipeSource.mostTables / 2)
        }
        position += Int64(bytes.count)
    }

    fileprivate func tables(before position: Int64) -> Int64? {
        tables.last { $0 <= position }
    }
}
