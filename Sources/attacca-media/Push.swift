// A live stream to a server: FLV over RTMP, transport packets over RIST. When it is refused or
// broken the process ends, and its parent begins another one.

import CLibAV
import Glibc
import MediaJobs

struct Push {
    private let url: MediaURL
    /// Microseconds without a byte moving, on a connection.
    private static let patience = "8000000"
    private static let datagramBytes = 7 * 188

    init(_ url: MediaURL) { self.url = url }

    func run() throws(MediaFailure) {
        do throws(MediaFailure) {
            if url.scheme == "rist" { try pass() } else { try publish() }
        } catch {
            throw MediaFailure("\(url): \(error.description)", isChange: error.isChange)
        }
        Reporter.tell(.finished(url.description))
    }

    private func publish() throws(MediaFailure) {
        let demuxer = try Demuxer(packetsOf: STDIN_FILENO)
        let muxer = try Muxer(
            format: "flv", .url(url.text),
            options: Options.trust.merging(
                ["rw_timeout": Push.patience, "rtmp_live": "live"]) { $1 })
        let remux = try Remux(
            demuxer, into: muxer, Remux.Manner(container: .flv, endsWhenStreamsChange: true))
        try muxer.begin(["flvflags": "no_duration_filesize"])
        Reporter.tell(.opened(what: url.description, pace: .arrival))
        while try remux.step() {}
        try? muxer.finish()
    }

    /// Transport packets as they are, seven in a datagram.
    private func pass() throws(MediaFailure) {
        var context: UnsafeMutablePointer<AVIOContext>?
        var interrupt = Watch.interrupt
        Watch.begin()
        try check(avio_open2(&context, url.text, AVIO_FLAG_WRITE, &interrupt, nil), "opening")
        Watch.end()
        defer { avio_closep(&context) }
        Reporter.tell(.opened(what: url.description, pace: .arrival))
        var bytes = [UInt8](repeating: 0, count: Push.datagramBytes)
        var held = 0
        while true {
            let count = bytes.withUnsafeMutableBytes {
                read(STDIN_FILENO, $0.baseAddress.map { $0 + held }, Push.datagramBytes - held)
            }
            if count < 0 && errno == EINTR { continue }
            held += max(count, 0)
            let unit = count > 0 ? Push.datagramBytes : 188
            let whole = held / unit * unit
            if whole > 0 {
                Watch.begin()
                avio_write(context, bytes, Int32(whole))
                avio_flush(context)
                Watch.end()
                try check(context?.pointee.error ?? 0, "sending")
                Reporter.count(bytes: whole)
                held = 0
            }
            if count <= 0 { return }
        }
    }
}
