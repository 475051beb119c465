// The input's own time: PCRs unwrapped to one line, and that line against the host's clock.
//
//   arrival (host)        ^          x   x        A packet can be late, never early: the earliest
//                         |      x .'             arrivals mark the line. `hostOffset` is the
//                         |   x.' x               smallest arrival − τ of the last seconds, so
//                         |  .'                   jitter does not move it and drift does.
//                         +--------------> τ

import TransportStream

struct ClockTrack {
    /// A PCR step up to this is taken as a lazy encoder, 500 ms. §2.7.2 allows 100 ms.
    static let lazyStepTicks: Int64 = 500 * StreamTime.ticksPerMillisecond
    /// … and by how much where a discontinuity is announced with it, 100 ms.
    static let announcedToleranceTicks: Int64 = 100 * StreamTime.ticksPerMillisecond
    /// A PCR that is behind the last one by up to this, 100 ms, is passed over (repeated packets,
    /// reordered ones), but only as long as that takes on the host's clock too.
    static let staleTicks: Int64 = 100 * StreamTime.ticksPerMillisecond
    /// A PCR that is late by less than this is not missed, 150 ms.
    static let shortestPatienceTicks: Int64 = 150 * StreamTime.ticksPerMillisecond
    /// How far a longer PCR step may differ from the host time that passed with it, 500 ms.
    static let silenceToleranceTicks: Int64 = 500 * StreamTime.ticksPerMillisecond
    struct Sample {
        var time: StreamTime
        var position: Int64
        var arrivalTicks: Int64
    }

    enum Verdict {
        /// The first PCR of an epoch: nothing to interpolate yet.
        case first
        /// On the line; the sample before it.
        case next(after: Sample)
        /// The same PCR again, or one that is a little behind: it tells nothing.
        case stale
        /// The line broke: a new time base begins with this PCR.
        case jump
    }

    private(set) var last: Sample?
    /// Added to each PCR: by so much the PCR has jumped against the time stamps, 27 MHz ticks.
    private var bias: Int64 = 0
    /// 27 MHz ticks and packets between the last two PCRs.
    private var interval: (ticks: Int64, packets: Int64) = (0, 0)
    private var offsets = SlidingMinimum()
    /// The longest PCR steps of the last seconds, negated.
    private var steps = SlidingMinimum()

    /// The earliest arrival of the last seconds, as host ticks − τ; nil before the first PCR.
    var hostOffset: Int64? { offsets.value }

    /// The input's transport time at a host time, as the earliest arrivals tell it.
    func time(at hostTicks: Int64) -> StreamTime? {
        hostOffset.map { StreamTime(ticks: hostTicks &- $0) }
    }

    /// How long after a PCR the next one is not missed yet: one may be lost on the way, and longer
    /// ones than a lazy encoder's are not waited for, whatever the habit.
    var patienceTicks: Int64 {
        let usual = (-(steps.value ?? 0)).scaled(by: 5, over: 2)
        return min(max(usual, ClockTrack.shortestPatienceTicks), ClockTrack.lazyStepTicks)
    }

    /// Where a PCR is on the line, whether it is believed or not.
    func place(of clock: ClockReference) -> StreamTime? {
        last.map { ClockReference(wrapping: clock.ticks &+ bias).unwrapped(near: $0.time) }
    }

    /// Forgets everything: the next PCR begins a new line.
    mutating func restart() {
        last = nil
        interval = (0, 0)
        offsets = SlidingMinimum()
        steps = SlidingMinimum()
        bias = 0
    }

    /// Moves the line, and what was taken of it.
    mutating func move(by ticks: Int64) {
        bias = (bias &+ ticks) % ClockReference.modulus
        guard let sample = last, let offset = hostOffset else { return }
        last?.time = sample.time + ticks
        offsets = SlidingMinimum()
        offsets.take(offset &- ticks, at: sample.arrivalTicks)
    }

    /// From this PCR on the clock counts from elsewhere: it is put where the line is by now. Some
    /// encoders send PCRs evenly; else the time since the last tells.
    mutating func rebase(_ clock: ClockReference, arrivalTicks: Int64) {
        guard let last else { return }
        let elapsed = max(arrivalTicks &- last.arrivalTicks, 1)
        let isEven = interval.ticks > 0
            && (elapsed &- interval.ticks).magnitude < UInt64(ClockTrack.announcedToleranceTicks)
        let time = last.time + (isEven ? interval.ticks : elapsed)
        bias = (time.ticks &- clock.ticks) % ClockReference.modulus
    }

    /// Takes a PCR.
    /// - Parameter position: the packet's number among all packets of the input.
    /// - Parameter reference: where the line's first PCR is unwrapped; nil for its own value.
    mutating func take(
        _ clock: ClockReference, position: Int64, arrivalTicks: Int64, announcedJump: Bool,
        near reference: StreamTime?
    ) -> Verdict {
        let clock = ClockReference(wrapping: clock.ticks &+ bias)
        guard let last else {
            let time = reference.map(clock.unwrapped) ?? StreamTime(ticks: clock.ticks)
            accept(Sample(time: time, position: position, arrivalTicks: arrivalTicks))
            return .first
        }
        let time = clock.unwrapped(near: last.time)
        let step = time - last.time
        let elapsed = arrivalTicks &- last.arrivalTicks
        if step <= 0 && step >= -ClockTrack.staleTicks && !announcedJump
            && elapsed <= ClockTrack.staleTicks
        {
            return .stale
        }
        let isLazy = step > 0 && step <= ClockTrack.lazyStepTicks
        // Where a jump is announced, only a clock that plainly goes on belies it.
        let tolerance = announcedJump
            ? ClockTrack.announcedToleranceTicks : ClockTrack.silenceToleranceTicks
        let isOnTime = step > 0 && (step &- elapsed).magnitude < UInt64(tolerance)
        guard (isLazy && !announcedJump) || isOnTime else { return .jump }
        let sample = Sample(time: time, position: position, arrivalTicks: arrivalTicks)
        // Across an outage nothing is linear in packets.
        if position > last.position && step <= ClockTrack.lazyStepTicks {
            interval = (step, position - last.position)
            steps.take(-step, at: arrivalTicks)
        }
        accept(sample)
        return .next(after: last)
    }

    /// τ of a packet behind the last PCR: at the last pace, but all of them within one PCR
    /// interval, since the next PCR would have come then. 10 Mbit/s where one PCR is all there is.
    /// - Parameter end: position of the last packet behind it.
    func extrapolated(position: Int64, end: Int64) -> Int64? {
        guard let last else { return nil }
        let place = position &- last.position
        guard interval.packets > 0 else { return last.time.ticks &+ place &* 4060 }
        let packets = max(interval.packets, end &- last.position &+ 1)
        return last.time.ticks &+ place.scaled(by: interval.ticks, over: packets)
    }

    private mutating func accept(_ sample: Sample) {
        last = sample
        offsets.take(sample.arrivalTicks &- sample.time.ticks, at: sample.arrivalTicks)
    }
}
