// The first input on air: when it begins, and the segment made of it.

import TransportStream

extension Engine {
    /// Puts the first input on air.
    mutating func begin() {
        // A slate is the last to begin with, wherever it stands.
        let order = inputs.indices.filter { !isSlate($0) } + inputs.indices.filter { isSlate($0) }
        guard let place = order.firstIndex(where: { firstEntry(of: $0) != nil }) else { return }
        let best = order[place]
        let since = usableSince ?? now.ticks
        usableSince = since
        let grace = configuration.startGrace.asTicks
        if now.ticks - since < grace && !isFinished
            && order[..<place].contains(where: { !states[$0].hasEnded })
        {
            return
        }
        guard let picture = firstEntry(of: best), let epoch = inputs[best].timeline.epoch,
            let offset = inputs[best].timeline.clock.hostOffset
        else { return }
        let entry = picture.units.lowerBound
        if !restamper.program.isSet {
            restamper.program.set(
                transportStreamID: inputs[best].timeline.program.transportStreamID,
                mapPID: inputs[best].timeline.program.mapPID ?? OutputProgram.usualMapPID,
                map: epoch.map)
        }
        let shift = firstShift(best, epoch: epoch, entry: entry, hostOffset: offset)
        let reservations = restamper.program.reserve(for: claims(best, epoch))
        restamper.program.announce(reservations)
        let slots = Dictionary(zip(epoch.streams, reservations.map(\.slot))) { first, _ in first }
        restamper.segments = [
            firstSegment(best, epoch: epoch, slots: slots, entry: entry, shift: shift)
        ]
        clock.begin(
            hostOffset: offset, shift: shift,
            holdBackTicks: firstHoldBack(
                age: picture.firstTime.map { now.ticks &- offset &- $0 } ?? 0),
            at: now.ticks)
        events.append(.onAir(InputID(best), at: now))
    }

    /// What would be seconds late is played from now on: the hold-back is its age then, within
    /// what an input's clock is believed. What is older comes late, but by no more than tables and
    /// PCRs go out for at once.
    private func firstHoldBack(age: Int64) -> Int64 {
        let holdBack = configuration.holdBack.asTicks
        guard age > holdBack + StreamTime.ticksPerSecond else { return holdBack }
        return max(min(age, holdBack + Engine.disbeliefTicks), age - Engine.disbeliefTicks)
    }

    /// What is not sent later than this, 200 ms, is not late at a begin.
    static let beginToleranceTicks: Int64 = 200 * StreamTime.ticksPerMillisecond

    /// What would be sent later than this behind the hold-back, 8 s, is not begun with, as long as
    /// a newer entry may be on its way.
    private static let latestBeginTicks = 2 * disbeliefTicks

    /// The picture at which an input could begin: the first that would not be late, or the newest.
    func firstEntry(of index: Int) -> SeamPicture? {
        let timeline = inputs[index].timeline
        guard let epoch = timeline.epoch, let offset = timeline.clock.hostOffset,
            !isAwaitingPictures(index, epoch)
        else { return nil }
        let entries = SeamSide.entries(timeline, epoch: epoch).filter(\.isPlausible)
        let sound = entries.filter { !$0.isDamaged }
        let choice = sound.isEmpty ? entries : sound
        // At the end of all there is nothing to be late for.
        let tolerance = isFinished ? OutputClock.runawayTicks : Engine.beginToleranceTicks
        let latest = now.ticks - configuration.holdBack.asTicks - tolerance
        if let inTime = choice.first(where: { ($0.firstTime ?? .min) &+ offset >= latest }) {
            return inTime
        }
        let oldest = now.ticks - configuration.holdBack.asTicks - Engine.latestBeginTicks
        // Pictures may have come for long before the first PCR tells when.
        let begin = max(timeline.health.connectedTicks, timeline.lineBegin)
        let mayWait = !isFinished && now.ticks - begin < InputState.entryDistanceLimit
        return choice.last { !mayWait || ($0.firstTime ?? .min) &+ offset >= oldest }
    }

