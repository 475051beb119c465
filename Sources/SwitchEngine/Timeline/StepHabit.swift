// Whether units are missing where the continuity counter shows nothing: of sixteen packets that are
// lost in a row it sees none. The units' own times tell, against what the stream usually does:
// sound goes on frame by frame; pictures may be dropped by their encoder, again and again.

import TransportStream

struct StepHabit {
    /// A hole is longer than so many times what was usual in the last seconds.
    static let unusual: Int64 = 4

    /// The longest steps beyond a unit's duration, negated.
    private var excesses = SlidingMinimum()
    private var last: (time: StreamTime, durationTicks: Int64)?

    /// The line of time breaks: the next unit begins a new one.
    mutating func restart() { self = StepHabit() }

    /// Takes the next unit; true where units must be missing before it. Fields go in pairs.
    mutating func isHole(before unit: Unit, kind: Codec.Kind) -> Bool {
        guard unit.isTimed, !unit.isSecondField else { return false }
        let time = unit.decoding
        let frame = unit.mark.field == .firstField ? 2 * unit.durationTicks : unit.durationTicks
        defer { last = (time, frame) }
        guard let last, last.durationTicks > 0 else { return false }
        let excess = time - last.time - last.durationTicks
        let usual = -(excesses.value ?? 0)
        excesses.take(min(0, -excess), at: time.ticks)
        // Half a frame of sound is no rounding; three pictures are no jitter.
        let least = kind == .video ? 3 * last.durationTicks : last.durationTicks / 2
        return excess > max(least, StepHabit.unusual * usual)
    }
}
