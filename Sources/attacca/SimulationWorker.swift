// The child process of `attacca simulate`: runs every n-th seed and writes to standard output, for
// each world, one line and the lines that are to be shown:
//
//   world ok 0
//   world fails 2
//   seed 12, a calm world of 9000 ms
//     FAILS: law 3 ...

import Foundation
import Simulation

struct SimulationWorker {
    let isVerbose: Bool

    /// A world that asks for more than this has no bound: 3 GiB of address space.
    private static let memoryLimit: UInt = 3 << 30

    func run(_ seeds: ClosedRange<UInt64>, by stride: UInt64) {
        var limit = rlimit(
            rlim_cur: SimulationWorker.memoryLimit, rlim_max: SimulationWorker.memoryLimit)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        var seed = seeds.lowerBound
        while true {
            report(seed)
            let (next, isOver) = seed.addingReportingOverflow(max(stride, 1))
            if isOver || next > seeds.upperBound { return }
            seed = next
        }
    }

    private func report(_ seed: UInt64) {
        let plan = WorldPlan(seed: seed)
        let verdict = World.run(plan)
        let lines = verdict.isSound && !isVerbose ? [] : plan.facts + verdict.facts
        let head = "world \(verdict.isSound ? "ok" : "fails") \(lines.count)"
        SimulationText.show([head] + lines)
    }
}
