// Units that are missing, told by the times of those around.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct StepHabitTests {
    private func unit(at milliseconds: Int64, lasting duration: Int64) -> Unit {
        var unit = Unit.none
        unit.decoding = StreamTime(ticks: milliseconds * millisecond)
        unit.presentation = unit.decoding
        unit.durationTicks = duration * millisecond
        unit.isTimed = true
        return unit
    }

    private func holes(_ times: [Int64], lasting duration: Int64, _ kind: Codec.Kind) -> [Int64] {
        var habit = StepHabit()
        return times.filter { habit.take(unit(at: $0, lasting: duration), kind: kind) == .hole }
    }

    @Test func oneFrameOfSoundIsAHole() {
        #expect(holes([0, 24, 48, 96, 120], lasting: 24, .audio) == [96])
        // Stamps that are rounded to milliseconds or drift are none.
        #expect(holes([0, 24, 49, 72, 98, 120], lasting: 24, .audio) == [])
    }

    @Test func aPictureThatItsEncoderDroppedIsNoHole() {
        #expect(holes([0, 40, 80, 160, 200, 320], lasting: 40, .video) == [])
        #expect(holes([0, 40, 80, 1_200, 1_240], lasting: 40, .video) == [1_200])
    }

    @Test func whatIsUsualIsNoHole() {
        // A camera that gives a picture now and then.
        let times: [Int64] = [0, 40, 140, 180, 300, 340, 640, 680, 2_500, 2_540]
        #expect(holes(times, lasting: 40, .video) == [2_500])
    }

    @Test func aStampTellsThatFramesAreMissingBeforeTheyAreRead() {
        var habit = StepHabit()
        for time: Int64 in [0, 24, 48] { _ = habit.take(unit(at: time, lasting: 24), kind: .audio) }
        func isStep(_ time: Int64) -> Bool {
            habit.isStep(to: StreamTime(ticks: time * millisecond), kind: .audio)
        }
        #expect(!isStep(72) && !isStep(80) && isStep(96) && isStep(48))
        // Which of two is the wrong one is not known yet: both may be gone on from.
        _ = habit.take(unit(at: 500, lasting: 24), kind: .audio)
        #expect(!isStep(524) && !isStep(72) && isStep(200))
    }

    @Test func whatWasLostIsNotUsual() {
        var habit = StepHabit()
        for time: Int64 in [0, 24, 48] { _ = habit.take(unit(at: time, lasting: 24), kind: .audio) }
        _ = habit.take(unit(at: 192, lasting: 24), followsLoss: true, kind: .audio)
        _ = habit.take(unit(at: 216, lasting: 24), kind: .audio)
        // The next stamp is wrong, and less than the hole was.
        #expect(habit.take(unit(at: 336, lasting: 24), kind: .audio) == .hole)
        #expect(
            habit.take(unit(at: 264, lasting: 24), kind: .audio) == .stray(by: 96 * millisecond))
    }

    @Test func aHoleInOneLineSaysNothingOfTheNext() {
        var habit = StepHabit()
        let first = habit.take(unit(at: 0, lasting: 40), kind: .video)
        habit.restart()
        let second = habit.take(unit(at: 90_000, lasting: 40), kind: .video)
        #expect(first == .goesOn && second == .goesOn)
    }

    @Test func timesThatGoBackAreNoHole() {
        #expect(holes([5_000, 5_040, 0, 40, 80], lasting: 40, .video) == [])
    }

    @Test(arguments: [6_205_000, 400, -40, -5_000] as [Int64])
    func oneWrongTimeIsKnownByTheNextOne(off: Int64) {
        var habit = StepHabit()
        for time: Int64 in [0, 40, 80] {
            _ = habit.take(unit(at: time, lasting: 40), kind: .video)
        }
        let wrong = habit.take(unit(at: 120 + off, lasting: 40), kind: .video)
        #expect(wrong == (off > 0 ? .hole : .back))
        let next = habit.take(unit(at: 160, lasting: 40), kind: .video)
        #expect(next == .stray(by: off * millisecond))
        #expect(habit.take(unit(at: 200, lasting: 40), kind: .video) == .goesOn)
    }

    /// Frames in the PES packet of the wrong stamp take their times from it, and prove nothing.
    @Test func framesBehindAWrongTimeDoNotSpeakForIt() {
        var habit = StepHabit()
        for time: Int64 in [0, 24, 48] {
            _ = habit.take(unit(at: time, lasting: 24), kind: .audio)
        }
        #expect(habit.take(unit(at: 9_000, lasting: 24), kind: .audio) == .hole)
        for time: Int64 in [9_024, 9_048] {
            let verdict = habit.take(
                unit(at: time, lasting: 24), isStamped: false, kind: .audio)
            #expect(verdict == .goesOn)
        }
        let next = habit.take(unit(at: 144, lasting: 24), kind: .audio)
        #expect(next == .stray(by: (9_000 - 72) * millisecond))
    }
}
