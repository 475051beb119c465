// HLS segments and their playlist in a folder. What has a segment's name is whole: it gets the name
// when it is. Of a live playlist a segment's file stays for as long as a player may ask for it.

import Glibc
import Packaging
import TransportStream

struct SegmentStore: PieceStore {
    /// A first segment is at most so long, 15 s or three times what was wished for: groups of
    /// pictures are shorter.
    private static let longestFirst: Int64 = 15 * 90_000
    private static let longestPlaylistBytes = 64 << 20

    private struct Draft {
        var file: PieceFile
        var start: PieceStart
        var isDated: Bool
    }

    private let target: HLSTarget
    private var playlist: MediaPlaylist
    private var newest: Draft?
    private var tail: Draft?
    /// Segments that have left the playlist, the oldest first, and how long each is.
    private var stale: [(name: String, ticks: Int64)] = []
    /// The segment before the next one was lost.
    private var hasHole = false
    /// Pieces that begin come with their wall clock.
    var isDated: Bool
    /// When the next segment begins, by the dates of those before.
    private var nextDate: Int64?
    /// Of what a datagram came early or late an eighth is believed; a second is another clock.
    private static let dateShare: Int64 = 8
    private static let greatestDateError: Int64 = 1_000_000_000

    /// - Parameter wallClock: of now, nanoseconds since 1970; nil for what is not on the air.
    init(_ target: HLSTarget, wallClock: Int64?) {
        self.target = target
        isDated = wallClock != nil
        let seconds = max(1, (target.segment + 500_000_000) / 1_000_000_000)
        let old = Disk.text(
            target.folder + "/" + target.name + ".m3u8", most: SegmentStore.longestPlaylistBytes
        ).flatMap { MediaPlaylist($0, window: target.window) }
        if let old, old.kind == target.kind, !old.isEnded, old.targetSeconds ?? 0 >= seconds {
            playlist = old
        } else {
            // Never a name that was there before: caches keep segments.
            playlist = MediaPlaylist(
                target.kind, window: target.window, leastSeconds: seconds,
                sequence: target.kind == .live
                    ? max(old?.nextSequence ?? 0, (wallClock ?? 0) / 1_000_000_000)
                    : old?.nextSequence ?? 0)
        }
        hasHole = old != nil && playlist.end == nil
        removeLeftovers()
    }

    /// PTS of where what is there ends.
    var end: Timestamp? { playlist.end }

    var rule: CutRule {
        var rule = CutRule()
        let wish = target.segment / 1000 * 9 / 100
        rule.target = min(wish, playlist.longestTicks ?? wish)
        rule.limit = playlist.longestTicks ?? max(SegmentStore.longestFirst, 3 * wish)
        rule.endsAtBreaks = true
        rule.keepsNullPackets = false
        return rule
    }

    var outcome: SegmentJob.Outcome {
        SegmentJob.Outcome(
            segments: playlist.segments.count, durationTicks: playlist.durationTicks,
            discontinuities: playlist.segments.filter(\.isDiscontinuous).count,
            playlist: playlistPath)
    }

    private func path(_ name: String) -> String { target.folder + "/" + name }
    private var playlistPath: String { path(target.name + ".m3u8") }

    /// Drafts of a process before, and segments that its playlist has lost.
    private mutating func removeLeftovers() {
        let listed = Set(playlist.segments.map(\.name))
        for name in Disk.names(in: target.folder) {
            if target.isDraft(name) {
                Disk.remove(path(name))
            } else if target.kind == .live, target.isSegment(name), !listed.contains(name) {
                stale.append((name, playlist.durationTicks / 2))
            }
        }
        stale.sort { $0.name < $1.name }
    }

    mutating func begin(_ piece: PieceStart) throws(IOFailure) {
        tail = newest
        newest = nil
        let file = try PieceFile(
            path: path("\(target.name)-piece\(piece.number).ts.part"), isNew: false)
        newest = Draft(file: file, start: piece, isDated: isDated)
    }

