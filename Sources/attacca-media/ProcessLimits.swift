// What this process may take of the host: a parser of other people's bytes gets no more than it
// needs.

import CLibAV
import Glibc
import MediaJobs

enum ProcessLimits {
    private static let megabyte: UInt64 = 1 << 20
    /// Files that libav may have open.
    private static let mostFiles: UInt64 = 64

    static func apply(for job: MediaJob) {
        clibav_limit_data(dataBytes(of: job))
        clibav_limit_core(0)
        clibav_limit_files(mostFiles)
        // What it reads and writes ends with the parent, and that ends the job; a link that waits
        // for a server would not see it. A recording is to be finished all the same.
        switch job {
        case .link, .slate, .package, .fragments: clibav_end_with_parent(SIGKILL)
        case .output: break
        }
        clibav_gain_no_rights()
        // The one on air goes first.
        _ = nice(5)
    }

    private static func dataBytes(of job: MediaJob) -> UInt64 {
        switch job {
        case .link, .output(.push): 768 * megabyte
        // An MP4's index is in memory until its end: some 40 MB for each hour.
        case .output(.mp4), .package: 6144 * megabyte
        // A segment of a minute, as it comes and as it goes.
        case .fragments: 2048 * megabyte
        // x264 and the pictures that it looks ahead at.
        case .slate: 3072 * megabyte
        }
    }
}
