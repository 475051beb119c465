// A foreign container or protocol to transport packets on standard output, never re-encoded. What
// is a transport stream already passes as it is, byte by byte.

import CLibAV
import Glibc
import MediaJobs

struct LinkJob {
    private let source: MediaSource
    private let counters = PacketCounters()
    /// Between a picture's first byte and its decoding, microseconds, half of it: libav counts it
    /// twice.
    static let muxDelay: Int32 = 350_000
    private static let pieceBytes = 188 * 64

    init(_ source: MediaSource) { self.source = source }

    func run() throws(MediaFailure) {
        switch source {
        case .file(let path, let isLooped):
            repeat {
                let demuxer = try Demuxer("file:\(path)", ["protocol_whitelist": "file"])
                try remux(demuxer, isPass: isLooped)
            } while isLooped
        case .slate: throw MediaFailure("a slate is no link's job")
        case .pull(let url):
            do throws(MediaFailure) {
                try pull(url)
            } catch {
                throw MediaFailure("\(url): \(error.description)")
            }
        }
        Reporter.tell(.finished(source.description))
    }

    // MARK: Servers

    private func pull(_ url: MediaURL) throws(MediaFailure) {
        if url.scheme.hasPrefix("rtsp") {
            let demuxer = try Demuxer(url.text, [
                "rtsp_flags": "prefer_tcp", "timeout": "8000000", "user_agent": "attacca",
                "protocol_whitelist": "rtsp,rtp,udp,tcp",
            ])
            return try carry(demuxer, pace: .arrival)
        }
        var bytes = try open(url)
        var format: UnsafePointer<AVInputFormat>?
        Watch.begin()
        let score = av_probe_input_buffer2(bytes, &format, url.text, nil, 0, 1 << 20)
        Watch.end()
        guard score >= 0, let format else {
            avio_closep(&bytes)
            throw MediaFailure(min(score, -1), "what comes is no stream")
        }
        let name = String(cString: format.pointee.name)
        let isFile = url.scheme != "rist" && avio_size(bytes) > 0
        if name == "mpegts", let bytes {
            defer { var bytes: UnsafeMutablePointer<AVIOContext>? = bytes; avio_closep(&bytes) }
            return try pass(bytes, pace: isFile ? .clock : .arrival)
        }
        let demand = ["protocol_whitelist": LinkJob.web]
        guard name.contains("hls") else {
            let demuxer = try Demuxer(url.text, bytes: bytes, format: format, demand)
            return try carry(demuxer, pace: isFile ? .clock : .arrival)
        }
        var remux: Remux?
        try PlaylistPull(url, demand, open: open).run(bytes, format) {
            (demuxer, goesOn) throws(MediaFailure) in
            try carry(demuxer, &remux, pace: .clock, goesOn: goesOn)
        }
        try remux?.finish()
    }

    private static let web = "http,https,httpproxy,tcp,tls,crypto,data"

    private func open(
        _ url: MediaURL
    ) throws(MediaFailure) -> UnsafeMutablePointer<AVIOContext>? {
        let isRIST = url.scheme == "rist"
        var options = Options(
            isRIST ? [:] : Options.trust.merging([
                "protocol_whitelist": LinkJob.web, "rw_timeout": "8000000",
                "user_agent": "attacca",
            ]) { $1 })
        var bytes: UnsafeMutablePointer<AVIOContext>?
        var interrupt = Watch.interrupt
        Watch.begin()
        defer { Watch.end() }
        try check(
            avio_open2(&bytes, url.text, AVIO_FLAG_READ, &interrupt, &options.pointer), "opening")
        return bytes
    }

    /// A transport stream, as it comes.
    private func pass(
        _ bytes: UnsafeMutablePointer<AVIOContext>, pace: MediaEvent.Pace
    ) throws(MediaFailure) {
        let sink = try PipeSink(STDOUT_FILENO)
        var piece = [UInt8](repeating: 0, count: LinkJob.pieceBytes)
        Reporter.tell(.opened(what: source.description, pace: pace))
        while true {
            Watch.begin()
            let count = avio_read_partial(bytes, &piece, Int32(piece.count))
            Watch.end()
            if count == clibav_error_end() || count == 0 { break }
            try check(count, "reading")
            try check(piece.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { sink.write($0, Int(count)) } ?? 0
            }, "handing over")
            Reporter.count(bytes: Int(count))
        }
        guard pace == .clock else { throw MediaFailure("the server ended the stream") }
    }

    // MARK: Containers

    private func remux(_ demuxer: Demuxer, isPass: Bool) throws(MediaFailure) {
        let sink = try PipeSink(STDOUT_FILENO)
        Reporter.tell(.opened(what: source.description, pace: .clock))
        let remux = try begin(demuxer, into: sink, isPass: isPass)
        while try remux.step() {}
        try remux.finish()
        guard isPass else { return }
        guard remux.length > 0 else { throw MediaFailure("nothing to repeat") }
        Reporter.tell(.passed(bytes: sink.written, nanoseconds: remux.length))
    }

    /// All that comes of a server.
    private func carry(_ demuxer: Demuxer, pace: MediaEvent.Pace) throws(MediaFailure) {
        var remux: Remux?
        try carry(demuxer, &remux, pace: pace, goesOn: false)
        try remux?.finish()
    }

    /// Line after line, each a transport stream of its own.
    /// - Parameters:
    ///   - remux: what has carried, and then what carries; not finished.
    ///   - goesOn: what comes follows what was carried.
    private func carry(
        _ demuxer: Demuxer, _ remux: inout Remux?, pace: MediaEvent.Pace, goesOn: Bool
    ) throws(MediaFailure) {
        demuxer.splitLines(behind: goesOn ? remux?.demuxer : nil)
        if let before = remux, goesOn {
            remux = try Remux(demuxer, behind: before.joint)
        } else {
            try remux?.finish()
            remux = try begin(demuxer, into: PipeSink(STDOUT_FILENO, counters))
        }
        Reporter.tell(.opened(what: source.description, pace: pace))
        while let line = remux {
            while try line.step() {}
            guard demuxer.hasNextLine else { return }
            try line.finish()
            remux = try begin(demuxer, into: PipeSink(STDOUT_FILENO, counters))
        }
    }

    private func begin(
        _ demuxer: Demuxer, into sink: PipeSink, isPass: Bool = false
    ) throws(MediaFailure) -> Remux {
        let muxer = try Muxer(format: "mpegts", .pipe(sink))
        muxer.maximumDelay = LinkJob.muxDelay
        let remux = try Remux(
            demuxer, into: muxer,
            Remux.Manner(
                beginsAnew: isPass, container: .transportStream, endsWhenStreamsChange: true))
        // The clock begins anew with each line, and says so.
        try muxer.begin([
            "pcr_period": "20", "pat_period": "0.05", "mpegts_flags": "+initial_discontinuity",
        ])
        return remux
    }
}
