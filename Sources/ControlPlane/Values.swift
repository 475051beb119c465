// Times and rates as people write them, in configurations and on the command line.

import SwitchEngine

/// A length of time: `300ms`, `2s`, `1.5m`.
public struct TimeValue: Equatable, Sendable, CustomStringConvertible {
    public var nanoseconds: Int64

    private static let units: [(suffix: String, nanoseconds: Double)] = [
        ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]
    public static let allowed = "a time such as 300ms, 2s, 1.5m"

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public var description: String {
        nanoseconds % 1_000_000_000 == 0
            ? "\(nanoseconds / 1_000_000_000)s" : "\(nanoseconds / 1_000_000)ms"
    }

    /// Nil for what is no time.
    public init?(argument: String) {
        for unit in TimeValue.units where argument.hasSuffix(unit.suffix) {
            let number = argument.dropLast(unit.suffix.count)
            guard let value = Double(number), value >= 0, value.isFinite,
                value * unit.nanoseconds < 4e18
            else { continue }
            nanoseconds = Int64((value * unit.nanoseconds).rounded())
            return
        }
        guard argument == "0" else { return nil }
        nanoseconds = 0
    }
}

/// A bit rate: `8M`, `500k`, `8000000`.
public struct RateValue: Equatable, Sendable {
    public var bitsPerSecond: Int64
    public static let allowed = "a bit rate such as 8M, 500k or 8000000"

    /// Nil for what is no rate from 10 kbit/s to 10 Gbit/s.
    public init?(argument: String) {
        var number = Substring(argument)
        var factor = 1.0
        if argument.hasSuffix("M") { factor = 1e6 }
        if argument.hasSuffix("k") { factor = 1e3 }
        if factor > 1 { number = number.dropLast() }
        guard let value = Double(number), value.isFinite, value * factor >= 10_000,
            value * factor <= 10e9
        else { return nil }
        bitsPerSecond = Int64((value * factor).rounded())
    }
}

/// `never`, `now`, or the time of proven health after which a better input is gone back to.
public struct ReturnValue: Sendable, CustomStringConvertible {
    public static let allowed = "never, now, or a time such as 10s"
    public var policy: ReturnPolicy

    public init(_ policy: ReturnPolicy) { self.policy = policy }

    public var description: String {
        switch policy {
        case .never: "never"
        case .atOnce: "now"
        case .after(let nanoseconds): TimeValue(nanoseconds: nanoseconds).description
        }
    }

    /// Nil for what is neither.
    public init?(argument: String) {
        if argument == "never" {
            policy = .never
        } else if argument == "now" {
            policy = .atOnce
        } else if let time = TimeValue(argument: argument) {
            policy = .after(nanoseconds: time.nanoseconds)
        } else {
            return nil
        }
    }
}
