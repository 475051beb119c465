// The promises, one scenario each, with the numbers that a broadcast engineer would ask for.

import Simulation
import SwitchEngine
import Testing

/// Two encoders on one clock that have nothing else in common.
func pair(depth: Int = 2, duration: Int64 = 10_000_000_000) -> WorldPlan {
    var main = EncoderProfile()
    main.base = 3_000_000_000
    main.groupLength = 12
    main.depth = depth
    main.framesPerPacket = 3
    var backup = main
    backup.groupLength = 9
    backup.depth = 1
    backup.framesPerPacket = 5
    backup.samplePhase = 333
    backup.clockPlace = .own
    backup.latency += 1_080_000
    var plan = WorldPlan([main, backup], duration: duration, kind: .promised)
    plan.inputs[0].start = -2_000_000_000
    plan.inputs[1].start = -1_500_000_000
    plan.configuration.alignment = .timestamps
    return plan
}

/// A verdict holds a whole run; a failing expectation needs only its end.
extension WorldVerdict: CustomTestStringConvertible {
    public var testDescription: String { facts.suffix(3).joined(separator: ";") }
}

func expectSound(_ verdict: WorldVerdict) {
    guard !verdict.isSound else { return }
    Issue.record("\(verdict.failures.prefix(5).joined(separator: "; "))")
}

@Suite("Promises with enough hold-back")
struct PromiseTests {
    @Test("a failover loses nothing", arguments: 0..<4)
    func failoverLosesNothing(depth: Int) {
        var plan = pair(depth: depth)
        plan.inputs[0].episodes = [Episode(.vanish, from: 5_000_000_000, to: 20_000_000_000)]
        plan.configuration.holdBack = plan.neededHoldBack(for: .vanish)
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.count == 1)
        let reason = verdict.seams.first?.reason
        #expect(reason == .silence)
        #expect(verdict.lostPictures <= Int64(depth))
        #expect(verdict.repeatedPictures == 0)
        #expect(verdict.soundGaps.count == 0)
    }

    @Test("two percent loss on main and a clean standby: no damaged unit goes out")
    func lossIsGoneAround() {
        var plan = pair()
        plan.inputs[0].episodes = [
            Episode(.loss(perMillion: 20_000), from: 4_000_000_000, to: 20_000_000_000)
        ]
        plan.configuration.holdBack = plan.neededHoldBack(for: .loss(perMillion: 20_000))
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.damageTold == 0)
        #expect(verdict.unitFaults.count == 0)
    }

    @Test("a switch by the operator loses nothing, there and back")
    func operatorSwitchLosesNothing() {
        var plan = pair(depth: 1)
        plan.commands = [(4_000_000_000, InputID(1)), (7_000_000_000, InputID(0))]
        plan.configuration.holdBack = 1_500_000_000
        let verdict = World.run(plan)
        expectSound(verdict)
        let reasons = verdict.seams.map(\.reason)
        #expect(reasons == [.operatorSwitch, .operatorSwitch])
        #expect(verdict.lostPictures <= 1)
        #expect(verdict.soundGaps.count == 0)
    }

    @Test("splice times go with the content, and none of the standby's old ones go out")
    func splicesGoWithTheContent() {
        var plan = pair()
        plan.inputs[0].profile.hasSplices = true
        plan.inputs[1].profile.hasSplices = true
        plan.inputs[1].profile.base += 1_234_567 * 300
        plan.configuration.alignment = .arrival
        plan.commands = [(4_000_000_000, InputID(1)), (7_000_000_000, InputID(0))]
        plan.configuration.holdBack = 1_500_000_000
        plan.configuration.plannedWait = 500_000_000
        plan.kind = .calm
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.count == 2)
        #expect((8...12).contains(verdict.splices))
    }

    @Test("stamps that count from a connection's begin are not taken for a shared clock's",
        arguments: [true, false])
    func ownTimeIsNoSharedClock(hasOwnTime: Bool) {
        var plan = pair()
        // One second: as of two encoders that were started one after the other.
        plan.inputs[1].profile.base += 27_000_000
        plan.configuration.alignment = .auto
        plan.configuration.inputs[1].hasOwnTime = hasOwnTime
        plan.commands = [(4_000_000_000, InputID(1))]
        plan.configuration.holdBack = 1_500_000_000
        plan.configuration.plannedWait = 500_000_000
        plan.kind = .calm
        let source = World.run(plan).seams.first?.alignment
        #expect(source == (hasOwnTime ? .arrival : .timestamps))
    }

    @Test("a clock that stalls is left in time")
    func stalledClockIsLeft() {
        var plan = pair()
        plan.inputs[0].episodes = [Episode(.clockStall, from: 4_000_000_000, to: 20_000_000_000)]
        plan.configuration.holdBack = plan.neededHoldBack(for: .clockStall)
        let verdict = World.run(plan)
        expectSound(verdict)
        let reason = verdict.seams.first?.reason
        #expect(reason == .clockStall)
    }

    @Test("sound that is lost is left in time")
    func lostSoundIsLeft() {
        var plan = pair()
        plan.inputs[0].episodes = [Episode(.audioLoss, from: 4_000_000_000, to: 20_000_000_000)]
        plan.configuration.holdBack = plan.neededHoldBack(for: .audioLoss)
        expectSound(World.run(plan))
    }

    @Test("the wraps of PTS and PCR are not seen", arguments: [2, 4, 6, 8] as [Int64])
    func wrapsAreNotSeen(second: Int64) {
        var plan = pair()
        // Source time begins at 1,000 s.
        let base = (Int64(1) << 33) * 300 - (1_000 + second) * 27_000_000
        for index in plan.inputs.indices { plan.inputs[index].profile.base = base }
        plan.commands = [(second * 1_000_000_000, InputID(1))]
        plan.configuration.holdBack = 1_500_000_000
        plan.kind = .calm
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.count == 1)
        #expect(verdict.lostPictures <= 2)
    }
}

