// Whether the time stamps of one input go on as its clock does. Only a jump of one against the
// other is told; what both do together is the clock's business (`ClockTrack`).
//
//   DTS − now     ------------.                 The distance is the encoder's buffer: it moves by
//                             |                 parts of a second. A step of the stamps by more
//                             '------------     is a jump, unless so much time has passed.
//
// One stamp that jumps may be a stray one: a jump is told when the next stamp of its stream goes on
// from there, or at once where the PCR, or another stream, has jumped too.

import TransportStream

struct StampWatch {
    /// Stamps that go forward by more than this, and by as much more than time did, jump: 1 s.
    static let forwardTicks: Int64 = StreamTime.ticksPerSecond
    /// Stamps that go back by more than this jump, 500 ms; less may be reordered on the way.
    static let backwardTicks: Int64 = StreamTime.ticksPerSecond / 2

    /// So many stamps' distances to the clock tell something.
    private static let fewest = 5
    /// The encoder's buffer is as full as it usually is: within 250 ms.
    static let usualTicks: Int64 = StreamTime.ticksPerSecond / 4

    private struct Mark {
        var decoding: Timestamp
        /// Decoding time before the input's own time, modulo the wrap, 27 MHz ticks.
        var time: StreamTime
        /// The step to it from the one before, 27 MHz ticks.
        var step: Int64 = 0
        /// The one before it: what goes on from there shows that this one was a stray one.
        var earlier: (decoding: Timestamp, time: StreamTime, step: Int64)?
        /// Another stream's stamps have jumped by this, and these are to follow.
        var awaited: Int64?
        /// The last stamp, which has jumped, and when it came: the next one tells what it means.
        var doubtful: (decoding: Timestamp, time: StreamTime)?
        /// It is the only one so far: nothing proves it yet.
        var isLone = true
        /// The latest distances of the stamps from the clock, 27 MHz ticks, how many there are and
        /// where the next goes. In place: a mark is copied for each PES packet.
        private var distances = InlineArray<15, Int64>(repeating: 0)
        private var count = 0
        private var place = 0

        init(decoding: Timestamp, time: StreamTime) {
            self.decoding = decoding
            self.time = time
        }

        mutating func accept(_ decoding: Timestamp, at time: StreamTime) {
            self.decoding = decoding
            self.time = time
            remember(StampWatch.distance(of: decoding, from: time))
        }

        private mutating func remember(_ distance: Int64) {
            distances[place] = distance
            count = max(count, place + 1)
            place = (place + 1) % distances.count
        }

        /// The step that there would be without a jump: as the last one, and as many of them as
        /// have had their time where stamps are missing.
        func usualStep(at now: StreamTime) -> Int64 {
            let passed = now - time
            guard passed - step > StampWatch.backwardTicks else { return step }
            return step > 0 ? passed.roundedDivision(by: step) * step : passed
        }

        /// The one in the middle; nil where too few are known.
        var usualDistance: Int64? {
            guard count >= StampWatch.fewest else { return nil }
            return (0..<count).map { distances[$0] }.sorted()[count / 2]
        }
    }

    private var marks: [Mark?] = []
    /// By stream: the usual distance of the stamps from the clock before an outage.
    private var usualBefore: [Int64?] = []
    /// No encoder's buffer differs by more than this, 4 s, behind an outage.
    private static let leapTicks: Int64 = 4 * StreamTime.ticksPerSecond

    enum Verdict {
        /// The first of its stream.
        case unknown
        case goesOn
        /// It does not go on; whether it is a stray one, the next one tells.
        case doubtful
        /// By so many 27 MHz ticks against the clock.
        case jump(by: Int64)
        /// As another stream's did just before; by so many 27 MHz ticks more than that.
        case follows(by: Int64)
        /// The first stamps of the stream are so far from the clock, 27 MHz ticks, that no decoder
        /// could buffer what is between.
        case apart(by: Int64)
    }

    /// Stamps that are so far before the clock, 1 s, can not be true.
    static let aheadTicks: Int64 = StreamTime.ticksPerSecond

    /// What a decoder could have in its buffer is decoded so long behind now, 27 MHz ticks.
    static let leads = -aheadTicks...ContentLead.limitTicks

    /// Whether a decoder could have what is decoded at `decoding` in its buffer at `time`.
    static func isPlausible(_ decoding: StreamTime, at time: StreamTime) -> Bool {
        leads.contains(decoding - time)
    }

    /// Whether there is anything to compare with.
    var hasMarks: Bool { marks.contains { $0 != nil } }

    mutating func restart() {
        marks.removeAll(keepingCapacity: true)
        usualBefore.removeAll(keepingCapacity: true)
    }

    /// Packets have been lost; what comes now is on the same line, but may have jumped meanwhile.
    mutating func resume() {
        let known = marks.indices.map { index in
            marks[index]?.usualDistance
                ?? (index < usualBefore.count ? usualBefore[index] : nil)
        }
        restart()
        usualBefore = known
    }

