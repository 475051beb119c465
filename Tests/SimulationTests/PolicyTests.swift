// What the policy does with inputs that fail, come back, are held or are the last resort: one
// scenario each.

import Simulation
import SwitchEngine
import Testing

private let second: Int64 = 1_000_000_000

extension WorldVerdict {
    var targets: [Int] { seams.map(\.to.index) }
    var reasons: [SeamReason] { seams.map(\.reason) }
    var refusals: [String] {
        events.compactMap { if case .refused(let why, _) = $0 { why } else { nil } }
    }
    var standstills: Int { events.count { if case .standstill = $0 { true } else { false } } }
    /// Faults that an input was ever told to have.
    func faults(of index: Int) -> Set<Fault> {
        Set(events.flatMap { event -> [Fault] in
            guard case .faults(let input, let list, _) = event else { return [] }
            return input.index == index ? list.filter { $0 != .ended } : []
        })
    }
}

/// Main, backup and a third encoder.
func three(duration: Int64 = 12 * second) -> WorldPlan {
    var plan = pair(duration: duration)
    plan.kind = .shallow
    var third = plan.inputs[1]
    third.profile.groupLength = 10
    third.profile.samplePhase = 700
    plan.inputs.append(third)
    plan.configuration.inputs.append(InputConfiguration(name: "input 2"))
    plan.configuration.holdBack = 2 * second
    return plan
}

@Suite("Hold")
struct HoldTests {
    @Test("a held input stays on air through its silence, and goes on when it comes back")
    func holdOutlastsSilence() {
        var plan = pair()
        plan.kind = .storm
        plan.configuration.holdBack = 500_000_000
        plan.orders = [(3 * second, .hold(InputID(0)))]
        plan.inputs[0].episodes = [Episode(.vanish, from: 4 * second, to: 7 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [0])
        #expect(verdict.standstills == 1)
        #expect(verdict.pictures > 100)
    }

    @Test("an input whose next entry comes long after it is back goes on air there")
    func heldInputWaitsForItsNextEntry() {
        var plan = pair(duration: 30 * second)
        plan.kind = .storm
        // Entries 16 s apart, as of encoders that are left to themselves; the first one is all that
        // has been seen of them when the input falls silent.
        plan.inputs[0].profile.groupLength = 400
        plan.inputs[0].start = -second
        plan.configuration.holdBack = 500_000_000
        plan.orders = [(2 * second, .hold(InputID(0)))]
        plan.inputs[0].episodes = [Episode(.vanish, from: 3 * second, to: 5 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [0])
        #expect(verdict.standstills == 1)
    }

    @Test("a standby whose entry is too long ago is waited for: the output stays near its hold-back")
    func oldEntryIsNotGoneBackTo() {
        var plan = pair(duration: 40 * second)
        plan.kind = .storm
        plan.configuration.holdBack = second
        // Entries 16 s apart; when the main stops the newest is 10 s old.
        plan.inputs[1].profile.groupLength = 400
        plan.inputs[1].start = -second
        plan.inputs[0].episodes = [Episode(.vanish, from: 25 * second, to: 60 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets.last == 1)
        let holdBack = verdict.seams.last?.holdBack ?? .max
        #expect(holdBack <= 5 * second)
    }

    @Test("released, the policy goes on where it would be")
    func releaseFailsOver() {
        var plan = pair()
        plan.kind = .storm
        plan.configuration.holdBack = 500_000_000
        plan.orders = [(3 * second, .hold(InputID(0))), (6 * second, .release)]
        plan.inputs[0].episodes = [Episode(.vanish, from: 4 * second, to: 20 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1])
        #expect((verdict.seams.first?.time.nanoseconds ?? 0) >= 6 * second)
    }

    @Test("to hold another input is to switch to it first; then no switch is taken")
    func holdSwitches() {
        var plan = pair()
        plan.kind = .calm
        plan.configuration.holdBack = second
        plan.orders = [(3 * second, .hold(InputID(1))), (7 * second, .switchTo(InputID(0)))]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1])
        #expect(verdict.refusals.count == 1)
        let holds = verdict.events.count { if case .hold = $0 { true } else { false } }
        #expect(holds == 1)
    }

    @Test("damage does not move a held input")
    func holdOutlastsDamage() {
        var plan = pair()
        plan.kind = .shallow
        plan.configuration.holdBack = 2 * second
        plan.orders = [(3 * second, .hold(InputID(0)))]
        plan.inputs[0].episodes = [
            Episode(.loss(perMillion: 50_000), from: 4 * second, to: 7 * second)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.damageTold > 0)
    }
}

@Suite("Operator")
struct OperatorTests {
    @Test("a switch to an input that brings nothing is refused at once")
    func silentInputIsRefused() {
        var plan = pair()
        plan.kind = .calm
        plan.inputs[1].episodes = [Episode(.vanish, from: 3 * second, to: 20 * second)]
        plan.commands = [(5 * second, InputID(1))]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.refusals == ["input 1: silence"])
    }

