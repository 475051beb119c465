// Recordings in a folder: each file plays alone, and beside it stands what happened in it. A file
// is never written over: after a crash or a loss the next one begins.

import Glibc
import Packaging

struct RecordingStore: PieceStore {
    /// Seconds between two writings of what stands beside, when nothing happens.
    private static let indexPause = 10
    /// Files that may begin in one second.
    private static let mostTwins = 1000

    private struct Recording {
        var file: PieceFile
        var index: RecordingIndex
        /// The index on the disk says something else.
        var isChanged = true

        var indexPath: String { file.path.dropLast(3) + ".json" }
    }

    private let target: RecordTarget
    private let name: String
    private var newest: Recording?
    private var tail: Recording?
    private var looks = 0
    private var syncedAt = 0
    /// Of files that have ended, what there was no room for.
    private var unwritten: [(path: String, text: String)] = []
    private static let mostUnwritten = 100
    /// What was lost since the last file, for the next one.
    private var lost: RecordingIndex.Gap?

    init(_ target: RecordTarget, channel: String) {
        self.target = target
        name = target.name ?? RecordingStore.fileName(channel)
    }

    /// A channel's name may have what a file's must not.
    private static func fileName(_ channel: String) -> String {
        let plain = channel.unicodeScalars.map { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || scalar == "-" || scalar == "_" ? String(scalar) : "_"
        }.joined()
        return plain.isEmpty ? "recording" : plain
    }

    var rule: CutRule {
        var rule = CutRule()
        rule.target = target.every.map { $0 / 1000 * 9 / 100 }
        rule.bytes = target.size
        return rule
    }

    mutating func begin(_ piece: PieceStart) throws(IOFailure) {
        tail = newest
        newest = nil
        let file = try create(at: piece.wallClock)
        let fileName = file.path.split(separator: "/").last.map(String.init) ?? ""
        newest = Recording(file: file, index: RecordingIndex(file: fileName, begin: piece))
        if let lost {
            newest?.index.note(
                lost,
                at: StreamPlace(
                    piece: piece.number, byteOffset: 0, presentation: piece.presentation,
                    wallClock: piece.wallClock))
        }
        lost = nil
        try RecordingStore.writeIndex(&newest)
    }

    private func create(at wallClock: Int64) throws(IOFailure) -> PieceFile {
        let stem = "\(target.folder)/\(name)-\(CivilTime.compact(wallClock))"
        for twin in 1...RecordingStore.mostTwins {
            let path = twin == 1 ? stem : "\(stem)-\(twin)"
            // Not beside somebody else's account of a file that is gone.
            if access(path + ".json", F_OK) == 0 { continue }
            do throws(IOFailure) {
                return try PieceFile(path: path + ".ts", isNew: true)
            } catch {
                if access(path + ".ts", F_OK) != 0 { throw error }
            }
        }
        throw IOFailure("'\(stem).ts': it is there already, and so are its twins")
    }

    mutating func write(_ bytes: Span<UInt8>, isNewest: Bool) throws(IOFailure) {
        if isNewest {
            try newest?.file.write(bytes)
        } else {
            try tail?.file.write(bytes)
        }
    }

    mutating func end(_ piece: PieceEnd) throws(IOFailure) {
        let isTail = tail?.index.begin.number == piece.number
        guard isTail || newest?.index.begin.number == piece.number else { return }
        let isSynced = target.sync != nil
        // What can not be brought to the disk stays where `abandon` finds it.
        if isTail {
            try RecordingStore.close(&tail, piece, isSynced: isSynced)
        } else {
            try RecordingStore.close(&newest, piece, isSynced: isSynced)
        }
        var ended = isTail ? tail : newest
        if isTail { tail = nil } else { newest = nil }
        ended?.index.end = isTail ? .next : .end
        do throws(IOFailure) {
            try RecordingStore.writeIndex(&ended)
        } catch {
            // The file is whole.
            if let ended { unwritten.append((ended.indexPath, ended.index.text)) }
            throw error
        }
    }

    private static func close(
        _ recording: inout Recording?, _ piece: PieceEnd, isSynced: Bool
    ) throws(IOFailure) {
        recording?.index.durationTicks = piece.durationTicks
        if isSynced { try recording?.file.sync() }
        try recording?.file.close()
    }

    private static func writeIndex(_ recording: inout Recording?) throws(IOFailure) {
        guard var one = recording else { return }
        one.index.bytes = one.file.bytes
        one.isChanged = false
        recording = one
        try Disk.replace(one.indexPath, with: one.index.text)
    }

    mutating func note(_ seam: RecordingIndex.Seam, at place: StreamPlace) {
        newest?.index.note(seam, at: place)
        newest?.isChanged = true
    }

    mutating func note(_ gap: RecordingIndex.Gap, at place: StreamPlace) {
        newest?.index.note(gap, at: place)
        newest?.isChanged = true
    }

    mutating func look(_ elapsedTicks: Int64) throws(IOFailure) {
        looks += 1
        try newest?.file.requireThere()
        try Disk.requireFree(target.keepFree, in: target.folder)
        newest?.index.durationTicks = elapsedTicks
        if let sync = target.sync, Int64(looks - syncedAt) * 1_000_000_000 >= sync {
            syncedAt = looks
            try newest?.file.sync()
        }
        if newest?.isChanged == true || looks % RecordingStore.indexPause == 0 {
            try RecordingStore.writeIndex(&newest)
        }
    }

    mutating func abandon() -> Int64 {
        for var one in [tail, newest].compactMap({ $0 }) {
            one.file.closeWhole()
            one.index.bytes = one.file.bytes
            one.index.end = .lost
            // There may be no room for it now.
            unwritten.append((one.indexPath, one.index.text))
        }
        unwritten = unwritten.suffix(RecordingStore.mostUnwritten)
        try? writeUnwritten()
        tail = nil
        newest = nil
        return 0
    }

    mutating func recover() throws(IOFailure) {
        try Disk.makeFolder(target.folder)
        try Disk.requireFree(target.keepFree, in: target.folder)
        try writeUnwritten()
    }

    private mutating func writeUnwritten() throws(IOFailure) {
        while let (path, text) = unwritten.first {
            // Of a file that was removed nothing is to be told.
            let isThere = access(path.dropLast(5) + ".ts", F_OK) == 0
            if isThere { try Disk.replace(path, with: text) }
            unwritten.removeFirst()
        }
    }

    mutating func noteLost(_ bytes: Int64, seconds: Double) {
        lost = RecordingIndex.Gap(.dropped, seconds: seconds, bytes: bytes)
    }

    mutating func close() throws(IOFailure) {}
}
