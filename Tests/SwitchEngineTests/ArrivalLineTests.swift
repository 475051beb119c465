// When packets came, by marks of ten milliseconds.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct ArrivalLineTests {
    /// Ten packets every 20 ms: packet 0 ... 9 at 20 ms, 10 ... 19 at 40 ms.
    private func line() -> ArrivalLine {
        var line = ArrivalLine()
        for step in 1...5 {
            line.begin(at: Int64(step) * 20 * millisecond)
            line.note(end: step * 10)
        }
        return line
    }

    @Test func whatCameTogetherWasSentEvenlyBefore() {
        let line = line()
        #expect(line.ticks(of: 19) == 40 * millisecond)
        #expect(line.ticks(of: 14) == 30 * millisecond)
        #expect(line.ticks(of: 10) == 22 * millisecond)
    }

    @Test func beforeTheFirstMarkAndBehindTheLastTheMarkIsAllThatIsKnown() {
        var line = line()
        #expect(line.ticks(of: 3) == 20 * millisecond)
        line.begin(at: 117 * millisecond)
        #expect(line.ticks(of: 50) == 117 * millisecond)
    }

    @Test func marksAreNotCloserThanTenMilliseconds() {
        var line = ArrivalLine()
        for step in 1...100 {
            line.begin(at: Int64(step) * millisecond)
            line.note(end: step)
        }
        // 1 ms, 11 ms, 21 ms …
        #expect(line.end(before: 20 * millisecond) == 11)
        #expect(line.end(before: 21 * millisecond) == 21)
        #expect(line.ticks(of: 15) == 16 * millisecond)
    }

    @Test func trimTellsTheFirstPacketThatMayHaveComeLater() {
        var line = line()
        #expect(line.trim(before: 10 * millisecond) == nil)
        #expect(line.trim(before: 59 * millisecond) == 20)
        #expect(line.trim(before: 59 * millisecond) == nil)
        #expect(line.end(before: 30 * millisecond) == nil)
    }
}