    /// Whether the first stamps of a stream are where a decoder could buffer them, and no more than
    /// seconds from where those before an outage were.
    private func isPlausible(_ stream: Int, _ decoding: Timestamp, at time: StreamTime) -> Bool {
        let stamp = decoding.unwrapped(near: time)
        guard StampWatch.isPlausible(stamp, at: time) else { return false }
        guard stream < usualBefore.count, let usual = usualBefore[stream] else { return true }
        return abs(stamp - time - usual) <= StampWatch.leapTicks
    }

    /// Takes the stamp of a PES packet that came at `time` on the input's own line.
    /// - Parameter isCertain: the clock has jumped too: a stamp that does is no stray one.
    mutating func take(
        stream: Int, _ decoding: Timestamp, at time: StreamTime, isCertain: Bool = false
    ) -> Verdict {
        while marks.count <= stream { marks.append(nil) }
        guard var mark = marks[stream] else { return begin(stream, decoding, time) }
        let step = StampWatch.step(from: mark.decoding, to: decoding)
        if StampWatch.goesOn(step, after: time - mark.time) {
            let isOdd = mark.isLone && !isPlausible(stream, decoding, at: time)
            mark.isLone = false
            mark.doubtful = nil
            mark.earlier = (mark.decoding, mark.time, mark.step)
            mark.step = step
            mark.accept(decoding, at: time)
            marks[stream] = mark
            return isOdd ? .apart(by: StampWatch.distance(of: decoding, from: time)) : .goesOn
        }
        if let earlier = mark.earlier, !isCertain {
            let step = StampWatch.step(from: earlier.decoding, to: decoding)
            if StampWatch.goesOn(step, after: time - earlier.time) {
                mark.earlier = nil
                mark.doubtful = nil
                mark.step = earlier.step
                mark.accept(decoding, at: time)
                marks[stream] = mark
                return .goesOn
            }
        }
        // One stamp is all that it would have jumped from, and either may be the stray one.
        if mark.isLone && !isCertain { return begin(stream, decoding, time) }
        let before = mark.doubtful
        mark.doubtful = (decoding, time)
        let first = before ?? (decoding, time)
        let jump = StampWatch.step(from: mark.decoding, to: first.decoding)
            - mark.usualStep(at: first.time)
        let isExpected = mark.awaited.map { abs(jump - $0) < StampWatch.forwardTicks }
        let isConfirmed = before.map {
            StampWatch.goesOn(
                StampWatch.step(from: $0.decoding, to: decoding), after: time - $0.time)
        }
        guard isExpected == true || isConfirmed == true || isCertain else {
            marks[stream] = mark
            return .doubtful
        }
        let awaited = mark.awaited
        mark.awaited = nil
        mark.doubtful = nil
        mark.earlier = nil
        mark.decoding = decoding
        mark.time = time
        marks[stream] = mark
        if isExpected == true, let awaited { return .follows(by: jump - awaited) }
        for index in marks.indices where index != stream { marks[index]?.awaited = jump }
        return .jump(by: jump)
    }

    /// Whether the stamp of a stream that is in doubt has jumped as another stream's have: it goes
    /// on from there then.
    /// - Returns: by how much more it has jumped, 27 MHz ticks; nil where it has not.
    mutating func follow(stream: Int) -> Int64? {
        guard stream < marks.count, var mark = marks[stream], let awaited = mark.awaited,
            let doubtful = mark.doubtful
        else { return nil }
        let jump = StampWatch.step(from: mark.decoding, to: doubtful.decoding) - mark.step
        guard abs(jump - awaited) < StampWatch.forwardTicks else { return nil }
        mark.awaited = nil
        mark.doubtful = nil
        mark.earlier = nil
        mark.decoding = doubtful.decoding
        mark.time = doubtful.time
        marks[stream] = mark
        return jump - awaited
    }

    private mutating func begin(
        _ stream: Int, _ decoding: Timestamp, _ time: StreamTime
    ) -> Verdict {
        marks[stream] = Mark(decoding: decoding, time: time)
        return .unknown
    }

    /// Whether stamps that make a step go on so long after the last one.
    private static func goesOn(_ step: Int64, after ticks: Int64) -> Bool {
        step >= -backwardTicks && !(step > forwardTicks && step - ticks > forwardTicks)
    }

    /// Whether a stamp goes on from the last of its stream without a step that only lost packets,
    /// or another line, can explain; true where nothing is known of the stream.
    func goesOn(stream: Int, _ decoding: Timestamp) -> Bool {
        guard stream < marks.count, let mark = marks[stream] else { return true }
        return StampWatch.goesOn(StampWatch.step(from: mark.decoding, to: decoding), after: 0)
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
            if let doubtful = marks[index]?.doubtful {
                marks[index]?.doubtful = (doubtful.decoding, doubtful.time + ticks)
            }
            if let earlier = marks[index]?.earlier {
                marks[index]?.earlier = (earlier.decoding, earlier.time + ticks, earlier.step)
            }
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
