// Senders that stall, that give at once what they have buffered, that send one wrong stamp, or
// whose streams are not those of the others: one promise each, and a short run of drawn worlds.

import SwitchEngine
import Testing
import TransportStream

@testable import Simulation

private let second: Int64 = 1_000_000_000
private let millisecond: Int64 = 1_000_000

/// One encoder alone, no return, no alignment to speak of.
private func alone(duration: Int64 = 12 * second) -> WorldPlan {
    var plan = pair(duration: duration)
    plan.inputs.removeLast()
    plan.configuration.inputs.removeLast()
    plan.configuration.holdBack = 2 * second
    return plan
}

@Suite("Stalls and bursts")
struct StallTests {
    private func stalled(_ plan: WorldPlan, _ length: Int64) -> WorldPlan {
        var plan = plan
        plan.losesNothing = true
        let end = 5 * second + length
        plan.inputs[0].episodes = [Episode(.clog, from: 5 * second, to: end)]
        plan.holdBackWindows = [HoldBackWindow((end + second)..<(plan.duration - 2 * second))]
        return plan
    }

    @Test("a stall shorter than the hold-back costs nothing, and the hold-back is back",
        arguments: [150, 400, 800, 1_500] as [Int64])
    func stallCostsNothing(length: Int64) {
        let verdict = World.run(stalled(alone(), length * millisecond))
        expectSound(verdict)
        #expect(verdict.lostPictures == 0)
        #expect(verdict.holdBackErrors.contains { $0.time > 7 * second })
    }

    @Test("nor does one where a standby could be gone to", arguments: [400, 1_500] as [Int64])
    func stallCostsNothingWithStandby(length: Int64) {
        var plan = stalled(pair(duration: 12 * second), length * millisecond)
        plan.configuration.holdBack = plan.neededHoldBack(for: .clog) + length * millisecond
        plan.holdBackWindows[0].tolerance = 60 * millisecond
        expectSound(World.run(plan))
    }

    @Test("a second stall finds the hold-back whole")
    func secondStall() {
        var plan = stalled(alone(duration: 16 * second), second)
        plan.inputs[0].episodes.append(Episode(.clog, from: 9 * second, to: 10 * second))
        plan.holdBackWindows = [
            HoldBackWindow((7 * second)..<(9 * second)),
            HoldBackWindow((11 * second)..<(14 * second)),
        ]
        expectSound(World.run(plan))
    }

    @Test("a burst of what was buffered before the begin leaves the hold-back where it is to be")
    func burstAtTheBegin() {
        var plan = alone()
        plan.inputs[0].start = -1_500 * millisecond
        plan.inputs[0].episodes = [
            Episode(.clog, from: -3 * second, to: 500 * millisecond)
        ]
        plan.losesNothing = true
        plan.holdBackWindows = [HoldBackWindow((4 * second)..<(9 * second))]
        expectSound(World.run(plan))
    }

    @Test("the hold-back is measured as it is")
    func measured() {
        var plan = alone(duration: 8 * second)
        let errors = World.run(plan).holdBackErrors
        #expect(errors.count > 8)
        #expect(errors.allSatisfy { abs($0.excess) < 100 * millisecond })
        // The judge does notice: the same run against a target that is 300 ms off.
        plan.holdBackWindows = [HoldBackWindow((3 * second)..<(6 * second))]
        expectSound(World.run(plan))
        let judge = WorldJudge(plan)
        judge.holdBackErrors = errors.map {
            HoldBackError(time: $0.time, input: 0, excess: $0.excess + 300 * millisecond)
        }
        var verdict = World.run(plan)
        judge.judgeHoldBack(&verdict)
        #expect(verdict.failures.count == 1)
    }
}

@Suite("One wrong stamp")
struct WrongStampTests {
    private static let amounts: [Int64] = [40, -40, 6_205_000, -6_205_000, 47_721_858]

    /// By ms, at a time in ms.
    private func verdict(
        _ stamp: Episode.Stamp, _ amount: Int64, at time: Int64, hasStandby: Bool, input: Int = 0
    ) -> WorldVerdict {
        var plan = hasStandby ? pair(duration: 9 * second) : alone(duration: 9 * second)
        plan.kind = .shallow
        plan.configuration.holdBack = 1_500 * millisecond
        for index in plan.inputs.indices {
            plan.inputs[index].start = -500 * millisecond
            plan.inputs[index].profile.hasData = true
        }
        plan.inputs[input].episodes = [
            Episode(
                .wrongStamp(stamp, by: amount * StreamTime.ticksPerMillisecond),
                from: time * millisecond, to: 9 * second)
        ]
        return World.run(plan)
    }

