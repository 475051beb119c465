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
        return times.filter { habit.isHole(before: unit(at: $0, lasting: duration), kind: kind) }
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

    @Test func aHoleInOneLineSaysNothingOfTheNext() {
        var habit = StepHabit()
        let first = habit.isHole(before: unit(at: 0, lasting: 40), kind: .video)
        habit.restart()
        let second = habit.isHole(before: unit(at: 90_000, lasting: 40), kind: .video)
        #expect(!first && !second)
    }

    @Test func timesThatGoBackAreNoHole() {
        #expect(holes([5_000, 5_040, 0, 40, 80], lasting: 40, .video) == [])
    }
}
