// Times of pictures that were rounded on their way, put back on the grid on which they were made.
//
//   made        0        33.37      66.73     100.10     ms: 1001/30 s apart
//   on the wire 0        33         67        100        whole milliseconds
//   here        0        3003       6006      9009       90 kHz ticks, exact
//
// Where a time is not near a place of the grid (an encoder that skips, or keeps no rate), it is
// taken as it is and the grid begins anew there. Times always rise.

public struct StampGrid: Sendable {
    /// How far a time may be off its place: two fifths of a step, and 10 ms at most.
    static let slackTicks: Int64 = 10 * StreamTime.ticksPerMillisecond
    /// Times that do not rise are set so far apart, 1/90,000 s.
    static let leastStepTicks: Int64 = StreamTime.ticksPerTimestampTick

    private struct Line: Sendable {
        /// The time of place 0.
        var origin: Int64
        /// The place of the newest time.
        var place: Int64
    }

    /// 0 where there is no grid.
    private var stepTicks: Int64 = 0
    private var line: Line?
    private var newest: Int64?

    public init() {}

    /// How long a picture lasts, 27 MHz ticks; 0 for times that keep no rate.
    public mutating func setStep(ticks: Int64) {
        guard ticks != stepTicks else { return }
        stepTicks = max(ticks, 0)
        line = nil
    }

    /// Nothing that comes has to do with what came.
    public mutating func forget() {
        line = nil
        newest = nil
    }

    /// The exact time of the next picture; later than the one before.
    public mutating func place(_ rough: Int64) -> Int64 {
        var time = onGrid(rough)
        if let newest { time = max(time, newest &+ StampGrid.leastStepTicks) }
        newest = time
        return time
    }

    /// The exact time of a place that is not the next one, such as a PTS.
    public func nearest(_ rough: Int64) -> Int64 {
        guard let line, stepTicks > 0 else { return rough }
        let time = line.origin &+ steps(in: rough &- line.origin) &* stepTicks
        return (time &- rough).magnitude <= UInt64(slack) ? time : rough
    }

    private mutating func onGrid(_ rough: Int64) -> Int64 {
        guard stepTicks > 0 else { return rough }
        guard let line else { return begin(at: rough) }
        // The next place before all others: on its own, rounding would decide between two.
        for place in [line.place &+ 1, steps(in: rough &- line.origin)] where place > line.place {
            let time = line.origin &+ place &* stepTicks
            guard (time &- rough).magnitude <= UInt64(slack) else { continue }
            self.line?.place = place
            return time
        }
        return begin(at: rough)
    }

    private mutating func begin(at time: Int64) -> Int64 {
        line = Line(origin: time, place: 0)
        return time
    }

    private var slack: Int64 { min(stepTicks * 2 / 5, StampGrid.slackTicks) }

    private func steps(in ticks: Int64) -> Int64 { ticks.roundedDivision(by: stepTicks) }
}

/// What a stream's steps tell of its rate, where nothing else does.
public struct RateGuess: Sendable {
    /// Pictures that are looked at, so many that 29.97 and 30 a second are told apart.
    static let steps: Int64 = 64
    /// So far the whole may be off: rounding at both ends, 1 ms.
    static let toleranceTicks: Int64 = StreamTime.ticksPerMillisecond

    /// 27 MHz ticks; 0 while nothing is known.
    public private(set) var ticks: Int64 = 0
    private var first: Int64?
    private var count: Int64 = 0

    public init() {}

    /// The rough time of the next picture, 27 MHz ticks.
    public mutating func take(_ time: Int64) {
        guard ticks == 0 else { return }
        guard let start = first else {
            first = time
            return
        }
        count += 1
        guard count == RateGuess.steps else { return }
        let span = time &- start
        ticks = StatedRate.wellKnown.first {
            (span &- $0 &* RateGuess.steps).magnitude <= UInt64(RateGuess.toleranceTicks)
        } ?? 0
        first = time
        count = 0
    }
}
