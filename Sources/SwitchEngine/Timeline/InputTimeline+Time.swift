// How packets get their transport time τ: between two PCRs linear in packets, behind the last one
// at the last pace. What becomes of them where the PCR stays away stands in
// InputTimeline+Stall.swift.

import TransportStream

extension InputTimeline {
    /// Gives τ to all packets up to the PCR just taken (13818-1 §2.4.2.2).
    /// - Parameter limit: the first packet of the ring behind that PCR, where it came earlier.
    mutating func stamp(before limit: Int = .max) {
        guard let from = pendingSample, let to = clock.last, to.position > from.position else {
            return
        }
        pendingSample = nil
        if isAcrossStall(from: from, to: to) {
            return stampAcrossStall(from: from, to: to, before: limit)
        }
        var line = LinearTime(from: from, to: to)
        var latest = lastStamp ?? .min
        ring.stamp(before: limit) { _, position in
            latest = max(latest, line.time(at: position))
            return latest
        }
        abandonStaleUnits()
        measureLead()
    }

    /// τ of the last packet that has one, in the newest epoch.
    var lastStamp: Int64? {
        guard ring.stamped > ring.first, ring.stamped > epoch?.firstPacket ?? 0 else { return nil }
        return ring[ring.stamped - 1].time
    }

    /// Gives τ to the packets behind the last PCR at the last pace: the input fell silent, or its
    /// clock did.
    mutating func stampTail() {
        guard ring.stamped < ring.end, !stampStalledTail() else { return }
        var latest = lastStamp ?? .min
        let end = ring[ring.end - 1].time
        ring.stamp { _, position in
            guard let time = clock.extrapolated(position: position, end: end) else { return nil }
            latest = max(latest, time)
            return latest
        }
        measureLead()
    }

    /// The line ends: what can get no time any more never goes out.
    mutating func closeStamps() {
        stampTail()
        let latest = ring.stamped > ring.first ? ring[ring.stamped - 1].time : 0
        for number in ring.stamped..<ring.end { ring[number].stream = -1 }
        ring.stamp { _, _ in latest }
    }

    /// A picture or frame whose stream has stopped in the middle of it does not hold the others
    /// back for longer than this, 2 s; it counts as damaged then.
    static let settlingLimitTicks: Int64 = 2 * StreamTime.ticksPerSecond

    mutating func abandonStaleUnits() {
        guard let epoch else { return }
        for index in epoch.streams where streams[index].kind != .data {
            guard let open = streams[index].firstUnsettledPacket,
                age(of: open) > InputTimeline.settlingLimitTicks
            else { continue }
            streams[index].lose()
        }
    }

    /// How long before the newest packet with a τ another one was sent, 27 MHz ticks; 0 where it
    /// has none. Lines are measured each for itself: a jump between two of them is no time.
    func age(of packet: Int) -> Int64 {
        guard packet >= ring.first, packet < ring.stamped else { return 0 }
        var end = ring.stamped
        var age: Int64 = 0
        for index in epochs.indices.reversed() where epochs[index].firstPacket < end {
            let first = epochs[index].firstPacket
            guard first > packet else { break }
            age += ring[end - 1].time - ring[first].time
            end = first
        }
        return age + (ring[end - 1].time - ring[packet].time)
    }

    mutating func measureLead() {
        guard !epochs.isEmpty, let master = masterStream else { return }
        let first = epochs[epochs.end - 1].firstPacket
        lead.measure(streams[master], ring: ring, from: first)
    }
}

/// Times between two PCRs, asked for in rising order: exact, and without a division where one
/// packet follows the other.
private struct LinearTime {
    private let span: Int64
    private let packets: Int64
    private let start: ClockTrack.Sample
    private let step: (quotient: Int64, remainder: Int64)
    private var place: Int64 = 0
    /// span · place = ticks · packets + remainder
    private var ticks: Int64 = 0
    private var remainder: Int64 = 0

    init(from: ClockTrack.Sample, to: ClockTrack.Sample) {
        start = from
        span = to.time - from.time
        packets = to.position - from.position
        step = span.quotientAndRemainder(dividingBy: packets)
    }

    @inline(__always)
    mutating func time(at position: Int64) -> Int64 {
        let next = position &- start.position
        if next == place &+ 1 {
            ticks &+= step.quotient
            remainder &+= step.remainder
            if remainder >= packets {
                remainder &-= packets
                ticks &+= 1
            }
            place = next
        } else if next != place {
            jump(to: next)
        }
        return start.time.ticks &+ ticks
    }

    private mutating func jump(to next: Int64) {
        ticks = span.scaled(by: next, over: packets)
        remainder = span &* next &- ticks &* packets
        place = next
    }
}