    @Test("an input with a fault is waited for, and refused with its fault in the end")
    func faultyInputIsWaitedFor() {
        var plan = pair(duration: 12 * second)
        plan.kind = .calm
        plan.configuration.plannedWait = second
        plan.inputs[1].episodes = [Episode(.audioLoss, from: 3 * second, to: 20 * second)]
        plan.commands = [(5 * second, InputID(1))]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        let isTold = verdict.refusals.first?.contains("stream lost") == true
        #expect(isTold)
    }

    @Test("a scheduled switch is presented at its time or at the next meeting behind it")
    func scheduledSwitch() {
        var plan = pair()
        plan.kind = .calm
        plan.configuration.holdBack = second
        let time = 6 * second
        plan.orders = [
            (3 * second, .switchTo(InputID(1), at: MonotonicInstant(nanoseconds: time)))
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.reasons == [.scheduled])
        // The stamp that the output's clock comes to at that time: PCR = base + source time −
        // system delay, and the output runs behind by the network's delay and the hold-back.
        let main = plan.inputs[0]
        let source = (time - main.delay - plan.configuration.holdBack) * 27 / 1000
            + 1_000 * 27_000_000
        let clock = (main.profile.base + source - main.profile.systemDelay) / 300
        let distance = (verdict.seams.first?.presentation.ticks ?? 0) - clock
        // Groups of 12 and 9 frames meet within 36 frames.
        #expect(distance >= -1_800 && distance <= 37 * 3_600, "\(distance)")
    }
}

@Suite("Slate")
struct SlateTests {
    /// Main, backup and a slate, in any order of the list.
    private func world(slate: Int) -> WorldPlan {
        var plan = three(duration: 16 * second)
        plan.kind = .storm
        plan.configuration.inputs[slate].isSlate = true
        plan.configuration.holdBack = second
        for index in plan.inputs.indices where index != slate {
            plan.inputs[index].episodes = [
                Episode(.vanish, from: 5 * second, to: (9 + Int64(index)) * second)
            ]
        }
        return plan
    }

    @Test("with all else gone the slate comes, and goes when another is back", arguments: [2, 0])
    func slateIsLastResort(slate: Int) {
        let verdict = World.run(world(slate: slate))
        expectSound(verdict)
        let back = slate == 2 ? 0 : 1
        #expect(verdict.targets == [slate, back])
        #expect(verdict.standstills == 0)
        #expect(verdict.reasons.last == .returnToBetter)
        // The hold-back is filled again before the slate goes.
        let holdBack = verdict.seams.last?.holdBack ?? 0
        #expect(abs(holdBack - verdict.holdBack) < 400_000_000, "\(holdBack)")
    }

