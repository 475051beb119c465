// How the contents of two inputs line up: which PTS of one shows the picture that which PTS of the
// other shows.
//
// `timestamps`: both encoders stamp from one clock, so equal content has equal PTS.
// `arrival`: both encoders take the picture at the same moment and are equally far away, so equal
// content arrives at the same time; `ContentLead` takes each encoder's own buffering off.
// Content fingerprints would be a third source, in the same place.

import TransportStream

/// Where the knowledge of how two inputs line up comes from.
public enum AlignmentSource: String, Sendable, CaseIterable {
    case timestamps, arrival
}

/// What the user asks for.
public enum AlignmentMode: String, Sendable, CaseIterable {
    case auto, timestamps, arrival
}

/// What one side brings to the comparison.
struct AlignmentSide {
    /// Add to a PTS for the host time at which its picture was taken, 27 MHz ticks; nil while too
    /// little is known.
    var presentationToHost: Int64?
    /// PTS − DTS of random access pictures, 27 MHz ticks.
    var reorderTicks: Int64
    var frameTicks: Int64
    /// By how much the time stamps have jumped against the input's clock, 27 MHz ticks: the clock
    /// that the encoders share was left by so much.
    var stampJumpTicks: Int64 = 0
}

/// How to get from an incoming PTS to the outgoing PTS of the same content.
struct Alignment {
    /// Inputs that share a clock are not further apart than this on the way here, 3 s; more means
    /// that their clocks have nothing to do with each other.
    static let sharedClockLimitTicks: Int64 = 3 * StreamTime.ticksPerSecond

    var source: AlignmentSource
    /// Outgoing PTS − incoming PTS of the same content, 27 MHz ticks.
    var offsetTicks: Int64

    /// - Returns: nil where the mode asked for can not tell.
    static func between(
        outgoing: AlignmentSide, incoming: AlignmentSide, mode: AlignmentMode
    ) -> Alignment? {
        var arrival: Int64?
        if let a = outgoing.presentationToHost, let b = incoming.presentationToHost {
            arrival = b &- a
        }
        // Equal stamps may still be whole wraps of 2^33 apart on the unwrapped lines.
        let modulus = ClockReference.modulus
        let jump = outgoing.stampJumpTicks &- incoming.stampJumpTicks
        let stamps = ((arrival ?? jump) &- jump).roundedDivision(by: modulus) &* modulus &+ jump
        switch mode {
        case .timestamps:
            return Alignment(source: .timestamps, offsetTicks: stamps)
        case .arrival:
            return arrival.map { Alignment(source: .arrival, offsetTicks: $0) }
        case .auto:
            guard let arrival else { return nil }
            let isShared = sharesClock(
                difference: arrival &- stamps, outgoing: outgoing, incoming: incoming)
            return isShared
                ? Alignment(source: .timestamps, offsetTicks: stamps)
                : Alignment(source: .arrival, offsetTicks: arrival)
        }
    }

    /// Whether what arrival tells can be explained by equal stamps on unequal ways.
    private static func sharesClock(
        difference: Int64, outgoing: AlignmentSide, incoming: AlignmentSide
    ) -> Bool {
        let frame = max(outgoing.frameTicks, 1)
        if abs(difference) > sharedClockLimitTicks { return false }
        if abs(difference) <= frame / 2 { return true }
        // Two encoders that each count from their own first DTS show equal content at stamps that
        // differ by their reorder delays: that is no shared clock.
        let depths = outgoing.reorderTicks &- incoming.reorderTicks
        return abs(difference &- depths) > frame / 4 || abs(depths) < frame / 2
    }
}
