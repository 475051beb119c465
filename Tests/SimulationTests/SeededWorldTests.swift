// Worlds drawn from seeds: every law of `WorldJudge`, on a few hundred seeds. `attacca simulate`
// runs as many as one likes. A failure names its seed, which is enough to see it again:
// `attacca simulate --seed N --verbose`.

import Simulation
import Testing

@Suite("Seeded worlds")
struct SeededWorldTests {
    /// Seeds in one test; the tests of this file take one processor about a minute in all.
    private static let share: UInt64 = 20

    @Test("no law is broken", arguments: 0..<10)
    func noLawIsBroken(block: UInt64) {
        let first = block * SeededWorldTests.share + 1
        for seed in first..<(first + SeededWorldTests.share) {
            let plan = WorldPlan(seed: seed)
            let verdict = World.run(plan)
            if verdict.isSound { continue }
            let sentence = verdict.failures.prefix(4).joined(separator: "; ")
            Issue.record("seed \(seed), a \(plan.kind.rawValue) world: \(sentence)")
        }
    }

    @Test("a segment that is left before its sound has come goes on from the one before it")
    func soundOfShortSegment() {
        #expect(World.run(WorldPlan(seed: 2_856)).failures == [])
    }

    @Test("of three segments that feed one PID the oldest ends first")
    func threeSegmentsInARow() {
        #expect(World.run(WorldPlan(seed: 10_011_453)).failures == [])
    }

    @Test("sound may go on in a hole, seconds before its pictures do")
    func soundInAHole() {
        #expect(World.run(WorldPlan(seed: 10_002_274)).failures == [])
    }

    @Test("a frame that was begun before a loss does not swallow the first ones behind it")
    func soundBehindAnUncountedLoss() {
        #expect(World.run(WorldPlan(seed: 10_004_112)).failures == [])
    }

    @Test(
        "a silence until the first sound of an encoder comes is whole frames long, and told",
        arguments: [10_004_921, 10_013_674] as [UInt64])
    func soundThatComesLater(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test("two PES packets of sound that an uncounted loss has made one are not taken for one")
    func soundOfTwoPacketsInOne() {
        #expect(World.run(WorldPlan(seed: 10_017_702)).failures == [])
    }

    @Test(
        "no frame goes out without its begin where sound straddles PES packets",
        arguments: [6_004_827, 10_011_143, 10_011_842, 10_013_254] as [UInt64])
    func straddlingSound(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test(
        "an encoder that is on again is gone to with its pictures, not with its sound alone",
        arguments: [10_014_211, 20_000_226] as [UInt64])
    func picturesBehindTheirSound(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test(
        "splice times of the line before a jump stay there",
        arguments: [6_005_663, 10_004_000, 10_007_932] as [UInt64])
    func splicesOfAnotherLine(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test(
        "the picture grid is not told by pictures whose stamps were written anew",
        arguments: [10_005_931, 10_013_316] as [UInt64])
    func gridBehindAStampJump(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test(
        "an order count that falls behind an input without pictures is told",
        arguments: [10_008_211, 10_027_401] as [UInt64])
    func orderCountOverSoundAlone(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test(
        "at a mux rate the first sound behind a seam is in time",
        arguments: [10_026_235, 10_029_434] as [UInt64])
    func soundInTimeAtAMuxRate(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test("of three segments none overtakes the first on a PID that the second hurries by")
    func threeSegmentsAtOnce() {
        #expect(World.run(WorldPlan(seed: 6_007_858)).failures == [])
    }

    @Test(
        "damage that can be gone around does not go out",
        arguments: [10_011_784, 10_013_340, 10_020_240] as [UInt64])
    func damageIsGoneAround(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test("sound has no place at a seam while its time is in doubt")
    func soundInDoubtAtASeam() {
        #expect(World.run(WorldPlan(seed: 10_027_775)).failures == [])
    }

    @Test(
        "a segment without sound of its own takes none of the line behind it",
        arguments: [10_030_885, 10_052_579, 10_054_768, 20_002_771] as [UInt64])
    func soundOfAnotherLine(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test("what a silence made of two PES packets is told")
    func pictureAcrossASilence() {
        #expect(World.run(WorldPlan(seed: 10_055_274)).failures == [])
    }

    @Test("a mark whose bits were flipped names no input")
    func markOfNobody() {
        #expect(World.run(WorldPlan(seed: 20_004_225)).failures == [])
    }

    @Test(
        "what left before a short stretch without pictures or sound is not overtaken",
        arguments: [10_127_571, 10_128_417] as [UInt64])
    func stretchesWithoutAStream(seed: UInt64) {
        #expect(World.run(WorldPlan(seed: seed)).failures == [])
    }

    @Test("one seed is one run, byte by byte", arguments: [3, 8, 21] as [UInt64])
    func oneSeedIsOneRun(seed: UInt64) {
        let first = World.run(WorldPlan(seed: seed))
        let second = World.run(WorldPlan(seed: seed))
        #expect(first.packets > 0)
        #expect(first.digest == second.digest)
        #expect(first.packets == second.packets)
        #expect(first.seams.count == second.seams.count)
    }

    @Test("different seeds are different worlds")
    func seedsDiffer() {
        #expect(World.run(WorldPlan(seed: 3)).digest != World.run(WorldPlan(seed: 4)).digest)
    }
}
