// Single time stamps that can not be true. The unit is whole, only its time is wrong, so it is
// given the time that those around it leave for it, and goes out with that.
//
//   PTS and DTS of one PES packet off by the same     both are moved back: exact
//   PTS alone, or DTS alone                           worked out from the other and the unit before
//   PTS alone, by less than a frame or two            to the frame that it is nearest to

import TransportStream

/// The unit whose time is in doubt until the next time stamp comes.
struct Doubt {
    var unit: Int
    /// The step to it was taken for a hole, and the unit before it for a damaged one.
    var isHole = false
    var hasSpoilt = false
    /// Its time is before that of the unit before.
    var isBack = false
    /// From the input's time when it came to its own.
    var lead: Int64
}

/// Frames of sound are missing behind a PES packet, and the counter shows no loss.
struct UncountedHole {
    var pes: Int
    /// 27 MHz ticks.
    var ticks: Int64
}

extension StreamTrack {
    /// The first packet of the PES packet whose time is in doubt: it does not leave before the next
    /// time stamp has come. Nor does the one before it, where that is whole if there is no hole.
    var doubtfulPacket: Int? {
        // Asked for at each packet, so nothing large is copied.
        guard var unit = doubtful?.unit else { return nil }
        if doubtful?.hasSpoilt == true { unit -= 1 }
        guard unit >= units.first, unit < units.end else { return nil }
        let number = units[unit].pes
        return number >= pes.first && number < pes.end
            ? pes[number].firstPacket : units[unit].firstPacket
    }

    /// Whether units are missing before the one in doubt, however that is settled.
    var hasLostBeforeDoubt: Bool {
        guard let doubt = doubtful, let unit = unit(doubt.unit) else { return false }
        return unit.followsGap && !doubt.isHole
    }

    /// Makes PTS and DTS of a picture agree, where they are further apart than a decoder buffers,
    /// or plainly otherwise than in this stream's other pictures: some streams show pictures before
    /// they are decoded, again and again, and pass as they are.
    mutating func reconcile(_ unit: inout Unit, after previous: Unit?, _ number: Int) {
        guard kind == .video, number >= pes.first, number < pes.end else { return }
        let usual = usualDelays(after: previous)
        if usual.contains(unit.presentation - unit.decoding), let place = framePlace(of: unit) {
            strayStamps += 1
            unit.presentation = place
            pes[number].isRestamped = true
            pes[number].presentation = place
        }
        let delay = unit.presentation - unit.decoding
        if delay != 0 { hasReordering = true }
        guard !usual.contains(delay) else {
            if isShownTwice(unit) { distrust(&unit, number) }
            return
        }
        strayStamps += 1
        pes[number].isRestamped = true
        guard let previous, previous.isTimed, previous.durationTicks > 0 else {
            // Nothing tells which of the two is right.
            unit.presentation = max(unit.presentation, unit.decoding)
            unit.decoding = unit.presentation
            unit.isTimed = false
            return
        }
        var guess = unit
        follow(previous, &guess)
        let isDecodingRight = abs(unit.decoding - guess.decoding) <= 3 * previous.durationTicks
        if isDecodingRight {
            unit.presentation = unit.decoding
                + (usualDelay(like: unit) ?? guess.presentation - guess.decoding)
        } else {
            unit.decoding = guess.decoding
            let left = unit.presentation - guess.decoding
            if !usual.contains(left) { unit.presentation = guess.presentation }
        }
        pes[number].presentation = unit.presentation
        pes[number].decoding = unit.decoding
        if hasReordering { distrust(&unit, number) }
    }

    /// The place among the frames of a picture whose PTS alone is between two of them: a picture
    /// waits as long as those before it, or whole frames more or less. Nil where the PTS may be
    /// right: frames last unequally long, the DTS steps too, or another stamp near it did the like.
    private func framePlace(of unit: Unit) -> StreamTime? {
        let frame = frameRate.ticks
        guard hasDecodingStamps, frame > 0, unit.mark.field == .frame, let previous = units.last,
            previous.isTimed, unit.decoding > previous.decoding
        else { return nil }
        let rounding = StreamTrack.roundingTicks
        func frames(_ ticks: Int64) -> Int64 { ticks.roundedDivision(by: frame) * frame }
        func isWhole(_ ticks: Int64) -> Bool { abs(ticks - frames(ticks)) <= rounding }
        let usual = previous.presentation - previous.decoding
        let more = unit.presentation - unit.decoding - usual
        guard !isWhole(more), isWhole(unit.decoding - previous.decoding) else { return nil }
        var (alike, others, isSteady) = (0, 0, unit.mark.coding != .bidirectional)
        let window = max(units.first, units.end - StreamTrack.roundedUnits)..<units.end
        for index in window where units[index].isTimed {
            let difference = units[index].presentation - units[index].decoding - usual
            guard record(units[index].pes)?.isRestamped == false else { return nil }
            if abs(difference) > rounding { isSteady = false }
            if isWhole(difference) { alike += 1 } else { others += 1 }
        }
        guard alike >= StreamTrack.fewestOnGrid, others * 4 <= alike else { return nil }
        let place = unit.decoding + usual + (isSteady ? 0 : frames(more))
        // Stamps are rounded down: the picture that was rounded least tells the exact place.
        var least = -rounding
        for index in window where units[index].isTimed {
            let distance = units[index].presentation - place
            let off = distance - frames(distance)
            if off <= rounding { least = max(least, off) }
        }
        return place + least
    }

