// How packets get their transport time τ: between two PCRs linear in packets, behind the last one at
// the last pace. What becomes of them where the PCR stays away stands in InputTimeline+Stall.swift.

import TransportStream

extension InputTimeline {
    /// Gives τ to all packets up to the PCR just taken (13818-1 §2.4.2.2).
    mutating func stamp() {
        guard let from = pendingSample, let to = clock.last, to.position > from.position else {
            return
        }
        pendingSample = nil
        if isAcrossStall(from: from, to: to) { return stampAcrossStall(from: from, to: to) }
        let span = to.time - from.time
        let packets = to.position - from.position
        var latest = lastStamp ?? .min
        while let position = ring.nextPosition {
            let place = position &- from.position
            let time = from.time.ticks &+ InputTimeline.share(span, place, packets)
            latest = max(latest, time)
            ring.stamp(latest)
        }
        abandonStaleUnits()
        measureLead()
    }

    /// span · place / packets; in 64 bits where that is enough, which it is but for freak streams.
    @inline(__always)
    private static func share(_ span: Int64, _ place: Int64, _ packets: Int64) -> Int64 {
        let (product, overflow) = span.multipliedReportingOverflow(by: place)
        return overflow ? span.scaled(by: place, over: packets) : product / packets
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
        while let position = ring.nextPosition {
            guard let time = clock.extrapolated(position: position, end: end) else { return }
            latest = max(latest, time)
            ring.stamp(latest)
        }
        measureLead()
    }

    /// The line ends: what can get no time any more never goes out.
    mutating func closeStamps() {
        stampTail()
        let latest = ring.stamped > ring.first ? ring[ring.stamped - 1].time : 0
        while ring.nextPosition != nil {
            ring[ring.stamped].stream = -1
            ring.stamp(latest)
        }
    }

    /// A picture or frame whose stream has stopped in the middle of it does not hold the others
    /// back for longer than this, 2 s; it counts as damaged then.
    static let settlingLimitTicks: Int64 = 2 * StreamTime.ticksPerSecond

    mutating func abandonStaleUnits() {
        guard let epoch, ring.stamped > ring.first else { return }
        let newest = ring[ring.stamped - 1].time
        for index in epoch.streams where streams[index].kind != .data {
            guard let open = streams[index].firstUnsettledPacket, open >= ring.first,
                open < ring.stamped, newest - ring[open].time > InputTimeline.settlingLimitTicks
            else { continue }
            streams[index].lose()
        }
    }

    mutating func measureLead() {
        guard let epoch, let master = masterStream else { return }
        lead.measure(streams[master], ring: ring, from: epoch.firstPacket)
    }
}
