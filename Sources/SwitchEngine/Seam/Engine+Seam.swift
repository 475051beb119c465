// From a wish to a seam: who is asked, which plan is taken when, and the segments made of it.

import TransportStream

/// A plan with the input it leads to.
struct SeamChoice {
    var plan: SeamPlan
    var input: Int
    var epoch: Epoch
    var slots: [Int: Int]
    var alignment: Alignment?
}

extension Engine {
    /// How long an input must have been sound before a planned seam leads to it, one second.
    static let provenTicks: Int64 = StreamTime.ticksPerSecond

    /// A plan is carried out at the latest when this little time is left for it, 60 ms.
    static let decisionMarginTicks: Int64 = 60 * StreamTime.ticksPerMillisecond

    // MARK: The first input

    /// Puts the first input on air.
    mutating func begin() {
        let usable = inputs.indices.filter { firstEntry(of: $0) != nil }
        guard let best = usable.first else { return }
        let since = usableSince ?? now.ticks
        usableSince = since
        let grace = configuration.startGrace.scaled(by: 27, over: 1000)
        if best > 0 && now.ticks - since < grace && !isFinished
            && (0..<best).contains(where: { !states[$0].hasEnded })
        {
            return
        }
        guard let entry = firstEntry(of: best), let epoch = inputs[best].timeline.epoch,
            let offset = inputs[best].timeline.clock.hostOffset
        else { return }
        restamper.program.set(
            transportStreamID: inputs[best].timeline.program.transportStreamID,
            mapPID: inputs[best].timeline.program.mapPID ?? PID(0x1000), map: epoch.map)
        let slots = Dictionary(
            uniqueKeysWithValues: zip(
                epoch.streams, restamper.program.slots(for: claims(best, epoch))))
        restamper.segments = [
            firstSegment(best, epoch: epoch, slots: slots, entry: entry)
        ]
        clock.begin(
            hostOffset: offset, shift: 0,
            holdBackTicks: configuration.holdBack.scaled(by: 27, over: 1000))
        events.append(.onAir(InputID(best), at: now))
    }

    /// Number of the unit at which an input could begin.
    func firstEntry(of index: Int) -> Int? {
        let timeline = inputs[index].timeline
        guard let epoch = timeline.epoch, timeline.clock.hostOffset != nil,
            let side = SeamSide(
                timeline, epoch: epoch, sentBefore: timeline.ring.first,
                slots: { _ in nil }, isOver: false)
        else { return nil }
        return side.pictures.first { $0.isEntry && $0.firstTime != nil && !$0.isDamaged }?
            .units.lowerBound
            ?? side.pictures.first { $0.isEntry && $0.firstTime != nil }?.units.lowerBound
    }

    private func claims(_ index: Int, _ epoch: Epoch) -> [StreamClaim] {
        epoch.streams.map {
            let track = inputs[index].timeline.streams[$0]
            return StreamClaim(
                codec: track.codec, language: track.language, stream: track.description)
        }
    }

    private func firstSegment(
        _ index: Int, epoch: Epoch, slots: [Int: Int], entry: Int
    ) -> Segment {
        let timeline = inputs[index].timeline
        var cuts = [StreamCut](repeating: .closed, count: timeline.streams.count)
        let master = timeline.masterStream(of: epoch) ?? -1
        guard timeline.streams.indices.contains(master) else {
            return Segment(
                input: index, epoch: epoch, shift: 0, cursor: timeline.ring.first, cuts: cuts,
                sectionCursor: timeline.sections.end)
        }
        let unit = timeline.streams[master].units[entry]
        var cursor = unit.firstPacket
        for stream in epoch.streams {
            let track = timeline.streams[stream]
            var cut = StreamCut(slot: slots[stream] ?? -1, stampShift: 0, from: unit.start)
            if stream != master {
                cut.notBefore = unit.presentation
                cut.from = firstPosition(track, epoch)
                let first = track.units.partition {
                    $0.firstPacket >= epoch.firstPacket && $0.presentation >= unit.presentation
                }
                if first < track.units.end {
                    cursor = min(cursor, track.units[first].firstPacket)
                }
            }
            cuts[stream] = cut
        }
        cuts[master].leading = leadingRule(entry: entry, timeline.streams[master])
        cursor = max(cursor, timeline.ring.first)
        var segment = Segment(
            input: index, epoch: epoch, shift: 0, cursor: cursor, cuts: cuts,
            sectionCursor: timeline.sections.first)
        if cursor < timeline.ring.stamped { segment.sectionsFrom = timeline.ring[cursor].time }
        return segment
    }

