// Time as the stream tells it.
//
// Three kinds of time exist and are never mixed by hand: `StreamTime`, which only grows; the wire
// values `Timestamp` (PTS, DTS) and `ClockReference` (PCR), which wrap every 26.5 hours; and the
// host's clock, which belongs to the engine (`MonotonicInstant`) and is not known here.

/// A point on an unwrapped 27 MHz time line (13818-1 §2.4.2.1). Two points of different time lines
/// must not be compared.
public struct StreamTime: Hashable, Comparable, Sendable {
    /// Ticks of 27 MHz; any Int64, so 10,000 years either way.
    public var ticks: Int64

    @inlinable public init(ticks: Int64) { self.ticks = ticks }

    /// 27 MHz ticks in a second.
    public static let ticksPerSecond: Int64 = 27_000_000
    /// 27 MHz ticks in a millisecond.
    public static let ticksPerMillisecond: Int64 = 27_000
    /// 27 MHz ticks in one tick of the 90 kHz clock of PTS and DTS.
    public static let ticksPerTimestampTick: Int64 = 300

    @inlinable public static func < (a: StreamTime, b: StreamTime) -> Bool { a.ticks < b.ticks }
    /// The distance between two points, in 27 MHz ticks.
    @inlinable public static func - (a: StreamTime, b: StreamTime) -> Int64 { a.ticks &- b.ticks }
    @inlinable public static func + (a: StreamTime, ticks: Int64) -> StreamTime {
        StreamTime(ticks: a.ticks &+ ticks)
    }
    @inlinable public static func - (a: StreamTime, ticks: Int64) -> StreamTime {
        StreamTime(ticks: a.ticks &- ticks)
    }
    @inlinable public static func += (a: inout StreamTime, ticks: Int64) { a.ticks &+= ticks }
}

/// A PTS or DTS as it stands in a PES header: 33 bits at 90 kHz, wrapping (13818-1 §2.4.3.7).
public struct Timestamp: Hashable, Sendable {
    /// 0 ..< 2^33.
    public let ticks: Int64

    /// The number of different values, 2^33.
    public static let modulus: Int64 = 1 << 33

    /// Takes the value modulo 2^33.
    @inlinable public init(wrapping ticks: Int64) { self.ticks = ticks & (Timestamp.modulus - 1) }

    /// The wire value of a point in time; the part below 1/90,000 s is dropped.
    @inlinable public init(_ time: StreamTime) {
        self.init(wrapping: time.ticks.flooredDivision(by: StreamTime.ticksPerTimestampTick))
    }

    /// The point nearest to `reference` that has this wire value.
    @inlinable public func unwrapped(near reference: StreamTime) -> StreamTime {
        StreamTime.nearest(
            to: reference, having: ticks * StreamTime.ticksPerTimestampTick,
            modulo: Timestamp.modulus * StreamTime.ticksPerTimestampTick)
    }
}

/// A PCR as it stands in an adaptation field: 33 bits at 90 kHz and 9 bits at 27 MHz
/// (13818-1 §2.4.3.5). The extension counts 0 ..< 300.
public struct ClockReference: Hashable, Sendable {
    /// base · 300 + extension, 0 ..< 2^33 · 300.
    public let ticks: Int64

    /// The number of different values, 2^33 · 300.
    public static let modulus: Int64 = Timestamp.modulus * StreamTime.ticksPerTimestampTick

    /// Takes the value modulo 2^33 · 300.
    @inlinable public init(wrapping ticks: Int64) {
        let rest = ticks % ClockReference.modulus
        self.ticks = rest < 0 ? rest + ClockReference.modulus : rest
    }

    @inlinable public init(_ time: StreamTime) { self.init(wrapping: time.ticks) }

    /// The point nearest to `reference` that has this wire value.
    @inlinable public func unwrapped(near reference: StreamTime) -> StreamTime {
        StreamTime.nearest(to: reference, having: ticks, modulo: ClockReference.modulus)
    }
}

extension StreamTime {
    /// The point nearest to `reference` whose ticks are `value` modulo `modulus`.
    @inlinable static func nearest(
        to reference: StreamTime, having value: Int64, modulo modulus: Int64
    ) -> StreamTime {
        var distance = (value &- reference.ticks) % modulus
        if distance >= modulus / 2 { distance -= modulus }
        if distance < -(modulus / 2) { distance += modulus }
        return reference + distance
    }
}

extension Int64 {
    /// Division that rounds toward minus infinity; `divisor` > 0.
    @inlinable public func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }

    /// Division that rounds to the nearest, halves up; `divisor` > 0.
    @inlinable public func roundedDivision(by divisor: Int64) -> Int64 {
        (self &+ divisor / 2).flooredDivision(by: divisor)
    }

    /// `self` · `numerator` / `denominator` through 128 bits, rounded toward minus infinity and
    /// clamped to Int64; `denominator` > 0.
    @inlinable public func scaled(by numerator: Int64, over denominator: Int64) -> Int64 {
        let isNegative = (self < 0) != (numerator < 0)
        let product = self.magnitude.multipliedFullWidth(by: numerator.magnitude)
        let divisor = denominator.magnitude
        guard divisor > 0, product.high < divisor else { return isNegative ? .min : .max }
        // Nearly all products fit into 64 bits, and then the division is a short one.
        let (quotient, remainder) = product.high == 0
            ? product.low.quotientAndRemainder(dividingBy: divisor)
            : divisor.dividingFullWidth(product)
        guard quotient <= UInt64(Int64.max) else { return isNegative ? .min : .max }
        let result = Int64(quotient)
        return isNegative ? (remainder == 0 ? -result : -result - 1) : result
    }
}
