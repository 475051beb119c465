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
    var kind: SeamCost.Kind
    /// Number of the epoch that it leads to.
    var epoch: Int
    /// The longest silence of a sound, as far as it is known, 27 MHz ticks.
    var gapTicks: Int64
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
                seam.gapTicks = max(seam.gapTicks, releaseTime() - since)
            }
        }
        seam.record.level = level(seam.kind, seam.gapTicks)
        seam.record.audioGap = seam.gapTicks / StreamTime.ticksPerTimestampTick
        tell(seam.record)
    }

    /// Notes where the sound that has left ends: of a stream that stays away the frames are
    /// forgotten, and a seam may come after that.
    mutating func noteSoundEnds() {
        guard let segment = restamper.segments.last, !segment.isLeaving else { return }
        let timeline = inputs[segment.input].timeline
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            let cut = segment.cuts[stream]
            let track = timeline.streams[stream]
            guard track.kind == .audio, cut.silentSince == nil,
                let unit = lastSent(cut, track, before: segment.cursor),
                unit.firstPacket >= segment.epoch.firstPacket
            else { continue }
            restamper.segments[restamper.segments.count - 1].cuts[stream].heardUntil =
                unit.presentation.ticks + unit.durationTicks
                + cut.stampShift * StreamTime.ticksPerTimestampTick
        }
    }

    /// The last whole frame of the PES packets that have begun to leave.
    private func lastSent(_ cut: StreamCut, _ track: StreamTrack, before packet: Int) -> Unit? {
        let begun = track.pes.partition { $0.firstPacket >= packet } - 1
        let number = track.units.lastWhole(before: track.units.partition { $0.pes > begun })
        guard let unit = track.unit(number), unit.start >= cut.from, !unit.isDamaged,
            !unit.isOpen, unit.isTimed, track.doubtful?.unit != number,
            cut.notBefore.map({ unit.presentation >= $0 }) ?? true
        else { return nil }
        return unit
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
        seamUntold?.gapTicks = max(seam.gapTicks, abs(silence.ticks))
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