    mutating func write(_ bytes: Span<UInt8>, isNewest: Bool) throws(IOFailure) {
        if isNewest {
            try newest?.file.write(bytes)
        } else {
            try tail?.file.write(bytes)
        }
    }

    mutating func end(_ piece: PieceEnd) throws(IOFailure) {
        var ended: Draft
        if let draft = tail, draft.start.number == piece.number {
            tail = nil
            ended = draft
        } else if let draft = newest, draft.start.number == piece.number {
            newest = nil
            ended = draft
        } else {
            return
        }
        guard piece.durationTicks > 0 else { return ended.file.discard() }
        let name = "\(target.name)-\(playlist.nextSequence).ts"
        do {
            try ended.file.close()
            try Disk.rename(ended.file.path, to: path(name))
        } catch {
            ended.file.discard()
            throw error
        }
        let isFirst = playlist.segments.isEmpty && playlist.end == nil && !hasHole
        let segment = MediaPlaylist.Segment(
            name: name, durationTicks: piece.durationTicks,
            wallClock: ended.isDated ? date(ended.start, piece) : nil,
            isDiscontinuous: !isFirst && (!ended.start.isContinuous || hasHole),
            isIndependent: ended.start.isIndependent)
        hasHole = false
        let last = Timestamp(
            wrapping: ended.start.presentation.ticks &+ piece.durationTicks)
        let left = playlist.append(segment, end: last)
        stale += left.map { ($0.name, $0.durationTicks) }
        if target.kind != .vod { try writePlaylist() }
        removeStale()
    }

    /// Dates follow the durations, so that both say the same, and drift with the wall clock.
    private mutating func date(_ start: PieceStart, _ end: PieceEnd) -> Int64 {
        var date = start.wallClock
        if start.isContinuous, let nextDate {
            let error = start.wallClock - nextDate
            if abs(error) < SegmentStore.greatestDateError {
                date = nextDate + error / SegmentStore.dateShare
            }
        }
        nextDate = date + end.durationTicks.scaled(by: 100_000, over: 9)
        return date
    }

    private func writePlaylist() throws(IOFailure) {
        try Disk.replace(playlistPath, with: playlist.text)
    }

    /// RFC 8216 §6.2.2: a file stays for its own duration and that of the longest playlist that
    /// had it, after it has left.
    private mutating func removeStale() {
        var later = stale.reduce(0) { $0 + $1.ticks }
        let kept = playlist.durationTicks
        while let first = stale.first {
            later -= first.ticks
            guard later > kept else { return }
            Disk.remove(path(first.name))
            stale.removeFirst()
        }
    }

    mutating func note(_ seam: RecordingIndex.Seam, at place: StreamPlace) {}
    mutating func note(_ gap: RecordingIndex.Gap, at place: StreamPlace) {}

    mutating func look(_ elapsedTicks: Int64) throws(IOFailure) {
        try newest?.file.requireThere()
        try Disk.requireFree(target.keepFree, in: target.folder)
    }

    mutating func abandon() -> Int64 {
        let bytes = (newest?.file.bytes ?? 0) + (tail?.file.bytes ?? 0)
        newest?.file.discard()
        tail?.file.discard()
        newest = nil
        tail = nil
        hasHole = true
        return bytes
    }

    mutating func noteLost(_ bytes: Int64, seconds: Double) {}

    mutating func recover() throws(IOFailure) {
        try Disk.makeFolder(target.folder)
        try Disk.requireFree(target.keepFree, in: target.folder)
        // Also tells whether there is room for more than a name.
        if target.kind != .vod && !playlist.segments.isEmpty { try writePlaylist() }
        removeStale()
    }

    mutating func close() throws(IOFailure) {
        // A live playlist goes on with the next process.
        guard target.kind != .live, !playlist.segments.isEmpty else { return }
        playlist.finish()
        try writePlaylist()
    }
}
