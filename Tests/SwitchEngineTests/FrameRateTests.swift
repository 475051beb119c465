// The frame duration out of DTS steps in 90 kHz and the stream's own statement.

import Testing

@testable import SwitchEngine

@Suite struct FrameRateTests {
    /// 13818-2 table 6-4, frame rates as fractions.
    static let rates: [(Int64, Int64)] = [
        (24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1),
    ]

    /// DTS steps of a rate, each DTS rounded down to 90 kHz, in 27 MHz ticks.
    private func steps(_ rate: (Int64, Int64), _ count: Int64) -> [Int64] {
        (0..<count).map { frame in
            (frame + 1) * 90_000 * rate.1 / rate.0 - frame * 90_000 * rate.1 / rate.0
        }.map { $0 * 300 }
    }

    @Test(arguments: rates)
    func everyWellKnownRateIsFoundExactly(numerator: Int64, denominator: Int64) {
        let exact = 27_000_000 * denominator / numerator
        for stated in [0, exact, 27_000_000, 40] {
            var rate = FrameRate()
            for (index, step) in steps((numerator, denominator), 50).enumerated() {
                rate.take(step: step, stated: stated)
                if index >= 4 { #expect(rate.ticks == exact, "stated \(stated)") }
            }
        }
    }

    @Test func aStatementThatAgreesIsBelievedAtOnce() {
        var rate = FrameRate()
        rate.take(step: 1_125_900, stated: 1_126_125)
        #expect(rate.ticks == 1_126_125)
    }

    @Test func stepsOutweighAStatementThatTheyContradict() {
        var rate = FrameRate()
        for _ in 0..<4 { rate.take(step: 1_080_000, stated: 540_000) }
        #expect(rate.ticks == 1_080_000)
    }

    @Test func oneOddStepChangesNothing() {
        var rate = FrameRate()
        for step in [Int64](repeating: 1_080_000, count: 6) + [2_160_000, 540_000, 1_080_000] {
            rate.take(step: step, stated: 0)
        }
        #expect(rate.ticks == 1_080_000)
        for _ in 0..<5 { rate.take(step: 540_000, stated: 0) }
        #expect(rate.ticks == 540_000)
    }

    @Test func impossibleStepsTellNothing() {
        var rate = FrameRate()
        for step in [0, -1_080_000, 270_000_001, Int64.max, Int64.min] {
            for _ in 0..<5 { rate.take(step: step, stated: 0) }
        }
        #expect(rate.ticks == 0)
    }

    @Test func oddRatesAreTakenAsTheyStep() {
        var rate = FrameRate()
        for _ in 0..<5 { rate.take(step: 2_700_000, stated: 0) }
        #expect(rate.ticks == 2_700_000)
    }
}