    /// The PMT names pictures, and for so short a time that they may be on their way. An input that
    /// is entered on its sound alone has no entry for its pictures, which begin wherever they can.
    func isAwaitingPictures(_ index: Int, _ epoch: Epoch) -> Bool {
        let timeline = inputs[index].timeline
        guard !isFinished, !states[index].hasEnded,
            epoch.streams.contains(where: { timeline.streams[$0].kind == .video }),
            let master = timeline.masterStream(of: epoch), timeline.streams[master].kind != .video
        else { return false }
        let begin = max(
            timeline.health.connectedTicks, timeline.arrivals.ticks(of: epoch.firstPacket))
        return now.ticks - begin < configuration.startGrace.asTicks
    }

    func claims(_ index: Int, _ epoch: Epoch) -> [StreamClaim] {
        epoch.streams.map {
            let track = inputs[index].timeline.streams[$0]
            return StreamClaim(
                codec: track.codec, language: track.language, stream: track.description)
        }
    }

    /// What the first input's line is moved by: nothing, or so that the output stands where it
    /// would if it had gone on all the time, and behind all that was sent.
    private func firstShift(
        _ index: Int, epoch: Epoch, entry: Int, hostOffset: Int64
    ) -> Int64 {
        guard let resumed else { return 0 }
        let timeline = inputs[index].timeline
        let wanted = resumed.clock &- resumed.dueAt.ticks &+ hostOffset
            &+ configuration.holdBack.asTicks
        var least = Int64.min
        if let master = timeline.masterStream(of: epoch) {
            let unit = timeline.streams[master].units[entry]
            let frame = max(timeline.streams[master].frameRate.ticks, 0)
            least = resumed.latestStamp &+ frame &- min(unit.decoding, unit.presentation).ticks
        }
        // Nothing leaves before the schedule goes on, or it would come after its decoding time.
        let first = max(epoch.firstPacket, timeline.ring.first)
        if first < timeline.ring.stamped {
            let begin = resumed.clock &+ OutputSchedule.resumeTicks &+ OutputSchedule.clockTicks
            least = max(least, begin &- timeline.ring[first].time)
        }
        // Time stamps count in 90 kHz.
        let step = StreamTime.ticksPerTimestampTick
        return -(-max(wanted, least)).flooredDivision(by: step) * step
    }

    private func firstSegment(
        _ index: Int, epoch: Epoch, slots: [Int: Int], entry: Int, shift: Int64
    ) -> Segment {
        let timeline = inputs[index].timeline
        var cuts = [StreamCut](repeating: .closed, count: timeline.streams.count)
        let master = timeline.masterStream(of: epoch) ?? -1
        guard timeline.streams.indices.contains(master) else {
            return Segment(
                input: index, epoch: epoch, shift: shift, cursor: timeline.ring.first, cuts: cuts,
                sectionCursor: timeline.sections.end)
        }
        let unit = timeline.streams[master].units[entry]
        var cursor = unit.firstPacket
        for stream in epoch.streams {
            let track = timeline.streams[stream]
            var cut = StreamCut(
                slot: slots[stream] ?? -1,
                stampShift: shift / StreamTime.ticksPerTimestampTick, from: unit.start)
            if stream != master {
                cut.notBefore = unit.presentation
                cut.awaitsEntry = track.kind == .video
                cut.from = firstPosition(track, epoch)
                let first = track.units.partition {
                    $0.firstPacket >= epoch.firstPacket && $0.presentation >= unit.presentation
                }
                if first < track.units.end {
                    cursor = min(cursor, track.units[first].firstPacket)
                } else if let open = track.firstUnsettledPacket {
                    cursor = min(cursor, open)
                }
            }
            cuts[stream] = cut
        }
        cuts[master].leading = leadingRule(entry: entry, timeline.streams[master])
        cursor = max(cursor, timeline.ring.first)
        var segment = Segment(
            input: index, epoch: epoch, shift: shift, cursor: cursor, cuts: cuts,
            sectionCursor: timeline.sections.first)
        if cursor < timeline.ring.stamped {
            segment.sectionsFrom = timeline.ring[cursor].time + shift
        }
        return segment
    }
}