    @Test("the output stays on the host's clock, and what goes out wrong is told",
        arguments: Episode.Stamp.allCases, amounts)
    func onAir(stamp: Episode.Stamp, amount: Int64) {
        for time in [0, 300, 4_000] as [Int64] {
            let verdict = verdict(stamp, amount, at: time, hasStandby: false)
            expectSound(verdict)
            #expect(verdict.pictures > 150)
        }
    }

    @Test("also with a sound standby", arguments: Episode.Stamp.allCases, amounts)
    func withStandby(stamp: Episode.Stamp, amount: Int64) {
        expectSound(verdict(stamp, amount, at: 300, hasStandby: true))
    }

    @Test("of a standby it does nothing at all", arguments: Episode.Stamp.allCases, amounts)
    func ofStandby(stamp: Episode.Stamp, amount: Int64) {
        let verdict = verdict(stamp, amount, at: 300, hasStandby: true, input: 1)
        expectSound(verdict)
        #expect(verdict.seams.isEmpty)
        #expect(verdict.lostPictures == 0)
    }

    @Test("one stamp is wrong, and no other")
    func oneStamp() throws {
        var plan = InputPlan(EncoderProfile())
        let right = packets(of: plan)
        plan.episodes = [
            Episode(.wrongStamp(.videoPresentation, by: 27_000_000), from: second, to: 2 * second)
        ]
        let wrong = packets(of: plan)
        #expect(right.count == wrong.count)
        #expect(zip(right, wrong).count { $0 != $1 } == 1)
    }

    private func packets(of plan: InputPlan) -> [[UInt8]] {
        var path = InputPath(plan, number: 0, end: 3 * second, chance: SeededGenerator(seed: 1))
        var result: [[UInt8]] = []
        while let datagram = path.take() { result.append(datagram.bytes) }
        return result
    }
}

@Suite("Other streams")
struct OtherStreamTests {
    /// A failover at 5 s with enough hold-back.
    private func failover(_ change: (inout WorldPlan) -> Void) -> WorldVerdict {
        var plan = pair()
        change(&plan)
        plan.inputs[0].episodes = [Episode(.vanish, from: 5 * second, to: 20 * second)]
        plan.configuration.holdBack = plan.neededHoldBack(for: .vanish)
        return World.run(plan)
    }

    @Test("a standby brings a second language")
    func secondLanguage() {
        let verdict = failover {
            for index in $0.inputs.indices {
                $0.inputs[index].profile.language = "eng"
                $0.inputs[index].profile.secondLanguage = "deu"
            }
            $0.inputs[1].profile.hasSecondSound = true
        }
        expectSound(verdict)
        #expect(verdict.seams.count == 1)
    }

    @Test("a standby lacks the second language of main, and main comes back with it")
    func lostLanguage() {
        let verdict = failover {
            $0.inputs[0].profile.hasSecondSound = true
            $0.duration = 14 * second
        }
        expectSound(verdict)
        #expect(verdict.seams.map(\.level) == [.l2])
    }

    @Test("a standby without sound keeps the pictures")
    func standbyWithoutSound() {
        let verdict = failover { $0.inputs[1].profile.content.sound = .none }
        expectSound(verdict)
        #expect(verdict.seams.map(\.level) == [.l2])
        #expect(verdict.lostPictures <= 2)
    }

    @Test("a first input whose sound comes before its pictures begins at a random access point",
        arguments: 0..<3)
    func soundFirst(depth: Int) {
        var plan = pair(depth: depth, duration: 7 * second)
        plan.kind = .calm
        plan.inputs[0].start = 0
        plan.inputs[0].profile.decodingDelay = 24_300_000
        plan.inputs[0].profile.pictureWait = 18_900_000
        expectSound(World.run(plan))
    }

