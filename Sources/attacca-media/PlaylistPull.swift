// An HLS source. One whose playlist does not say that it ends has not ended, whatever becomes of
// its server: it is asked for again and again, and goes on behind the segment that was read last.
//
//   read ── nothing more can be read ──> ask for the playlist ──┬─ it ends there ──> done
//    └────────── there are other segments <───── pause <────────┘

import CLibAV
import Glibc
import MediaJobs

struct PlaylistPull {
    private let url: MediaURL
    /// Opens an address.
    private let open: (MediaURL) throws(MediaFailure) -> UnsafeMutablePointer<AVIOContext>?
    private let demand: [String: String]

    /// Between two looks at a playlist that brings nothing, milliseconds: twice as long each time,
    /// and never longer than a third of a segment.
    private static let pauses: ClosedRange<Int64> = 250...5_000
    /// A source that has no new segment for so many target durations is opened again.
    private static let patience: Int64 = 3
    /// However short they are a server gets this long to answer, seconds.
    private static let leastPatience: Int64 = 6
    /// Seconds, where the playlist does not tell.
    private static let usualTarget: Int64 = 6
    /// What is read of a playlist.
    private static let mostBytes = 4 << 20
    /// Of a list that is new, so many segments at its end are read.
    private static let mostNew = 6

    /// - Parameter demand: the options with which it is opened.
    init(
        _ url: MediaURL, _ demand: [String: String],
        open: @escaping (MediaURL) throws(MediaFailure) -> UnsafeMutablePointer<AVIOContext>?
    ) {
        self.url = url
        self.open = open
        // Each segment is opened by `Demuxer`, which notes it.
        self.demand = demand.merging(["http_persistent": "0", "http_multiple": "0"]) { $1 }
    }

    /// - Parameters:
    ///   - bytes: the playlist, opened already.
    ///   - read: called with each demuxer, and whether what is in it follows what was read before;
    ///     returns where nothing more can be read of it.
    func run(
        _ bytes: UnsafeMutablePointer<AVIOContext>?, _ format: UnsafePointer<AVInputFormat>,
        _ read: (Demuxer, Bool) throws(MediaFailure) -> Void
    ) throws(MediaFailure) {
        var demuxer = try Demuxer(url.text, bytes: bytes, format: format, demand)
        let playlist = try self.playlist()
        if playlist.hasEnded { return try read(demuxer, false) }
        let target = playlist.targetSeconds ?? PlaylistPull.usualTarget
        Watch.setLongest(seconds: max(PlaylistPull.patience * target, PlaylistPull.leastPatience))
        var goesOn = false
        while true {
            var why = "its playlist brings nothing more"
            do throws(MediaFailure) {
                try read(demuxer, goesOn)
            } catch {
                // A stream that has changed is begun anew, and nobody may be there to read it.
                guard demuxer.hasFailed, !error.isChange else { throw error }
                why = error.description
            }
            goesOn = !Watch.isGivenUp
            Watch.goOn()
            guard let start = next(isAnother: !goesOn, target, why) else { return }
            demuxer = try Demuxer(
                url.text, demand.merging(["live_start_index": "\(start)"]) { $1 })
        }
    }

    /// Waits for segments that were not read.
    /// - Parameters:
    ///   - isAnother: the server counts from 0 again: none of what is there was read.
    ///   - target: of a segment's duration, seconds.
    /// - Returns: the first of them; nil where the playlist has ended.
    private func next(isAnother: Bool, _ target: Int64, _ why: String) -> Int? {
        var pause = PlaylistPull.pauses.lowerBound
        var isTold = false
        // Nor is a server that breaks off each time asked without a pause.
        if !isAnother { usleep(UInt32(pause * 1000)) }
        while true {
            var trouble = why
            do throws(MediaFailure) {
                let playlist = try self.playlist()
                let count = playlist.segments.count
                let last = isAnother ? nil : playlist.lastIndex(among: Demuxer.lastOpened)
                if playlist.hasEnded && last == count - 1 { return nil }
                if let last, last + 1 < count { return last + 1 }
                if last == nil && count > 0 { return max(count - PlaylistPull.mostNew, 0) }
            } catch {
                trouble = error.description
            }
            if !isTold { Reporter.tell(.interrupted(LibAVLog.clean(trouble))) }
            isTold = true
            usleep(UInt32(pause * 1000))
            pause = min(2 * pause, PlaylistPull.pauses.upperBound, target * 1000 / 3)
        }
    }

    /// As it is now: of a master playlist, its first variant.
    private func playlist() throws(MediaFailure) -> HLSPlaylist {
        let found = try playlist(at: url)
        guard let variant = found.variant else { return found }
        return try playlist(at: MediaURL(HLSPlaylist.resolve(variant, in: url.text)))
    }

    private func playlist(at url: MediaURL) throws(MediaFailure) -> HLSPlaylist {
        var context = try open(url)
        defer { avio_closep(&context) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        Watch.begin()
        defer { Watch.end() }
        while text.count < PlaylistPull.mostBytes {
            let count = avio_read_partial(context, &piece, Int32(piece.count))
            // A server that does not tell the length may just close: libav takes that for an error.
            if count <= 0 && !text.isEmpty && !Watch.isOver { break }
            text += piece[..<Int(try check(count, "reading the playlist"))]
            if count == 0 { break }
        }
        guard let playlist = HLSPlaylist(String(decoding: text, as: UTF8.self)) else {
            throw MediaFailure("what comes is no playlist")
        }
        return playlist
    }
}
