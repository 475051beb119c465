// Where the output should be: it follows an input's clock, as far as that can be one.

import Testing

@testable import SwitchEngine

@Suite struct OutputClockTests {
    private func clock() -> OutputClock {
        var clock = OutputClock()
        clock.begin(hostOffset: 0, shift: 0, holdBackTicks: 2 * second, at: 0)
        return clock
    }

    @Test func aDriftIsFollowedWhole() {
        var clock = self.clock()
        for step in Int64(0)..<1000 {
            let now = step * second / 50
            // 100 ppm
            let offset = -now / 10_000
            #expect(clock.follow(hostOffset: offset, shift: 0, at: now) == 0)
            #expect(clock.outputTicks(at: now) == now - offset - 2 * second)
        }
    }

    @Test(arguments: [Int64(1), -1]) func aClockThatRunsAwayIsFollowedAtAPace(sign: Int64) {
        var clock = self.clock()
        var rest: Int64 = 0
        for step in Int64(0)...50 {
            let now = step * second / 50
            rest = clock.follow(hostOffset: sign * 26 * now, shift: 0, at: now)
        }
        let followed = OutputClock.reserveTicks + second / OutputClock.paceDivisor
        #expect(abs(sign * 26 * second - rest) <= followed)
        #expect(abs(rest) >= 26 * second - followed)
        #expect(clock.outputTicks(at: second) == second - (sign * 26 * second - rest) - 2 * second)
    }
}
