// Where pieces of a stream are kept. All of it happens on the output's own thread and may wait for
// a disk.

import Packaging

protocol PieceStore {
    /// What it cuts by now.
    var rule: CutRule { get }
    /// Of the media process that it has; nil where it has none.
    var media: MediaFacts? { get }
    /// What that left out, or could not do.
    var remark: String? { get }
    mutating func begin(_ piece: PieceStart) throws(IOFailure)
    /// Bytes of the newest piece, or of the one before.
    mutating func write(_ bytes: Span<UInt8>, isNewest: Bool) throws(IOFailure)
    mutating func end(_ piece: PieceEnd) throws(IOFailure)
    mutating func note(_ seam: RecordingIndex.Seam, at place: StreamPlace)
    mutating func note(_ gap: RecordingIndex.Gap, at place: StreamPlace)
    /// Called once a second: whether there is room, and what is written is still there.
    mutating func look(_ elapsedTicks: Int64) throws(IOFailure)
    /// Something could not be written: what is open ends as it is. Gives how many bytes that were
    /// written are thrown away.
    mutating func abandon() -> Int64
    /// So much of the stream was lost since.
    mutating func noteLost(_ bytes: Int64, seconds: Double)
    /// Whether it could go on now.
    mutating func recover() throws(IOFailure)
    /// The output ends, and all pieces have.
    mutating func close() throws(IOFailure)
}

extension PieceStore {
    var media: MediaFacts? { nil }
    var remark: String? { nil }

    /// Begins, writes or ends a piece. What else was met in the stream is its caller's business.
    /// - Parameters:
    ///   - bytes: of all steps, in order.
    ///   - position: how many of them are written.
    mutating func take(
        _ step: CutterStep, _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(IOFailure) {
        switch step {
        case .begin(let piece): try begin(piece)
        case .bytes(let count, let isNewest):
            try write(bytes.extracting(position..<(position + count)), isNewest: isNewest)
            position += count
        case .end(let piece): try end(piece)
        case .timeBreak, .passed: break
        }
    }
}
