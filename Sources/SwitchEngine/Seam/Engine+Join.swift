// From a wish to a seam: who is asked, and which plan is taken when.

import TransportStream

/// A plan with the input it leads to.
struct SeamChoice {
    var plan: SeamPlan
    var input: Int
    var epoch: Epoch
    var slots: [Int: Int]
    var leaving: SeamSide
    var alignment: Alignment?
}

extension Engine {
    /// How long an input must have been sound before a planned seam leads to it, one second.
    static let provenTicks: Int64 = StreamTime.ticksPerSecond

    /// A plan is carried out at the latest when this little time is left for it, 60 ms.
    static let decisionMarginTicks: Int64 = 60 * StreamTime.ticksPerMillisecond

    /// Where contents have nothing to do with each other, the hold-back behind the seam may be off
    /// its target by this, 200 ms.
    static let holdBackToleranceTicks: Int64 = 200 * StreamTime.ticksPerMillisecond

    /// Looks for the seam that is wished for, and makes it when its time has come.
    mutating func join() {
        if let number = wish?.appointment {
            guard let appointment = appointments.first(where: { $0.number == number }) else {
                return wish = nil
            }
            // The end of a break does not wait for an input that is gone.
            if appointment.reason == .cue, cueBreak != nil, now.ticks >= wish?.since ?? .max {
                let target = wayBack(to: appointment.target)
                wish?.target = target
            }
            let bounds = bounds(appointment)
            wish?.bounds = bounds
        }
        guard let standing = wish, let segment = restamper.segments.last,
            restamper.segments.count < (standing.isPlanned ? 2 : Engine.segmentLimit)
        else { return }
        var best: (choice: SeamChoice, rank: Rank, isPreferred: Bool)?
        for index in candidates(standing, segment) {
            guard let choice = plan(to: index, from: segment, standing) else { continue }
            let rank = standing.target == index ? .sound : rank(of: index)
            let isPreferred = standing.preferred == index
            if let other = best {
                if rank > other.rank || rank == other.rank && other.isPreferred { continue }
                if rank == other.rank, !isPreferred, !(choice.plan.cost < other.choice.plan.cost) {
                    continue
                }
            }
            best = (choice, rank, isPreferred)
        }
        guard let best else { return giveUp(standing) }
        guard isToBeTaken(best.choice, from: segment, standing),
            !hasBetterBehind(best.choice, from: segment, standing)
        else { return }
        // Who brings less is the way out only when there is no time left for who brings more.
        let isBest = standing.target != nil || !inputs.indices.contains {
            $0 != segment.input && rank(of: $0) < best.rank
        }
        if isBest || isUrgent(best.choice.plan) { take(best.choice, from: segment, standing) }
    }

    private mutating func isUrgent(_ plan: SeamPlan) -> Bool {
        plan.expires - releaseTime() < Engine.decisionMarginTicks
    }

    /// Late is not absent: a failover that loses something is left for one behind it that loses no
    /// more, as long as the hold-back has one. The input on air may be back before.
    private mutating func hasBetterBehind(
        _ choice: SeamChoice, from segment: Segment, _ standing: Wish
    ) -> Bool {
        guard standing.manner == .failover, choice.input != segment.input,
            choice.plan.cost.kind == .loses || choice.plan.cost.kind == .steps,
            let later = plan(
                to: choice.input, from: segment, standing,
                notExpiringBefore: releaseTime() + 2 * Engine.decisionMarginTicks)
        else { return false }
        return !(choice.plan.cost < later.plan.cost)
    }

    /// Inputs that may be gone to.
    private func candidates(_ wish: Wish, _ segment: Segment) -> [Int] {
        let own = rank(of: segment)
        if let target = wish.target {
            if target == segment.input { return [target] }
            // A planned seam must not lead to something worse than what there is.
            let isBetter = rank(of: target) < own && !states[target].faults.isEmpty
            let sound = states[target].soundSince.map { now.ticks - $0 } ?? -1
            return sound >= wish.proofTicks || isBetter && own > .minor ? [target] : []
        }
        let ownEnd = inputs[segment.input].timeline.end(ofEpoch: segment.epoch.number)
        return inputs.indices.filter { index in
            if index == segment.input { return ownEnd != .max }
            let rank = rank(of: index)
            guard rank < own else { return false }
            if wish.manner == .fromSlate { return rank == .sound }
            // An input that begins anew is waited for, until the output would stand still.
            if rank == .slate && wish.reason == .timelineBreak && !isStandingStill { return false }
            // Who fell silent at the same time is no better.
            guard wish.reason == .silence else { return true }
            let threshold = detection(of: index).silence?.threshold.asTicks ?? 0
            return (inputs[index].timeline.health.lastPayloadTicks ?? 0) >= wish.leftAt + threshold
        }
    }

