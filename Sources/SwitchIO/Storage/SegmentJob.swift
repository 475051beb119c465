// Finished recordings into HLS: the same cutter and the same files as an output on the air, with
// nobody waiting. What stands beside a recording says when it was; without that its segments have
// no dates.

import Packaging
import TransportStream

public struct SegmentJob {
    /// What was made.
    public struct Outcome: Sendable {
        public var segments: Int
        public var durationTicks: Int64
        /// Where the time line, or what streams there are, changes.
        public var discontinuities: Int
        public var playlist: String
    }

    private var store: SegmentStore
    private var cutter: StreamCutter
    private var clock: RecordingClock?

    /// - Throws: where there is a playlist already, or no folder can be.
    public init(_ target: HLSTarget) throws(IOFailure) {
        var target = target
        target.kind = .vod
        try Disk.makeFolder(target.folder)
        let playlist = "\(target.folder)/\(target.name).m3u8"
        guard !Disk.isThere(playlist) else {
            throw IOFailure("'\(playlist)': it is there already; expected another folder or name")
        }
        store = SegmentStore(target, wallClock: nil)
        cutter = StreamCutter(store.rule)
    }

    /// A recording follows.
    /// - Parameter clock: when it was; nil where that is not known.
    public mutating func beginRecording(_ clock: RecordingClock?) { self.clock = clock }

    /// Takes whole packets.
    public mutating func take(_ packets: Span<UInt8>) throws(IOFailure) {
        cutter.take(packets, at: 0)
        try write()
    }

    /// A recording has come to its end; another may follow. What its last packet lacks will not
    /// come.
    public mutating func endRecording() throws(IOFailure) {
        cutter.interrupt()
        try write()
    }

    public mutating func finish() throws(IOFailure) -> Outcome {
        cutter.finish()
        try write()
        try store.close()
        return store.outcome
    }

    private mutating func write() throws(IOFailure) {
        let (bytes, steps) = cutter.drain()
        var position = 0
        for (index, step) in steps.enumerated() {
            try store.take(dated(step, before: steps[(index + 1)...]), bytes.span, &position)
            if case .timeBreak(let found) = step { clock?.pass(found) }
        }
        cutter.rule = store.rule
    }

    /// - Parameter later: a break that a piece begins with comes behind its begin.
    private mutating func dated(
        _ step: CutterStep, before later: ArraySlice<CutterStep>
    ) -> CutterStep {
        guard case .begin(var piece) = step else { return step }
        for case .timeBreak(let found) in later
        where found.place.presentation == piece.presentation {
            clock?.pass(found)
        }
        let date = clock?.wallClock(of: piece.presentation)
        store.isDated = date != nil
        piece.wallClock = date ?? 0
        return .begin(piece)
    }
}