    /// The time at which a picture is shown may be wrong, and nothing better is known: a fact to be
    /// told, and gone around where there is another input.
    private mutating func distrust(_ unit: inout Unit, _ number: Int) {
        pes[number].isGuessed = true
        unit.isDamaged = true
        damagedUnits += 1
    }

    /// Whether a picture would be shown at the same time as one of those before: one of the two has
    /// a wrong PTS.
    private func isShownTwice(_ unit: Unit) -> Bool {
        guard !unit.isSecondField, unit.mark.field != .firstField, frameRate.ticks > 0 else {
            return false
        }
        return (max(units.first, units.end - StreamTrack.roundedUnits)..<units.end).contains {
            units[$0].isTimed
                && abs(units[$0].presentation - unit.presentation) < frameRate.ticks / 2
        }
    }

    /// How long a picture may wait between decoding and showing: not much otherwise than those
    /// before it, where there are enough of them, and no longer than a decoder buffers.
    private func usualDelays(after previous: Unit?) -> ClosedRange<Int64> {
        let limit = ContentLead.limitTicks
        let first = max(units.first, units.end - StreamTrack.roundedUnits)
        guard let previous, previous.durationTicks > 0, units.end - first >= StreamTrack.fewestUnits
        else { return -limit...limit }
        var (least, most) = (Int64.max, Int64.min)
        for index in first..<units.end where units[index].isTimed {
            let delay = units[index].presentation - units[index].decoding
            (least, most) = (min(least, delay), max(most, delay))
        }
        guard least <= most else { return -limit...limit }
        let margin = 3 * previous.durationTicks
        return max(least - margin, -limit)...max(min(most + margin, limit), -limit)
    }

    /// How long pictures of the same sort wait between decoding and showing: the last one's tell.
    private func usualDelay(like unit: Unit, before end: Int? = nil) -> Int64? {
        let end = end ?? units.end
        for index in (max(units.first, end - StreamTrack.roundedUnits)..<end).reversed()
        where units[index].isTimed && units[index].isAlike(unit) {
            return units[index].presentation - units[index].decoding
        }
        return nil
    }

    /// Times of a unit that has no time stamp of its own, from the unit before it.
    func follow(_ previous: Unit, _ unit: inout Unit) {
        unit.decoding = previous.decoding + previous.durationTicks
        unit.isTimed = previous.isTimed && previous.durationTicks > 0
        if kind != .video || unit.isSecondField {
            unit.presentation = previous.presentation + previous.durationTicks
        } else {
            // 13818-1 §2.7.5: a picture that no other waits for is shown when it is decoded.
            let delay = previous.presentation - previous.decoding
            let isReordered = unit.mark.coding != .bidirectional && delay > 0
            unit.presentation = isReordered ? unit.decoding + delay : unit.decoding
        }
    }

    /// Holds the time of a new unit, which has no number yet, against those before.
    mutating func watchStep(_ unit: inout Unit, isStamped: Bool, clock: StreamTime) {
        if unit.mark.coding == .bidirectional { hasReordering = true }
        let isReordered = kind == .video && hasReordering && !hasDecodingStamps
        if isStamped, isFirstWrong(before: unit, clock) { return }
        let verdict = habit.take(
            unit, isStamped: isStamped, isReordered: isReordered, followsLoss: gapPending,
            kind: kind)
        if isStamped { settleDoubt(verdict) }
        let lead = unit.decoding - clock
        switch verdict {
        case .goesOn, .stray:
            if isStamped { usualLead = lead }
        case .hole:
            if !isReordered { doubtful = Doubt(unit: units.end, isHole: !gapPending, lead: lead) }
            guard !gapPending else { return }
            gapPending = true
            holes += 1
            if kind == .audio, let pes = units.last?.pes, let ticks = habit.doubt {
                uncountedHole = UncountedHole(pes: pes, ticks: ticks)
            }
            spoilLast()
        case .back:
            doubtful = Doubt(unit: units.end, isBack: true, lead: lead)
        case .uneven:
            if !isReordered { doubtful = Doubt(unit: units.end, lead: lead) }
        }
    }

