// Whether the time stamps of one input go on as its clock does. Only a jump of one against the
// other is told; what both do together is the clock's business (`ClockTrack`).
//
//   DTS − now     ------------.                 The distance is the encoder's buffer: it moves by
//                             |                 parts of a second. A step of the stamps by more
//                             '------------     is a jump, unless so much time has passed.

import TransportStream

struct StampWatch {
    /// Stamps that go forward by more than this, and by as much more than time did, jump: 1 s.
    static let forwardTicks: Int64 = StreamTime.ticksPerSecond
    /// Stamps that go back by more than this jump, 500 ms; less may be reordered on the way.
    static let backwardTicks: Int64 = StreamTime.ticksPerSecond / 2

    /// So many stamps' distances to the clock tell something.
    private static let fewest = 5
    /// The encoder's buffer is as full as it usually is: within 250 ms.
    private static let usualTicks: Int64 = StreamTime.ticksPerSecond / 4

    private struct Mark {
        var decoding: Timestamp
        /// Decoding time before the input's own time, modulo the wrap, 27 MHz ticks.
        var time: StreamTime
        /// The step to it from the one before, 27 MHz ticks.
        var step: Int64 = 0
        /// Another stream's stamps have jumped by this, and these are to follow.
        var awaited: Int64?
        /// The latest distances of the stamps from the clock, 27 MHz ticks, how many there are and
        /// where the next goes. In place: a mark is copied for each PES packet.
        private var distances = InlineArray<15, Int64>(repeating: 0)
        private var count = 0
        private var place = 0

        init(decoding: Timestamp, time: StreamTime) {
            self.decoding = decoding
            self.time = time
        }

        mutating func remember(_ distance: Int64) {
            distances[place] = distance
            count = max(count, place + 1)
            place = (place + 1) % distances.count
        }

        /// The one in the middle; nil where too few are known.
        var usualDistance: Int64? {
            guard count >= StampWatch.fewest else { return nil }
            return (0..<count).map { distances[$0] }.sorted()[count / 2]
        }
    }

    private var marks: [Mark?] = []

    enum Verdict {
        /// The first of its stream.
        case unknown
        case goesOn
        /// By so many 27 MHz ticks against the clock.
        case jump(by: Int64)
        /// As another stream's did just before; by so many 27 MHz ticks more than that.
        case follows(by: Int64)
    }

    /// Whether there is anything to compare with.
    var hasMarks: Bool { marks.contains { $0 != nil } }

    mutating func restart() { marks.removeAll(keepingCapacity: true) }

    /// Takes the stamp of a PES packet that came at `time` on the input's own line.
    mutating func take(stream: Int, _ decoding: Timestamp, at time: StreamTime) -> Verdict {
        while marks.count <= stream { marks.append(nil) }
        guard var mark = marks[stream] else {
            marks[stream] = Mark(decoding: decoding, time: time)
            return .unknown
        }
        let step = StampWatch.step(from: mark.decoding, to: decoding)
        let excess = step - (time - mark.time)
        let isJump = step < -StampWatch.backwardTicks
            || (step > StampWatch.forwardTicks && excess > StampWatch.forwardTicks)
        let jump = step - mark.step
        let awaited = mark.awaited
        mark.decoding = decoding
        mark.time = time
        if isJump {
            mark.awaited = nil
        } else {
            mark.step = step
            mark.remember(StampWatch.distance(of: decoding, from: time))
        }
        marks[stream] = mark
        guard isJump else { return .goesOn }
        if let awaited, abs(jump - awaited) < StampWatch.forwardTicks {
            return .follows(by: jump - awaited)
        }
        for index in marks.indices where index != stream { marks[index]?.awaited = jump }
        return .jump(by: jump)
    }

    /// Whether a stamp is as far from a time as this stream's are from the clock as a rule. One
    /// wrong time among those that are remembered does no harm.
    func isUsual(stream: Int, _ decoding: Timestamp, at time: StreamTime) -> Bool {
        guard stream < marks.count, let usual = marks[stream]?.usualDistance else { return false }
        return abs(StampWatch.distance(of: decoding, from: time) - usual) < StampWatch.usualTicks
    }

    /// The clock's line has been moved; the stamps keep their distance.
    mutating func move(by ticks: Int64) {
        for index in marks.indices {
            guard let time = marks[index]?.time else { continue }
            marks[index]?.time = time + ticks
        }
    }

    private static func distance(of decoding: Timestamp, from time: StreamTime) -> Int64 {
        decoding.unwrapped(near: time) - time
    }

    /// The way from one stamp to another around the wrap, 27 MHz ticks.
    private static func step(from: Timestamp, to: Timestamp) -> Int64 {
        var ticks = (to.ticks - from.ticks) & (Timestamp.modulus - 1)
        if ticks >= Timestamp.modulus / 2 { ticks -= Timestamp.modulus }
        return ticks * StreamTime.ticksPerTimestampTick
    }
}
