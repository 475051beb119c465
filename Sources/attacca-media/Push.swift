// A live stream to a server: FLV over RTMP, transport packets over RIST. When it is refused or broken
// the process ends, and its parent begins another one.

import CLibAV
import Glibc
import MediaJobs

struct Push {
    private let url: MediaURL
    /// Microseconds without a byte moving, on a connection.
    private static let patience = "8000000"

    init(_ url: MediaURL) { self.url = url }

    func run() throws(MediaFailure) {
        let demuxer = try Demuxer(packetsOf: STDIN_FILENO)
        let isRIST = url.scheme == "rist"
        let muxer: Muxer
        do throws(MediaFailure) {
            muxer = try Muxer(
                format: isRIST ? "mpegts" : "flv", .url(url.text),
                options: isRIST ? [:] : ["rw_timeout": Push.patience, "rtmp_live": "live"])
        } catch {
            throw MediaFailure("\(url): \(error.description)")
        }
        muxer.maximumDelay = isRIST ? 700_000 : 0
        let remux = try Remux(
            demuxer, into: muxer,
            Remux.Manner(
                container: isRIST ? .transportStream : .flv, endsWhenStreamsChange: true))
        try muxer.begin(isRIST ? [:] : ["flvflags": "no_duration_filesize"])
        Reporter.tell(.opened(what: url.description, pace: .arrival))
        while try remux.step() {}
        try? muxer.finish()
        Reporter.tell(.finished(url.description))
    }
}
