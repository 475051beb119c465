// Sixteen packets of a stream that are lost in a row leave its counter as it was. Where PES packets
// are all alike, the begin of one and the end of another are then one that shows no fault:
//
//   sent        |A A A A|B B B B| ... |E E E E|F F F F|
//   came        |A                       E E E|F F F F|
//
// The stamp of F tells that frames are missing, and the arrival of what came before tells where: a
// PES packet that took as much longer than the one before it as the hole is long is two, and the
// first is what came before the wait.

import TransportStream

extension InputTimeline {
    /// Looks at the PES packet before frames of sound that must be missing.
    mutating func judge(_ hole: UncountedHole, ofStream index: Int) {
        streams[index].uncountedHole = nil
        guard let last = streams[index].record(hole.pes),
            let before = streams[index].record(hole.pes - 1),
            (spread(of: last) - spread(of: before)) * 2 > hole.ticks
        else { return }
        let wait = max(spread(of: before), hole.ticks / InputTimeline.shareOfHole)
        streams[index].spoil(
            pes: hole.pes, behind: lastPacket(of: index, in: last, beforeWaitOf: wait))
    }

    /// A wait of so much of a hole, an eighth, may be a loss: there may have been several.
    private static let shareOfHole: Int64 = 8

    /// The last packet of a stream's PES packet before it was waited for longer than for all of an
    /// ordinary one; the first where that is not known.
    private func lastPacket(
        of stream: Int, in record: PESRecord, beforeWaitOf ticks: Int64
    ) -> Int {
        var last = record.firstPacket
        let first = max(record.firstPacket + 1, ring.first)
        for number in first..<max(first, record.lastPacket + 1)
        where Int(ring[number].stream) == stream {
            if arrivals.ticks(of: number) - arrivals.ticks(of: last) > ticks { return last }
            last = number
        }
        return record.firstPacket
    }

    /// From the arrival of a PES packet's begin to that of its end, 27 MHz ticks.
    private func spread(of record: PESRecord) -> Int64 {
        arrivals.ticks(of: record.lastPacket) - arrivals.ticks(of: record.firstPacket)
    }
}
