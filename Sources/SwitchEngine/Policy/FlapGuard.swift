// Against flapping: the more often an input failed lately, the longer it must prove itself before
// it is returned to.

import TransportStream

/// The hold-off before a return to an input that fails again and again.
public struct FlapPolicy: Sendable, Equatable {
    /// With each failover away from the same input the time of proven health doubles, up to this;
    /// nanoseconds. One failover costs nothing.
    public var limit: Int64 = 300_000_000_000
    /// The first of the doubled times where the input is returned to at once, nanoseconds.
    public var firstStep: Int64 = 5_000_000_000
    /// Each time that the input has been healthy for so long, one failover is forgotten;
    /// nanoseconds.
    public var decay: Int64 = 600_000_000_000

    public init() {}
}

/// How often an input was left lately.
struct FlapGuard {
    /// Doubled no more often than this: the limit is reached long before.
    private static let strikeLimit = 32

    private(set) var strikes = 0
    private var healthySince: Int64?

    /// The input was left because of a fault.
    mutating func strike() {
        strikes = min(strikes + 1, FlapGuard.strikeLimit)
        healthySince = nil
    }

    /// Takes in since when the input is sound.
    mutating func assess(soundSince: Int64?, _ policy: FlapPolicy, at ticks: Int64) {
        guard let soundSince else {
            healthySince = nil
            return
        }
        let since = max(healthySince ?? soundSince, soundSince)
        healthySince = since
        guard strikes > 0, policy.decay > 0, ticks - since >= policy.decay.asTicks else { return }
        strikes -= 1
        healthySince = ticks
    }

    /// How long the input must be sound before it is returned to, nanoseconds.
    /// - Parameter base: for one that has failed once.
    func holdOff(base: Int64, _ policy: FlapPolicy) -> Int64 {
        guard strikes > 1 else { return base }
        var time = base > 0 ? base : policy.firstStep / 2
        for _ in 1..<strikes { time = time > policy.limit / 2 ? policy.limit : time * 2 }
        return max(base, min(time, policy.limit))
    }
}
