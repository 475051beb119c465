// When the pictures of an input were taken, as far as its packets tell: the base of the alignment
// by arrival.
//
// An encoder hands a picture on as soon as it is coded, so the earliest a picture's first byte ever
// comes before its DTS is the encoder's full buffer delay (the leading edge; behind it the buffer
// is just fuller). And a random access picture is coded when it was taken, whatever pictures are
// reordered around it: its PTS − DTS is the reorder delay, which is no part of the picture's age.

import TransportStream

struct ContentLead {
    /// Both are properties of the encoder on its own clock: no network and no drift is in them, so
    /// the least ever seen counts.
    private var lead: Int64?
    private var reorder: Int64?
    private var nextUnit: Int?

    /// A decoder buffers no more than this, 10 s (13818-1 §2.4.2.6 allows one second, still
    /// pictures sixty); what seems more is a broken time stamp.
    static let limitTicks: Int64 = 10 * StreamTime.ticksPerSecond

    /// 27 MHz ticks to add to a PTS for the transport time at which its picture was taken.
    var presentationToTransport: Int64? {
        guard let lead else { return nil }
        return lead &- (reorder ?? 0)
    }

    /// How long before its PTS a random access picture is decoded, 27 MHz ticks.
    var reorderTicks: Int64 { reorder ?? 0 }

    /// Takes no notice of the units that begin in packets before `stamped`.
    mutating func pass(_ track: StreamTrack, before stamped: Int) {
        let first = track.units.partition { $0.firstPacket >= stamped }
        nextUnit = max(nextUnit ?? first, first)
    }

    /// Takes in the units that got their transport time since the last call.
    mutating func measure(_ track: StreamTrack, ring: borrowing PacketRing, from first: Int) {
        let units = track.units
        var number = max(nextUnit ?? units.first, units.first)
        // The least ever seen counts, so a stray time stamp must not be among them.
        let end = min(track.doubtful?.unit ?? units.end, units.end)
        while number < end {
            let unit = units[number]
            guard unit.firstPacket < ring.stamped else { break }
            if unit.firstPacket >= first && unit.firstPacket >= ring.first && unit.isTimed
                && !unit.isSecondField
            {
                let time = ring[unit.firstPacket].time
                let distance = time &- unit.decoding.ticks
                if abs(distance) < ContentLead.limitTicks { lead = min(lead ?? distance, distance) }
                if unit.mark.randomAccess != .none {
                    let delay = unit.presentation - unit.decoding
                    reorder = min(reorder ?? delay, delay)
                }
            }
            number += 1
        }
        nextUnit = number
    }
}