    private mutating func giveUp(_ standing: Wish) {
        let patience = 3 * configuration.plannedWait.asTicks
        guard standing.isPlanned, now.ticks - standing.since > patience else { return }
        wish = nil
        if let number = standing.appointment { abandon(number) }
        guard let target = standing.target else { return }
        let faults = faultNames(of: target)
        refuse("no seam to \(name(target)) could be made: "
            + (faults.isEmpty ? "it was not sound for long enough or gives no entry" : faults))
    }

    /// Whether a plan is good enough to be made now.
    private mutating func isToBeTaken(
        _ choice: SeamChoice, from segment: Segment, _ standing: Wish
    ) -> Bool {
        let plan = choice.plan
        let isUrgent = isUrgent(plan)
        if plan.cost.kind == .meets && plan.cost.soundGapTicks == 0 {
            // A return has time: what goes wrong with the better input while the seam is still
            // ahead keeps it away.
            return standing.reason != .returnToBetter || isUrgent
        }
        switch standing.manner {
        case .failover: return isWayOut(plan, standing, isUrgent: isUrgent)
        case .prompt: return isUrgent
        case .fromSlate: return isSettled(plan, standing)
        case .planned: break
        }
        let waited = now.ticks - standing.since
        // With a slate nothing ever meets.
        if isSlate(segment.input) || isSlate(choice.input) {
            return waited >= 0 && isSettled(plan, standing)
        }
        let patience = configuration.plannedWait.asTicks
        let isSmall = plan.cost.kind == .loses && plan.cost.soundGapTicks == 0
        if waited < patience {
            if isSmall {
                wish?.leastLossSeen = min(standing.leastLossSeen ?? .max, plan.cost.framesMissed)
            }
            return false
        }
        if waited >= 2 * patience { return isSmall || isUrgent || plan.cost.kind != .loses }
        return isSmall && plan.cost.framesMissed <= standing.leastLossSeen ?? .max
    }

    private func isWayOut(_ plan: SeamPlan, _ standing: Wish, isUrgent: Bool) -> Bool {
        // To go around damage is worth a loss of few pictures, not a jump, and not a sound that is
        // gone from then on. A fault that one does not see in the pictures can wait for better.
        let isJump = plan.cost.kind == .steps || plan.cost.kind == .hole
        if standing.reason == .damage && (isJump || plan.cost.streamsLost > 0) { return false }
        if standing.reason.isHarmless && isJump {
            return isUrgent && now.ticks - standing.since >= configuration.plannedWait.asTicks
        }
        // A place where nothing but the picture order is wrong could still become a better one.
        // It is waited for where the fault stands; others may pass, and the wish with them,
        // while what they did is still ahead.
        let isWhole = plan.cost.kind == .loses && plan.cost.framesLost == 0
        let stands = standing.reason == .silence || standing.reason == .timelineBreak
        return isUrgent || isWhole && !stands && plan.cost.soundGapTicks == 0
    }

    /// Whether all that there is of the input on air has left.
    private var isRunDry: Bool {
        mutating get {
            guard let last = restamper.schedule.last else { return false }
            return isStandingStill || releaseTime() - last > Engine.decisionMarginTicks
        }
    }

    /// Whether the seam leaves the output its hold-back: a slate can go on until an input that has
    /// just come back has filled it.
    private func isSettled(_ plan: SeamPlan, _ standing: Wish) -> Bool {
        if plan.cost.soundGapTicks == 0,
            plan.cost.holdBackErrorTicks <= Engine.holdBackToleranceTicks
        {
            return true
        }
        let waited = now.ticks - standing.since
        return waited >= 2 * configuration.holdBack.asTicks + Engine.provenTicks
    }

