// A seam can be due before any sound of the incoming input has come: the encoder has just been
// switched on, and its sound is behind its pictures. How long the silence is, and where on the grid
// the sound goes on, is known when its first frame comes; what is told of the seam waits for that.
//
//   outgoing  |----|----|----|
//   incoming                   .    .    .  |----|----|      its own place
//   output    |----|----|----|    |    |    |  |----|----|   whole frames later
//                            ^ silentSince

import TransportStream

/// A seam of which the silence is not known yet.
struct UntoldSeam {
    var record: SeamRecord
    /// With the longest silence of a sound as far as it is known.
    var cost: SeamCost
    /// Number of the epoch that it leads to.
    var epoch: Int
    /// It is told when the output has come to this, whatever is known.
    var due: Int64
}

extension Engine {
    /// So long after the seam's pictures are shown its sound should have been there, 1 s.
    static let tellingTicks: Int64 = StreamTime.ticksPerSecond

    /// Finds the place of sound that had not come when its seam was decided, and tells of the seam
    /// when no more is to be known.
    mutating func settleSound() {
        for index in restamper.segments.indices {
            for stream in restamper.segments[index].cuts.indices
            where restamper.segments[index].cuts[stream].silentSince != nil {
                settle(index, stream)
            }
        }
        guard let seam = seamUntold else { return }
        let isAwaited = restamper.segments.contains { segment in
            segment.input == seam.record.to.index && segment.epoch.number == seam.epoch
                && segment.cuts.contains { $0.silentSince != nil }
        }
        if !isAwaited || releaseTime() >= seam.due { tellSeam() }
    }

    /// Tells of the seam that waits for its sound, as far as that is known.
    mutating func tellSeam() {
        guard var seam = seamUntold else { return }
        seamUntold = nil
        for segment in restamper.segments
        where segment.input == seam.record.to.index && segment.epoch.number == seam.epoch {
            // It goes on being silent.
            for case let since? in segment.cuts.map(\.silentSince) {
                seam.cost.soundGapTicks = max(seam.cost.soundGapTicks, releaseTime() - since)
            }
        }
        seam.record.level = seam.cost.level
        seam.record.audioGap = seam.cost.soundGapTicks / StreamTime.ticksPerTimestampTick
        tell(seam.record)
    }

    /// Notes where the sound that has left ends: of a stream that stays away the frames are
    /// forgotten, and a seam may come after that. Tracks are asked where they are, not copied.
    mutating func noteSoundEnds() {
        guard let last = restamper.segments.indices.last, !restamper.segments[last].isLeaving
        else { return }
        let box = inputs[restamper.segments[last].input]
        let cursor = restamper.segments[last].cursor
        let first = restamper.segments[last].epoch.firstPacket
        for stream in restamper.segments[last].epoch.streams
        where restamper.segments[last].slot(of: stream) >= 0
            && box.timeline.streams[stream].kind == .audio
        {
            let cut = restamper.segments[last].cuts[stream]
            guard cut.silentSince == nil,
                let end = box.timeline.streams[stream].soundEnd(cut, from: first, sent: cursor)
            else { continue }
            restamper.segments[last].cuts[stream].heardUntil =
                end + cut.stampShift * StreamTime.ticksPerTimestampTick
        }
    }

    private mutating func settle(_ index: Int, _ stream: Int) {
        let segment = restamper.segments[index]
        let cut = segment.cuts[stream]
        let timeline = inputs[segment.input].timeline
        guard let since = cut.silentSince, timeline.streams.indices.contains(stream),
            let unit = firstSound(
                cut, timeline.streams[stream], segment.epoch.firstPacket
                    ..< timeline.end(ofEpoch: segment.epoch.number))
        else { return }
        let base = cut.stampShift * StreamTime.ticksPerTimestampTick
        let grid = restamper.program.grids[cut.slot].flatMap { $0.fits(unit.mark) ? $0 : nil }
        let silence = SoundPlanner.silence(
            since: since, until: unit.presentation.ticks + base, frameTicks: unit.durationTicks,
            grid: grid)
        let nudge = silence.nudge / StreamTime.ticksPerTimestampTick
        restamper.segments[index].cuts[stream].stampShift += nudge
        restamper.segments[index].cuts[stream].silentSince = nil
        guard let seam = seamUntold, segment.input == seam.record.to.index,
            segment.epoch.number == seam.epoch
        else {
            restamper.segments[index].cuts[stream].endsLongSilence = true
            return
        }
        seamUntold?.cost.soundGapTicks = max(seam.cost.soundGapTicks, abs(silence.ticks))
    }

    /// The first frame that goes out under a cut, when it is whole and its time is certain. What
    /// comes behind the epoch is on another line, and its time says nothing on this one.
    private func firstSound(
        _ cut: StreamCut, _ track: StreamTrack, _ epoch: Range<Int>
    ) -> Unit? {
        let first = track.units.partition { $0.start >= cut.from }
        for number in first..<max(first, track.units.end) {
            let unit = track.units[number]
            if unit.isOpen || unit.start >= cut.until || unit.firstPacket >= epoch.upperBound
                || track.doubtful?.unit == number
            {
                return nil
            }
            let isEarly = cut.notBefore.map { unit.presentation < $0 } ?? false
            if unit.isTimed, !unit.isDamaged, !isEarly, unit.firstPacket >= epoch.lowerBound {
                return unit
            }
        }
        return nil
    }
}

extension StreamTrack {
    /// Where the last whole frame ends of the PES packets that have begun to leave, 27 MHz ticks.
    /// - Parameter first: the first packet of the epoch.
    /// - Parameter cursor: the first packet that has not been sent.
    fileprivate mutating func soundEnd(
        _ cut: StreamCut, from first: Int, sent cursor: Int
    ) -> Int64? {
        let begun = pes.partition { $0.firstPacket >= cursor } - 1
        let number = units.lastWhole(before: units.partition { $0.pes > begun })
        guard let unit = unit(number), unit.firstPacket >= first, unit.start >= cut.from,
            !unit.isDamaged, !unit.isOpen, unit.isTimed, doubtful?.unit != number,
            cut.notBefore.map({ unit.presentation >= $0 }) ?? true
        else { return nil }
        return unit.presentation.ticks + unit.durationTicks
    }
}
