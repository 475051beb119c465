// Single time stamps that can not be true. The unit is whole, only its time is wrong, so it is given
// the time that those around it leave for it, and goes out with that.
//
//   PTS and DTS of one PES packet off by the same     both are moved back: exact
//   PTS alone, or DTS alone                           worked out from the other and the unit before

import TransportStream

extension StreamTrack {
    /// The first packet of the PES packet whose time is in doubt: it does not leave before the next
    /// time stamp has come.
    var doubtfulPacket: Int? {
        guard let unit = doubtful?.unit, unit >= units.first, unit < units.end else { return nil }
        let number = units[unit].pes
        return number >= pes.first && number < pes.end
            ? pes[number].firstPacket : units[unit].firstPacket
    }

    /// Makes PTS and DTS of a picture agree: it is shown when it is decoded or later, but no later
    /// than a decoder buffers.
    mutating func reconcile(_ unit: inout Unit, after previous: Unit?, _ number: Int) {
        guard kind == .video, number >= pes.first, number < pes.end else { return }
        let limit = ContentLead.limitTicks
        let delay = unit.presentation - unit.decoding
        if delay > 0 { hasReordering = true }
        guard !(0...limit).contains(delay) else { return }
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
            unit.presentation = unit.decoding + (guess.presentation - guess.decoding)
        } else {
            unit.decoding = guess.decoding
            let left = unit.presentation - guess.decoding
            if !(0...limit).contains(left) { unit.presentation = guess.presentation }
        }
        pes[number].presentation = unit.presentation
        pes[number].decoding = unit.decoding
    }

    /// Holds the time of a new unit, which has no number yet, against those before.
    mutating func watchStep(_ unit: inout Unit, isStamped: Bool, clock: StreamTime) {
        if unit.mark.coding == .bidirectional { hasReordering = true }
        let isReordered = kind == .video && hasReordering && !hasDecodingStamps
        if isStamped, isFirstWrong(before: unit, clock) { return }
        let verdict = habit.take(
            unit, isStamped: isStamped, isReordered: isReordered, kind: kind)
        if isStamped { settleDoubt(verdict) }
        switch verdict {
        case .goesOn, .stray: return
        case .hole:
            if !isReordered { doubtful = (units.end, !gapPending) }
            guard !gapPending else { return }
            gapPending = true
            holes += 1
        case .back:
            doubtful = (units.end, false)
        }
    }

    /// A time stamp has come: the unit in doubt was right, or is moved.
    private mutating func settleDoubt(_ verdict: StepHabit.Verdict) {
        guard let (unit, isHole) = doubtful else { return }
        doubtful = nil
        guard case .stray(let off) = verdict else { return }
        restamp(from: unit, by: -off)
        if isHole, unit >= units.first, unit < units.end { units[unit].followsGap = false }
    }

    /// The line goes on elsewhere from the unit that is in doubt on: it is the last of the old one,
    /// and what it shows goes on from there.
    mutating func leaveDoubtBehind() {
        guard let (unit, isHole) = doubtful, let off = habit.doubt else { return }
        doubtful = nil
        restamp(from: unit, by: -off)
        if isHole, unit >= units.first, unit < units.end { units[unit].followsGap = false }
    }

    /// Moves the units from a number on, and the stamps that their PES packets go out with.
    private mutating func restamp(from first: Int, by ticks: Int64) {
        guard first >= units.first, first < units.end else { return }
        strayStamps += 1
        for index in first..<units.end {
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
        let span = (first..<units.end).reduce(Int64(0)) { $0 + units[$1].durationTicks }
        restamp(from: first, by: unit.decoding - span - units[first].decoding)
        firstOfLine = nil
        doubtful = nil
        habit.restart()
        _ = habit.take(unit, kind: kind)
        return true
    }

    /// The units of one PES packet, at most.
    private static let firstUnits = 64
}