    /// - Parameter limit: place on the output's schedule before which the plan must not expire.
    private mutating func plan(
        to index: Int, from segment: Segment, _ wish: Wish, notExpiringBefore limit: Int64 = .min
    ) -> SeamChoice? {
        let outgoing = inputs[segment.input].timeline
        guard let epoch = inputs[index].timeline.epoch,
            index != segment.input || epoch.number != segment.epoch.number,
            !isAwaitingPictures(index, epoch)
        else { return nil }
        let isOver = states[segment.input].severity >= .major
        let own = slotTable(segment)
        guard let left = SeamSide(
            outgoing, epoch: segment.epoch, sentBefore: segment.cursor,
            slots: { stream in own[stream] }, isOver: isOver,
            entered: { stream in
                guard segment.cuts.indices.contains(stream) else { return SeamSide.Entered() }
                let cut = segment.cuts[stream]
                let base = cut.stampShift * StreamTime.ticksPerTimestampTick
                // Where none of its sound has come, what was on air before it is gone on from.
                return SeamSide.Entered(
                    position: cut.from, notBefore: cut.notBefore,
                    heardUntil: cut.heardUntil.map { $0 - base },
                    wholePES: cut.judgement == .whole ? cut.judgedPES : nil)
            })
        else { return nil }
        let leaving = remembered(left, of: segment)
        let slots = previewSlots(index, epoch)
        guard let entering = SeamSide(
            inputs[index].timeline, epoch: epoch, sentBefore: inputs[index].timeline.ring.first,
            slots: { stream in slots[stream].flatMap { $0 < 0 ? nil : ($0, 0) } }, isOver: false)
        else { return nil }
        let isRunaway = outgoing.epoch(number: segment.epoch.number)?.hasRunAway == true
        let alignment = isRunaway ? nil : alignment(of: index, epoch, to: segment)
        let schedule = restamper.schedule.earliest ?? releaseTime()
        let request = SeamRequest(
            outgoing: leaving, incoming: entering, before: sentBefore,
            contentOffset: alignment?.offsetTicks,
            outgoingShift: segment.shift, grids: restamper.program.grids,
            pictureOrigin: pictureOrigin(leaving, segment.shift), scheduleNow: schedule,
            incomingNow: inputs[index].timeline.clock.time(at: now.ticks)?.ticks ?? .min / 4,
            holdBackTicks: configuration.holdBack.asTicks,
            packetTicks: restamper.schedule.packetTicks,
            mayOpenHole: !wish.isPlanned && (isStandingStill || isOver),
            isDry: !wish.isPlanned && isRunDry, isRunaway: isRunaway,
            // A return can always wait for better.
            mayFallBehind: wish.reason != .returnToBetter
                && now.ticks - wish.since >= InputState.entryDistanceLimit,
            bounds: wish.bounds, notExpiringBefore: limit)
        guard case .plan(let plan) = SeamPlanner.plan(request) else { return nil }
        return SeamChoice(
            plan: plan, input: index, epoch: epoch, slots: slots, leaving: leaving,
            alignment: alignment)
    }

    /// What was sent of a segment that is over is forgotten with its packets, and the next entry
    /// may come only after that: its end is kept as values.
    private mutating func remembered(_ side: SeamSide, of segment: Segment) -> SeamSide {
        let isSent = side.firstFree == side.pictures.count
        if let known = sideLeft, known.input == segment.input,
            known.epoch == segment.epoch.number, known.side.firstFree == known.side.pictures.count,
            isSent, side.pictures.count < known.side.pictures.count
        {
            return known.side
        }
        if side.isOver { sideLeft = (segment.input, segment.epoch.number, side) }
        return side
    }

    /// A point of the output's exact picture grid; set by the first outgoing input, and kept.
    private mutating func pictureOrigin(_ leaving: SeamSide, _ shift: Int64) -> Int64? {
        guard let last = leaving.pictures.last(where: \.isStamped),
            let offset = leaving.gridOffset(of: last.presentation)
        else { return nil }
        if let grid = pictureGrid, grid.frameTicks == leaving.frameTicks { return grid.origin }
        let origin = last.presentation + offset + shift
        pictureGrid = (origin, leaving.frameTicks)
        return origin
    }

    private func slotTable(_ segment: Segment) -> [Int: (slot: Int, nudge: Int64)] {
        var result: [Int: (slot: Int, nudge: Int64)] = [:]
        for stream in segment.epoch.streams {
            let slot = segment.slot(of: stream)
            guard slot >= 0 else { continue }
            let nudge = segment.cuts[stream].stampShift * StreamTime.ticksPerTimestampTick
                - segment.shift
            result[stream] = (slot, nudge)
        }
        return result
    }

    /// The slots that an input would get; the output's own table is not touched by looking.
    private func previewSlots(_ index: Int, _ epoch: Epoch) -> [Int: Int] {
        var program = restamper.program
        let slots = program.reserve(for: claims(index, epoch)).map(\.slot)
        return Dictionary(zip(epoch.streams, slots)) { first, _ in first }
    }

    /// How an input lines up with the segment on air.
    func alignment(of index: Int, _ epoch: Epoch, to segment: Segment) -> Alignment? {
        if isSlate(index) != isSlate(segment.input) { return nil }
        let own = inputs[segment.input].timeline.alignmentSide(of: segment.epoch)
        let other = inputs[index].timeline.alignmentSide(of: epoch)
        return Alignment.between(
            outgoing: own, incoming: other,
            mode: index == segment.input ? .arrival : alignmentMode(index, segment.input))
    }

    private func alignmentMode(_ one: Int, _ other: Int) -> AlignmentMode {
        let inputs = configuration.inputs
        let hasOwnTime = inputs[one].hasOwnTime || inputs[other].hasOwnTime
        return configuration.alignment == .auto && hasOwnTime ? .arrival : configuration.alignment
    }
}
