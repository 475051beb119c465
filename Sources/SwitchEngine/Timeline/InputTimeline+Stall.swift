// What becomes of packets whose PCR stays away. They wait for it as long as the hold-back allows;
// then their arrival says when they were sent: never later than arrival − the earliest arrival of
// the last seconds (`ClockTrack.hostOffset`), and not much earlier on a way without much jitter.
//
//   PCR           |           |       (stalls)          |
//   packets       p p p p p p p p p p p p p p p p p p p p
//   τ from        two PCRs    | arrival        | both   |
//
// A PCR that has stood still and goes on seconds behind what packets were given begins a new line.
//
// The pace of the last interval was rejected: at a variable rate it is wrong by a factor, and the
// output's time would run at that factor.

import TransportStream

extension InputTimeline {
    /// Whether packets go on and the PCR, by its own habit, should have come.
    private var isClockLate: Bool {
        guard let clockTicks = health.lastClockTicks, let payload = health.lastPayloadTicks else {
            return false
        }
        return payload &- clockTicks > clock.patienceTicks
    }

    /// Gives τ to the packets that came before `ticks` where the PCR stays away.
    mutating func stampAhead(arrivedBefore ticks: Int64) {
        guard ring.stamped < ring.end, isClockLate else { return }
        guard let end = arrivals.end(before: ticks), end > ring.stamped else { return }
        stampByArrival(before: end)
    }

    /// Gives τ to all packets where the PCR stays away; false where it does not.
    mutating func stampStalledTail() -> Bool {
        guard isClockLate else { return false }
        return stampByArrival(before: ring.end)
    }

    /// The clock goes on behind packets that have their times, 2 s.
    static let behindTicks: Int64 = 2 * StreamTime.ticksPerSecond

    /// Whether the clock has stood still and goes on from there, seconds behind what its packets
    /// were given meanwhile: all that follows would wait for it to catch up.
    var hasStayedBehind: Bool {
        guard let stamp = lastStamp, let time = clock.last?.time.ticks else { return false }
        return stamp &- time > InputTimeline.behindTicks
    }

    @discardableResult
    private mutating func stampByArrival(before end: Int) -> Bool {
        guard let offset = clock.hostOffset, let last = clock.last else { return false }
        var latest = lastStamp ?? .min
        ring.stamp(before: end) { number, position in
            var time = arrivals.ticks(of: number) &- offset
            if position >= last.position { time = max(time, last.time.ticks) }
            latest = max(latest, time)
            return latest
        }
        endStall()
        return true
    }

    /// Gives τ to the packets up to a PCR that was long in coming. Linear in packets is only an
    /// estimate then (§2.7.2 allows 100 ms): what had arrived was not sent later. What has its
    /// time keeps it.
    mutating func stampAcrossStall(
        from: ClockTrack.Sample, to: ClockTrack.Sample, before limit: Int
    ) {
        var latest = lastStamp ?? .min
        var position = from.position
        var time = from.time.ticks
        if latest != .min, ring.stampedPosition > position {
            position = ring.stampedPosition
            time = latest
        }
        let span = max(0, to.time.ticks &- time)
        let packets = max(1, to.position &- position)
        ring.stamp(before: limit) { number, next in
            var own = time &+ span.scaled(by: next &- position, over: packets)
            if let offset = clock.hostOffset {
                own = min(own, arrivals.ticks(of: number) &- offset)
            }
            latest = max(latest, own)
            return latest
        }
        endStall()
    }

    /// Whether the packets up to a PCR are to be stamped by `stampAcrossStall`.
    func isAcrossStall(from: ClockTrack.Sample, to: ClockTrack.Sample) -> Bool {
        if to.time - from.time > ClockTrack.lazyStepTicks { return true }
        return lastStamp != nil && ring.stampedPosition > from.position
    }

    private mutating func endStall() {
        abandonStaleUnits()
        // The lead is the least ever seen and must not be spoilt by an estimate; where it is all
        // there is, it is better than nothing.
        if lead.presentationToTransport == nil {
            measureLead()
        } else if let master = masterStream {
            lead.pass(streams[master], before: ring.stamped)
        }
    }
}
