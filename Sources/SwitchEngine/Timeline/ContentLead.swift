// When the pictures of an input were taken, as far as its packets tell: the base of the alignment by
// arrival.
//
// An encoder hands a picture on as soon as it is coded, so the earliest a picture's first byte ever
// comes before its DTS is the encoder's full buffer delay (the leading edge; behind it the buffer is
// just fuller). And a random access picture is coded when it was taken, whatever pictures are
// reordered around it: its PTS − DTS is the reorder delay, which is no part of the picture's age.

import TransportStream

struct ContentLead {
    private var lead = SlidingMinimum()
    private var reorder = SlidingMinimum()
    private var nextUnit: Int?

    /// 27 MHz ticks to add to a PTS for the transport time at which its picture was taken.
    var presentationToTransport: Int64? {
        guard let lead = lead.value else { return nil }
        return lead &- (reorder.value ?? 0)
    }

    /// How long before its PTS a random access picture is decoded, 27 MHz ticks.
    var reorderTicks: Int64 { reorder.value ?? 0 }

    /// Takes in the units that got their transport time since the last call.
    mutating func measure(_ track: StreamTrack, ring: borrowing PacketRing, from first: Int) {
        let units = track.units
        var number = max(nextUnit ?? units.first, units.first)
        while number < units.end {
            let unit = units[number]
            guard unit.firstPacket < ring.stamped else { break }
            if unit.firstPacket >= first && unit.firstPacket >= ring.first && unit.isTimed
                && !unit.isSecondField
            {
                let time = ring[unit.firstPacket].time
                lead.take(time &- unit.decoding.ticks, at: time)
                if unit.mark.randomAccess != .none {
                    reorder.take(unit.presentation - unit.decoding, at: time)
                }
            }
            number += 1
        }
        nextUnit = number
    }
}