    /// The first elementary stream position of an epoch that is still kept.
    private func firstPosition(_ track: StreamTrack, _ epoch: Epoch) -> Int64 {
        let first = track.pes.partition { $0.firstPacket >= epoch.firstPacket }
        return first < track.pes.end ? track.pes[first].elementaryStart : track.detector.position
    }

    /// The rule for pictures behind a random access picture of a video stream.
    private func leadingRule(entry: Int, _ track: StreamTrack) -> LeadingRule? {
        guard track.kind == .video else { return nil }
        let unit = track.units[entry]
        return LeadingRule(
            entry: entry, presentation: unit.presentation,
            isOpen: unit.mark.randomAccess == .open)
    }

    // MARK: The next input

    /// Looks for the seam that is wished for, and makes it when its time has come.
    mutating func join() {
        guard let standing = wish, restamper.segments.count == 1,
            let segment = restamper.segments.last
        else { return }
        var best: SeamChoice?
        for index in candidates(standing, segment) {
            guard let choice = plan(to: index, from: segment, standing) else { continue }
            if best.map({ choice.plan.cost < $0.plan.cost }) ?? true { best = choice }
        }
        guard let best else { return giveUp(standing) }
        if isToBeTaken(best.plan, standing) { take(best, from: segment, standing) }
    }

    /// Inputs that may be gone to, best first.
    private func candidates(_ wish: Wish, _ segment: Segment) -> [Int] {
        if let target = wish.target {
            // A planned seam must not lead to something worse than what there is.
            let sound = states[target].soundSince.map { now.ticks - $0 } ?? -1
            return sound >= Engine.provenTicks ? [target] : []
        }
        return inputs.indices.filter { index in
            if index == segment.input {
                return inputs[index].timeline.end(ofEpoch: segment.epoch.number) != .max
            }
            guard states[index].faults.isEmpty else { return false }
            // Who fell silent at the same time is no better.
            guard wish.reason == .silence else { return true }
            let threshold = detection(of: index).silence?.threshold.asTicks ?? 0
            return (inputs[index].timeline.health.lastPayloadTicks ?? 0) >= wish.leftAt + threshold
        }
    }

    private mutating func giveUp(_ standing: Wish) {
        let patience = 3 * configuration.plannedWait.scaled(by: 27, over: 1000)
        guard standing.isPlanned, now.ticks - standing.since > patience else { return }
        wish = nil
        let why = "no seam could be made: the wished input is not sound or gives no entry"
        events.append(.refused(why, at: now))
    }

    /// Whether a plan is good enough to be made now.
    private mutating func isToBeTaken(_ plan: SeamPlan, _ standing: Wish) -> Bool {
        if plan.cost.kind == .meets && plan.cost.soundGapTicks == 0 { return true }
        let isUrgent = plan.expires - clock.time(at: now.ticks) < Engine.decisionMarginTicks
        guard standing.isPlanned else {
            // To go around damage is worth a loss of few pictures, not a jump.
            let isJump = plan.cost.kind == .steps || plan.cost.kind == .hole
            if standing.reason == .damage && isJump { return false }
            // A place where nothing but the picture order is wrong could still become a better one.
            // It is waited for where the fault stands; others may pass, and the wish with them,
            // while what they did is still ahead.
            let isWhole = plan.cost.kind == .loses && plan.cost.framesLost == 0
            let stands = standing.reason == .silence || standing.reason == .timelineBreak
            return isUrgent || isWhole && !stands && plan.cost.soundGapTicks == 0
        }
        let waited = now.ticks - standing.since
        let patience = configuration.plannedWait.scaled(by: 27, over: 1000)
        let isSmall = plan.cost.kind == .loses && plan.cost.soundGapTicks == 0
        if waited < patience {
            if isSmall {
                wish?.leastLossSeen = min(standing.leastLossSeen ?? .max, plan.cost.framesMissed)
            }
            return false
        }
        if waited >= 2 * patience { return isSmall || isUrgent || plan.cost.kind != .loses }
        return isSmall && plan.cost.framesMissed <= standing.leastLossSeen ?? .max
    }

