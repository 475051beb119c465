// Where the output should be now: the host's clock, mapped to the output's schedule.
//
// The map follows the PCR clock of the input on air, so the hold-back stays what it was whatever
// the input's drift. At a seam the output's time goes on without a step; the hold-back against the
// new input is then what it happens to be.

import TransportStream

struct OutputClock {
    /// Output ticks = host ticks − offset.
    private var offset: Int64?
    /// Host ticks − output ticks of the newest packet, when the map was last set: offset = that +
    /// hold-back.
    private var latest: Int64 = .min
    private(set) var holdBackTicks: Int64 = 0

    /// Begins: the output runs `holdBackTicks` behind an input.
    mutating func begin(hostOffset: Int64, shift: Int64, holdBackTicks: Int64) {
        self.holdBackTicks = holdBackTicks
        offset = hostOffset - shift + holdBackTicks
    }

    /// The input on air changes: time goes on, the hold-back becomes what follows from it, but
    /// never less than nothing.
    mutating func change(hostOffset: Int64, shift: Int64) {
        guard let offset else { return }
        holdBackTicks = max(0, offset - (hostOffset - shift))
        self.offset = hostOffset - shift + holdBackTicks
    }

    /// The clock of the input on air, as of now.
    mutating func follow(hostOffset: Int64, shift: Int64) {
        guard offset != nil else { return }
        offset = hostOffset - shift + holdBackTicks
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
