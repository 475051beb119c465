// Whether the PES packets of a video stream begin with a random access point. The answer is in the
// slice header, some packets behind the begin.

import TransportStream

struct EntryWatch {
    enum Verdict: Equatable {
        /// More of the packet is needed.
        case open
        /// A decoder can not start here.
        case none
        case entry(isClosed: Bool)
    }

    private var detector: AccessUnitDetector
    private var marks: [AccessUnitMark] = []
    /// Where the PES packet at hand begins in the elementary stream.
    private var begin: Int64 = 0
    private var verdict = Verdict.none

    /// Zero bytes that may stand before a unit.
    private static let mostZeros: Int64 = 4

    init(codec: Codec) { detector = AccessUnitDetector(codec: codec) }

    /// A PES packet begins; `bytes[start ..< end]` are its first of the elementary stream.
    mutating func begin(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Verdict {
        begin = detector.position
        verdict = .open
        return scan(bytes, from: start, to: end, startsPES: true)
    }

    mutating func goOn(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Verdict {
        scan(bytes, from: start, to: end, startsPES: false)
    }

    /// Bytes are missing before the next ones.
    mutating func reset() {
        detector.reset()
        verdict = .none
    }

    private mutating func scan(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, startsPES: Bool
    ) -> Verdict {
        marks.removeAll(keepingCapacity: true)
        detector.scan(bytes, from: start, to: end, startsPES: startsPES, into: &marks)
        if verdict == .open, let mark = marks.first(where: { $0.position >= begin }) {
            // A unit that begins inside belongs to no place where this packet could be cut off.
            let isFirst = mark.position <= begin + EntryWatch.mostZeros
            let isEntry = isFirst && mark.randomAccess != .none && mark.hasParameterSets
            verdict = isEntry ? .entry(isClosed: mark.randomAccess == .closed) : .none
        }
        return verdict
    }
}