    /// Traps ("index out of range") where slots are read that are not taken yet.
    @Test("main has no sound, and the standby's multiplex begins with it",
        arguments: [5_000, 5_130, 5_260, 5_390] as [Int64])
    func soundOfStandbyFirst(start: Int64) {
        var plan = pair()
        plan.inputs[0].profile.content.sound = .none
        plan.inputs[1].profile.decodingDelay = 24_300_000
        plan.inputs[1].profile.pictureWait = 18_900_000
        plan.inputs[0].episodes = [
            Episode(.vanish, from: start * millisecond, to: 20 * second)
        ]
        plan.configuration.holdBack = plan.neededHoldBack(for: .vanish)
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.soundFrames > 50)
    }
}

@Suite("Drawn senders")
struct DrawnSenderTests {
    /// The first seeds whose worlds are of a sort.
    private func run(_ count: Int, _ isWanted: (WorldPlan) -> Bool) {
        var (seed, found) = (UInt64(20_000), 0)
        while found < count {
            seed += 1
            let plan = WorldPlan(seed: seed)
            guard isWanted(plan) else { continue }
            found += 1
            let verdict = World.run(plan)
            if verdict.isSound { continue }
            let sentence = verdict.failures.prefix(4).joined(separator: "; ")
            Issue.record("seed \(seed), a \(plan.kind.rawValue) world: \(sentence)")
        }
    }

    @Test("stalls") func stalls() { run(10) { $0.losesNothing } }

    @Test("many seams") func manySeams() {
        run(4) { !$0.losesNothing && !$0.holdBackWindows.isEmpty }
    }

    @Test("one wrong stamp") func wrongStamps() {
        run(20) { plan in
            plan.inputs.flatMap(\.episodes).contains {
                if case .wrongStamp = $0.kind { true } else { false }
            }
        }
    }

    @Test("other streams") func otherStreams() { run(20) { $0.streamsDiffer } }

    @Test("what is drawn for some worlds changes no other") func othersStay() {
        // Of these, found failing before there was any of this, none draws it.
        let seeds: [UInt64] = [5_000_154, 5_000_968, 6_001_269, 6_008_486, 6_018_438]
        for seed in seeds {
            let plan = WorldPlan(seed: seed)
            #expect(!plan.streamsDiffer && !plan.losesNothing && plan.holdBackWindows.isEmpty)
            #expect(plan.inputs.allSatisfy { $0.profile.pictureWait == 0 })
        }
    }
}

@Suite("Bounds")
struct BoundsTests {
    private func failures(
        after change: (inout WorldBounds) -> Void
    ) -> [String] {
        var plan = alone()
        plan.configuration.holdBack = second
        var bounds = WorldBounds(plan)
        bounds.receive(188_000, of: 0, at: second)
        change(&bounds)
        return bounds.failures
    }

    private func take(
        _ bounds: inout WorldBounds, _ packets: Int, from first: Int64, to last: Int64,
        at time: Int64
    ) {
        let bytes = [UInt8](repeating: 0, count: packets * Packet.size)
        let times = (0..<packets).map {
            first + (last - first) * Int64($0) / Int64(max(packets - 1, 1))
        }
        bounds.take(bytes.span, times.span, hostOffset: 0, at: time)
    }

    @Test("what keeps to the clock and to what came is within them")
    func within() {
        let failures = failures {
            take(&$0, 100, from: 27_000_000, to: 28_000_000, at: second)
            take(&$0, 900, from: 54_000_000, to: 180_000_000, at: 2 * second)
        }
        #expect(failures == [])
    }

    @Test("a schedule that runs away is seen", arguments: [9, -9] as [Int64])
    func runsAway(seconds: Int64) {
        let failures = failures {
            take(&$0, 1, from: 270_000_000, to: 270_000_000, at: 10 * second)
            let there = (10 + seconds) * 27_000_000
            take(&$0, 1, from: there, to: there, at: 10 * second)
        }
        #expect(failures.count == 2)
    }

    @Test("a batch of padding is seen, and so is an output of it")
    func padding() {
        let failures = failures {
            take(&$0, 10_000, from: 27_000_000, to: 28_000_000, at: second)
        }
        #expect(failures.count == 2)
    }

    @Test("packets that were never sent can not be kept")
    func kept() {
        #expect(failures { $0.keep(1_000, of: 0, at: second) } == [])
        #expect(failures { $0.keep(1_200, of: 0, at: second) }.count == 1)
    }
}