    @Test("no return leads to a slate, and no failover while another input is there")
    func slateIsNoReturn() {
        var plan = three()
        plan.configuration.inputs[0].isSlate = true
        plan.configuration.returning = .atOnce
        plan.inputs[1].episodes = [Episode(.vanish, from: 5 * second, to: 20 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [2])
    }

    @Test("an operator's slate stays")
    func chosenSlateStays() {
        var plan = three()
        plan.configuration.inputs[2].isSlate = true
        plan.commands = [(4 * second, InputID(2))]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [2])
    }
}

@Suite("Return")
struct ReturnTests {
    @Test("at once means as soon as it is there")
    func atOnce() {
        var plan = pair()
        plan.kind = .shallow
        plan.configuration.holdBack = 2 * second
        plan.configuration.returning = .atOnce
        plan.inputs[0].episodes = [Episode(.vanish, from: 4 * second, to: 6 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1, 0])
        // Its first second is on air a hold-back later, and the seam is decided just before.
        #expect((verdict.seams.last?.time.nanoseconds ?? 0) < 9 * second)
    }

    @Test("an input that fails again and again is returned to less and less")
    func flapping() {
        var plan = pair(duration: 60 * second)
        plan.kind = .shallow
        plan.configuration.holdBack = 2 * second
        plan.configuration.returning = .after(nanoseconds: second)
        plan.inputs[0].episodes = (0..<14).map {
            Episode(
                .vanish, from: (4 + Int64($0) * 4) * second,
                to: (4 + Int64($0) * 4) * second + 500_000_000)
        }
        let verdict = World.run(plan)
        expectSound(verdict)
        // Returned to after 1 and 2 s of health; then 4 s never pass without another fault.
        #expect(verdict.reasons.count { $0 == .returnToBetter } == 2)
        #expect(verdict.seams.count == 5)
    }
}

@Suite("Failover")
struct FailoverTests {
    @Test("an input with a fault is a way out where no other is")
    func faultyStandbyIsBetterThanNone() {
        var plan = pair()
        plan.kind = .shallow
        plan.configuration.holdBack = 2 * second
        plan.configuration.detection.patMissing = Detection.Limit(second)
        plan.inputs[1].episodes = [Episode(.associationLoss, from: 3 * second, to: 20 * second)]
        plan.inputs[0].episodes = [Episode(.vanish, from: 6 * second, to: 20 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1])
        #expect(verdict.faults(of: 1).contains(.patMissing))
        #expect(verdict.standstills == 0)
    }

    @Test("a sound standby goes before one with a fault")
    func soundStandbyGoesFirst() {
        var plan = three()
        plan.configuration.detection.patMissing = Detection.Limit(second)
        plan.inputs[1].episodes = [Episode(.associationLoss, from: 3 * second, to: 20 * second)]
        plan.inputs[0].episodes = [Episode(.vanish, from: 6 * second, to: 20 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [2])
    }

    /// The seam to the backup is decided four seconds ahead of its time.
    private func scheduledAhead() -> WorldPlan {
        var plan = three()
        plan.kind = .promised
        plan.configuration.holdBack = 4 * second
        let time = MonotonicInstant(nanoseconds: 10 * second)
        plan.orders = [(3 * second, .switchTo(InputID(1), at: time))]
        plan.inputs[1].episodes = [Episode(.vanish, from: 8 * second, to: 20 * second)]
        return plan
    }

    @Test("the target of a switch that fails before its seam is left again at once")
    func targetFailsBeforeItsSeam() {
        let verdict = World.run(scheduledAhead())
        expectSound(verdict)
        #expect(verdict.targets == [1, 0])
        #expect((verdict.seams.last?.time.nanoseconds ?? .max) < 9 * second)
    }

    @Test("a second fault is answered before the first seam has passed")
    func secondFaultIsAnswered() {
        var plan = scheduledAhead()
        plan.inputs[0].episodes = [
            Episode(.vanish, from: 8 * second - 200_000_000, to: 20 * second)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1, 2])
        #expect((verdict.seams.last?.time.nanoseconds ?? .max) < 9 * second)
        #expect(verdict.standstills == 0)
    }

