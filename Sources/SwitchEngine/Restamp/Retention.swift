// Which bytes of a PES packet go out. Most go whole; at a seam, around leading pictures and where
// packets were lost, only some of their units do.

import TransportStream

enum Retention {
    case whole
    case nothing
    /// Elementary stream positions inside the PES packet, in order.
    case parts([Range<Int64>])
}

extension StreamTrack {
    /// What of PES packet `number` goes out under `cut`.
    func retention(of number: Int, _ cut: StreamCut) -> Retention {
        let record = pes[number]
        let range = record.elementaryStart..<max(record.elementaryEnd, record.elementaryStart)
        if record.elementaryStart >= cut.from && record.elementaryEnd <= cut.until
            && !cut.hasBeginRules && record.state != .damaged
            && !record.beginsWithRest && !holdsStub(number) && !isCutShort(number, cut)
        {
            return .whole
        }
        if kind == .data {
            // Units and PES packets are the same here.
            let isEarly = record.presentation.map { $0 < cut.notBefore ?? $0 } ?? false
            let isInside = record.elementaryStart >= cut.from && record.elementaryStart < cut.until
            return isInside && !isEarly && record.state != .damaged ? .whole : .nothing
        }
        var parts = [range.clamped(to: cut.from..<max(cut.until, cut.from))]
        if cut.hasBeginRules {
            var isAwaited = cut.awaitsEntry
            var unit = units.partition { $0.end > record.elementaryStart }
            while unit < units.end, units[unit].start < record.elementaryEnd {
                let isEarly = cut.notBefore.map { units[unit].presentation < $0 } ?? false
                if !isEarly, units[unit].isEntry { isAwaited = false }
                if isEarly || isAwaited || cut.leading?.drops(unit, units[unit]) == true {
                    let dropped = units[unit].start..<units[unit].end
                    parts = Retention.subtract(dropped, from: parts)
                }
                unit += 1
            }
        }
        if kind == .audio
            && (record.state == .damaged || record.beginsWithRest || holdsStub(number))
        {
            parts = soundParts(of: number, within: parts)
        }
        parts.removeAll { $0.isEmpty }
        if parts.isEmpty { return .nothing }
        if parts.count == 1, parts[0] == range, !isCutShort(number, cut) { return .whole }
        return .parts(parts)
    }

    /// Whether bytes are missing in what goes out of a PES packet, or units between it and what
    /// went out before.
    func isDamaged(pes number: Int, _ cut: StreamCut) -> Bool {
        let record = pes[number]
        if record.isGuessed { return true }
        if record.state == .damaged {
            // Nothing is taken up behind a loss before the next PES packet: it is at the end.
            let next = units.partition { $0.start >= record.elementaryEnd }
            let isInside = next > units.first && units[next - 1].isDamaged
            return cut.until > (isInside ? units[next - 1].start : record.elementaryEnd)
        }
        guard record.firstUnit >= units.first, record.firstUnit < units.end else { return false }
        let unit = units[record.firstUnit]
        return unit.followsGap && unit.start > cut.from
    }

    /// A sound PES packet with a frame that goes on into another one and is cut there.
    private func holdsStub(_ number: Int) -> Bool {
        guard kind == .audio, damagedUnits > 0 else { return false }
        let record = pes[number]
        let next = units.partition { $0.start >= record.elementaryEnd }
        guard next > units.first else { return false }
        return units[next - 1].isDamaged && units[next - 1].end > record.elementaryStart
    }

    /// The last PES packet of a segment that is left before all its bytes came: its header tells of
    /// more than will follow.
    private func isCutShort(_ number: Int, _ cut: StreamCut) -> Bool {
        let record = pes[number]
        return record.state == .open && cut.until != .max && record.missingBytes ?? 0 > 0
    }

    /// Whole audio frames only: a cut frame is worth nothing (law 6).
    private func soundParts(of number: Int, within allowed: [Range<Int64>]) -> [Range<Int64>] {
        let record = pes[number]
        var result: [Range<Int64>] = []
        var unit = units.partition { $0.end > record.elementaryStart }
        while unit < units.end, units[unit].start < record.elementaryEnd {
            let frame = units[unit]
            unit += 1
            guard !frame.isDamaged, !frame.isOpen else { continue }
            for part in allowed {
                let piece = (frame.start..<frame.end).clamped(to: part)
                    .clamped(to: record.elementaryStart..<record.elementaryEnd)
                guard !piece.isEmpty else { continue }
                if let last = result.last, last.upperBound == piece.lowerBound {
                    result[result.count - 1] = last.lowerBound..<piece.upperBound
                } else {
                    result.append(piece)
                }
            }
        }
        return result
    }
}

extension Retention {
    static func subtract(_ hole: Range<Int64>, from parts: [Range<Int64>]) -> [Range<Int64>] {
        parts.flatMap { part -> [Range<Int64>] in
            guard part.overlaps(hole) else { return [part] }
            return [
                part.lowerBound..<max(part.lowerBound, min(hole.lowerBound, part.upperBound)),
                min(part.upperBound, max(hole.upperBound, part.lowerBound))..<part.upperBound,
            ].filter { !$0.isEmpty }
        }
    }
}