    /// Of sixteen packets that are lost in a row the counter shows none: what the unit before the
    /// hole ended with may be the rest of another. Where it ends in its PES packet, which tells how
    /// long it is and was just that long, it is whole.
    private mutating func spoilLast() {
        guard let last = units.last, !last.isDamaged, last.pes >= pes.first, last.pes < pes.end,
            pes[last.pes].missingBytes != 0 || last.pes == pes.end - 1 || !isWithinPES(last)
        else { return }
        units[units.end - 1].isDamaged = true
        if last.pes < pes.end - 1 { pes[last.pes].state = .damaged }
        doubtful?.hasSpoilt = true
    }

    /// Whether all bytes of an audio frame are in the PES packet that it begins in.
    private func isWithinPES(_ unit: Unit) -> Bool {
        kind != .audio || unit.end <= pes[unit.pes].elementaryEnd
            && unit.end - unit.start >= Int64(unit.mark.length)
    }

    /// What of a PES packet lies behind one of its packets may be the rest of another: units that
    /// begin in it, and the rest of one from before it.
    mutating func spoil(pes number: Int, behind packet: Int) {
        guard let record = record(number) else { return }
        let (first, end) = (
            units.partition { $0.end > record.elementaryStart },
            units.partition { $0.start >= record.elementaryEnd }
        )
        for unit in first..<max(first, end)
        where units[unit].lastPacket > packet && !units[unit].isDamaged {
            units[unit].isDamaged = true
            damagedUnits += 1
        }
        pes[number].state = .damaged
    }

    /// Packets were lost before packet `first`, whatever the counter says: a PES packet that had
    /// begun before and has gone on since is the begin of one and the end of another.
    mutating func spoil(across first: Int) {
        let number = pes.partition { $0.lastPacket >= first }
        guard let record = record(number), record.firstPacket < first else { return }
        spoil(pes: number, behind: first - 1)
    }

    private mutating func unspoil(_ unit: Int) {
        guard unit >= units.first, unit < units.end else { return }
        units[unit].isDamaged = false
        let number = units[unit].pes
        if number >= pes.first, number < pes.end { pes[number].state = .complete }
    }

    /// A time stamp has come: the unit in doubt was right, or is moved.
    private mutating func settleDoubt(_ verdict: StepHabit.Verdict) {
        guard let doubt = doubtful else { return }
        doubtful = nil
        guard case .stray(let off) = verdict else { return pullFirst(before: doubt) }
        move(doubt, off: off)
    }

    /// The line goes on elsewhere from the unit that is in doubt on: it is the last of the old one,
    /// and what it shows goes on from there.
    mutating func leaveDoubtBehind() {
        guard let doubt = doubtful, let off = habit.doubt else { return }
        doubtful = nil
        move(doubt, off: off)
    }

    /// No time stamp comes any more that could tell. A time for which no decoder would wait is a
    /// stray one. So is any other, where all that was sent has come (`isWhole`), unless it is
    /// nearer to the clock's than the unit would be without it: pictures and sound may pause.
    mutating func giveUpDoubt(isWhole: Bool) {
        guard let doubt = doubtful, let off = habit.doubt else { return doubtful = nil }
        var isStray = !StampWatch.leads.contains(doubt.lead)
        if !isStray, isWhole, !hasLostBeforeDoubt {
            let more = doubt.lead - (usualLead ?? 0)
            isStray = abs(off) < StampWatch.usualTicks || abs(more) > abs(more - off)
        }
        if isStray { leaveDoubtBehind() } else { doubtful = nil }
    }

    private mutating func move(_ doubt: Doubt, off: Int64) {
        let presentation = doubt.unit >= units.first && doubt.unit < units.end
            ? units[doubt.unit].presentation : nil
        restamp(doubt.unit..<units.end, by: rounding(of: doubt.unit) - off)
        if let presentation { keepPresentation(presentation, of: doubt.unit) }
        if doubt.isHole, doubt.unit >= units.first, doubt.unit < units.end {
            units[doubt.unit].followsGap = false
        }
        if doubt.hasSpoilt { unspoil(doubt.unit - 1) }
    }

