// Which pauses of an input are its own and which are outages.

import Testing

@testable import SwitchEngine

@Suite struct InputFactsTests {
    /// Packets every so often; a pause that is longer than 200 ms and than half as long again as
    /// usual is taken for silence, as the engine does.
    private func usual(_ times: [Int64]) -> Int64 {
        var facts = InputFacts()
        for time in times.map({ $0 * millisecond }) {
            if let last = facts.lastPayloadTicks {
                let limit = max(200 * millisecond, facts.usualPauseTicks * 3 / 2)
                if time - last > limit { facts.forget() }
            }
            facts.take(payloadAt: time)
        }
        return facts.usualPauseTicks / millisecond
    }

    @Test func aPauseThatIsNoSilenceIsUsual() {
        #expect(usual([0, 20, 40, 160, 180]) == 120)
        #expect(usual([0, 20, 40, 60]) == 0)
    }

    @Test func anOutageIsNotUsual() {
        #expect(usual([0, 20, 40, 1_900, 1_920, 1_940]) == 0)
        // Nor is a second one after some time of packets.
        let stream = (0..<200).map { Int64($0) * 20 }
        #expect(usual(stream + stream.map { $0 + 6_000 } + stream.map { $0 + 12_000 }) == 0)
    }

    @Test(arguments: [400, 900, 1_500, 2_000, 4_900] as [Int64])
    func aDatagramNowAndThenIsARhythm(pause: Int64) {
        #expect(usual([0, pause]) == 0)
        #expect(usual([0, pause, 2 * pause]) == pause)
        let times = (0..<20).map { Int64($0) * pause + Int64($0 % 3) * 30 }
        #expect(usual(times) >= pause)
    }

    @Test func burstsAreARhythm() {
        let burst = (0..<10).map { Int64($0) * 5 }
        let times = (0..<6).flatMap { number in burst.map { $0 + Int64(number) * 2_000 } }
        #expect(usual(times) == 1_955)
    }

    @Test func whatComesLessThanEveryFiveSecondsIsSilent() {
        #expect(usual((0..<10).map { Int64($0) * 6_000 }) == 0)
    }
}
