// What was seen of an input, for health and for the operator. All times are host times in 27 MHz
// ticks.

struct InputFacts {
    var packets: Int64 = 0
    /// Without null packets.
    var payloadPackets: Int64 = 0
    var transportErrors: Int64 = 0
    var clockJumps: Int64 = 0
    var programChanges: Int64 = 0
    /// When this connection brought its first payload.
    private(set) var connectedTicks: Int64 = 0
    private(set) var lastPayloadTicks: Int64?
    var lastAssociationTicks: Int64?
    var lastMapTicks: Int64?
    var lastClockTicks: Int64?
    var lastRandomAccessTicks: Int64?
    /// The longest pause between payloads that the input makes by itself; an input of few packets
    /// must not be called silent for it.
    var usualPauseTicks: Int64 { -(pauses.value ?? 0) }

    /// The longest pauses of the last seconds, negated.
    private var pauses = SlidingMinimum()
    /// As `lastPayloadTicks`, but never forgotten.
    private var lastSeenTicks: Int64?
    /// The last pause that had been taken for silence, and when it ended.
    private var silence: (pauseTicks: Int64, end: Int64)?

    /// Pauses longer than this are outages, not habits, unless they come again and again: one
    /// second; then up to five.
    static let longestHabitTicks: Int64 = 27_000_000
    static let longestRhythmTicks: Int64 = 5 * 27_000_000
    /// Pauses shorter than this matter to no threshold: 50 ms.
    static let shortestPauseTicks: Int64 = 1_350_000

    @inline(__always)
    mutating func take(payloadAt ticks: Int64) {
        if let last = lastSeenTicks, ticks &- last > InputFacts.shortestPauseTicks {
            take(pauseFrom: last, to: ticks)
        }
        if lastPayloadTicks == nil { connectedTicks = ticks }
        lastSeenTicks = ticks
        lastPayloadTicks = ticks
    }

    private mutating func take(pauseFrom start: Int64, to end: Int64) {
        let pause = end &- start
        if lastPayloadTicks != nil && pause <= InputFacts.longestHabitTicks {
            return pauses.take(-pause, at: end)
        }
        // One silence is an outage. A second one that is as long, after a burst that is shorter
        // than both, is how this input sends.
        if let before = silence, pause <= InputFacts.longestRhythmTicks,
            start &- before.end < pause / 2, pause < 2 * before.pauseTicks,
            before.pauseTicks < 2 * pause
        {
            pauses.take(-max(pause, before.pauseTicks), at: end)
        }
        silence = (pause, end)
    }

    /// A new connection: the old one's silence says nothing of it.
    mutating func forget() {
        lastPayloadTicks = nil
        lastAssociationTicks = nil
        lastMapTicks = nil
        lastClockTicks = nil
        lastRandomAccessTicks = nil
    }
}
