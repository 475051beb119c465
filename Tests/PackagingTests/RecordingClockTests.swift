// Times of day of a recording's units, over wraps and breaks of its time stamps.

import Testing
import TransportStream

@testable import Packaging

@Suite struct RecordingClockTests {
    private static let second: Int64 = 1_000_000_000

    private func place(_ ticks: Int64, seconds: Int64) -> RecordingClock.Place {
        RecordingClock.Place(
            presentation: Timestamp(wrapping: ticks), wallClock: seconds * Self.second)
    }

    private func found(at ticks: Int64, lacking: Int64) -> TimeBreak {
        TimeBreak(
            place: StreamPlace(
                piece: 1, byteOffset: 0, presentation: Timestamp(wrapping: ticks), wallClock: 0),
            presentationBefore: Timestamp(wrapping: ticks - lacking), ticks: lacking)
    }

    private func seconds(_ clock: inout RecordingClock, _ ticks: Int64) -> Int64? {
        clock.wallClock(of: Timestamp(wrapping: ticks)).map { $0 / Self.second }
    }

    @Test func timesGoOnOverEachWrapOfTheTimeStamps() {
        var clock = RecordingClock(begin: place(-90_000, seconds: 100))
        let times = (0..<60).map { seconds(&clock, -90_000 + $0 * 3600 * 90_000) }
        #expect(times == (0..<60).map { 100 + $0 * 3600 })
        // A picture that is shown before the last.
        let before = seconds(&clock, -180_000 + 59 * 3600 * 90_000)
        let expected: Int64 = 99 + 59 * 3600
        #expect(before == expected)
    }

    @Test func aBreakGoesOnWhereItsPlaceSays() {
        var clock = RecordingClock(
            begin: place(0, seconds: 0),
            breaks: [place(900_000, seconds: 70), place(0, seconds: 80)])
        #expect(seconds(&clock, 450_000) == 5)
        clock.pass(found(at: 900_000, lacking: 90_000))
        #expect(seconds(&clock, 900_000) == 70)
        clock.pass(found(at: 0, lacking: -1_800_000))
        #expect(seconds(&clock, 90_000) == 81)
    }

    @Test func whereNothingIsSaidMissingTimeHasPassedAndTimeThatIsThereTwiceIsNotKnown() {
        var clock = RecordingClock(begin: place(0, seconds: 0))
        // The recording before it ended elsewhere.
        clock.pass(found(at: 0, lacking: -5_000_000))
        #expect(seconds(&clock, 0) == 0)
        clock.pass(found(at: 900_000, lacking: 450_000))
        #expect(seconds(&clock, 900_000) == 10)
        clock.pass(found(at: 90_000, lacking: -810_000))
        #expect(seconds(&clock, 90_000) == nil)
    }
}
