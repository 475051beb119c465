// Numbers as text without a floating-point detour: quotients with a fixed number of digits.

import TransportStream

enum FixedPoint {
    /// value / divisor with `places` digits behind the point, rounded to the nearest.
    /// - Parameter divisor: > 0.
    /// - Parameter places: 0 ... 9.
    static func text(_ value: Int64, over divisor: Int64, places: Int) -> String {
        var power: Int64 = 1
        for _ in 0..<places { power *= 10 }
        // A divisor of 1 is handled apart: `scaled` saturates where the quotient could not fit.
        let doubled = value.magnitude.multipliedFullWidth(by: UInt64(power) * 2)
        let half = UInt64(divisor) * 2
        guard doubled.high < half else { return "-" }
        let twice = half.dividingFullWidth(doubled)
        let rounded = twice.remainder >= UInt64(divisor) ? twice.quotient + 1 : twice.quotient
        let whole = rounded / UInt64(power)
        let sign = value < 0 && rounded > 0 ? "-" : ""
        guard places > 0 else { return sign + String(whole) }
        let fraction = String(rounded % UInt64(power))
        return sign + String(whole) + "." + String(repeating: "0", count: places - fraction.count)
            + fraction
    }
}
