// When the packets of one input came, coarsely: for the memory's limit, and for the times of
// packets whose PCR stays away.
//
//   host time   t0          t1     t2        A packet between two marks came in the time between
//   packets     |...........|......|....     them, and was sent evenly in it as far as one knows.

import TransportStream

struct ArrivalLine {
    /// Marks are no closer than this, 10 ms.
    static let stepTicks: Int64 = 10 * StreamTime.ticksPerMillisecond

    /// At this time all packets before this one were here.
    private struct Mark {
        var ticks: Int64
        var packet: Int
    }

    private var marks = Log<Mark>(filler: Mark(ticks: 0, packet: 0))
    /// Host time of the newest bytes.
    private var ticks: Int64 = 0

    /// Bytes are being taken that came at `ticks`.
    mutating func begin(at ticks: Int64) { self.ticks = ticks }

    /// The bytes have been taken; the ring ends before `packet` now.
    mutating func note(end packet: Int) {
        if let last = marks.last, ticks - last.ticks < ArrivalLine.stepTicks { return }
        marks.append(Mark(ticks: ticks, packet: packet))
    }

    /// Forgets what came before `limit`; gives the first packet that may have come later, nil where
    /// nothing is forgotten.
    mutating func trim(before limit: Int64) -> Int? {
        var packet: Int?
        while marks.count > 1, marks[marks.first + 1].ticks <= limit {
            marks.trim(before: marks.first + 1)
            packet = marks[marks.first].packet
        }
        return packet
    }

    /// The first packet that is not known to have come before `limit`.
    func end(before limit: Int64) -> Int? {
        let index = marks.partition { $0.ticks > limit } - 1
        return index >= marks.first ? marks[index].packet : nil
    }

    /// Host time at which a packet had come at the latest, 27 MHz ticks.
    func ticks(of packet: Int) -> Int64 {
        let index = marks.partition { $0.packet > packet }
        guard index < marks.end else { return ticks }
        let after = marks[index]
        guard index > marks.first else { return after.ticks }
        let before = marks[index - 1]
        let place = Int64(packet &- before.packet &+ 1)
        return before.ticks &+ (after.ticks &- before.ticks).scaled(
            by: place, over: Int64(after.packet &- before.packet))
    }
}
