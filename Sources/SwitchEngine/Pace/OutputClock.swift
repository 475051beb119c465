// Where the output should be now: the host's clock, mapped to the output's schedule.
//
// The map follows the PCR clock of the input on air, so the hold-back stays what it was whatever
// the input's drift. At a seam the output's time goes on without a step; the hold-back against the
// new input is then what it happens to be.
//
// An input's clock is not believed for more than clocks can be wrong by: where it creeps ahead of
// the host's or stays behind, the map follows by a reserve and at a pace, and what is left is told.

import TransportStream

struct OutputClock {
    /// Output ticks = host ticks − offset.
    private var offset: Int64?
    /// Host ticks − output ticks of the newest packet, when the map was last set: offset = that +
    /// hold-back.
    private var latest: Int64 = .min
    private(set) var holdBackTicks: Int64 = 0

    /// By so much the map follows at once, 3 s: where an input begins, the earliest arrivals are
    /// still to be found, and a network may change its ways.
    static let reserveTicks: Int64 = 3 * StreamTime.ticksPerSecond
    /// … and then by this part of the time that passes, a 16th: more than any sender is wrong by.
    static let paceDivisor: Int64 = 16
    private var reserve = OutputClock.reserveTicks
    private var followedAt: Int64?

    /// By when the first packet is due, output time; nil before the begin.
    private(set) var firstDue: Int64?

    /// Begins at a host time: the output runs `holdBackTicks` behind an input.
    mutating func begin(hostOffset: Int64, shift: Int64, holdBackTicks: Int64, at ticks: Int64) {
        self.holdBackTicks = holdBackTicks
        offset = hostOffset - shift + holdBackTicks
        firstDue = outputTicks(at: ticks) + holdBackTicks
    }

    /// The input on air changes: time goes on, the hold-back becomes what follows from it, but
    /// never less than nothing. Where the new input is behind, and less was sent than the time had
    /// come for, what is left of the old one goes no further ahead than the new one is.
    /// - Parameter sent: the schedule time of what was sent last.
    mutating func change(hostOffset: Int64, shift: Int64, sent: Int64?) {
        guard let offset else { return }
        holdBackTicks = max(0, offset - (hostOffset - shift))
        self.offset = hostOffset - shift + holdBackTicks
        if let sent { latest = min(latest, sent) }
    }

    /// The clock of the input on air, as of now.
    /// - Returns: by how much the map is behind it all the same, 27 MHz ticks.
    mutating func follow(hostOffset: Int64, shift: Int64, at hostTicks: Int64) -> Int64 {
        guard let offset else { return 0 }
        let passed = max(0, hostTicks &- (followedAt ?? hostTicks))
        followedAt = hostTicks
        reserve = min(reserve + passed / OutputClock.paceDivisor, OutputClock.reserveTicks)
        let gap = distance(hostOffset: hostOffset, shift: shift)
        let step = min(max(gap, -reserve), reserve)
        reserve -= abs(step)
        self.offset = offset &+ step
        return gap &- step
    }

    /// How far the map is behind the clock of an input, 27 MHz ticks.
    func distance(hostOffset: Int64, shift: Int64) -> Int64 {
        offset.map { hostOffset &- shift &+ holdBackTicks &- $0 } ?? 0
    }

    /// The output's time is not further ahead of where the map would have it than this, 5 s; where
    /// it is, it has been led there by something that was not true, and is put back.
    static let runawayTicks: Int64 = 5 * StreamTime.ticksPerSecond

    /// Output time at a host time; never runs backwards but out of a mistake.
    mutating func time(at hostTicks: Int64) -> Int64 {
        guard let offset else { return .min }
        let time = hostTicks &- offset
        latest = latest &- time > OutputClock.runawayTicks && latest != .min
            ? time : max(latest, time)
        return latest
    }

    /// Output time at a host time, as the map is now.
    func outputTicks(at hostTicks: Int64) -> Int64 { hostTicks &- (offset ?? 0) }

    /// Host time at which the output comes to `time`.
    func hostTicks(of time: Int64) -> Int64 { time &+ (offset ?? 0) }
}
