// What is told of a seam (law 10).

import TransportStream

extension Engine {
    mutating func record(_ choice: SeamChoice, from segment: Segment, _ wish: Wish) {
        let plan = choice.plan
        tellSeam()
        let tick = StreamTime.ticksPerTimestampTick
        let record = SeamRecord(
            time: now, from: InputID(segment.input), to: InputID(choice.input),
            reason: wish.reason, level: plan.cost.level,
            framesLost: plan.cost.framesLost, framesRepeated: plan.cost.framesRepeated,
            framesOutOfOrder: plan.cost.framesOutOfOrder, audioGap: plan.cost.soundGapTicks / tick,
            shift: plan.shift / tick,
            presentation: Timestamp(StreamTime(ticks: plan.presentation)),
            alignment: choice.alignment?.source,
            contentOffset: choice.alignment.map { $0.offsetTicks / tick },
            waited: max(0, now.ticks - wish.since).asNanoseconds,
            holdBack: clock.holdBackTicks.asNanoseconds,
            why: why(plan, wish), health: states.map(\.faults))
        guard plan.sounds.contains(where: \.isGapUnknown) else { return tell(record) }
        let known = plan.sounds.lazy.filter { !$0.isGapUnknown }.map { abs($0.gapTicks) }
        seamUntold = UntoldSeam(
            record: record, cost: plan.cost, epoch: choice.epoch.number,
            gapTicks: known.max() ?? 0,
            due: max(plan.presentation, clock.time(at: now.ticks)) + Engine.tellingTicks)
    }

    mutating func tell(_ record: SeamRecord) {
        events.append(.seam(record))
        seamCounts[record.level, default: 0] += 1
        lastSeam = record
    }

    private func why(_ plan: SeamPlan, _ wish: Wish) -> String {
        switch plan.cost.streamsLost {
        case 0: return order(plan, wish)
        case 1:
            return order(plan, wish) + "; the incoming input has nothing for 1 stream, which ends"
        case let count:
            return order(plan, wish)
                + "; the incoming input has nothing for \(count) streams, which end"
        }
    }

    private func order(_ plan: SeamPlan, _ wish: Wish) -> String {
        let fallen = plan.cost.framesOutOfOrder
        guard fallen > 0 else { return place(plan, wish) }
        let frames = fallen == 1 ? "1 picture" : "\(fallen) pictures"
        return place(plan, wish) + "; the picture order count falls at the recovery point: "
            + "a decoder may not show \(frames) in order"
    }

    private func place(_ plan: SeamPlan, _ wish: Wish) -> String {
        let entry = plan.breaksLink ? "open random access point" : "random access point"
        switch plan.cost.kind {
        case .meets:
            return "\(entry) of the incoming input follows a clean end of the outgoing one exactly"
        case .loses:
            let lost = plan.cost.framesLost
            let frames = lost == 1 ? "1 picture" : "\(lost) pictures"
            if lost == 0 {
                return wish.isPlanned
                    ? "no better meeting within the wait"
                    : "\(entry) of the incoming input follows a clean end of the outgoing one"
            }
            return wish.isPlanned
                ? "no meeting within the wait; the least loss seen is \(frames)"
                : "the best \(entry) in the hold-back comes \(frames) after a clean end"
        case .steps:
            if plan.cost.framesRepeated > 0 {
                return "the hold-back reaches no \(entry) ahead of what was sent; "
                    + "the newest before it repeats least"
            }
            return "the contents do not line up here; the seam goes on by one frame"
        case .hole:
            return "nothing could be sent in time; the output's clock had run on"
        }
    }
}
