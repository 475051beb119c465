// Whether the times of units go on as they should. Units may be missing where the continuity
// counter shows nothing: of sixteen packets that are lost in a row it sees none. Or a single time
// stamp is wrong, and all around it are right. The units' own times tell, against what the stream
// usually does: audio goes on frame by frame; pictures may be dropped by their encoder, again and
// again.
//
//   hole       |  |  |           |  |  |     the next one goes on from behind the step
//   stray      |  |  |           '  |  |     the next one goes on as if there had been no step
//
// Which of the two it is, is known when the next time stamp comes.

import TransportStream

struct StepHabit {
    /// A hole is longer than so many times what was usual in the last seconds.
    static let unusual: Int64 = 4

    enum Verdict: Equatable {
        case goesOn
        /// Units must be missing before it, unless its time is a stray one.
        case hole
        /// Its time is no later than that of the unit before, unless it is a stray one.
        case back
        /// Its time is between two frames of a stream that is even, unless it is a stray one.
        case uneven
        /// It goes on; the unit that made a hole or went back was this much off, 27 MHz ticks.
        case stray(by: Int64)
    }

    private struct Place {
        var time: StreamTime
        /// To the next one, 27 MHz ticks.
        var durationTicks: Int64
        /// The counter shows that packets are missing before it: how long the step to it is says
        /// nothing of what the stream usually does.
        var followsLoss = false
    }

    /// So many steps tell that frames come evenly.
    private static let fewestSteps = 8

    /// Steps that were noted.
    private var steps = 0
    /// The longest steps beyond a unit's duration, negated.
    private var excesses = SlidingMinimum()
    private var last: Place?
    /// The unit that did not go on from there, until the next one tells what that means.
    private var doubtful: Place?

    /// The line of time breaks: the next unit begins a new one.
    mutating func restart() { self = StepHabit() }

    /// How far the unit in doubt is off if it is a stray one, 27 MHz ticks; nil where none is.
    var doubt: Int64? {
        guard let last, let doubtful else { return nil }
        return doubtful.time - last.time - last.durationTicks
    }

    /// Takes the next unit. Fields go in pairs.
    /// - Parameter isStamped: it has a time stamp of its own; else its time only follows from that
    ///   of the unit before, and tells nothing new.
    /// - Parameter isReordered: the stream has pictures in another order than it shows them, and
    ///   no DTS: times that go back and forth are none the worse for it.
    /// - Parameter followsLoss: packets are missing before it, by the counter.
    mutating func take(
        _ unit: Unit, isStamped: Bool = true, isReordered: Bool = false, followsLoss: Bool = false,
        kind: Codec.Kind
    ) -> Verdict {
        guard unit.isTimed, !unit.isSecondField else { return .goesOn }
        let frame = unit.mark.field == .firstField ? 2 * unit.durationTicks : unit.durationTicks
        let place = Place(time: unit.decoding, durationTicks: frame, followsLoss: followsLoss)
        guard isStamped else {
            // It stands behind the one before, wherever that stands.
            if doubtful != nil { doubtful?.durationTicks += frame } else { last = place }
            return .goesOn
        }
        guard let before = last, before.durationTicks > 0 else {
            last = place
            return .goesOn
        }
        if let doubt = doubtful {
            doubtful = nil
            let off = doubt.time - before.time - before.durationTicks
            let fromDoubt = place.time - doubt.time - doubt.durationTicks
            let fromLast = fromDoubt + off
            if abs(fromLast) < abs(fromDoubt), abs(fromLast) <= least(before, kind) {
                last = place
                return .stray(by: off)
            }
            // It was right: so long a step is what this stream does.
            note(off, at: doubt)
            last = doubt
        }
        let verdict = judge(place, kind)
        guard isReordered else { return verdict }
        doubtful = nil
        last = place
        return verdict == .hole ? .hole : .goesOn
    }

    /// Whether a time stamp goes on neither from the unit before nor from the one in doubt.
    func isStep(to time: StreamTime, kind: Codec.Kind) -> Bool {
        guard let last, last.durationTicks > 0 else { return false }
        let limit = limit(last, kind)
        func isFar(_ place: Place) -> Bool { abs(time - place.time - place.durationTicks) > limit }
        return isFar(last) && doubtful.map(isFar) ?? true
    }

    private mutating func judge(_ place: Place, _ kind: Codec.Kind) -> Verdict {
        guard let before = last else { return .goesOn }
        let excess = place.time - before.time - before.durationTicks
        if excess > limit(before, kind) {
            doubtful = place
            return .hole
        }
        if place.time <= before.time {
            doubtful = place
            return .back
        }
        if kind == .video, !place.followsLoss, isUneven(excess, before) {
            doubtful = place
            return .uneven
        }
        note(excess, at: place)
        last = place
        return .goesOn
    }

    /// Longer steps beyond a unit's duration are unusual.
    private func limit(_ before: Place, _ kind: Codec.Kind) -> Int64 {
        max(least(before, kind), StepHabit.unusual * -(excesses.value ?? 0))
    }

    /// Whether a step is no whole number of frames, where all steps before it were. Each of two
    /// stamps is rounded to one tick of 90 kHz.
    private func isUneven(_ excess: Int64, _ before: Place) -> Bool {
        guard steps >= StepHabit.fewestSteps, before.durationTicks > 0 else { return false }
        let frames = excess.roundedDivision(by: before.durationTicks)
        let usual = max(2 * StreamTime.ticksPerTimestampTick, -(excesses.value ?? 0))
        return abs(excess - frames * before.durationTicks) > StepHabit.unusual * usual
    }

    /// Half a frame of audio is no rounding; three pictures are no jitter.
    private func least(_ before: Place, _ kind: Codec.Kind) -> Int64 {
        kind == .video ? 3 * before.durationTicks : before.durationTicks / 2
    }

    private mutating func note(_ excess: Int64, at place: Place) {
        guard !place.followsLoss else { return }
        steps = min(steps + 1, StepHabit.fewestSteps)
        excesses.take(min(0, -excess), at: place.time.ticks)
    }
}