    private mutating func plan(to index: Int, from segment: Segment, _ wish: Wish) -> SeamChoice? {
        let outgoing = inputs[segment.input].timeline
        guard let epoch = inputs[index].timeline.epoch,
            index != segment.input || epoch.number != segment.epoch.number
        else { return nil }
        let isOver = !states[segment.input].faults.isEmpty
        let own = slotTable(segment)
        guard let leaving = SeamSide(
            outgoing, epoch: segment.epoch, sentBefore: segment.cursor,
            slots: { stream in own[stream] }, isOver: isOver,
            entered: { segment.cuts.indices.contains($0) ? segment.cuts[$0].from : .min })
        else { return nil }
        let slots = previewSlots(index, epoch)
        guard let entering = SeamSide(
            inputs[index].timeline, epoch: epoch, sentBefore: inputs[index].timeline.ring.first,
            slots: { stream in slots[stream].flatMap { $0 < 0 ? nil : ($0, 0) } }, isOver: false)
        else { return nil }
        let alignment = alignment(of: index, epoch, to: segment)
        let schedule = restamper.schedule.earliest ?? clock.time(at: now.ticks)
        let request = SeamRequest(
            outgoing: leaving, incoming: entering, contentOffset: alignment?.offsetTicks,
            outgoingShift: segment.shift, grids: restamper.program.grids,
            pictureOrigin: pictureOrigin(leaving, segment.shift), scheduleNow: schedule,
            incomingNow: inputs[index].timeline.clock.time(at: now.ticks)?.ticks ?? .min / 4,
            holdBackTicks: configuration.holdBack.scaled(by: 27, over: 1000),
            packetTicks: restamper.schedule.packetTicks,
            mayOpenHole: !wish.isPlanned && (isStandingStill || isOver))
        guard case .plan(let plan) = SeamPlanner.plan(request) else { return nil }
        return SeamChoice(
            plan: plan, input: index, epoch: epoch, slots: slots, alignment: alignment)
    }

    /// A point of the output's exact picture grid; set by the first outgoing input, and kept.
    private mutating func pictureOrigin(_ leaving: SeamSide, _ shift: Int64) -> Int64? {
        guard let last = leaving.pictures.last,
            let offset = leaving.gridOffset(of: last.presentation)
        else { return nil }
        if let grid = pictureGrid, grid.frameTicks == leaving.frameTicks { return grid.origin }
        let origin = last.presentation + offset + shift
        pictureGrid = (origin, leaving.frameTicks)
        return origin
    }

    private func slotTable(_ segment: Segment) -> [Int: (slot: Int, nudge: Int64)] {
        var result: [Int: (slot: Int, nudge: Int64)] = [:]
        for stream in segment.epoch.streams {
            let slot = segment.slot(of: stream)
            guard slot >= 0 else { continue }
            let nudge = segment.cuts[stream].stampShift * StreamTime.ticksPerTimestampTick
                - segment.shift
            result[stream] = (slot, nudge)
        }
        return result
    }

    /// The slots that an input would get; the output's own table is not touched by looking.
    private func previewSlots(_ index: Int, _ epoch: Epoch) -> [Int: Int] {
        var program = restamper.program
        let slots = program.slots(for: claims(index, epoch))
        return Dictionary(uniqueKeysWithValues: zip(epoch.streams, slots))
    }

