// Trip and clear times, sliding counts, and the hold-off against flapping.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct FaultWatchTests {
    private let limit = Detection.Limit(0, trip: 1_000_000_000, clear: 2_000_000_000)

    /// Whether it is a fault after each look.
    private func outcome(
        _ looks: [(isPresent: Bool, ticks: Int64)], _ limit: Detection.Limit
    ) -> [Bool] {
        var watch = FaultWatch()
        return looks.map { watch.take($0.isPresent, limit, at: $0.ticks) }
    }

    @Test("a fault trips after the trip time and not before")
    func tripTime() {
        let outcome = outcome([(true, 0), (true, second - 1), (true, second)], limit)
        #expect(outcome == [false, false, true])
    }

    @Test("a condition that comes and goes within the trip time is none")
    func shortConditionIsNoFault() {
        let outcome = outcome(
            [(true, 0), (false, second / 2), (true, second), (true, second * 3 / 2)], limit)
        #expect(outcome == [false, false, false, false])
    }

    @Test("a fault clears after the clear time, which begins anew with each relapse")
    func clearTime() {
        let outcome = outcome(
            [
                (true, 0), (true, second), (false, 2 * second), (true, 3 * second),
                (false, 4 * second), (false, 6 * second - 1), (false, 6 * second),
            ], limit)
        #expect(outcome == [false, true, true, true, true, true, false])
    }

    @Test("without trip and clear time a fault is what its condition is")
    func withoutTimes() {
        #expect(outcome([(true, 0), (false, 0)], Detection.Limit(5)) == [true, false])
    }
}

@Suite struct SlidingCountTests {
    @Test("an even rate is counted as it is, once a whole second is known")
    func evenRate() {
        var count = SlidingCount()
        for step in 0..<400 as Range<Int64> {
            count.take(step * 10, at: step * 10 * millisecond)
            #expect(count.isFull == (step >= 100))
            if step >= 100 { #expect((990...1_010).contains(count.count)) }
        }
    }

    @Test("what is older than the window is forgotten")
    func burstIsForgotten() {
        var count = SlidingCount()
        count.take(0, at: 0)
        count.take(500, at: 20 * millisecond)
        #expect(count.count == 500)
        for step in 1...60 as ClosedRange<Int64> {
            count.take(500, at: (20 + step * 20) * millisecond)
        }
        #expect(count.count == 0)
    }

    @Test("a long pause between two looks gives the rate over it")
    func longPause() {
        var count = SlidingCount()
        count.take(0, at: 0)
        count.take(1_000, at: 10 * second)
        #expect(count.count == 100)
    }

    @Test("a counter that begins anew counts nothing")
    func restartedCounter() {
        var count = SlidingCount()
        count.take(900, at: 0)
        count.take(3, at: second / 2)
        #expect(count.count == 0)
    }
}

@Suite struct FlapGuardTests {
    private let policy = FlapPolicy()

    @Test("the hold-off doubles with each failover behind the first, up to the limit")
    func doubles() {
        var guardian = FlapGuard()
        var times: [Int64] = []
        for _ in 0..<40 {
            times.append(guardian.holdOff(base: 10_000_000_000, policy) / 1_000_000_000)
            guardian.strike()
        }
        #expect(times.prefix(8) == [10, 10, 20, 40, 80, 160, 300, 300])
        #expect(times.last == 300)
    }

    @Test("who is returned to at once is so the first time, then after steps")
    func atOnce() {
        var guardian = FlapGuard()
        var times: [Int64] = []
        for _ in 0..<5 {
            times.append(guardian.holdOff(base: 0, policy) / 1_000_000_000)
            guardian.strike()
        }
        #expect(times == [0, 0, 5, 10, 20])
    }

    @Test("a base beyond the limit stays what it is")
    func longBase() {
        var guardian = FlapGuard()
        for _ in 0..<4 { guardian.strike() }
        #expect(guardian.holdOff(base: 400_000_000_000, policy) == 400_000_000_000)
    }

    @Test("long health forgets one failover after the other; damage begins the time anew")
    func decays() {
        var guardian = FlapGuard()
        for _ in 0..<3 { guardian.strike() }
        let decay = 600 * second
        guardian.assess(soundSince: 0, policy, at: decay - 1)
        #expect(guardian.strikes == 3)
        guardian.assess(soundSince: 0, policy, at: decay)
        #expect(guardian.strikes == 2)
        guardian.assess(soundSince: nil, policy, at: decay + second)
        guardian.assess(soundSince: decay + 2 * second, policy, at: 2 * decay)
        #expect(guardian.strikes == 2)
        guardian.assess(soundSince: decay + 2 * second, policy, at: 2 * decay + 2 * second)
        #expect(guardian.strikes == 1)
    }
}
