// Sixteen packets of a stream that are lost in a row leave its counter as it was. Where PES packets
// are all alike, the begin of one and the end of another are then one that shows no fault:
//
//   sent        |A A A A|B B B B| ... |E E E E|F F F F|
//   came        |A                       E E E|F F F F|
//
// The stamp of F tells that frames are missing, and the arrival of what came before tells where: a
// PES packet that took as much longer than the one before it as the hole is long is two.

import TransportStream

extension InputTimeline {
    /// Looks at the PES packet before frames of sound that must be missing.
    mutating func judge(_ hole: UncountedHole, ofStream index: Int) {
        streams[index].uncountedHole = nil
        guard let last = streams[index].record(hole.pes),
            let before = streams[index].record(hole.pes - 1),
            (spread(of: last) - spread(of: before)) * 2 > hole.ticks
        else { return }
        // Where in it the loss began is not known: it has its first packet at least.
        streams[index].spoil(pes: hole.pes, behind: last.firstPacket)
    }

    /// From the arrival of a PES packet's begin to that of its end, 27 MHz ticks.
    private func spread(of record: PESRecord) -> Int64 {
        arrivals.ticks(of: record.lastPacket) - arrivals.ticks(of: record.firstPacket)
    }
}
