// What was seen of an input, for health and for the operator. All times are host times in 27 MHz
// ticks.

struct InputFacts {
    var packets: Int64 = 0
    var transportErrors: Int64 = 0
    var clockJumps: Int64 = 0
    var programChanges: Int64 = 0
    var lastPayloadTicks: Int64?
    var lastClockTicks: Int64?
    var lastRandomAccessTicks: Int64?
    /// The longest pause between payloads that the input makes by itself; an input of few packets
    /// must not be called silent for it.
    var usualPauseTicks: Int64 { -(pauses.value ?? 0) }

    /// The longest pauses of the last seconds, negated.
    private var pauses = SlidingMinimum()

    /// Pauses longer than this are outages, not habits: one second.
    static let longestHabitTicks: Int64 = 27_000_000
    /// Pauses shorter than this matter to no threshold: 50 ms.
    static let shortestPauseTicks: Int64 = 1_350_000

    @inline(__always)
    mutating func take(payloadAt ticks: Int64) {
        if let last = lastPayloadTicks {
            let pause = ticks &- last
            if pause > InputFacts.shortestPauseTicks && pause <= InputFacts.longestHabitTicks {
                pauses.take(-pause, at: ticks)
            }
        }
        lastPayloadTicks = ticks
    }

    /// A new connection: the old one's silence says nothing of it.
    mutating func forget() {
        lastPayloadTicks = nil
        lastClockTicks = nil
        lastRandomAccessTicks = nil
    }
}
