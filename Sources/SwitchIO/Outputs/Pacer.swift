// Holds the channel's packets until they are due, and hands them out seven at a time, each datagram
// when its last packet is due: as smooth as the schedule, whatever the ticks.
//
// The datagram behind one that is due leaves with it. Nothing leaves earlier than by one datagram's
// own time, so no buffer behind sees a burst, and the host wakes half as often: waking costs more
// than all the rest.

import SwitchEngine

struct Pacer {
    /// Packets in a datagram, always: 1316 bytes fit an Ethernet frame.
    static let packets = 7
    static let datagramBytes = packets * 188
    /// A datagram that is not full leaves when its first packet has waited so long, 500 ms: at a
    /// very low rate the packets of one would be seconds apart.
    static let longestFilling: Int64 = 500_000_000
    /// Nothing leaves earlier than this before its time, 2 ms, however low the rate is.
    static let longestEarliness: Int64 = 2_000_000
    /// Where it is wished for, all that is due within so many nanoseconds leaves together.
    var burst: Int64 = 0

    private var bytes: [UInt8] = []
    /// When each packet is due, ns.
    private var times: [Int64] = []
    /// Packets handed out already, at the front of both.
    private var done = 0
    private var sequence: UInt16

    init(firstSequence: UInt16) { sequence = firstSequence }

    /// - Parameters:
    ///   - schedule: when each packet is due on the output's schedule, 27 MHz ticks.
    ///   - hostOffset: what to add for the host's clock.
    mutating func append(_ packets: Span<UInt8>, schedule: Span<Int64>, hostOffset: Int64) {
        compact()
        packets.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        // The schedule never runs backwards; a host's clock that is followed may, a little.
        var floor = times.last ?? .min
        for index in 0..<schedule.count {
            floor = max(floor, (schedule[index] &+ hostOffset).scaled(by: 1000, over: 27))
            times.append(floor)
        }
    }

    private mutating func compact() {
        guard done > 0 else { return }
        bytes.removeSubrange(..<(done * 188))
        times.removeSubrange(..<done)
        done = 0
    }

    /// Packets that are not handed out yet.
    var waitingPackets: Int { times.count - done }

    /// When the next datagram is due; nil when no packet waits.
    var nextDue: Int64? {
        guard done < times.count else { return nil }
        let last = done + Pacer.packets - 1
        if last < times.count { return min(times[last], times[done] + Pacer.longestFilling) }
        return times[done] + Pacer.longestFilling
    }

    /// Hands out what is due at `now`, and the next datagram with it.
    mutating func pace(
        to now: Int64, _ send: (_ packets: Span<UInt8>, _ datagram: DueDatagram) -> Void
    ) {
        var isAny = false
        while let due = nextDue, due <= now {
            handOut(send)
            isAny = true
        }
        guard isAny else { return }
        let limit = now + (burst > 0 ? burst : Pacer.longestEarliness)
        while waitingPackets >= Pacer.packets, let due = nextDue, due <= limit {
            handOut(send)
            if burst == 0 { return }
        }
    }

    /// Hands out everything: nothing follows.
    mutating func flush(_ send: (_ packets: Span<UInt8>, _ datagram: DueDatagram) -> Void) {
        while done < times.count { handOut(send) }
    }

    /// Gives up what waits.
    mutating func removeAll() { done = times.count }

    private mutating func handOut(
        _ send: (_ packets: Span<UInt8>, _ datagram: DueDatagram) -> Void
    ) {
        let count = min(Pacer.packets, times.count - done)
        let datagram = DueDatagram(
            sequence: sequence,
            timestamp: UInt32(truncatingIfNeeded: times[done] / 1000 * 9 / 100))
        send(bytes.span.extracting((done * 188)..<((done + count) * 188)), datagram)
        sequence &+= 1
        done += count
    }
}
