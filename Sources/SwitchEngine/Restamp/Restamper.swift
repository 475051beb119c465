// The restamper obeys: it takes the packets of the segments in the order of their times, gives them
// the output's PIDs, counters and time stamps, and puts them on the schedule.
//
//   segment A  ...p p p p|            PIDs, CC, PTS, DTS and PCR are rewritten in the copy that
//   segment B        |p p p p p p     leaves; payload bytes are those of the input (law 9)
//   output     ...p p pp pp p p p
//
// It may leave out what a segment's cuts exclude; it adds PES headers at a cut; it reorders nothing
// within a stream.

import TransportStream

struct Restamper {
    var program = OutputProgram()
    var schedule: OutputSchedule
    var segments: [Segment] = []
    var batch = OutputBatch()
    /// PES packets that went out with bytes missing in them or units missing before them.
    private(set) var damagedSent = DamageCount()
    /// Output time of the next thing that would leave, as of the last release; nil when nothing is
    /// known to follow.
    private(set) var nextTime: Int64?
    var scratch: [UInt8] = []

    init(muxRate: Int64?, continuing state: OutputState? = nil) {
        schedule = OutputSchedule(muxRate: muxRate, after: state?.clock)
        if let state { program = OutputProgram(continuing: state) }
    }

    private enum Next {
        case packet(time: Int64)
        case prepared(time: Int64)

        var time: Int64 {
            switch self {
            case .packet(let time), .prepared(let time): time
            }
        }

        /// The same thing, but not later than `time`.
        func at(_ limit: Int64) -> Next {
            switch self {
            case .packet(let time): .packet(time: min(time, limit))
            case .prepared(let time): .prepared(time: min(time, limit))
            }
        }
    }

    /// A segment before `index` that still has packets for the slot of its next one.
    private func owner(before index: Int, _ next: Next) -> Int? {
        let segment = segments[index]
        var slot = -1
        switch next {
        case .prepared: slot = segment.prepared[segment.preparedCursor].slot
        case .packet: slot = segment.nextSlot
        }
        return (0..<index).first { segments[$0].owes(slot: slot) }
    }

    /// Puts everything on the schedule whose time has come.
    /// - Parameter limit: output time up to which packets leave.
    mutating func release(upTo limit: Int64, _ inputs: [TimelineBox]) {
        while segments.count > 1 {
            let timelines = segments.map { inputs[$0.input].timeline }
            if !releaseSeam(upTo: limit, timelines) { return }
        }
        guard !segments.isEmpty else { return }
        releaseAlone(upTo: limit, &inputs[segments[0].input].timeline)
    }

    /// The common case: packet after packet of the only segment.
    /// The timeline is only read; handed over like this it is lent and not copied.
    private mutating func releaseAlone(upTo limit: Int64, _ timeline: inout InputTimeline) {
        let bound = bound(of: segments[0], timeline)
        while true {
            sendRun(upTo: limit, bound, timeline)
            let next = peek(0, timeline, bound)
            nextTime = next?.time
            guard let next, next.time <= limit else { return }
            send(next, 0, timeline)
        }
    }

    /// The shortest way, which nine of ten packets go: sends those of the only segment that are due
    /// and in the middle of a PES packet that goes out whole. Stops at the first of any other kind.
    private mutating func sendRun(
        upTo limit: Int64, _ bound: Int, _ timeline: borrowing InputTimeline
    ) {
        guard segments[0].unannounced == nil, segments[0].marks == nil,
            segments[0].preparedCursor >= segments[0].prepared.count,
            segments[0].sectionCursor >= timeline.sections.end
        else { return }
        let cuts = segments[0].cuts
        let shift = segments[0].shift
        var cursor = max(segments[0].cursor, timeline.ring.first)
        while cursor < bound {
            let note = timeline.ring[cursor]
            let time = note.time &+ shift
            let stream = Int(note.stream)
            if stream >= 0, stream < cuts.count, cuts[stream].slot >= 0 {
                guard time <= limit, !note.startsPES, !note.hasClock,
                    cuts[stream].judgedPES == note.pes
                else { break }
                if cuts[stream].judgement == .whole {
                    let count = Int64(Packet.size - Int(note.elementaryOffset))
                    guard note.elementaryPosition + count <= cuts[stream].until else { break }
                    _ = copy(cursor, timeline, slot: cuts[stream].slot, time)
                }
            }
            cursor += 1
        }
        segments[0].cursor = cursor
    }

