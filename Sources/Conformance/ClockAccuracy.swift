// PCR_accuracy_error (TR 101 290 §5.2.2, 2.4): a PCR may lie ±500 ns off its place. Its place is
// known only where the multiplex runs at a constant rate, so the data decide: in windows of 64 PCRs
// the best straight line through (byte, PCR) is taken; when the steps agree with its slope the
// window is constant and the distances from the line are the accuracy, else nothing can be said.

import TransportStream

/// Judges the accuracy of the PCRs, window by window.
struct ClockAccuracy: Sendable {
    /// How far a step may be off the line's slope in a constant window: 1/200.
    private static let slopeShare = 0.005
    /// PCRs that a window needs before it says anything.
    private static let least = 8

    private var positions: [Position] = []
    private var clocks: [Int64] = []
    private(set) var constantWindows: Int64 = 0
    private(set) var variableWindows: Int64 = 0
    private(set) var worstNanoseconds: Int64 = 0

    /// True where most of the stream ran at one rate.
    var isConstantRate: Bool { constantWindows > 0 && constantWindows >= 9 &* variableWindows }

    /// - Parameter clock: 27 MHz unwrapped.
    /// - Returns: the PCRs of a finished window that were off, at most a window's number.
    mutating func add(clock: Int64, at position: Position, startsTimeBase: Bool) -> [Position] {
        var wrong: [Position] = []
        if startsTimeBase || positions.count >= SizeLimit.accuracyWindow { wrong = finishWindow() }
        positions.append(position)
        clocks.append(clock)
        return wrong
    }

    /// Judges what is there and begins anew.
    mutating func finishWindow() -> [Position] {
        defer {
            positions.removeAll(keepingCapacity: true)
            clocks.removeAll(keepingCapacity: true)
        }
        guard positions.count >= ClockAccuracy.least, let line = fit() else { return [] }
        guard isSteady(slope: line.slope) else {
            variableWindows &+= 1
            return []
        }
        constantWindows &+= 1
        var wrong: [Position] = []
        for index in positions.indices {
            let off = y(index) - (line.intercept + line.slope * x(index))
            let nanoseconds = Int64((abs(off) * 1000 / 27).rounded())
            worstNanoseconds = max(worstNanoseconds, nanoseconds)
            if nanoseconds > TimeLimit.clockAccuracyNanoseconds { wrong.append(positions[index]) }
        }
        return wrong
    }

    private func x(_ index: Int) -> Double {
        Double(positions[index].transportByte &- positions[0].transportByte)
    }

    private func y(_ index: Int) -> Double { Double(clocks[index] &- clocks[0]) }

    /// Least squares, in ticks per byte.
    private func fit() -> (slope: Double, intercept: Double)? {
        let n = Double(positions.count)
        var meanX = 0.0
        var meanY = 0.0
        for index in positions.indices {
            meanX += x(index) / n
            meanY += y(index) / n
        }
        var xx = 0.0
        var xy = 0.0
        for index in positions.indices {
            xx += (x(index) - meanX) * (x(index) - meanX)
            xy += (x(index) - meanX) * (y(index) - meanY)
        }
        guard xx > 0, xy > 0 else { return nil }
        return (xy / xx, meanY - xy / xx * meanX)
    }

    /// Nine of ten steps agree with the slope.
    private func isSteady(slope: Double) -> Bool {
        var agreeing = 0
        for index in 1..<positions.count {
            let step = y(index) - y(index - 1)
            let expected = slope * (x(index) - x(index - 1))
            if abs(step - expected) <= ClockAccuracy.slopeShare * abs(expected) { agreeing += 1 }
        }
        return agreeing * 10 >= (positions.count - 1) * 9
    }
}
