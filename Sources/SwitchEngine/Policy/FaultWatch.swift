// Times and rates of one kind of fault.

import TransportStream

/// Whether a fault has tripped: a condition with a trip time and a clear time.
struct FaultWatch {
    /// Host ticks since when.
    private enum State {
        case clear
        case rising(since: Int64)
        case tripped
        case falling(since: Int64)
    }

    private var state = State.clear

    /// Takes in how it is now; true while the fault is one.
    mutating func take(_ isPresent: Bool, _ limit: Detection.Limit, at ticks: Int64) -> Bool {
        if isPresent {
            switch state {
            case .clear: state = .rising(since: ticks)
            case .falling: state = .tripped
            case .rising, .tripped: break
            }
            if case .rising(let since) = state, ticks - since >= limit.trip.asTicks {
                state = .tripped
            }
        } else {
            switch state {
            case .rising: state = .clear
            case .tripped: state = .falling(since: ticks)
            case .clear, .falling: break
            }
            if case .falling(let since) = state, ticks - since >= limit.clear.asTicks {
                state = .clear
            }
        }
        switch state {
        case .clear, .rising: return false
        case .tripped, .falling: return true
        }
    }
}

/// How much a counter that only grows has grown in a sliding window, in tenths of it.
struct SlidingCount {
    private static let steps: Int64 = 10

    private let windowTicks: Int64
    private var marks: [(ticks: Int64, total: Int64)] = []
    /// The growth within the window.
    private(set) var count: Int64 = 0
    /// The window has been seen from end to end.
    private(set) var isFull = false

    init(windowTicks: Int64 = StreamTime.ticksPerSecond) {
        self.windowTicks = windowTicks
        marks.reserveCapacity(Int(SlidingCount.steps) + 3)
    }

    /// Takes the counter's value at `ticks`, which must not run backwards.
    mutating func take(_ total: Int64, at ticks: Int64) {
        // Marks that stand before the one at which the window begins tell nothing any more.
        var passed = 0
        while passed + 1 < marks.count, ticks - marks[passed + 1].ticks >= windowTicks {
            passed += 1
        }
        marks.removeFirst(passed)
        if marks.last.map({ ticks - $0.ticks >= windowTicks / SlidingCount.steps }) ?? true {
            marks.append((ticks, total))
        }
        let first = marks[0]
        let span = ticks - first.ticks
        isFull = span >= windowTicks
        let growth = max(0, total - first.total)
        count = isFull ? growth.scaled(by: windowTicks, over: span) : growth
    }
}
