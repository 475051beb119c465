// PCRs on one line: what goes on, what tells nothing, what breaks it.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct ClockTrackTests {
    /// Feeds one PCR and tells the verdict in a word.
    private func take(
        _ track: inout ClockTrack, _ ticks: Int64, at arrival: Int64, position: Int64 = 0,
        announced: Bool = false, near: StreamTime? = nil
    ) -> String {
        switch track.take(
            ClockReference(wrapping: ticks), position: position, arrivalTicks: arrival,
            announcedJump: announced, near: near)
        {
        case .first: "first"
        case .next: "next"
        case .stale: "stale"
        case .jump: "jump"
        }
    }

    @Test func aSteadyClockGoesOnThroughTheWrap() {
        var track = ClockTrack()
        let start = ClockReference.modulus - second
        #expect(take(&track, start, at: 0) == "first")
        for step in Int64(1)..<60 {
            let time = step * 40 * millisecond
            #expect(take(&track, start + time, at: time, position: step * 100) == "next")
            #expect(track.last?.time.ticks == start + time)
        }
        #expect(track.hostOffset == -start)
        #expect(track.time(at: 5 * second)?.ticks == start + 5 * second)
    }

    @Test(arguments: [7 * second, -7 * second, 40_000 * second])
    func aClockThatJumpsAloneIsPutBackOnTheLine(jump: Int64) {
        var track = ClockTrack()
        for step in Int64(0)..<10 {
            let time = step * 40 * millisecond
            _ = take(&track, second + time, at: time, position: step * 100)
        }
        let last = second + 9 * 40 * millisecond
        // Two milliseconds of jitter are not taken for the clock's own.
        let arrival = 402 * millisecond
        let wire = last + 40 * millisecond + jump
        #expect(take(&track, wire, at: arrival, position: 1000) == "jump")
        track.rebase(ClockReference(wrapping: wire), arrivalTicks: arrival)
        #expect(take(&track, wire, at: arrival, position: 1000) == "next")
        #expect(track.last?.time.ticks == last + 40 * millisecond)
        #expect(track.hostOffset == -second)
    }

    @Test func aLineThatIsMovedKeepsItsPlaceAgainstTheHost() {
        var track = ClockTrack()
        _ = take(&track, second, at: 0)
        _ = take(&track, second + 40 * millisecond, at: 41 * millisecond, position: 10)
        track.move(by: 5 * second)
        #expect(track.hostOffset == -6 * second)
        let next = take(
            &track, second + 80 * millisecond, at: 80 * millisecond, position: 20)
        #expect(next == "next")
        #expect(track.last?.time.ticks == 6 * second + 80 * millisecond)
    }

    @Test func theFirstClockMayBeUnwrappedNearAnother() {
        var track = ClockTrack()
        let reference = StreamTime(ticks: 3 * ClockReference.modulus - 5)
        #expect(take(&track, 10, at: 0, near: reference) == "first")
        #expect(track.last?.time.ticks == 3 * ClockReference.modulus + 10)
    }

    @Test func aLazyClockIsNoJump() {
        for step in [100 * millisecond, 300 * millisecond, 500 * millisecond] {
            var track = ClockTrack()
            _ = take(&track, 0, at: 0)
            // Late in a burst: much less host time passed.
            #expect(take(&track, step, at: 1) == "next")
        }
        var track = ClockTrack()
        _ = take(&track, 0, at: 0)
        #expect(take(&track, 501 * millisecond + 1, at: 1) == "jump")
    }

    @Test func afterSilenceTheClockHasGoneOnByAsMuch() {
        for silence in [second, 10 * second, 3600 * second] {
            for error in [-499 * millisecond, 0, 499 * millisecond] {
                var track = ClockTrack()
                _ = take(&track, second, at: 0)
                #expect(take(&track, second + silence + error, at: silence) == "next")
            }
            // After one second 501 ms too little would be no more than a lazy clock.
            for error in [-501 * millisecond, 501 * millisecond] where error > 0 || silence > second
            {
                var track = ClockTrack()
                _ = take(&track, second, at: 0)
                #expect(take(&track, second + silence + error, at: silence) == "jump")
            }
        }
    }

    @Test func aStepBackIsAJump() {
        for back in [101 * millisecond, second, 3600 * second] {
            var track = ClockTrack()
            _ = take(&track, 7200 * second, at: 0)
            #expect(take(&track, 7200 * second - back, at: 40 * millisecond) == "jump")
        }
    }

    @Test func aLittleBehindIsStaleButNotForEver() {
        var track = ClockTrack()
        _ = take(&track, second, at: 0)
        for step in Int64(0)...5 {
            #expect(take(&track, second, at: 20 * step * millisecond) == "stale")
        }
        #expect(take(&track, second - 100 * millisecond, at: 101 * millisecond) == "jump")
        #expect(track.last?.time.ticks == second)
    }

    @Test func onGoingClockForgetsTheStaleOnes() {
        var track = ClockTrack()
        _ = take(&track, 0, at: 0)
        for step in Int64(1)..<10 {
            let time = step * 40 * millisecond
            #expect(take(&track, time, at: time) == "next")
            #expect(take(&track, time - millisecond, at: time) == "stale")
            #expect(take(&track, time, at: time) == "stale")
        }
    }

    @Test func anAnnouncedJumpIsBelievedWhereTheClockAgrees() {
        var track = ClockTrack()
        _ = take(&track, second, at: 0)
        // The flag alone, on a clock that goes on: real encoders set it wrongly.
        #expect(
            take(&track, second + 40 * millisecond, at: 40 * millisecond, announced: true) == "next"
        )
        #expect(take(&track, second, at: 80 * millisecond, announced: true) == "jump")
        let late = second + 480 * millisecond
        #expect(take(&track, late, at: 80 * millisecond, announced: true) == "jump")
    }

    @Test func restartingForgetsTheLine() {
        var track = ClockTrack()
        _ = take(&track, second, at: 0)
        track.restart()
        #expect(track.last == nil && track.hostOffset == nil && track.time(at: 0) == nil)
        #expect(take(&track, 1, at: 0) == "first")
    }

    // MARK: Host time and packets behind the last PCR

    @Test func theEarliestArrivalMarksTheLine() {
        var random = SeededNumbers(seed: 3)
        var track = ClockTrack()
        var least = Int64.max
        for step in Int64(0)..<100 {
            let jitter = Int64(random.below(20)) * millisecond
            least = min(least, 500 * millisecond + jitter)
            let time = step * 35 * millisecond
            _ = take(&track, time, at: time + 500 * millisecond + jitter)
            #expect(track.hostOffset == least)
        }
    }

    @Test func packetsBehindTheLastClockGoOnAtItsRate() {
        var track = ClockTrack()
        #expect(track.extrapolated(position: 5, end: 5) == nil)
        _ = take(&track, 1000, at: 0, position: 10)
        // 4060 ticks of 27 MHz for 1504 bits: 10 Mbit/s.
        #expect(track.extrapolated(position: 15, end: 20) == Int64(21_300))
        _ = take(&track, 1000 + 900_000, at: 900_000, position: 310)
        for ahead in [Int64(0), 1, 7, 299] {
            let place = track.extrapolated(position: 310 + ahead, end: 609) ?? 0
            #expect(abs(place - (901_000 + ahead * 3000)) <= 1)
        }
    }

    /// The next PCR would have come one interval later: no packet behind the last one is later.
    @Test func manyPacketsBehindTheLastClockShareOneInterval() {
        for distance in Int64(1)...4 {
            var track = ClockTrack()
            _ = take(&track, 0, at: 0, position: 10)
            #expect(take(&track, 540_000, at: 540_000, position: 10 + distance) == "next")
            for place in Int64(1)...100 {
                let position = 10 + distance + place
                let end = 10 + distance + 100
                let time = track.extrapolated(position: position, end: end) ?? .max
                #expect(time > 540_000 && time < 1_080_000)
            }
        }
    }
}
