// Policy: which input should be on air. It wishes; where and when the seam is, the planner says.

import TransportStream

/// A seam that is wanted.
struct Wish {
    /// Where to go; nil for the best of all that are sound.
    var target: Int?
    var reason: SeamReason
    /// Host ticks.
    var since: Int64
    /// When the input on air had brought payload last, host ticks: who fell silent with it is no
    /// better.
    var leftAt: Int64
    /// The least loss that a seam looked at so far would have had.
    var leastLossSeen: Int?

    /// A planned seam may wait; a failover may not.
    var isPlanned: Bool { reason == .operatorSwitch || reason == .returnToBetter }
}

extension Engine {
    /// An operator's wish.
    mutating func wishFor(_ target: InputID) {
        guard inputs.indices.contains(target.index) else {
            events.append(.refused("there is no input \(target.index)", at: now))
            return
        }
        if restamper.segments.last?.input == target.index {
            wish = nil
            return
        }
        wish = Wish(
            target: target.index, reason: .operatorSwitch, since: now.ticks, leftAt: now.ticks)
    }

    /// Turns faults and policy into a wish.
    mutating func decide() {
        guard let segment = restamper.segments.last, restamper.segments.count == 1 else { return }
        if let reason = failure(of: segment) {
            if wish == nil || wish?.isPlanned == true || wish?.reason == .damage {
                if wish?.reason != reason {
                    let leftAt = inputs[segment.input].timeline.health.lastPayloadTicks
                    wish = Wish(
                        target: nil, reason: reason, since: now.ticks, leftAt: leftAt ?? now.ticks)
                }
            }
            return
        }
        if let standing = wish, !standing.isPlanned { wish = nil }
        // An operator's choice stands until the input chosen fails.
        guard wish == nil, operatorChoice != segment.input,
            case .after(let nanoseconds) = configuration.returning
        else { return }
        let proof = nanoseconds.scaled(by: 27, over: 1000)
        let better = (0..<segment.input).first { index in
            states[index].faults.isEmpty
                && states[index].soundSince.map { now.ticks - $0 >= proof } == true
        }
        if let better {
            wish = Wish(
                target: better, reason: .returnToBetter, since: now.ticks, leftAt: now.ticks)
        }
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
        let timeline = inputs[segment.input].timeline
        for stream in segment.epoch.streams where segment.slot(of: stream) >= 0 {
            let track = timeline.streams[stream]
            guard track.kind != .data, track.damageCount > 0 else { continue }
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
