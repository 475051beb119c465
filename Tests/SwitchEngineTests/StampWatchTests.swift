// Time stamps against the clock: what goes on, what jumps alone, who follows.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct StampWatchTests {
    private func take(
        _ watch: inout StampWatch, _ stream: Int = 0, stamp: Int64, at milliseconds: Int64
    ) -> String {
        let verdict = watch.take(
            stream: stream, Timestamp(wrapping: stamp * 90),
            at: StreamTime(ticks: milliseconds * millisecond))
        return switch verdict {
        case .unknown: "unknown"
        case .goesOn: "goes on"
        case .doubtful: "doubtful"
        case .apart(let ticks): "apart \(ticks / millisecond)"
        case .jump(let ticks): "jump \(ticks / millisecond)"
        case .follows(let rest): rest == 0 ? "follows" : "follows \(rest / millisecond)"
        }
    }

    @Test func stampsThatGoWithTheClockGoOnThroughTheWrap() {
        var watch = StampWatch()
        let start = (Timestamp.modulus / 90) - 2_000
        #expect(take(&watch, stamp: start, at: start) == "unknown")
        for step in Int64(1)..<100 {
            #expect(take(&watch, stamp: start + step * 40, at: start + step * 40) == "goes on")
        }
        // An outage: both are five seconds on.
        #expect(take(&watch, stamp: start + 9_000, at: start + 9_000) == "goes on")
    }

    @Test func aBufferThatFillsOrDrainsIsNoJump() {
        var watch = StampWatch()
        for step in Int64(0)..<50 {
            // A second of decoding delay, gone within a second, and a large picture that takes one.
            let time = step * 20 + (step > 30 ? 1_000 : 0)
            let verdict = take(&watch, stamp: 1_000 + step * 40, at: time)
            #expect(!verdict.hasPrefix("jump"))
        }
    }

    /// Behind an outage the buffer may be another by parts of a second, not by eight seconds.
    @Test func stampsThatJumpedInAnOutageAreApartFromTheClock() {
        for (jump, verdict) in [(900, "goes on"), (8_000, "apart 9040")] as [(Int64, String)] {
            var watch = StampWatch()
            for step in Int64(0)..<10 {
                _ = take(&watch, stamp: 1_000 + step * 40, at: step * 40)
            }
            watch.resume()
            #expect(take(&watch, stamp: 6_000 + jump, at: 5_000) == "unknown")
            #expect(take(&watch, stamp: 6_080 + jump, at: 5_040) == verdict)
        }
    }

    @Test func picturesThatAreSwappedOnTheWayAreNoJump() {
        var watch = StampWatch()
        let stamps: [Int64] = [0, 40, 120, 80, 160]
        let verdicts = stamps.map { take(&watch, stamp: $0, at: $0) }
        #expect(verdicts.dropFirst().allSatisfy { $0 == "goes on" })
    }

    @Test(arguments: [5_000, -5_000, -700, 3_600_000] as [Int64])
    func stampsThatJumpAloneAreToldOnce(jump: Int64) {
        var watch = StampWatch()
        for time: Int64 in [0, 40, 80] {
            _ = take(&watch, 0, stamp: 1_000 + time, at: time)
            _ = take(&watch, 1, stamp: 1_000 + time, at: time)
        }
        _ = take(&watch, 1, stamp: 1_120, at: 120)
        // One alone may be a stray one.
        #expect(take(&watch, 0, stamp: 1_120 + jump, at: 120) == "doubtful")
        #expect(take(&watch, 0, stamp: 1_160 + jump, at: 160) == "jump \(jump)")
        watch.move(by: jump * millisecond)
        // The other stream comes a packet later.
        #expect(take(&watch, 1, stamp: 1_160, at: 160 + jump) == "goes on")
        #expect(take(&watch, 1, stamp: 1_200 + jump, at: 200 + jump) == "follows")
        #expect(take(&watch, 0, stamp: 1_200 + jump, at: 200 + jump) == "goes on")
        #expect(take(&watch, 1, stamp: 1_240 + jump, at: 240 + jump) == "goes on")
    }

    @Test func aStreamThatWasAwayFollowsToo() {
        var watch = StampWatch()
        for time: Int64 in [0, 40, 80] {
            _ = take(&watch, 0, stamp: 1_000 + time, at: time)
            _ = take(&watch, 1, stamp: 1_000 + time, at: time)
        }
        #expect(take(&watch, 0, stamp: -8_880, at: 120) == "doubtful")
        #expect(take(&watch, 0, stamp: -8_840, at: 160) == "jump -10000")
        watch.move(by: -10_000 * millisecond)
        #expect(take(&watch, 1, stamp: -5_000, at: -6_000) == "follows")
    }

    @Test func aStampInDoubtIsTakenAlong() {
        var watch = StampWatch()
        for time: Int64 in [0, 40, 80, 120] {
            _ = take(&watch, 0, stamp: 1_000 + time, at: time)
            _ = take(&watch, 1, stamp: 1_000 + time, at: time)
        }
        #expect(take(&watch, 0, stamp: 6_160, at: 160) == "doubtful")
        #expect(take(&watch, 1, stamp: 6_160, at: 160) == "doubtful")
        #expect(take(&watch, 0, stamp: 6_200, at: 200) == "jump 5000")
        watch.move(by: 5_000 * millisecond)
        // It has jumped by as much, and is on the new line already.
        #expect(watch.follow(stream: 1) == 0)
        #expect(watch.follow(stream: 0) == nil)
        #expect(take(&watch, 1, stamp: 6_200, at: 5_200) == "goes on")
    }

    @Test(arguments: [6_205_000, -5_000, 2_000] as [Int64])
    func oneStrayStampIsPassedOver(jump: Int64) {
        var watch = StampWatch()
        for time: Int64 in [0, 40, 80] { _ = take(&watch, stamp: 1_000 + time, at: time) }
        #expect(take(&watch, stamp: 1_120 + jump, at: 120) == "doubtful")
        #expect(take(&watch, stamp: 1_160, at: 160) == "goes on")
        // The clock has jumped too: that is no stray one.
        let verdict = watch.take(
            stream: 0, Timestamp(wrapping: (1_200 + jump) * 90),
            at: StreamTime(ticks: 200 * millisecond), isCertain: true)
        guard case .jump = verdict else {
            Issue.record("not told")
            return
        }
    }

    @Test func aWrongFirstStampIsForgotten() {
        var watch = StampWatch()
        #expect(take(&watch, stamp: 6_205_000, at: 0) == "unknown")
        #expect(take(&watch, stamp: 740, at: 40) == "unknown")
        #expect(take(&watch, stamp: 780, at: 80) == "goes on")
    }

    @Test func stampsThatBeginNowhereNearTheClockAreToldOnce() {
        var watch = StampWatch()
        #expect(take(&watch, stamp: 6_205_000, at: 0) == "unknown")
        #expect(take(&watch, stamp: 6_205_040, at: 40) == "apart 6205000")
        watch.move(by: 6_204_300 * millisecond)
        #expect(take(&watch, stamp: 6_205_080, at: 6_204_380) == "goes on")
    }
}
