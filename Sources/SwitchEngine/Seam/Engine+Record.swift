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
        var cost = plan.cost
        cost.soundGapTicks = known.max() ?? 0
        seamUntold = UntoldSeam(
            record: record, cost: cost, epoch: choice.epoch.number,
            due: max(plan.presentation, clock.time(at: now.ticks)) + Engine.tellingTicks)
    }

    mutating func tell(_ record: SeamRecord) {
        events.append(.seam(record))
        seamCounts[record.level, default: 0] += 1
        lastSeam = record
    }

    private func why(_ plan: SeamPlan, _ wish: Wish) -> String {
        var sentences = [place(plan, wish)]
        let fallen = plan.cost.framesOutOfOrder
        if fallen > 0 {
            let frames = fallen == 1 ? "1 picture" : "\(fallen) pictures"
            sentences.append(
                "the picture order count falls at the recovery point: "
                    + "a decoder may not show \(frames) in order")
        }
        let ended = plan.cost.streamsLost
        if ended > 0 {
            let streams = ended == 1 ? "1 stream, which ends" : "\(ended) streams, which end"
            sentences.append("the incoming input has nothing for \(streams)")
        }
        return sentences.joined(separator: "; ")
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
