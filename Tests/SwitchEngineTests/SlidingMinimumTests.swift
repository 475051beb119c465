// The least of the last eight seconds, against the list of all that was seen.

import Testing

@testable import SwitchEngine

@Suite struct SlidingMinimumTests {
    @Test func isBetweenTheLeastOfSevenAndAHalfAndOfEightSeconds() {
        for seed in UInt64(0)..<20 {
            var random = SeededNumbers(seed: seed)
            var minimum = SlidingMinimum()
            #expect(minimum.value == nil)
            var seen: [(ticks: Int64, value: Int64)] = []
            var ticks = Int64(random.below(1000)) * second
            for _ in 0..<300 {
                let value = Int64(random.below(1_000_000)) - 500_000
                minimum.take(value, at: ticks)
                seen.append((ticks, value))
                let short = seen.filter { $0.ticks > ticks - 15 * second / 2 }.map(\.value).min()
                let long = seen.filter { $0.ticks > ticks - 8 * second }.map(\.value).min()
                if let found = minimum.value, let short, let long {
                    #expect(long <= found && found <= short)
                } else {
                    Issue.record("no value")
                }
                ticks += Int64(random.below(random.below(20) == 0 ? 12_000 : 400)) * millisecond
            }
        }
    }

    @Test func afterALongPauseOldValuesAreGone() {
        var minimum = SlidingMinimum()
        minimum.take(-5, at: 0)
        minimum.take(7, at: 3600 * second)
        #expect(minimum.value == 7)
    }
}