    /// Copies a packet out, with the slot's PID and next counter.
    /// - Returns: where it stands in the batch.
    @inline(__always)
    private mutating func copy(
        _ number: Int, _ timeline: borrowing InputTimeline, slot: Int, _ wished: Int64
    ) -> Int {
        let time = schedule.place(wished, in: &batch, &program)
        let at = batch.bytes.count
        timeline.ring.copy(number, to: &batch.bytes)
        batch.times.append(time)
        let counter = program.nextContinuity(slot: slot)
        let pid = program.slots[slot].pid
        var bytes = batch.bytes.mutableSpan
        PacketWriter.setPID(pid, in: &bytes, at: at)
        PacketWriter.setContinuity(counter, in: &bytes, at: at)
        // No discontinuity of an input is one of the output.
        if bytes[at + 3] & 0x20 != 0 && bytes[at + 4] > 0 { bytes[at + 5] &= 0x7F }
        return at
    }

    /// Segments overlap: the earliest packet of all leaves first. Returns true when one segment has
    /// ended, false when nothing more is due.
    private mutating func releaseSeam(upTo limit: Int64, _ timelines: [InputTimeline]) -> Bool {
        let bounds = segments.indices.map { bound(of: segments[$0], timelines[$0]) }
        while true {
            var choice: (index: Int, next: Next)?
            for index in segments.indices {
                guard let next = peek(index, timelines[index], bounds[index]) else { continue }
                if choice.map({ next.time < $0.next.time }) ?? true { choice = (index, next) }
            }
            if let done = segments.dropLast().firstIndex(where: \.isDone) {
                segments.remove(at: done)
                return true
            }
            nextTime = choice?.next.time
            guard var (index, next) = choice, next.time <= limit else { return false }
            // One PID can not carry two PES packets at a time: what a segment before still has for
            // it goes first, now. What that one has next may itself wait for an older one.
            while let owing = owner(before: index, next) {
                guard let earlier = peek(owing, timelines[owing], bounds[owing]) else {
                    // Until that has come nothing is known to follow.
                    nextTime = nil
                    return false
                }
                (index, next) = (owing, earlier.at(next.time))
            }
            send(next, index, timelines[index])
        }
    }

    @inline(__always)
    private mutating func send(_ next: Next, _ index: Int, _ timeline: borrowing InputTimeline) {
        if segments[index].unannounced != nil { announce(index) }
        switch next {
        case .packet(let time):
            sendSections(index, timeline)
            sendPacket(index, timeline, time)
        case .prepared(let time):
            sendPrepared(index, time)
        }
    }

    /// Puts the streams of a segment into the output's tables, now that its first packet leaves.
    private mutating func announce(_ index: Int) {
        guard let reservations = segments[index].unannounced else { return }
        segments[index].unannounced = nil
        let version = program.version
        program.announce(reservations)
        if program.version != version { schedule.announceTables() }
    }