    /// How an input lines up with the segment on air.
    func alignment(of index: Int, _ epoch: Epoch, to segment: Segment) -> Alignment? {
        let own = inputs[segment.input].timeline.alignmentSide(of: segment.epoch)
        let other = inputs[index].timeline.alignmentSide(of: epoch)
        return Alignment.between(
            outgoing: own, incoming: other,
            mode: index == segment.input ? .arrival : configuration.alignment)
    }

    // MARK: Carrying out

    private mutating func take(_ choice: SeamChoice, from segment: Segment, _ standing: Wish) {
        let index = restamper.segments.count - 1
        leave(index, choice.plan)
        var next = enter(choice)
        next.claims = claims(choice.input, choice.epoch)
        orderDecoding(&next, choice, after: restamper.segments[index])
        next.sectionsFrom = choice.plan.expires
        restamper.segments[index].sectionsUntil = choice.plan.expires
        restamper.segments.append(next)
        if choice.plan.breaksLink { markBrokenLink(choice) }
        if let offset = inputs[choice.input].timeline.clock.hostOffset {
            clock.change(hostOffset: offset, shift: choice.plan.shift)
        }
        record(choice, from: segment, standing)
        wish = nil
        operatorChoice = standing.reason == .operatorSwitch ? choice.input : nil
        isStandingStill = false
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
        restamper.segments[index].end = end
    }

    /// A PES packet that was judged but of which nothing has left is judged again with the new end.
    private mutating func judgeAgain(_ index: Int, _ stream: Int, _ track: StreamTrack) {
        let cut = restamper.segments[index].cuts[stream]
        guard cut.judgement == .whole, cut.judgedPES >= track.pes.first,
            cut.judgedPES < track.pes.end,
            track.pes[cut.judgedPES].firstPacket >= restamper.segments[index].cursor
        else { return }
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
            if fromUnit >= track.units.end {
                cut.notBefore = StreamTime(ticks: notBefore)
                // The PES packet with the frame may have begun.
                if let last = track.pes.last, last.state == .open {
                    cursor = min(cursor, last.firstPacket)
                }
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
        let outgoing = inputs[last.input].timeline
        let incoming = inputs[choice.input].timeline
        guard let from = outgoing.masterStream(of: last.epoch),
            let to = incoming.masterStream(of: choice.epoch),
            incoming.streams[to].kind == .video, outgoing.streams[from].kind == .video
        else { return }
        let left = outgoing.streams[from].units
        let number = min(choice.plan.outgoingUntil, left.end) - 1
        guard number >= left.first else { return }
        // Behind a short stretch the last DTS may itself have been put elsewhere.
        let shifted = left[number].decoding + last.shift
        let bound = last.cuts[from].decodings[number]?.unwrapped(near: shifted).ticks
            ?? shifted.ticks
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

    /// No successor comes: each stream ends behind its last whole unit.
    mutating func closeSegments() {
        guard let index = restamper.segments.indices.last else { return }
        let segment = restamper.segments[index]
        guard !segment.isLeaving else { return }
        let timeline = inputs[segment.input].timeline
        var end = segment.cursor
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            let track = timeline.streams[stream]
            var last = track.units.end
            while last > track.units.first,
                track.units[last - 1].isOpen || track.units[last - 1].isDamaged
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
        restamper.segments[index].end = min(
            end, timeline.end(ofEpoch: segment.epoch.number))
    }

    /// Writes the standard's own mark into the random access picture (law 7).
    private mutating func markBrokenLink(_ choice: SeamChoice) {
        let timeline = inputs[choice.input].timeline
        guard let master = timeline.masterStream(of: choice.epoch) else { return }
        let track = timeline.streams[master]
        let unit = track.units[choice.plan.incomingFrom]
        let keepsLeading = choice.plan.presentation
            < unit.presentation.ticks + choice.plan.shift
        BrokenLinkWriter.mark(
            unit, ofStream: master, keepsLeading: keepsLeading, in: &inputs[choice.input].timeline)
    }
}
