// A list whose elements keep their number, whatever was trimmed and however it grew.

import Testing

@testable import SwitchEngine

@Suite struct LogTests {
    @Test func numbersStayThroughGrowthAndTrimming() {
        var log = Log<Int>(filler: -1, capacity: 4)
        for number in 0..<3 { #expect(log.append(number * 10) == number) }
        log.trim(before: 2)
        for number in 3..<300 { #expect(log.append(number * 10) == number) }
        #expect(log.first == 2 && log.end == 300 && log.count == 298)
        #expect(log.indices.allSatisfy { log[$0] == $0 * 10 } && log.last == 2990)
    }

    @Test func trimmingStopsAtBothEnds() {
        var log = Log<Int>(filler: 0, capacity: 2)
        #expect(log.isEmpty && log.last == nil)
        log.trim(before: 5)
        #expect(log.first == 0 && log.end == 0)
        for value in 0..<5 { log.append(value) }
        log.trim(before: 3)
        log.trim(before: 1)
        #expect(log.first == 3 && log.count == 2)
        log.trim(before: 99)
        #expect(log.isEmpty && log.first == 5 && log.append(7) == 5 && log[5] == 7)
    }

    @Test func elementsAreChangedInPlace() {
        var log = Log<[Int]>(filler: [], capacity: 1)
        for value in 0..<9 { log.append([value]) }
        log[4].append(44)
        #expect(log[4] == [4, 44] && log[3] == [3] && log[5] == [5])
    }

    @Test func aSteadyWindowNeverGrows() {
        var log = Log<Int>(filler: 0, capacity: 8)
        for number in 0..<1000 {
            log.append(number)
            log.trim(before: number - 5)
            #expect(log.indices.allSatisfy { log[$0] == $0 })
        }
    }

    @Test func partitionFindsTheBorder() {
        var log = Log<Int>(filler: 0, capacity: 2)
        #expect(log.partition { _ in true } == 0)
        for value in 0..<50 { log.append(value / 2) }
        log.trim(before: 13)
        for border in -1...26 {
            let expected = (13..<50).first { $0 / 2 >= border } ?? 50
            #expect(log.partition { $0 >= border } == expected)
        }
    }
}
