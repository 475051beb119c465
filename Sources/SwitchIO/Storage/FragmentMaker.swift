// Segments that are fragments of MP4: each piece, whole in its file, becomes one, by a media
// process (FragmentProcess), and is kept until the next one has: that begins with its last sound.
//
// An initialization section has its name from what it says, so what has that name never changes. It
// is good for every fragment whose tracks are among its own.

import MediaJobs

struct FragmentMaker {
    struct Piece {
        /// Its draft is of this number.
        var draft: Int
        var file: PieceFile
        /// PTS on the playlist's line, 90 kHz.
        var position: Int64
        /// DTS of where the next one goes on from it; nil where none does.
        var end: Int64?
        /// It goes on from the one before.
        var isContinuous: Bool
    }

    private let target: HLSTarget
    private let process = FragmentProcess()
    private var before: (file: PieceFile, tracks: [FragmentTrack])?
    private var header: (name: String, tracks: [FragmentTrack])?

    init(_ target: HLSTarget) { self.target = target }

    var media: MediaFacts {
        MediaFacts(state: .open, place: target.folder, restarts: process.restarts)
    }
    var remark: String? { process.remark }

    private func path(_ name: String) -> String { target.folder + "/" + name }

    /// Makes the segment of that media sequence number.
    /// - Returns: the name of its initialization section.
    mutating func make(_ piece: Piece, number: Int64) throws(IOFailure) -> String {
        if !piece.isContinuous { forget() }
        let draft = path(target.draftName(piece.draft, target.segments.suffix))
        let headerDraft = path(target.draftName(piece.draft, HLSTarget.headerSuffix))
        let order = FragmentOrder(
            piece: piece.file.path, position: piece.position, end: piece.end,
            before: before.map { FragmentOrder.Before(piece: $0.file.path, tracks: $0.tracks) },
            number: number, header: headerDraft, fragment: draft)
        do throws(IOFailure) {
            let tracks = try process.make(order)
            let header = try keep(headerDraft, tracks)
            try Disk.rename(draft, to: path(target.segmentName(number)))
            forget()
            before = (piece.file, tracks)
            return header
        } catch {
            Disk.remove(draft)
            Disk.remove(headerDraft)
            throw error
        }
    }

    /// Nothing goes on from what there was.
    mutating func forget() {
        before?.file.discard()
        before = nil
    }

    private mutating func keep(
        _ draft: String, _ tracks: [FragmentTrack]
    ) throws(IOFailure) -> String {
        if let header, tracks.allSatisfy({ track in
            header.tracks.contains { $0.id == track.id && $0.kind == track.kind }
        }) {
            Disk.remove(draft)
            return header.name
        }
        let name = target.headerName(tracks.map { "\($0.id) \($0.kind)" })
        if Disk.isThere(path(name)) {
            Disk.remove(draft)
        } else {
            try Disk.rename(draft, to: path(name))
        }
        header = (name, tracks)
        return name
    }
}
