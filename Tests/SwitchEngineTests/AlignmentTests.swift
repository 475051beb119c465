// Which PTS of one input shows what which PTS of the other shows.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct AlignmentTests {
    private let frame: Int64 = 1_080_000
    private let modulus = ClockReference.modulus

    private func side(_ toHost: Int64?, reorder: Int64 = 0) -> AlignmentSide {
        AlignmentSide(presentationToHost: toHost, reorderTicks: reorder, frameTicks: frame)
    }

    private func between(
        _ a: AlignmentSide, _ b: AlignmentSide, _ mode: AlignmentMode = .auto
    ) -> Alignment? {
        Alignment.between(outgoing: a, incoming: b, mode: mode)
    }

    @Test func oneClockAndUnequalWays() {
        for way in [0, 100 * millisecond, -100 * millisecond, 2900 * millisecond] {
            let found = between(side(5 * second), side(5 * second + way))
            #expect(found?.source == .timestamps && found?.offsetTicks == 0)
        }
    }

    @Test func clocksThatHaveNothingToDoWithEachOther() {
        for offset in [3001 * millisecond, -3001 * millisecond, 50_000 * second] {
            let found = between(side(5 * second), side(5 * second + offset))
            #expect(found?.source == .arrival && found?.offsetTicks == offset)
        }
    }

    /// Each counts from its own first DTS: equal content differs by the reorder delays.
    @Test func stampsThatDifferByTheReorderDelays() {
        for (mine, its) in [(Int64(2), Int64(0)), (0, 2), (3, 1), (1, 2), (0, 4)] {
            let difference = (mine - its) * frame
            for jitter in [0, frame / 5, -frame / 5] {
                let found = between(
                    side(second, reorder: mine * frame),
                    side(second + difference + jitter, reorder: its * frame))
                #expect(found?.source == .arrival, "\(mine) and \(its)")
                #expect(found?.offsetTicks == difference + jitter)
            }
            // The other way round it can not be the reordering.
            let other = between(
                side(second, reorder: mine * frame), side(second - difference, reorder: its * frame)
            )
            #expect(other?.source == .timestamps)
        }
    }

    @Test func equalReorderDelaysTellNothingAgainstAClock() {
        let found = between(side(0, reorder: 2 * frame), side(second, reorder: 2 * frame))
        #expect(found?.source == .timestamps)
    }

    @Test func wholeWrapsBetweenTheLinesAreTakenOff() {
        for wraps in [Int64(-2), -1, 0, 1, 5] {
            for way in [0, 200 * millisecond, -200 * millisecond] {
                for mode in [AlignmentMode.auto, .timestamps] {
                    let found = between(side(0), side(wraps * modulus + way), mode)
                    #expect(found?.source == .timestamps && found?.offsetTicks == wraps * modulus)
                }
            }
        }
    }

    @Test func theModeAskedForIsTheOneTaken() {
        let far = side(100 * second)
        #expect(between(side(0), far, .timestamps)?.offsetTicks == 0)
        #expect(between(side(0), side(10), .arrival)?.source == .arrival)
        #expect(between(side(0), side(10), .arrival)?.offsetTicks == 10)
    }

    /// Stamps that have left the shared clock are known to be off by their jump.
    @Test func stampsThatJumpedAreNotTrusted() {
        for jump in [2 * second, -2 * second, 90_000 * second] {
            var jumped = side(5 * second - jump)
            jumped.stampJumpTicks = jump
            for mode in [AlignmentMode.auto, .timestamps] {
                let into = between(side(5 * second), jumped, mode)
                #expect(into?.source == .timestamps && into?.offsetTicks == -jump)
                let outOf = between(jumped, side(5 * second), mode)
                #expect(outOf?.source == .timestamps && outOf?.offsetTicks == jump)
            }
        }
    }

    @Test func withoutArrivalOnlyTimestampsCanTell() {
        for (a, b) in [(side(nil), side(0)), (side(0), side(nil)), (side(nil), side(nil))] {
            #expect(between(a, b) == nil && between(a, b, .arrival) == nil)
            let stamps = between(a, b, .timestamps)
            #expect(stamps?.source == .timestamps && stamps?.offsetTicks == 0)
        }
    }
}