    /// The first packet that may not leave yet: not stamped, or part of a unit that is not whole.
    private func bound(of segment: Segment, _ timeline: borrowing InputTimeline) -> Int {
        if segment.isLeaving { return min(segment.end, timeline.ring.stamped) }
        var bound = timeline.ring.stamped
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            if let open = timeline.streams[stream].firstUnsettledPacket,
                !isOverdue(open, timeline)
            {
                bound = min(bound, open)
            }
        }
        return min(bound, timeline.end(ofEpoch: segment.epoch.number))
    }

    /// Data that stays open for long does not hold the others back; sound and pictures are given up
    /// by the timeline.
    private func isOverdue(_ packet: Int, _ timeline: borrowing InputTimeline) -> Bool {
        timeline.age(of: packet) > InputTimeline.settlingLimitTicks
    }

    // MARK: Choosing

    /// The segment's next packet; goes past those that do not leave.
    @inline(__always)
    private mutating func peek(
        _ index: Int, _ timeline: borrowing InputTimeline, _ bound: Int
    ) -> Next? {
        let prepared: Int64? =
            segments[index].preparedCursor < segments[index].prepared.count
            ? segments[index].prepared[segments[index].preparedCursor].time : nil
        var cursor = max(segments[index].cursor, timeline.ring.first)
        while cursor < bound {
            let note = timeline.ring[cursor]
            let time = note.time &+ segments[index].shift
            if let prepared, prepared <= time { break }
            let stream = Int(note.stream)
            if segments[index].slot(of: stream) >= 0 {
                if segments[index].cuts[stream].judgedPES != note.pes {
                    guard isJudgeable(index, stream, note.pes, timeline),
                        judge(index, stream, note.pes, timeline)
                    else { break }
                    segments[index].cursor = cursor
                    return peek(index, timeline, bound)
                }
                if segments[index].cuts[stream].judgement == .whole,
                    note.elementaryPosition < segments[index].cuts[stream].until
                        || note.startsPES
                {
                    segments[index].cursor = cursor
                    segments[index].nextSlot = segments[index].cuts[stream].slot
                    return .packet(time: time)
                }
            }
            cursor += 1
        }
        segments[index].cursor = cursor
        return prepared.map { Next.prepared(time: $0) }
    }

    /// Where a segment begins, a PES packet can only be judged when all units in it are known. Ends
    /// the rules of the begin when the first unit behind them has come.
    @inline(__always)
    private mutating func isJudgeable(
        _ index: Int, _ stream: Int, _ number: Int, _ timeline: borrowing InputTimeline
    ) -> Bool {
        if !segments[index].cuts[stream].hasBeginRules { return true }
        return endBeginRules(index, stream, number, timeline)
    }

    private mutating func endBeginRules(
        _ index: Int, _ stream: Int, _ number: Int, _ timeline: borrowing InputTimeline
    ) -> Bool {
        let track = timeline.streams[stream]
        let cut = segments[index].cuts[stream]
        guard let record = track.record(number) else { return true }
        let first = record.firstUnit
        if let unit = track.unit(first), unit.start == record.elementaryStart {
            if let rule = cut.leading, first > rule.entry, unit.presentation > rule.presentation,
                !unit.isSecondField
            {
                segments[index].cuts[stream].leading = nil
            }
            if let notBefore = cut.notBefore, unit.presentation >= notBefore {
                segments[index].cuts[stream].notBefore = nil
            }
            if cut.awaitsEntry, unit.isEntry, segments[index].cuts[stream].notBefore == nil {
                segments[index].cuts[stream].awaitsEntry = false
                segments[index].cuts[stream].leading = LeadingRule(
                    entry: first, presentation: unit.presentation,
                    isOpen: unit.mark.randomAccess == .open)
                // They come in without what was before it, as at a seam (law 7).
                if unit.mark.randomAccess == .open, segments[index].marks == nil, !unit.isOpen {
                    segments[index].marks = BrokenLinkWriter.marks(
                        unit, ofStream: stream, keepsLeading: true, in: timeline)
                }
            }
            if !segments[index].cuts[stream].hasBeginRules { return true }
        }
        return record.state != .open || segments[index].isLeaving
    }

    /// Decides what becomes of a PES packet when its first packet is reached. Returns false when it
    /// has to be made anew and not all its packets have their times yet.
    private mutating func judge(
        _ index: Int, _ stream: Int, _ number: Int, _ timeline: borrowing InputTimeline
    ) -> Bool {
        let track = timeline.streams[stream]
        let cut = segments[index].cuts[stream]
        guard number >= track.pes.first, number < track.pes.end else {
            segments[index].cuts[stream].judgedPES = number
            segments[index].cuts[stream].judgement = .skip
            return true
        }
        let retention = track.retention(of: number, cut)
        if case .parts = retention, track.pes[number].lastPacket >= timeline.ring.stamped {
            return false
        }
        segments[index].cuts[stream].judgedPES = number
        segments[index].cuts[stream].isJudgedDamaged = false
        if case .nothing = retention {
        } else if !segments[index].cuts[stream].follows(number, track) {
            // Datagrams that came twice or changed places: what is in it is worth nothing here.
            segments[index].cuts[stream].judgement = .skip
            damagedSent.add(track.kind)
            return true
        } else {
            segments[index].cuts[stream].isJudgedDamaged =
                track.isDamaged(pes: number, cut) || cut.endsLongSilence
            segments[index].cuts[stream].endsLongSilence = false
        }
        switch retention {
        case .whole: segments[index].cuts[stream].judgement = .whole
        case .nothing: segments[index].cuts[stream].judgement = .skip
        case .parts(let parts):
            segments[index].cuts[stream].judgement = .remade
            var packets = PESRemaker.packets(
                of: number, parts: parts, stream: stream, track, ring: timeline.ring, cut: cut,
                shift: segments[index].shift, marks: segments[index].marks)
            if !packets.isEmpty {
                packets[0].isDamaged = segments[index].cuts[stream].isJudgedDamaged
            }
            prepare(packets, index)
        }
        return true
    }

    private mutating func prepare(_ packets: [PreparedPacket], _ index: Int) {
        var queue = Array(segments[index].prepared[segments[index].preparedCursor...])
        for packet in packets {
            var place = queue.count
            while place > 0, queue[place - 1].time > packet.time { place -= 1 }
            queue.insert(packet, at: place)
        }
        segments[index].prepared = queue
        segments[index].preparedCursor = 0
    }

    // MARK: Sending

    @inline(__always)
    private mutating func sendPacket(
        _ index: Int, _ timeline: borrowing InputTimeline, _ wished: Int64
    ) {
        let number = segments[index].cursor
        segments[index].cursor = number + 1
        let note = timeline.ring[number]
        let stream = Int(note.stream)
        let slot = segments[index].cuts[stream].slot
        let until = segments[index].cuts[stream].until
        let count = Int64(Packet.size - Int(note.elementaryOffset))
        if note.elementaryPosition + count > until {
            return sendTruncated(index, number, timeline, note, slot: slot, until: until, wished)
        }
        let at = copy(number, timeline, slot: slot, wished)
        if segments[index].marks != nil { writeMarks(index, number) }
        guard note.hasClock || note.startsPES else { return }
        if segments[index].cuts[stream].isJudgedDamaged {
            segments[index].cuts[stream].isJudgedDamaged = false
            damagedSent.add(timeline.streams[stream].kind)
        }
        let time = batch.times[batch.times.count - 1]
        let carriesClock = note.hasClock && program.slots[slot].pid == program.clockPID
        if carriesClock { schedule.wroteClock(at: time) }
        let stampShift = segments[index].cuts[stream].stampShift
        let decoding = note.startsPES ? decodingOverride(index, stream, note.pes, timeline) : nil
        let sound = note.startsPES ? audioStamp(index, stream, note.pes, timeline) : nil
        var bytes = batch.bytes.mutableSpan
        if carriesClock {
            PacketWriter.setClock(ClockReference(wrapping: time), in: &bytes, at: at)
        } else if note.hasClock {
            PacketWriter.removeClock(in: &bytes, at: at)
        }
        if note.startsPES {
            let start = at + Int(note.payloadOffset)
            if let record = timeline.streams[stream].record(note.pes),
                let header = record.header
            {
                if record.isRestamped {
                    record.writeStamps(movedBy: stampShift, in: &bytes, at: start, header)
                } else {
                    PESHeader.shift(by: stampShift, in: &bytes, at: start, header: header)
                }
                if let sound, header.presentation != nil {
                    PESHeader.write(sound, in: &bytes, at: start + 9)
                }
                if let decoding, header.decoding != nil {
                    PESHeader.write(decoding, in: &bytes, at: start + 14)
                }
                if record.state == .damaged && start + 6 <= at + Packet.size {
                    // Bytes are missing: the length no longer holds; video may leave it open.
                    bytes[start + 4] = 0
                    bytes[start + 5] = 0
                }
            }
        }
    }

    /// Writes a segment's marks over the packet that was copied last.
    private mutating func writeMarks(_ index: Int, _ number: Int) {
        guard let marks = segments[index].marks else { return }
        marks.write(number, 4..<Packet.size, over: &batch.bytes)
        if number >= marks.last { segments[index].marks = nil }
    }

    /// A DTS that has to stand in place of the shifted one.
    @inline(__always)
    private func decodingOverride(
        _ index: Int, _ stream: Int, _ number: Int, _ timeline: borrowing InputTimeline
    ) -> Timestamp? {
        if segments[index].cuts[stream].decodings.isEmpty { return nil }
        return timeline.streams[stream].record(number).flatMap {
            segments[index].cuts[stream].decodings[$0.firstUnit]
        }
    }

    /// The stamp on the output's exact grid for the first frame of a PES packet.
    @inline(__always)
    private mutating func audioStamp(
        _ index: Int, _ stream: Int, _ number: Int, _ timeline: borrowing InputTimeline
    ) -> Timestamp? {
        guard timeline.streams[stream].kind == .audio,
            let record = timeline.streams[stream].record(number),
            let unit = timeline.streams[stream].unit(record.firstUnit)
        else { return nil }
        let cut = segments[index].cuts[stream]
        return program.audioStamp(
            slot: cut.slot, mark: unit.mark,
            near: unit.presentation.ticks + cut.stampShift * StreamTime.ticksPerTimestampTick)
    }

    /// The packet in which the outgoing stream ends: its bytes up to the end, stuffing before them.
    private mutating func sendTruncated(
        _ index: Int, _ number: Int, _ timeline: borrowing InputTimeline, _ note: PacketNote,
        slot: Int, until: Int64, _ wished: Int64
    ) {
        let count = Int(until - note.elementaryPosition)
        guard count > 0 else { return }
        var bytes = [UInt8](repeating: 0, count: Packet.size)
        var span = bytes.mutableSpan
        let at = PacketWriter.writeHeader(
            pid: .null, continuity: ContinuityCounter(0), startsUnit: false,
            payloadCount: count, in: &span, at: 0)
        bytes.removeSubrange(at...)
        let from = Int(note.elementaryOffset)
        timeline.ring.copy(number, from..<(from + count), to: &bytes)
        segments[index].marks?.write(number, from..<(from + count), over: &bytes)
        send(bytes, slot: slot, wished)
    }

    private mutating func sendPrepared(_ index: Int, _ wished: Int64) {
        let packet = segments[index].prepared[segments[index].preparedCursor]
        segments[index].preparedCursor += 1
        if packet.isDamaged { damagedSent.add(program.slots[packet.slot].codec.kind) }
        let at = send(packet.bytes, slot: packet.slot, wished)
        guard let (place, offset) = packet.audio,
            let stamp = program.audioStamp(slot: packet.slot, mark: place.mark, near: place.time)
        else { return }
        var bytes = batch.bytes.mutableSpan
        PESHeader.write(stamp, in: &bytes, at: at + offset)
    }

    /// Sends a packet of our own making with the slot's PID and next counter.
    /// - Returns: where it stands in the batch.
    @discardableResult
    mutating func send(_ packet: [UInt8], slot: Int, _ wished: Int64) -> Int {
        let time = schedule.place(wished, in: &batch, &program)
        let at = batch.bytes.count
        batch.bytes.append(contentsOf: packet)
        batch.times.append(time)
        let counter = program.nextContinuity(slot: slot)
        let pid = program.slots[slot].pid
        var bytes = batch.bytes.mutableSpan
        PacketWriter.setPID(pid, in: &bytes, at: at)
        PacketWriter.setContinuity(counter, in: &bytes, at: at)
        return at
    }
}
