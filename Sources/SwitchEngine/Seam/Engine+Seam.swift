// From a plan to a seam: the segments made of it.

import TransportStream

extension Engine {
    mutating func take(_ choice: SeamChoice, from segment: Segment, _ standing: Wish) {
        let index = restamper.segments.count - 1
        leave(index, choice.plan)
        var next = enter(choice)
        next.unannounced = restamper.program.reserve(for: claims(choice.input, choice.epoch))
        orderDecoding(&next, choice, after: restamper.segments[index])
        next.sectionsFrom = choice.plan.expires
        restamper.segments[index].sectionsUntil = choice.plan.expires
        if choice.plan.breaksLink { next.marks = brokenLinkMarks(choice) }
        restamper.segments.append(next)
        if let offset = inputs[choice.input].timeline.clock.hostOffset {
            clock.change(
                hostOffset: offset, shift: choice.plan.shift, sent: restamper.schedule.last)
        }
        remember(choice, shift: segment.shift)
        record(choice, from: segment, standing)
        isStandingStill = false
        settle(standing, from: segment.input, to: choice.input)
    }

    /// What left of streams that the incoming input may not have.
    private mutating func remember(_ choice: SeamChoice, shift: Int64) {
        if !choice.leaving.isSoundOnly {
            sentBefore.pictures = choice.leaving.pictures.filter {
                $0.units.upperBound <= choice.plan.outgoingUntil
            }
            sentBefore.shift = shift
        }
        for sound in choice.plan.sounds {
            if sound.incomingStream != nil {
                sentBefore.soundEnds[sound.slot] = nil
            } else if let end = sound.outgoingEnd {
                sentBefore.soundEnds[sound.slot] = end
            }
        }
    }

    /// What the policy remembers of a seam.
    private mutating func settle(_ standing: Wish, from: Int, to: Int) {
        wish = nil
        if let number = standing.appointment { drop(number) }
        if !standing.isPlanned && from != to { states[from].flaps.strike() }
        followCue(standing, from: from, to: to)
        // A piece of the same input changes nothing.
        guard from != to || standing.target != nil else { return }
        let isOrdered = standing.reason == .operatorSwitch || standing.reason == .scheduled
            || standing.preferred == to
        if from != to { operatorChoice = isOrdered ? to : nil }
        if let preferred = standing.preferred, preferred != to {
            refuse("\(name(preferred)): the input on air failed, and \(name(to)) was the way out")
        } else if isOrdered && standing.holds {
            setHold(to)
        }
    }

