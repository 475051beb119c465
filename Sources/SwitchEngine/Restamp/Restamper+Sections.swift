// The sections of a segment's streams (SCTE-35, DSM-CC, AIT): each leaves whole, before the packet
// that it was complete before, with its times moved along.

import TransportStream

extension Restamper {
    /// Sends the sections that were complete before the packet at the cursor.
    @inline(__always)
    mutating func sendSections(_ index: Int, _ timeline: borrowing InputTimeline) {
        guard segments[index].sectionCursor < timeline.sections.end else { return }
        sendDueSections(index, timeline)
    }

    private mutating func sendDueSections(_ index: Int, _ timeline: borrowing InputTimeline) {
        let cursor = segments[index].cursor
        let time = timeline.ring[cursor].time + segments[index].shift
        while segments[index].sectionCursor < timeline.sections.end {
            let number = max(segments[index].sectionCursor, timeline.sections.first)
            guard number < timeline.sections.end,
                timeline.sections[number].beforePacket <= cursor
            else { return }
            segments[index].sectionCursor = number + 1
            let record = timeline.sections[number]
            let slot = segments[index].slot(of: record.stream)
            // What is of another time line is no part of the segment, nor is what came long before
            // its first packet.
            guard record.epoch == segments[index].epoch.number else { continue }
            let own = timeline.ring[max(record.beforePacket, timeline.ring.first)].time
                + segments[index].shift
            guard slot >= 0, own >= segments[index].sectionsFrom,
                own < segments[index].sectionsUntil
            else { continue }
            var section = record.bytes
            if timeline.streams[record.stream].codec == .scte35 {
                var span = section.mutableSpan
                _ = SpliceInformation.rewrite(
                    ptsAdjustmentAdding: segments[index].shift / StreamTime.ticksPerTimestampTick,
                    in: &span)
            }
            var counter = ContinuityCounter(0)
            scratch.removeAll(keepingCapacity: true)
            SectionPacketizer.append(
                section.span, pid: program.slots[slot].pid, continuity: &counter, to: &scratch)
            var at = 0
            while at < scratch.count {
                send(Array(scratch[at..<(at + Packet.size)]), slot: slot, time)
                at += Packet.size
            }
        }
    }
}
