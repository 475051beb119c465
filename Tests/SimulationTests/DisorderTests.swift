// A lone input whose datagrams come twice and change places: nothing can be gone around, and still
// time does not go back.

import Conformance
import SwitchEngine
import Testing

@testable import Simulation

@Suite struct DisorderTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func decodingTimesRiseWhateverTheWayDoes(_ seed: UInt64) {
        var main = EncoderProfile()
        main.depth = 2
        var plan = WorldPlan([main], duration: 14_000_000_000)
        plan.seed = seed
        plan.inputs[0].episodes = [
            Episode(.duplication(perMillion: 300_000), from: 3_000_000_000, to: 6_000_000_000),
            Episode(.reordering(perMillion: 300_000), from: 7_000_000_000, to: 10_000_000_000),
        ]
        plan.inputs[0].datagramPackets = 3
        let verdict = World.run(plan)
        let falls = verdict.report.brokenLaws.filter { $0.name == "dtsOrder" }
        #expect(falls.isEmpty, "\(falls)")
        #expect(verdict.pictures > 150)
    }
}