    /// Ends the outgoing segment where the plan says.
    private mutating func leave(_ index: Int, _ plan: SeamPlan) {
        let segment = restamper.segments[index]
        let timeline = inputs[segment.input].timeline
        let master = timeline.masterStream(of: segment.epoch) ?? -1
        var end = segment.cursor
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            let track = timeline.streams[stream]
            var untilUnit = track.units.end
            if stream == master && track.kind == .video {
                untilUnit = plan.outgoingUntil
            } else if let sound = plan.sounds.first(where: { $0.outgoingStream == stream }) {
                untilUnit = sound.outgoingUntil
            } else {
                let shift = segment.cuts[stream].stampShift * StreamTime.ticksPerTimestampTick
                untilUnit = track.units.partition {
                    $0.firstPacket >= segment.cursor && $0.isTimed
                        && $0.presentation.ticks + shift >= plan.presentation
                }
                if track.units.last?.isOpen == true {
                    untilUnit = min(untilUnit, track.units.end - 1)
                }
            }
            let until = position(beforeUnit: untilUnit, track)
            restamper.segments[index].cuts[stream].until = until
            judgeAgain(index, stream, track)
            let last = timeline.packet(of: stream, holding: until - 1) ?? -1
            restamper.segments[index].cuts[stream].lastPacket = last
            end = max(end, last + 1)
        }
        // What came behind the epoch is on another line.
        restamper.segments[index].end = min(
            end, timeline.end(ofEpoch: segment.epoch.number))
    }

    /// A PES packet that was judged but of which nothing has left is judged again with the new end.
    private mutating func judgeAgain(_ index: Int, _ stream: Int, _ track: StreamTrack) {
        let cut = restamper.segments[index].cuts[stream]
        guard let record = track.record(cut.judgedPES),
            record.firstPacket >= restamper.segments[index].cursor
        else { return }
        switch cut.judgement {
        case .skip: return
        case .whole: break
        case .remade:
            guard restamper.segments[index].withdraw(cut.judgedPES, of: stream) else { return }
        }
        restamper.segments[index].cuts[stream].judgedPES = -1
    }

    /// The elementary stream position at which a unit begins, or the one before it ends.
    private func position(beforeUnit number: Int, _ track: StreamTrack) -> Int64 {
        if number - 1 >= track.units.first, number - 1 < track.units.end,
            !track.units[number - 1].isOpen
        {
            return track.units[number - 1].end
        }
        if number >= track.units.first, number < track.units.end {
            return track.units[number].start
        }
        return number < track.units.first ? 0 : track.detector.position
    }

    /// Begins the incoming segment where the plan says.
    private func enter(_ choice: SeamChoice) -> Segment {
        let timeline = inputs[choice.input].timeline
        let plan = choice.plan
        let master = timeline.masterStream(of: choice.epoch) ?? -1
        var cuts = [StreamCut](repeating: .closed, count: timeline.streams.count)
        var cursor = Int.max
        for stream in choice.epoch.streams {
            let track = timeline.streams[stream]
            var fromUnit = track.units.end
            var nudge: Int64 = 0
            var notBefore = plan.presentation - plan.shift
            if stream == master && track.kind == .video {
                fromUnit = plan.incomingFrom
            } else if let sound = plan.sounds.first(where: { $0.incomingStream == stream }) {
                // Where no frame is there yet, the first that comes in time will do.
                fromUnit = sound.incomingFrom >= track.units.first
                    ? sound.incomingFrom : track.units.end
                nudge = sound.nudge
                notBefore = sound.notBefore ?? notBefore
            } else {
                fromUnit = track.units.partition {
                    $0.firstPacket >= choice.epoch.firstPacket && $0.isTimed
                        && $0.presentation.ticks + plan.shift >= plan.presentation
                }
            }
            var cut = StreamCut(
                slot: choice.slots[stream] ?? -1,
                stampShift: (plan.shift + nudge) / StreamTime.ticksPerTimestampTick,
                from: firstPosition(track, choice.epoch))
            let sound = plan.sounds.first { $0.incomingStream == stream }
            cut.heardUntil = sound?.outgoingEnd
            cut.silentSince = sound?.silentSince
            cut.awaitsEntry = stream != master && track.kind == .video
            if fromUnit >= track.units.end {
                cut.notBefore = StreamTime(ticks: notBefore)
                // The PES packet with the frame may have begun, and even ended: then the rest of
                // the frame is at the begin of the next.
                if let open = track.firstUnsettledPacket { cursor = min(cursor, open) }
            }
            if fromUnit < track.units.end {
                cut.from = track.units[fromUnit].start
                cursor = min(cursor, track.units[fromUnit].firstPacket)
            }
            if stream == master { cut.leading = leadingRule(entry: plan.incomingFrom, track) }
            cuts[stream] = cut
        }
        return Segment(
            input: choice.input, epoch: choice.epoch, shift: plan.shift,
            cursor: max(min(cursor, timeline.ring.end), timeline.ring.first), cuts: cuts,
            sectionCursor: timeline.sections.first)
    }

    /// An input with more reordering decodes its first pictures before the last of the outgoing
    /// one: their DTS are put behind those, close together, up to the first that follows by itself.
    /// What is removed from the decoder's buffer later than planned has come all the sooner.
    private func orderDecoding(_ next: inout Segment, _ choice: SeamChoice, after last: Segment) {
        let incoming = inputs[choice.input].timeline
        guard let to = incoming.masterStream(of: choice.epoch),
            incoming.streams[to].kind == .video,
            let bound = lastDecoding(choice, last)
        else { return }
        let units = incoming.streams[to].units
        var overtaken: [Int] = []
        var free = bound + max(incoming.streams[to].frameRate.ticks, 30_000)
        for index in choice.plan.incomingFrom..<units.end {
            let decoding = units[index].decoding.ticks + choice.plan.shift
            // All that are put before it need a tick each.
            let room = Int64(overtaken.count + 1) * StreamTime.ticksPerTimestampTick
            if decoding >= bound + room {
                free = decoding
                break
            }
            overtaken.append(index)
        }
        // A whole tick of 90 kHz at least, or two would be written alike.
        let step = max(
            (free - bound) / Int64(overtaken.count + 1), StreamTime.ticksPerTimestampTick)
        for (place, index) in overtaken.enumerated() {
            let time = StreamTime(ticks: bound + step * Int64(place + 1))
            next.cuts[to].decodings[index] = Timestamp(time)
        }
    }

    /// DTS of the last picture before a seam, on the output's line: of the outgoing input, or of
    /// the one before where that has no pictures.
    private func lastDecoding(_ choice: SeamChoice, _ last: Segment) -> Int64? {
        let outgoing = inputs[last.input].timeline
        guard let from = outgoing.masterStream(of: last.epoch) else { return nil }
        guard outgoing.streams[from].kind == .video else { return sentBefore.decoding }
        let left = outgoing.streams[from].units
        let number = min(choice.plan.outgoingUntil, left.end) - 1
        guard number >= left.first else { return nil }
        // Behind a short stretch the last DTS may itself have been put elsewhere.
        let shifted = left[number].decoding + last.shift
        return last.cuts[from].decodings[number]?.unwrapped(near: shifted).ticks ?? shifted.ticks
    }

    /// No successor comes: each stream ends behind its last whole unit.
    mutating func closeSegments() {
        guard let index = restamper.segments.indices.last else { return }
        let segment = restamper.segments[index]
        guard !segment.isLeaving else { return }
        let timeline = inputs[segment.input].timeline
        let limit = timeline.end(ofEpoch: segment.epoch.number)
        var end = segment.cursor
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            let track = timeline.streams[stream]
            var last = track.units.partition { $0.firstPacket >= limit }
            while last > track.units.first,
                track.units[last - 1].isOpen || track.units[last - 1].isDamaged
                    || isBeyond(track.units[last - 1], segment, timeline)
            {
                last -= 1
            }
            let until = track.units.isEmpty ? 0 : position(beforeUnit: last, track)
            restamper.segments[index].cuts[stream].until = until
            judgeAgain(index, stream, track)
            if let last = timeline.packet(of: stream, holding: until - 1) {
                end = max(end, last + 1)
            }
        }
        restamper.segments[index].end = min(end, limit)
    }

    /// A unit would leave so late that its time can not be true.
    private func isBeyond(
        _ unit: Unit, _ segment: Segment, _ timeline: borrowing InputTimeline
    ) -> Bool {
        let holdBack = max(configuration.holdBack.asTicks, clock.holdBackTicks)
        let limit = clock.outputTicks(at: now.ticks) + holdBack + patienceTicks
        return [unit.firstPacket, unit.lastPacket].contains { packet in
            packet >= timeline.ring.first && packet < timeline.ring.stamped
                && timeline.ring[packet].time + segment.shift > limit
        }
    }

    /// The standard's own mark in the random access picture (law 7).
    private func brokenLinkMarks(_ choice: SeamChoice) -> PacketMarks? {
        let timeline = inputs[choice.input].timeline
        guard let master = timeline.masterStream(of: choice.epoch) else { return nil }
        let track = timeline.streams[master]
        let unit = track.units[choice.plan.incomingFrom]
        let keepsLeading = choice.plan.presentation
            < unit.presentation.ticks + choice.plan.shift
        return BrokenLinkWriter.marks(
            unit, ofStream: master, keepsLeading: keepsLeading, in: timeline)
    }

    /// The first elementary stream position of an epoch that is still kept.
    func firstPosition(_ track: StreamTrack, _ epoch: Epoch) -> Int64 {
        let first = track.pes.partition { $0.firstPacket >= epoch.firstPacket }
        return first < track.pes.end ? track.pes[first].elementaryStart : track.detector.position
    }

    /// The rule for pictures behind a random access picture of a video stream.
    func leadingRule(entry: Int, _ track: StreamTrack) -> LeadingRule? {
        guard track.kind == .video else { return nil }
        let unit = track.units[entry]
        return LeadingRule(
            entry: entry, presentation: unit.presentation,
            isOpen: unit.mark.randomAccess == .open)
    }
}
