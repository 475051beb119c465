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

    /// Worlds that failed once, and what they taught.
    struct Lesson: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var seeds: [UInt64]

        init(_ sentence: String, _ seeds: UInt64...) {
            testDescription = sentence
            self.seeds = seeds
        }
    }

    private static let lessons = [
        Lesson(
            "stamps that jumped by seconds in an outage take the PCR's line along",
            42_005_431),
        Lesson(
            "sound that begins before its pictures, where the old one has ended, is theirs",
            41_015_979),
        Lesson(
            "sound behind a silence comes in time for its place on the grid, not for its own",
            10_075_137),
        Lesson(
            "the last sound that was sent is found behind any number of frames left out",
            10_167_109),
        Lesson(
            "what left as whole counts as sent, though a loss in it is found later",
            10_168_201),
        Lesson(
            "no PES packet of sound goes out before its frames are found",
            10_089_442),
        Lesson(
            "a jump of the time line does not age what is open before it",
            30_001_982),
        Lesson(
            "the last whole PES packet of a sound that ended earlier is judged",
            10_006_998),
        Lesson(
            "the first stamp of a sound can not be proved without hold-back",
            10_099_514),
        Lesson(
            "of the entries that are late, the one that is seconds less late is gone to",
            10_095_294),
        Lesson(
            "a sound that is lost at a seam weighs less than time that is not true",
            10_082_093, 10_096_674, 10_109_954, 10_111_804),
        Lesson(
            "damage is not gone around into silence",
            10_005_063),
        Lesson(
            "the damage at the end of a PES packet of sound leaves with its first packet",
            10_049_695, 10_057_364, 10_173_896),
        Lesson(
            "a return waits while its seam is ahead: the better input may still be damaged",
            10_173_980),
        Lesson(
            "a hole in data alone is told, and is no reason to leave",
            10_031_734, 10_146_399),
        Lesson(
            "a segment that is left before its sound has come goes on from the one before it",
            2_856),
        Lesson(
            "of three segments that feed one PID the oldest ends first",
            6_007_858, 10_011_453),
        Lesson(
            "sound may go on in a hole, seconds before its pictures do",
            10_002_274),
        Lesson(
            "a frame that was begun before a loss does not swallow the first ones behind it",
            10_004_112),
        Lesson(
            "a silence until the first sound of an encoder comes is whole frames long, and told",
            10_004_921, 10_013_674),
        Lesson(
            "two PES packets of sound that an uncounted loss has made one are not taken for one",
            10_017_702),
        Lesson(
            "no frame goes out without its begin where sound straddles PES packets",
            6_004_827, 10_011_143, 10_011_842, 10_013_254),
        Lesson(
            "an encoder that is on again is gone to with its pictures, not with its sound alone",
            10_014_211, 20_000_226),
        Lesson(
            "splice times of the line before a jump stay there",
            6_005_663, 10_004_000, 10_007_932),
        Lesson(
            "a DTS alone that is wrong leaves the PTS, where pictures of one sort wait unequally",
            44_007_908),
        Lesson(
            "the picture grid is not told by pictures whose stamps were written anew",
            10_005_931, 10_013_316, 10_124_121),
        Lesson(
            "an order count that falls behind an input without pictures is told",
            10_008_211, 10_027_401),
        Lesson(
            "the last stamp of an input, which nothing comes to prove, leads nothing away",
            44_000_530),
        Lesson(
            "at a mux rate the first sound behind a seam is in time",
            10_026_235, 10_029_434),
        Lesson(
            "damage that can be gone around does not go out",
            10_011_784, 10_013_340, 10_020_240),
        Lesson(
            "sound has no place at a seam while its time is in doubt",
            10_027_775),
        Lesson(
            "a segment without sound of its own takes none of the line behind it",
            10_030_885, 10_052_579, 10_054_768, 20_002_771),
        Lesson(
            "what a silence made of two PES packets is told",
            10_055_274),
        Lesson(
            "a mark whose bits were flipped names no input",
            20_004_225),
        Lesson(
            "what left before a short stretch without pictures or sound is not overtaken",
            10_127_571, 10_128_417),
        Lesson(
            "a short stretch whose sound does not go out leaves no silence behind",
            10_171_915, 10_188_574),
        Lesson(
            "no frame that is still coming goes out with a short stretch that is left",
            10_148_253),
        Lesson(
            "an uncounted loss takes no frames that came before it",
            10_183_718),
        Lesson(
            "a hole that the counter explains does not make a wrong stamp usual",
            10_072_748, 10_113_326),
        Lesson(
            "a frame that a step in doubt has spoilt waits until that is settled",
            10_177_524),
        Lesson(
            "stamps that jumped before they were first seen, or while they were away",
            10_152_249, 10_171_354, 21_001_258),
        Lesson(
            "packets behind a PCR that was not believed at once are not timed by it",
            10_134_545, 10_150_008),
        Lesson(
            "a whole frame between the rest of another and the next PES packet is found",
            10_150_724),
        Lesson(
            "of several sounds that are silent at a seam the longest silence is told",
            10_178_846),
        Lesson(
            "what was held back goes no further ahead than the next input is",
            10_151_341, 10_180_978),
        Lesson(
            "a PTS between two frames, whose DTS is right, is moved to its frame",
            10_102_674),
        Lesson(
            "a stamp between two frames, of a picture without DTS, waits for the next to tell",
            10_185_726),
        Lesson(
            "a packet with the counter of the one before a restart is not taken for its copy",
            44_000_366),
        Lesson(
            "a gap before the first picture that goes out costs none of those behind it",
            47_026_750),
        Lesson(
            "where pictures are missing is judged when both sides of the place have gone out",
            47_010_576),
    ]

    @Test("what failed once holds", arguments: lessons)
    func whatFailedOnceHolds(lesson: Lesson) {
        for seed in lesson.seeds {
            #expect(World.run(WorldPlan(seed: seed)).failures == [], "seed \(seed)")
        }
    }

    /// It lasts longer than the frames before it are kept, goes on over a seam and beyond the time
    /// at which that is told.
    @Test("a long silence is told", arguments: [1_042, 1_140, 1_212] as [UInt64])
    func aLongSilenceIsTold(seed: UInt64) {
        let second: Int64 = 1_000_000_000
        var plan = WorldPlan(seed: seed)
        plan.inputs = [plan.inputs[0]]
        plan.inputs[0].episodes = [
            Episode(.audioLoss, from: 3 * second, to: 17 * second),
            Episode(
                .restart(base: 3_000_000_000, movesPIDs: true), from: 13 * second,
                to: 14 * second),
        ]
        plan.commands = []
        plan.orders = []
        plan.duration = 22 * second
        #expect(World.run(plan).failures == [])
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
