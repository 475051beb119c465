// Policy: which input should be on air. It wishes; where and when the seam is, the planner says.
//
//   hold         nothing but the input's own pieces are joined
//   failover     the input on air can not stay: to the best of those that bring more
//   appointment  an operator's time, a cue: to that input at that time
//   slate        left for any input that is sound
//   return       to a better input that has proved its health

import TransportStream

extension Engine {
    /// Seams that may be decided before the first of them has passed: an answer to a fault of the
    /// incoming input, and one to a fault of that answer.
    static let segmentLimit = 4

    /// Turns faults and policy into a wish.
    mutating func decide() {
        guard let segment = restamper.segments.last else { return }
        if let reason = failure(of: segment) { return wishAway(from: segment, reason) }
        if let standing = wish, !standing.isPlanned {
            if isHoleAhead(of: segment, standing) { return }
            wish = nil
        }
        guard restamper.segments.count == 1, wish == nil || wish?.reason == .returnToBetter else {
            return
        }
        keepAppointments()
        // An operator's choice stands until the input chosen fails; so does a cue's.
        guard wish == nil, held == nil, operatorChoice != segment.input, cueBreak == nil else {
            return
        }
        if isSlate(segment.input) {
            wishAwayFromSlate()
        } else {
            wishForBetter(than: segment.input)
        }
    }

    /// The input on air can not stay.
    private mutating func wishAway(from segment: Segment, _ reason: SeamReason) {
        // A held input is joined to itself, and nothing else.
        if held == segment.input && reason != .timelineBreak { return wish = nil }
        wish?.clearedAt = nil
        // What does harm does not wait behind what does none.
        if let standing = wish, !standing.isPlanned, standing.reason != .damage,
            !standing.reason.isHarmless || reason.isHarmless
        {
            return
        }
        if wish?.reason == reason { return }
        let leftAt = inputs[segment.input].timeline.health.lastPayloadTicks
        var next = Wish(
            reason: reason, manner: .failover, since: now.ticks, leftAt: leftAt ?? now.ticks)
        if held == segment.input { next.target = segment.input }
        if let standing = wish, standing.reason == .operatorSwitch {
            // What the operator wanted is the first choice now.
            next.preferred = standing.target
            next.holds = standing.holds
        }
        if let standing = wish, standing.preferred != nil {
            next.preferred = standing.preferred
            next.holds = standing.holds
        }
        wish = next
    }

    /// A fault has cleared, but what it did has not been sent yet: the way around still counts.
    private mutating func isHoleAhead(of segment: Segment, _ standing: Wish) -> Bool {
        guard standing.reason.leavesHole else { return false }
        let end = standing.clearedAt ?? inputs[segment.input].timeline.ring.end
        wish?.clearedAt = end
        return segment.cursor < end
    }

    private mutating func wishAwayFromSlate() {
        guard inputs.indices.contains(where: { isReturnable($0, proof: 0) }) else { return }
        wish = Wish(
            reason: .returnToBetter, manner: .fromSlate, since: now.ticks, leftAt: now.ticks)
    }

    private mutating func wishForBetter(than index: Int) {
        let better = (0..<index).first { index in
            guard let proof = returnProof(of: index) else { return false }
            return isReturnable(index, proof: proof)
        }
        guard let better, let proof = returnProof(of: better) else { return }
        wish = Wish(
            target: better, reason: .returnToBetter, manner: .planned, since: now.ticks,
            leftAt: now.ticks, proofTicks: min(proof, Engine.provenTicks))
    }

    /// How long an input must have been sound before it is returned to, 27 MHz ticks; nil for
    /// never.
    func returnProof(of index: Int) -> Int64? {
        var base: Int64 = 0
        switch configuration.returning {
        case .never: return nil
        case .atOnce: break
        case .after(let nanoseconds): base = nanoseconds
        }
        return states[index].flaps.holdOff(base: base, configuration.flapping).asTicks
    }

    private func isReturnable(_ index: Int, proof: Int64) -> Bool {
        !isSlate(index) && states[index].faults.isEmpty
            && states[index].soundSince.map { now.ticks - $0 >= proof } == true
    }

    func isSlate(_ index: Int) -> Bool { configuration.inputs[index].isSlate }

    // MARK: Failover

    /// What an input would give as a way out, the best first.
    enum Rank: Int, Comparable {
        case sound, minor, major, slate, gone

        static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }
    }

    /// How good an input is now.
    func rank(of index: Int) -> Rank {
        let severity = states[index].severity
        if severity == .gone { return .gone }
        if isSlate(index) { return .slate }
        switch severity {
        case .none: return .sound
        case .minor: return .minor
        case .major, .gone: return .major
        }
    }

    /// How good the segment on air is; something better must be found than this.
    func rank(of segment: Segment) -> Rank {
        let end = inputs[segment.input].timeline.end(ofEpoch: segment.epoch.number)
        if end != .max { return .gone }
        // Damage is worse than none.
        return max(rank(of: segment.input), .minor)
    }

    /// Why the input on air can not stay; nil when it can.
    private func failure(of segment: Segment) -> SeamReason? {
        let index = segment.input
        let end = inputs[index].timeline.end(ofEpoch: segment.epoch.number)
        if end != .max { return .timelineBreak }
        if let reason = states[index].faults.lazy.compactMap({ SeamReason($0) }).first {
            return reason
        }
        return hasDamageAhead(segment) ? .damage : nil
    }

    /// Whether something damaged of the input on air has not been sent yet.
    private func hasDamageAhead(_ segment: Segment) -> Bool {
        let box = inputs[segment.input]
        for stream in segment.epoch.streams
        where segment.slot(of: stream) >= 0 && box.timeline.streams[stream].damageCount > 0 {
            let track = box.timeline.streams[stream]
            guard track.kind != .data else { continue }
            let from = segment.cuts[stream].from
            var number = track.units.end - 1
            while number >= track.units.first, track.units[number].firstPacket >= segment.cursor {
                let unit = track.units[number]
                // What is missing before the entry is no part of the segment.
                if unit.start >= from && (unit.isDamaged || unit.followsGap && unit.start > from) {
                    return true
                }
                number -= 1
            }
        }
        return false
    }
}

extension SeamReason {
    /// Pictures and sound are whole all the same.
    var isHarmless: Bool {
        switch self {
        case .pidMissing, .patMissing, .pmtMissing, .clockJumps: true
        default: false
        }
    }

    /// The fault leaves a hole behind that is there when it has cleared. Damage is looked for by
    /// itself.
    var leavesHole: Bool {
        switch self {
        case .streamLost, .pidMissing, .scrambled: true
        default: false
        }
    }
}
