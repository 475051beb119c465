// Packets that come as fast as they are taken, and are taken when their own clock says. A pass is
// one playing of a recording; a playlist is one that does not end.

import SwitchEngine

struct MediaPass {
    /// Packets that come so much too late, 300 ms, move all that follow: a server was slow.
    private static let longestLateness: Int64 = 300_000_000

    private var reader = PacedReader(program: nil)
    /// When its time 0 is; nil before the first packet.
    private var start: MonotonicInstant?
    /// Bytes that were read of it.
    private var read: Int64 = 0
    /// There was nothing to take when it was looked last.
    private var isStarved = false
    struct End {
        /// How many it has.
        var bytes: Int64
        /// How long it lasts; nil where it broke off, and the next one begins when it comes.
        var nanoseconds: Int64?
    }

    /// Once that is known.
    private(set) var end: End?

    enum Outcome {
        /// Nothing is due, or it has not come.
        case waits
        /// All of it was given; when the next pass begins, nil with its first packet.
        case over(next: MonotonicInstant?)
    }

    init(start: MonotonicInstant? = nil) { self.start = start }

    mutating func finish(_ end: End) { self.end = end }

    /// Gives what is due.
    /// - Parameters:
    ///   - queue: what has come of it, and perhaps of the pass behind it.
    ///   - isWhole: nothing more comes.
    mutating func give(
        from queue: inout ByteQueue, isWhole: Bool, at now: MonotonicInstant,
        _ take: (Span<UInt8>, MonotonicInstant) -> Void
    ) -> Outcome {
        while true {
            fill(from: &queue, isWhole: isWhole)
            guard let next = reader.nextTime else {
                let begin = start ?? now
                guard reader.isAtEnd else { return .waits }
                return .over(next: end?.nanoseconds.map { begin + $0 })
            }
            var begin = start ?? now
            let lateness = now - (begin + next.scaled(by: 1000, over: 27))
            // What is left when the next pass begins still has times of its own.
            let isOver = end?.nanoseconds.map { now - begin >= $0 } ?? false
            // Where it is we who were late, what is here has times of before.
            if isStarved && lateness > MediaPass.longestLateness && !isOver {
                begin = begin + lateness
            }
            isStarved = false
            start = begin
            let limit = isOver ? .max : (now - begin + 1).scaled(by: 27, over: 1000)
            guard next < limit, let batch = reader.take(before: limit) else { return .waits }
            let instant = begin + batch.time.scaled(by: 1000, over: 27)
            take(reader.bytes.span.extracting(batch.range), isOver ? instant : min(instant, now))
        }
    }

    private mutating func fill(from queue: inout ByteQueue, isWhole: Bool) {
        while reader.needsBytes {
            let room = end.map { $0.bytes - read } ?? .max
            var taken = 0
            if queue.count == 0 || room <= 0 {
                guard room <= 0 || isWhole else {
                    isStarved = true
                    return
                }
                reader.read { _, _ in 0 }
                continue
            }
            reader.read { buffer, places in
                queue.take { bytes in
                    taken = min(places.count, bytes.count, Int(clamping: room))
                    buffer.withUnsafeMutableBytes { held in
                        UnsafeMutableRawBufferPointer(rebasing: held[places])
                            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
                    }
                    return taken
                }
                return taken
            }
            read += Int64(taken)
        }
    }
}