@Suite("Without hold-back")
struct ShallowTests {
    @Test("hold-back zero never jumps", arguments: 0..<3)
    func neverJumps(depth: Int) {
        var plan = pair(depth: depth)
        plan.kind = .shallow
        plan.inputs[0].episodes = [Episode(.vanish, from: 5_000_000_000, to: 20_000_000_000)]
        plan.configuration.holdBack = 0
        let verdict = World.run(plan)
        #expect(verdict.seams.count == 1)
        let levels = verdict.seams.map(\.level)
        #expect(levels == [.l2] || levels == [.l3])
        expectSound(verdict)
        let jumps = verdict.report.timingEvents.count { !$0.isTolerated }
        #expect(jumps == 0)
        #expect(verdict.soundGaps.count == 0)
    }

    @Test("a clock that stalls stops nothing, with little hold-back", arguments: [0, 200, 600])
    func stalledClockGoesOn(holdBack: Int64) {
        var plan = pair()
        plan.kind = .shallow
        plan.inputs.removeLast()
        plan.configuration.inputs.removeLast()
        plan.configuration.holdBack = holdBack * 1_000_000
        plan.inputs[0].episodes = [Episode(.clockStall, from: 4_000_000_000, to: 7_500_000_000)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.lostPictures == 0)
        let stoodStill = verdict.events.contains { event in
            if case .standstill = event { true } else { false }
        }
        #expect(!stoodStill)
    }

    @Test("a PCR that jumps alone is not seen", arguments: [9, -9, 4_000] as [Int64])
    func clockJumpIsNotSeen(seconds: Int64) {
        var plan = pair()
        plan.kind = .shallow
        plan.inputs.removeLast()
        plan.configuration.inputs.removeLast()
        plan.configuration.holdBack = 300_000_000
        plan.inputs[0].episodes = [
            Episode(.clockJump(by: seconds * 27_000_000), from: 4_000_000_000, to: 7_000_000_000)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.lostPictures == 0)
        #expect(verdict.events.count { if case .standstill = $0 { true } else { false } } == 0)
    }

    @Test("stamps that jump alone are joined, at once", arguments: [9, -9, 4_000] as [Int64])
    func stampJumpIsJoined(seconds: Int64) {
        var plan = pair()
        plan.kind = .shallow
        plan.inputs.removeLast()
        plan.configuration.inputs.removeLast()
        plan.configuration.holdBack = 300_000_000
        plan.inputs[0].episodes = [
            Episode(.stampJump(by: seconds * 90_000), from: 4_000_000_000, to: 7_000_000_000)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.count == 2)
        // Up to the next random access point, twice.
        #expect(verdict.lostPictures <= 2 * 14)
        #expect(verdict.pictures > 200)
    }

    @Test("a single input that restarts is joined to itself", arguments: [false, true])
    func restartIsJoined(movesPIDs: Bool) {
        var plan = pair()
        plan.kind = .shallow
        plan.inputs.removeLast()
        plan.configuration.inputs.removeLast()
        plan.configuration.holdBack = 500_000_000
        plan.inputs[0].episodes = [
            Episode(
                .restart(base: 77_000_000, movesPIDs: movesPIDs), from: 4_000_000_000,
                to: 4_400_000_000)
        ]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.seams.count == 1)
        let ends = verdict.seams.map { [$0.from, $0.to] }
        #expect(ends == [[InputID(0), InputID(0)]])
        #expect(verdict.pictures > 200)
    }
}

@Suite("Everything else")
struct EnduranceTests {
    @Test("after two hundred seams hold-back and lip-sync are where they were")
    func manySeams() {
        let verdict = World.run(.manySeams(200))
        expectSound(verdict)
        #expect(verdict.seams.count == 200)
        #expect(verdict.lostPictures <= 200)
        #expect(verdict.repeatedPictures == 0)
        #expect(verdict.soundGaps.count == 0)
        // The encoders are 30 ms apart, and that is all that may be left of 200 seams.
        for seam in verdict.seams.suffix(2) {
            #expect(abs(seam.holdBack - verdict.holdBack) <= 40_000_000)
        }
        // Half a frame of 1024 samples is 960 ticks.
        #expect(verdict.lipSyncError <= 963)
    }

    @Test("memory stays bounded")
    func memoryIsBounded() {
        let short = World.run(.manySeams(10))
        let long = World.run(.manySeams(60))
        #expect(short.mostKeptPackets > 0)
        #expect(long.mostKeptPackets < short.mostKeptPackets * 3 / 2)
    }

    @Test("an hour of one picture a second, across a wrap")
    func longRun() {
        let verdict = World.run(.longRun(hours: 1))
        expectSound(verdict)
        #expect(verdict.pictures > 3_580)
        #expect(verdict.lostPictures == 0)
        #expect(verdict.mostKeptPackets < 500)
    }

    @Test("with all inputs gone the syntax goes on and they come back")
    func allGone() {
        var plan = pair(duration: 14_000_000_000)
        plan.kind = .storm
        plan.configuration.holdBack = 500_000_000
        for index in plan.inputs.indices {
            plan.inputs[index].episodes = [
                Episode(.vanish, from: 5_000_000_000, to: 8_000_000_000)
            ]
        }
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.pictures > 200)
        let stoodStill = verdict.events.contains { event in
            if case .standstill = event { true } else { false }
        }
        #expect(stoodStill)
    }
}
