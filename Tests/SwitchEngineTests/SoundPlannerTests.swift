// How the sound is joined: frame after frame on the outgoing grid, wherever the incoming one lies.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct SoundPlannerTests {
    static let frame = SideWriter.frame
    static let duration: Int64 = 576_000

    private func sides(phase: Int64, duration: Int64 = duration) -> (SideWriter, SideWriter) {
        var outgoing = SideWriter()
        var incoming = SideWriter()
        outgoing.gops(6, SeamPlannerTests.plain)
        incoming.gops(6, SeamPlannerTests.plain)
        outgoing.sound(duration: duration)
        incoming.sound(duration: duration, phase: phase)
        outgoing.sent(before: 10)
        return (outgoing, incoming)
    }

    /// End of the last outgoing and begin of the first incoming frame on the output's line.
    private func findJoint(_ request: SeamRequest, _ plan: SeamPlan) -> (end: Int64, begin: Int64)?
    {
        guard let sound = plan.sounds.first,
            let last = request.outgoing.sounds[0].frames.last(where: {
                $0.unit < sound.outgoingUntil
            }),
            let first = request.incoming.sounds[0].frames.first(where: {
                $0.unit == sound.incomingFrom
            })
        else { return nil }
        return (
            last.end + request.outgoingShift + request.outgoing.sounds[0].nudge,
            first.presentation + plan.shift + sound.nudge
        )
    }

    @Test func anyPhaseLandsOnTheOutgoingGrid() throws {
        for phase in stride(from: -Self.duration, through: Self.duration, by: 19_200) {
            let (outgoing, incoming) = sides(phase: phase)
            let request = ask(outgoing.side, incoming.side, offset: 0)
            let plan = try #require(planned(request))
            let joint = try #require(findJoint(request, plan))
            #expect(joint.end == joint.begin, "phase \(phase)")
            #expect(plan.sounds[0].gapTicks == 0)
            #expect(abs(plan.sounds[0].nudge) * 2 <= Self.duration, "phase \(phase)")
            // The sound changes within a frame of the pictures.
            #expect(abs(joint.end - plan.presentation) <= Self.duration, "phase \(phase)")
        }
    }

    /// What the incoming input has none of is lost, however well the pictures meet.
    @Test func aSeamThatEndsAStreamIsNotCalledWhole() throws {
        func level(_ sounds: (Int, Int)) throws -> SeamLevel {
            var (outgoing, incoming) = sides(phase: 0)
            for slot in 2..<(1 + max(1, sounds.0)) { outgoing.sound(slot: slot, stream: slot) }
            for slot in 2..<(1 + max(1, sounds.1)) { incoming.sound(slot: slot, stream: slot) }
            outgoing.sent(before: 10)
            if sounds.0 == 0 { outgoing.side.sounds = [] }
            if sounds.1 == 0 { incoming.side.sounds = [] }
            return try #require(planned(ask(outgoing.side, incoming.side, offset: 0))).cost.level
        }
        #expect(try level((2, 2)) == .l3)
        #expect(try level((1, 2)) == .l3)
        #expect(try level((0, 1)) == .l3)
        #expect(try level((2, 1)) == .l2)
        #expect(try level((1, 0)) == .l2)
    }

    /// The nudge of the outgoing side is part of its times, and is not added up.
    @Test func theNudgeIsMeasuredAfresh() throws {
        for nudge in [-288_000, 150_000, 288_000] as [Int64] {
            var (outgoing, incoming) = sides(phase: 0)
            outgoing.side.sounds[0].nudge = nudge
            let request = ask(outgoing.side, incoming.side, offset: 0)
            let plan = try #require(planned(request))
            let joint = try #require(findJoint(request, plan))
            #expect(joint.end == joint.begin && abs(plan.sounds[0].nudge) * 2 <= Self.duration)
        }
    }

    @Test func framesOfAnotherLengthJoinTheSameWay() throws {
        for duration in [648_000, 864_000, 540_000] as [Int64] {
            var outgoing = SideWriter()
            var incoming = SideWriter()
            outgoing.gops(6, SeamPlannerTests.plain)
            incoming.gops(6, SeamPlannerTests.plain)
            outgoing.sound()
            incoming.sound(duration: duration, phase: 12_300)
            outgoing.sent(before: 10)
            let request = ask(outgoing.side, incoming.side, offset: 0)
            let plan = try #require(planned(request))
            let joint = try #require(findJoint(request, plan))
            #expect(joint.end == joint.begin && abs(plan.sounds[0].nudge) * 2 <= duration)
        }
    }

    @Test func damagedFramesAreLeftOut() throws {
        var (outgoing, incoming) = sides(phase: 0)
        // Outgoing sound ends early, incoming sound is whole only from a later frame on.
        let early = outgoing.side.sounds[0].firstFree + 2
        outgoing.side.sounds[0].limit = early
        for index in early..<outgoing.side.sounds[0].frames.count {
            outgoing.side.sounds[0].frames[index].isDamaged = true
        }
        let request1 = ask(outgoing.side, incoming.side, offset: 0)
        let first = try #require(planned(request1))
        #expect(first.sounds[0].outgoingUntil <= 1000 + early && first.sounds[0].gapTicks == 0)
        let damage = incoming.side.sounds[0].frames.count - 12
        incoming.side.sounds[0].frames[damage].isDamaged = true
        let request2 = ask(outgoing.side, incoming.side, offset: 0)
        let second = try #require(planned(request2))
        #expect(second.sounds[0].incomingFrom > 1000 + damage)
        let joint = try #require(findJoint(request2, second))
        // The silence is whole frames long and told.
        #expect(second.sounds[0].gapTicks == joint.begin - joint.end)
        #expect(second.sounds[0].gapTicks > 0 && second.sounds[0].gapTicks % Self.duration == 0)
        #expect(second.cost.soundGapTicks == second.sounds[0].gapTicks)
    }

    @Test func soundThatWouldComeTooLateIsNotTaken() throws {
        let (outgoing, incoming) = sides(phase: 0)
        let now = outgoing.side.pictures[14].presentation
        var request = ask(outgoing.side, incoming.side, offset: 0, now: now)
        request.incomingNow = now + 2 * second
        let plan = try #require(planned(request))
        let joint = try #require(findJoint(request, plan))
        #expect(joint.begin >= now + SoundPlanner.marginTicks(request))
    }

    /// Its place on the grid may be half a frame before its own time.
    @Test func whatIsMovedToTheGridComesInTimeThere() throws {
        for phase in stride(from: -Self.duration, through: Self.duration, by: 19_200) {
            var (outgoing, incoming) = sides(phase: phase)
            let sent = outgoing.side.sounds[0].firstFree
            outgoing.side.sounds[0].frames.removeSubrange(sent...)
            outgoing.side.sounds[0].limit = sent
            let end = try #require(outgoing.side.sounds[0].frames.last?.end)
            let request = ask(outgoing.side, incoming.side, offset: 0, now: end)
            let plan = SoundPlanner.plan(
                outgoing.side.sounds[0], incoming.side.sounds[0], request, shift: 0, place: end)
            let frame = try #require(
                incoming.side.sounds[0].frames.first { $0.unit == plan.incomingFrom })
            #expect(plan.gapTicks > 0 && plan.gapTicks % Self.duration == 0)
            #expect(frame.presentation + plan.nudge >= end + SoundPlanner.marginTicks(request))
        }
    }

    @Test func soundThatHasNotComeYetIsAwaited() throws {
        var (outgoing, incoming) = sides(phase: 0)
        incoming.side.sounds[0].frames = []
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let sound = try #require(planned(request)?.sounds.first)
        #expect(sound.isGapUnknown && sound.silentSince != nil)
        #expect(sound.begin == sound.silentSince && sound.nudge == 0 && sound.gapTicks > 0)
    }

    /// An input that sent far ahead of its time, or whose sound has another stamp, has sound that
    /// belongs to no picture here.
    @Test func soundIsNotHeardOnFarBehindThePictures() throws {
        var (outgoing, incoming) = sides(phase: 0)
        incoming.side.sounds[0].frames = []
        let first = try #require(outgoing.side.sounds[0].frames.first)
        for number in outgoing.side.sounds[0].frames.count..<600 {
            outgoing.side.sounds[0].frames.append(
                SeamFrame(
                    unit: first.unit + number,
                    presentation: first.presentation + Int64(number) * Self.duration,
                    durationTicks: Self.duration,
                    firstTime: first.presentation + Int64(number - 3) * Self.duration,
                    isDamaged: false))
        }
        outgoing.side.sounds[0].limit = 600
        let plan = try #require(planned(ask(outgoing.side, incoming.side, offset: 0)))
        let tail = try #require(plan.sounds[0].outgoingEnd) - plan.presentation
        #expect(tail <= SoundPlanner.longestTailTicks && tail > 3 * second)
        #expect(plan.sounds[0].isGapUnknown && plan.sounds[0].silentSince != nil)
    }

    /// An input that stops has brought less sound than pictures, and a clip that begins anew has
    /// brought none yet: it begins with its pictures, which go where the sound ends.
    @Test func picturesGoWhereTheSoundEndsToSoundThatHasNotComeYet() throws {
        var (outgoing, incoming) = sides(phase: 0)
        outgoing.side.isOver = true
        outgoing.side.sounds[0].frames.removeLast(9)
        outgoing.side.sounds[0].limit = outgoing.side.sounds[0].frames.count
        incoming.side.sounds[0].frames = []
        let heard = try #require(outgoing.side.sounds[0].frames.last?.end)
        let plan = try #require(planned(ask(outgoing.side, incoming.side, offset: nil)))
        #expect(plan.presentation <= heard && plan.presentation > heard - 5 * SideWriter.frame)
    }

    @Test func aSilenceIsWholeFramesLong() {
        let frame = Self.duration
        for time in stride(from: -frame / 2 + 300, through: 3 * frame, by: 19_200) {
            let silence = SoundPlanner.silence(since: 0, until: time, frameTicks: frame)
            #expect(silence.ticks >= 0 && silence.ticks % frame == 0)
            #expect(time + silence.nudge == silence.ticks && abs(silence.nudge) <= frame / 2)
        }
    }

    /// 1024 samples at 44.1 kHz last 626,938 and three quarters ticks of 27 MHz.
    @Test func aLongSilenceEndsOnTheExactGrid() throws {
        var mark = AccessUnitMark(position: 0)
        mark.samples = 1024
        mark.sampleRate = 44_100
        let grid = try #require(AudioGrid(origin: 0, mark: mark))
        for frames in [1, 100, 10_000] as [Int64] {
            let exact = frames * 27_648_000_000 / 44_100
            let silence = SoundPlanner.silence(
                since: 0, until: exact + 300_000, frameTicks: 626_938, grid: grid)
            #expect(silence.ticks == exact)
        }
    }

    @Test func aSlotThatGetsNoMoreSoundEndsWithThePictures() throws {
        var (outgoing, incoming) = sides(phase: 0)
        incoming.side.sounds = []
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(request))
        #expect(plan.sounds.count == 1 && plan.sounds[0].incomingStream == nil)
        let frames = outgoing.side.sounds[0].frames.filter {
            $0.unit < plan.sounds[0].outgoingUntil
        }
        let end = try #require(frames.last?.end)
        #expect(end <= plan.presentation && end > plan.presentation - Self.duration)
    }

    /// A seam before the damage would not have the silence, so it must cost something.
    @Test func aSlotThatGetsNoMoreSoundIsSilentFromItsDamageOn() {
        var (outgoing, incoming) = sides(phase: 0)
        incoming.side.sounds = []
        let early = outgoing.side.sounds[0].firstFree + 2
        outgoing.side.sounds[0].limit = early
        outgoing.side.sounds[0].frames[early].isDamaged = true
        let sound = outgoing.side.sounds[0]
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let whole = sound.frames[early - 1].end + request.outgoingShift + sound.nudge
        for frames in 0..<4 {
            let plan = SoundPlanner.plan(
                sound, nil, request, shift: 0, place: whole + Int64(frames) * Self.duration)
            #expect(plan.outgoingUntil == sound.frames[early].unit)
            #expect(plan.gapTicks == Int64(frames) * Self.duration)
        }
    }

    @Test func aNewSlotBeginsWithThePictures() throws {
        var (outgoing, incoming) = sides(phase: 100_200)
        outgoing.side.sounds = []
        incoming.sound(slot: 4, stream: 9)
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(request))
        #expect(plan.sounds.map(\.slot) == [1, 4])
        for (index, sound) in plan.sounds.enumerated() {
            let frame = try #require(
                incoming.side.sounds[index].frames.first { $0.unit == sound.incomingFrom })
            let begin = frame.presentation + plan.shift
            #expect(begin >= plan.presentation && begin < plan.presentation + Self.duration)
            #expect(sound.nudge == 0 && sound.outgoingStream == nil)
        }
    }
}
