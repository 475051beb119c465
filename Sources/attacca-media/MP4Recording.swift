// A live stream into an MP4. It is written in fragments of a second, so that whatever ends the
// process or the host leaves all of it to be played; at its end it is made a plain MP4 with its
// index first.
//
// No file that is there is ever written over: the next one gets a number.

import CLibAV
import Glibc
import MediaJobs

struct MP4Recording {
    let path: String
    let staysFragmented: Bool

    /// Numbers that are tried for a new file.
    private static let mostFiles = 100_000

    func run() throws(MediaFailure) {
        let demuxer = try Demuxer(packetsOf: STDIN_FILENO)
        let file = try MP4Recording.newFile(like: path)
        do throws(MediaFailure) {
            try record(demuxer, into: file)
        } catch {
            MP4Recording.removeIfEmpty(file)
            throw error
        }
        guard !staysFragmented else { return Reporter.tell(.finished(file)) }
        Reporter.tell(.finishing(file))
        do throws(MediaFailure) {
            try Packager.replace(file)
            Reporter.tell(.finished(file))
        } catch {
            // What there is plays; it is no reason to begin again.
            Reporter.tell(.finished("\(file), in fragments: \(LibAVLog.clean(error.description))"))
        }
    }

    private func record(_ demuxer: Demuxer, into file: String) throws(MediaFailure) {
        let muxer = try Muxer(format: "mp4", .url("file:\(file)"))
        let remux = try Remux(
            demuxer, into: muxer, Remux.Manner(tellsSafety: true, endsWhenStreamsChange: true))
        try muxer.begin([
            "movflags": "frag_keyframe+delay_moov+default_base_moof",
            "frag_duration": "1000000", "video_track_timescale": "90000",
            "movie_timescale": "90000",
        ])
        Reporter.tell(.opened(what: file, pace: .arrival))
        do throws(MediaFailure) {
            while try remux.step() {}
        } catch {
            // The disk may take the rest.
            try? muxer.finish()
            throw error
        }
        try muxer.finish()
    }

    /// Makes a file that was not there: `a.mp4`, then `a-2.mp4`, `a-3.mp4` …
    private static func newFile(like path: String) throws(MediaFailure) -> String {
        let dot = path.lastIndex(of: ".")
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let end = dot.map { $0 > slash ? $0 : path.endIndex } ?? path.endIndex
        for number in 1...mostFiles {
            let name = number == 1 ? path : "\(path[..<end])-\(number)\(path[end...])"
            let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            if descriptor >= 0 {
                close(descriptor)
                return name
            }
            guard errno == EEXIST else {
                throw MediaFailure("'\(name)': \(String(cString: strerror(errno)))")
            }
        }
        throw MediaFailure("'\(path)': there are \(mostFiles) of them already")
    }

    private static func removeIfEmpty(_ path: String) {
        var facts = stat()
        if stat(path, &facts) == 0, facts.st_size == 0 { unlink(path) }
    }
}
