// Finished recordings to one MP4 with its index first: one after the other, on one line of time.
//
// Recordings that were cut out of one stream go on where the one before ends, by their own time
// stamps; others are put behind it.

import CLibAV
import Glibc
import MediaJobs

enum Packager {
    static func package(_ inputs: [String], into output: String) throws(MediaFailure) {
        guard !inputs.isEmpty else { throw MediaFailure("no recording") }
        let unfinished = Packager.unfinished(output)
        do throws(MediaFailure) {
            let muxer = try Muxer(format: "mp4", .url("file:\(unfinished)"))
            try join(inputs, into: muxer)
            try muxer.finish()
        } catch {
            unlink(unfinished)
            throw error
        }
        try put(unfinished, at: output)
        Reporter.tell(.finished(output))
    }

    /// Makes a plain MP4 of one in fragments.
    static func replace(_ path: String) throws(MediaFailure) {
        let unfinished = Packager.unfinished(path)
        do throws(MediaFailure) {
            let muxer = try Muxer(format: "mp4", .url("file:\(unfinished)"))
            try join([path], into: muxer)
            try muxer.finish()
        } catch {
            unlink(unfinished)
            throw error
        }
        try put(unfinished, at: path)
    }

    private static func unfinished(_ path: String) -> String { path + ".unfinished" }

    private static func join(
        _ inputs: [String], into muxer: Muxer
    ) throws(MediaFailure) {
        var joint: Remux.Joint?
        for input in inputs {
            let demuxer: Demuxer
            do throws(MediaFailure) {
                demuxer = try Demuxer(
                    "file:\(input)", ["protocol_whitelist": "file", "scan_all_pmts": "0"])
            } catch {
                throw MediaFailure("'\(input)': \(error.description)")
            }
            let remux: Remux
            if let joint {
                remux = try Remux(demuxer, behind: joint)
            } else {
                remux = try Remux(demuxer, into: muxer)
                try muxer.begin([
                    "movflags": "faststart", "video_track_timescale": "90000",
                    "movie_timescale": "90000",
                ])
            }
            while try remux.step() {}
            joint = remux.joint
        }
    }

    private static func put(_ unfinished: String, at path: String) throws(MediaFailure) {
        let descriptor = open(unfinished, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
        guard rename(unfinished, path) == 0 else {
            let why = String(cString: strerror(errno))
            unlink(unfinished)
            throw MediaFailure("'\(path)': \(why)")
        }
    }
}
