// The host's time, as the driver hands it in. The engine reads no clock.

import TransportStream

/// Nanoseconds of a clock that never steps: the host's monotonic clock when live, virtual time in a
/// rehearsal.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    /// The distance in nanoseconds.
    public static func - (a: Self, b: Self) -> Int64 { a.nanoseconds &- b.nanoseconds }
    public static func + (a: Self, nanoseconds: Int64) -> Self {
        MonotonicInstant(nanoseconds: a.nanoseconds &+ nanoseconds)
    }

    /// The same instant in 27 MHz ticks since the clock's zero, rounded down.
    var ticks: Int64 { nanoseconds.scaled(by: 27, over: 1000) }

    /// The first instant that is not before `ticks` of 27 MHz.
    init(ticks: Int64) { nanoseconds = -(-ticks).scaled(by: 1000, over: 27) }
}

extension Int64 {
    /// Nanoseconds as 27 MHz ticks, rounded down.
    var asTicks: Int64 { scaled(by: 27, over: 1000) }
    /// 27 MHz ticks as nanoseconds, rounded down.
    var asNanoseconds: Int64 { scaled(by: 1000, over: 27) }
}
