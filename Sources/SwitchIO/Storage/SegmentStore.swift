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
    /// Makes fragments of pieces that are whole; nil where a piece is a segment as it is.
    private var fragments: FragmentMaker?
    /// Segments that have left the playlist, the oldest first, and how long each is.
    private var stale: [(name: String, map: String?, ticks: Int64)] = []
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
        if target.segments == .fmp4 { fragments = FragmentMaker(target) }
        isDated = wallClock != nil
        let seconds = max(1, (target.segment + 500_000_000) / 1_000_000_000)
        let old = Disk.text(
            target.folder + "/" + target.playlistName, most: SegmentStore.longestPlaylistBytes
        ).flatMap { MediaPlaylist($0, window: target.window) }
        // Of a transport stream there is nothing that EXT-X-MAP could name.
        let isAlike = old?.segments.allSatisfy { ($0.map != nil) == (target.segments == .fmp4) }
        if let old, old.kind == target.kind, !old.isEnded, old.targetSeconds ?? 0 >= seconds,
            isAlike == true
        {
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
    var end: Timestamp? { playlist.end.map { Timestamp(wrapping: $0) } }

    var rule: CutRule {
        var rule = CutRule()
        let wish = target.segment / 1000 * 9 / 100
        rule.target = min(wish, playlist.longestTicks ?? wish)
        rule.limit = playlist.longestTicks ?? max(SegmentStore.longestFirst, 3 * wish)
        rule.endsAtBreaks = true
        rule.keepsNullPackets = false
        return rule
    }

    var media: MediaFacts? { fragments?.media }
    var remark: String? { fragments?.remark }

    var outcome: SegmentJob.Outcome {
        SegmentJob.Outcome(
            segments: playlist.segments.count, durationTicks: playlist.durationTicks,
            discontinuities: playlist.segments.filter(\.isDiscontinuous).count,
            playlist: playlistPath)
    }

    private func path(_ name: String) -> String { target.folder + "/" + name }
    private var playlistPath: String { path(target.playlistName) }

    /// Drafts of a process before, and files that its playlist has lost.
    private mutating func removeLeftovers() {
        let listed = Set(playlist.segments.map(\.name))
        var headers: [String] = []
        for name in Disk.names(in: target.folder) where !listed.contains(name) {
            switch target.file(name) {
            case .draft: Disk.remove(path(name))
            case .segment where target.kind == .live:
                stale.append((name, nil, playlist.durationTicks / 2))
            case .header where target.kind == .live: headers.append(name)
            case .segment, .header, .playlist, nil: break
            }
        }
        // Whose segments they were is not known: they go with the last.
        stale.sort { $0.name < $1.name }
        stale += headers.map { ($0, nil, 0) }
    }

    mutating func begin(_ piece: PieceStart) throws(IOFailure) {
        tail = newest
        newest = nil
        let file = try PieceFile(
            path: path(target.draftName(piece.number, ".ts")), isNew: false)
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
        let isContinuous = ended.start.isContinuous && !hasHole
        let isFirst = playlist.segments.isEmpty && playlist.end == nil && !hasHole
        let name = target.segmentName(playlist.nextSequence)
        let begin = position(of: ended.start.presentation)
        let end = begin + piece.durationTicks
        var map: String?
        do {
            try ended.file.close()
            if fragments == nil { try Disk.rename(ended.file.path, to: path(name)) }
            map = try fragments?.make(
                FragmentMaker.Piece(
                    draft: piece.number, file: ended.file, position: begin,
                    end: newest.flatMap { $0.start.isContinuous ? end - $0.start.delay : nil },
                    isContinuous: isContinuous),
                number: playlist.nextSequence)
        } catch {
            // Lost, and counted with what is thrown away.
            tail = ended
            throw error
        }
        // RFC 8216 §4.3.2.3: other tracks, or the same ones encoded otherwise.
        let isOther = map != playlist.segments.last?.map
        let segment = MediaPlaylist.Segment(
            name: name, map: map, durationTicks: piece.durationTicks,
            wallClock: ended.isDated ? date(ended.start, piece) : nil,
            isDiscontinuous: !isFirst && (!isContinuous || isOther),
            isIndependent: ended.start.isIndependent)
        hasHole = false
        let left = playlist.append(segment, end: end)
        stale += left.map { ($0.name, $0.map, $0.durationTicks) }
        if target.kind != .vod { try writePlaylist() }
        removeStale()
    }

    /// Decoding begins up to so much before the first picture is shown: an MP4 has no time below 0.
    private static let longestReorder: Int64 = 90_000

    private func position(of stamp: Timestamp) -> Int64 {
        let position = playlist.position(of: stamp)
        let isTooEarly = fragments != nil && position < SegmentStore.longestReorder
        return isTooEarly ? position + Timestamp.modulus : position
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
            stale.removeFirst()
            for name in [first.name, first.map].compactMap({ $0 }) where !isNeeded(name) {
                Disk.remove(path(name))
            }
        }
    }

    /// An initialization section is there for as long as one of its segments is.
    private func isNeeded(_ name: String) -> Bool {
        playlist.segments.contains { $0.map == name } || stale.contains { $0.map == name }
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
        fragments?.forget()
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
        fragments?.forget()
        // A live playlist goes on with the next process.
        guard target.kind != .live, !playlist.segments.isEmpty else { return }
        playlist.finish()
        try writePlaylist()
    }
}

extension PieceStart {
    /// How long before it is shown its first unit is decoded, 90 kHz ticks.
    fileprivate var delay: Int64 {
        (presentation.ticks &- decoding.ticks) & (Timestamp.modulus - 1)
    }
}