    /// Groups that never meet: the way around is taken when its time has come, and the fault has
    /// cleared long before.
    @Test("sound that was away for a moment is gone around when it is back already")
    func clearedHoleIsGoneAround() {
        var plan = pair(duration: 12 * second)
        plan.configuration.holdBack = 4 * second
        plan.inputs[1].profile.groupLength = 12
        plan.inputs[1].start -= 80_000_000
        plan.inputs[0].episodes = [
            Episode(.audioLoss, from: 5 * second, to: 6 * second + 150_000_000)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets.first == 1)
        #expect(verdict.reasons.first == .streamLost)
        #expect((verdict.seams.first?.time.nanoseconds ?? 0) > 6 * second + 300_000_000)
        #expect(verdict.soundGaps.isEmpty)
    }
}

@Suite("Cues")
struct CueTests {
    private func world(returnsByItself: Bool) -> WorldPlan {
        var plan = pair(duration: 16 * second)
        plan.kind = .storm
        plan.configuration.holdBack = second
        plan.configuration.cue = CuePolicy(target: InputID(1))
        plan.configuration.returning = .atOnce
        // 20 ms before a picture, as some inserters do it.
        plan.inputs[0].profile.breaks = [
            EncoderProfile.SpliceBreak(
                event: 7, start: 6 * 27_000_000 - 540_000, length: 4 * 27_000_000,
                returnsByItself: returnsByItself)
        ]
        return plan
    }

    @Test("a break leads to the target at its time and back at its end", arguments: [true, false])
    func breakIsFollowed(returnsByItself: Bool) {
        let plan = world(returnsByItself: returnsByItself)
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1, 0])
        #expect(verdict.reasons == [.cue, .cue])
        let start = (plan.inputs[0].profile.base + 1_006 * 27_000_000 - 540_000) / 300
        for (seam, time) in zip(verdict.seams, [start, start + 4 * 90_000]) {
            let distance = seam.presentation.ticks - time
            // The next entry of groups of 9 and 12 frames.
            #expect(distance >= -1_800 && distance <= 13 * 3_600, "\(distance)")
        }
    }

    @Test("a target with a fault is not gone to")
    func faultyTargetIsRefused() {
        var plan = world(returnsByItself: true)
        plan.configuration.plannedWait = second
        plan.inputs[1].episodes = [Episode(.vanish, from: 4 * second, to: 30 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.refusals.count == 1)
    }

    @Test("a target that fails in the break is left for the origin")
    func targetFailsInTheBreak() {
        var plan = world(returnsByItself: true)
        plan.inputs[1].episodes = [Episode(.vanish, from: 8 * second, to: 30 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.targets == [1, 0])
        #expect(verdict.reasons == [.cue, .silence])
    }
}

@Suite("Drivers")
struct DriverTests {
    private func world() -> WorldPlan {
        var plan = pair()
        plan.kind = .calm
        plan.configuration.holdBack = second
        plan.tick = 5_000_000
        for index in plan.inputs.indices { plan.inputs[index].jitter = 16_000_000 }
        return plan
    }

    @Test("what leaves ahead of its time is what would have left in time")
    func lookahead() {
        let usual = World.run(world())
        var plan = world()
        plan.configuration.lookahead = 200_000_000
        let ahead = World.run(plan)
        expectSound(ahead)
        #expect(usual.packets > 1_000)
        #expect(ahead.digest == usual.digest)
    }

    @Test("packets that are handed over late count by the time at which they came")
    func ownArrivalTimes() {
        let usual = World.run(world())
        var plan = world()
        plan.collects = true
        let late = World.run(plan)
        expectSound(late)
        #expect(late.digest == usual.digest)
    }
}
