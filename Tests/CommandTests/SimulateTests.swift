// `attacca simulate` in child processes: what it says does not depend on how many there are.

import Foundation
import Testing

@Suite struct SimulateTests {
    /// The summary ends in the time that it took.
    private func told(_ arguments: [String]) throws -> (status: Int32, text: [Substring]) {
        let outcome = try Command.attacca(["simulate"] + arguments)
        let lines = outcome.output.split(separator: "\n")
        return (outcome.status, lines.filter { !$0.contains("no broken law,") })
    }

    @Test func numberOfJobsChangesNothing() throws {
        let seeds = ["--first-seed", "300", "--seeds", "24", "--keep-going", "--verbose"]
        let one = try told(seeds)
        let three = try told(seeds + ["--jobs", "3"])
        #expect(one.text.count { $0.hasPrefix("seed ") } == 24)
        #expect(one.text == three.text)
        #expect(one.status == three.status)
    }

    @Test func oneSeedSaysTheSameAsInACrowd() throws {
        let alone = try told(["--seed", "303", "--verbose"])
        let crowd = try told(["--first-seed", "302", "--seeds", "3", "--jobs", "2", "--verbose"])
        let place = try #require(crowd.text.firstIndex { $0.hasPrefix("seed 303,") })
        #expect(Array(crowd.text[place...].prefix(alone.text.count)) == alone.text)
        #expect(alone.text.count > 8)
    }

    @Test(arguments: ["0", "1000000"]) func numberOfJobsHasARange(jobs: String) throws {
        let outcome = try Command.attacca(["simulate", "--jobs", jobs])
        #expect(outcome.status == 2)
        #expect(outcome.errorLines.count == 1)
    }
}
