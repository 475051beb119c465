// Holds the channel's packets until they are due, and hands them out seven at a time, each datagram
// when its last packet is due: as smooth as the schedule, whatever the ticks.

import SwitchEngine

struct Pacer {
    /// Packets in a datagram, always: 1316 bytes fit an Ethernet frame.
    static let packets = 7
    static let datagramBytes = packets * 188
    /// A datagram that is not full leaves when its first packet has waited so long, 500 ms: at a
    /// very low rate the packets of one would be seconds apart.
    static let longestFilling: Int64 = 500_000_000

    private var bytes: [UInt8] = []
    /// When each packet is due, ns.
    private var times: [Int64] = []
    /// Packets handed out already, at the front of both.
    private var done = 0
    private var sequence: UInt16

    init(firstSequence: UInt16) { sequence = firstSequence }

    mutating func append(_ packets: Span<UInt8>, dueAt time: (Int) -> Int64) {
        compact()
        let first = times.count
        packets.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        for index in 0..<(packets.count / 188) {
            // The schedule never runs backwards; a host's clock that is followed may, a little.
            let floor = first + index > 0 ? times[first + index - 1] : Int64.min
            times.append(max(time(index), floor))
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

    /// Hands out what is due at `now`.
    mutating func pace(
        to now: Int64, _ send: (_ packets: Span<UInt8>, _ datagram: DueDatagram) -> Void
    ) {
        while let due = nextDue, due <= now { handOut(send) }
    }

    /// Hands out everything: nothing follows.
    mutating func flush(_ send: (_ packets: Span<UInt8>, _ datagram: DueDatagram) -> Void) {
        while done < times.count { handOut(send) }
    }

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
