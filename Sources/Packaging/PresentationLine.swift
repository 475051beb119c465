// The time stamps of a stream as one line without wraps, and its breaks. Pictures come in decoding
// order and sound runs ahead of them or behind, so a break is what neither of both explains.

import TransportStream

struct PresentationLine {
    /// A step beyond all that came, 1 s, is a hole; a picture that stands still for longer is rare,
    /// and then a step of four pictures is.
    private static let longestStep: Int64 = 90_000
    private static let longestStepFrames: Int64 = 4
    /// A step back, 1 s, is another time line; reordered pictures step back by fewer than 16.
    private static let longestReturn: Int64 = 90_000
    private static let mostReordered: Int64 = 16

    /// The latest stamp of the stream that is cut by, and of the others; 90 kHz ticks, unwrapped.
    private(set) var latest: Int64?
    private(set) var latestOther: Int64?
    /// How long a unit of the stream lasts that is cut by.
    private(set) var unitTicks: Int64 = 3600
    private var lastDecoding: Timestamp?

    struct Break {
        /// Where the line ended.
        var end: Int64
        /// Ticks missing; below 0 for a step back.
        var ticks: Int64
    }

    /// The latest of all.
    var newest: Int64? {
        guard let latest, let latestOther else { return latest ?? latestOther }
        return max(latest, latestOther)
    }

    /// The end of the last unit; of the others where the stream that is cut by is long gone.
    var end: Int64 {
        let own = (latest ?? .min / 2) + unitTicks
        guard let latestOther, latestOther - own > PresentationLine.longestStep else {
            return latest == nil ? 0 : own
        }
        return latestOther
    }

    func position(of stamp: Timestamp) -> Int64 {
        guard let reference = newest else { return stamp.ticks }
        var distance = (stamp.ticks &- reference) & (Timestamp.modulus - 1)
        if distance >= Timestamp.modulus / 2 { distance -= Timestamp.modulus }
        return reference + distance
    }

    /// Takes the stamps of a unit.
    mutating func take(
        _ header: PESHeader, isReference: Bool
    ) -> (position: Int64, break: Break?)? {
        guard let stamp = header.presentation else { return nil }
        let position = position(of: stamp)
        if isReference { measure(header.decoding ?? stamp) }
        var found: Break?
        if let newest {
            let step = max(
                PresentationLine.longestStep, PresentationLine.longestStepFrames * unitTicks)
            let back = max(
                PresentationLine.longestReturn, PresentationLine.mostReordered * unitTicks)
            let own = (isReference ? latest : latestOther) ?? position
            if position - newest > step || position < own - back {
                found = Break(end: end, ticks: position - end)
                latest = nil
                latestOther = nil
            }
        }
        if isReference {
            latest = max(latest ?? .min, position)
        } else {
            latestOther = max(latestOther ?? .min, position)
        }
        return (position, found)
    }

    /// DTS steps by one unit.
    private mutating func measure(_ decoding: Timestamp) {
        defer { lastDecoding = decoding }
        guard let lastDecoding else { return }
        let step = (decoding.ticks &- lastDecoding.ticks) & (Timestamp.modulus - 1)
        if step > 0 && step <= PresentationLine.longestStep { unitTicks = step }
    }
}