    /// The DTS alone was wrong, where the PTS as it stands waits as long as is usual. Pictures of
    /// one sort wait unequally long: the last of a group may have none that is shown before it.
    private mutating func keepPresentation(_ time: StreamTime, of unit: Int) {
        guard kind == .video, let last = usualDelay(like: units[unit], before: unit) else { return }
        let kept = time - units[unit].decoding
        let moved = units[unit].presentation - units[unit].decoding
        let (keptOff, movedOff) = (
            distance(of: kept, like: units[unit], before: unit),
            distance(of: moved, like: units[unit], before: unit)
        )
        let isKept = abs(keptOff - movedOff) > StreamTrack.roundingTicks
            ? keptOff < movedOff : abs(kept - last) < abs(moved - last)
        guard kept >= 0, isKept else { return }
        units[unit].presentation = time
        let number = units[unit].pes
        if number >= pes.first, number < pes.end { pes[number].presentation = time }
    }

    /// How far a wait between decoding and showing is from the nearest among the last pictures of
    /// the same sort.
    private func distance(of delay: Int64, like unit: Unit, before end: Int) -> Int64 {
        var least = Int64.max
        for index in max(units.first, end - StreamTrack.roundedUnits)..<end
        where units[index].isTimed && units[index].isAlike(unit) {
            least = min(least, abs(units[index].presentation - units[index].decoding - delay))
        }
        return least
    }

    /// The second time stamp of a line was before the first one, and the third goes on from it: the
    /// first one was wrong.
    private mutating func pullFirst(before doubt: Doubt) {
        guard doubt.isBack, let first = firstOfLine, first >= units.first, first < doubt.unit,
            doubt.unit < units.end, doubt.unit - first <= StreamTrack.firstUnits
        else { return }
        pull(first..<doubt.unit, to: units[doubt.unit].decoding)
    }

    /// Puts units where they end at a time.
    private mutating func pull(_ range: Range<Int>, to end: StreamTime) {
        let span = range.reduce(Int64(0)) { $0 + units[$1].durationTicks }
        restamp(range, by: end - span - units[range.lowerBound].decoding)
    }

    /// By how much the place behind the unit before falls short of the exact one, where frames last
    /// no whole ticks of 90 kHz: stamps are rounded down, so the one that was rounded least tells.
    private func rounding(of unit: Int) -> Int64 {
        guard unit > units.first, unit < units.end, frameRate.ticks > 0 else { return 0 }
        let last = units[unit - 1].decoding
        var least: Int64 = 0
        for index in max(units.first, unit - StreamTrack.roundedUnits)..<unit
        where units[index].isTimed {
            let distance = units[index].decoding - last
            let frames = distance.roundedDivision(by: frameRate.ticks)
            let off = distance - frames * frameRate.ticks
            if off <= StreamTime.ticksPerTimestampTick { least = max(least, off) }
        }
        return least
    }

    /// Each of two stamps is rounded to one tick of 90 kHz.
    private static let roundingTicks = 2 * StreamTime.ticksPerTimestampTick
    /// So many units tell what a stream does.
    private static let fewestUnits = 8
    /// ... and so many that its pictures are on a grid.
    private static let fewestOnGrid = 4
    /// Units in which one that was rounded by next to nothing is found.
    private static let roundedUnits = 16

    /// Moves units, and the stamps that their PES packets go out with.
    private mutating func restamp(_ range: Range<Int>, by ticks: Int64) {
        guard !range.isEmpty, range.lowerBound >= units.first, range.upperBound <= units.end
        else { return }
        strayStamps += 1
        for index in range {
            units[index].presentation += ticks
            units[index].decoding += ticks
            let number = units[index].pes
            guard number >= pes.first, number < pes.end, pes[number].firstUnit == index else {
                continue
            }
            pes[number].isRestamped = true
            pes[number].presentation = units[index].presentation
            pes[number].decoding = units[index].decoding
        }
    }

    /// The first time stamp of a line may be the wrong one: the clock tells, where the second one
    /// is near it and the first is not.
    private mutating func isFirstWrong(before unit: Unit, _ clock: StreamTime) -> Bool {
        guard unitCount > 0, let first = firstOfLine, first >= units.first, first < units.end,
            units.end - first <= StreamTrack.firstUnits, units[first].isTimed,
            !StampWatch.isPlausible(units[first].decoding, at: clock),
            StampWatch.isPlausible(unit.decoding, at: clock)
        else { return false }
        pull(first..<units.end, to: unit.decoding)
        firstOfLine = nil
        doubtful = nil
        habit.restart()
        _ = habit.take(unit, kind: kind)
        return true
    }

    /// The units of one PES packet, at most.
    private static let firstUnits = 64
}
