// Sound behind a loss, until its frames are found again.
//
//   sent     |A A A A a|a B B B B|      a frame goes on from one PES packet into the next
//   came               |a B B B B|C     `a` is no frame, and C tells that B is one

import TransportStream

extension StreamTrack {
    /// A frame that stands elsewhere than at the begin of a PES packet is found when the next one
    /// has come: until then nothing tells what of the packet is the rest of a frame that was lost.
    /// - Returns: the first packet that waits for this.
    mutating func findUnread() -> Int? {
        guard !awaitsStart, unitCount > 0, !pes.isEmpty, pes[pes.end - 1].firstUnit < 0,
            detector.isSearching
        else {
            unread = nil
            return nil
        }
        let number = unread ?? pes.end - 1
        unread = number
        pes[pes.end - 1].beginsWithRest = true
        let first = pes[pes.indices.contains(number) ? number : pes.end - 1]
        // No frame is so long: none of those before is found any more.
        let isLong = detector.position - first.elementaryStart
            >= AccessUnitDetector.longestAudioFrame
        return isLong ? nil : first.firstPacket
    }
}
