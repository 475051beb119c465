// What counts as a fault of an input: for each kind a threshold, and how long it must be there
// before it trips and be gone before it clears.
//
//   condition   ____|~~~~~~~~~~~~~|___|~~|_________________
//   fault       ________|~~~~~~~~~~~~~~~~~~~~~~~~~~|_______
//                   trip                       clear

import TransportStream

/// Thresholds of the fault detection. Each can be switched off with nil.
public struct Detection: Sendable, Equatable {
    /// One kind of fault.
    public struct Limit: Sendable, Equatable {
        /// Nanoseconds, or a count or bits per second, as each fault says.
        public var threshold: Int64
        /// How long it must be beyond the threshold before it is a fault, nanoseconds.
        public var trip: Int64
        /// How long it must be within the threshold again before it is none, nanoseconds.
        public var clear: Int64

        public init(_ threshold: Int64, trip: Int64 = 0, clear: Int64 = 0) {
            self.threshold = threshold
            self.trip = trip
            self.clear = clear
        }
    }

    private static let second: Int64 = 1_000_000_000

    /// No payload for so many nanoseconds. An input whose own packets are rarer gets half as long
    /// again as its usual pause.
    public var silence: Limit? = Limit(200_000_000)
    /// Fewer bits in the last second, null packets not counted. Off: only the operator knows what
    /// an encoder has to bring.
    public var bitrateFloor: Limit?
    /// More continuity errors in the last second. Damage of single pictures is gone around whatever
    /// this says; this is for an input of which nothing good is to be expected.
    public var continuityErrors: Limit? = Limit(20, trip: second, clear: 5 * second)
    /// The packet border was lost more often in the last second.
    public var syncLoss: Limit? = Limit(2, trip: second, clear: 5 * second)
    /// No PAT, no PMT for so many nanoseconds. TR 101 290 measures 500 ms; the output has tables of
    /// its own, so that is no reason to leave an input.
    public var patMissing: Limit? = Limit(5 * second, clear: second)
    public var pmtMissing: Limit? = Limit(5 * second, clear: second)
    /// Sound or pictures that the PMT names and that have never come since the input is there, for
    /// so many nanoseconds.
    public var pidMissing: Limit? = Limit(5 * second)
    /// Sound or pictures that came and have come no more for so many nanoseconds.
    public var streamLoss: Limit? = Limit(second)
    /// Payload without a PCR for so many nanoseconds.
    public var clockStall: Limit? = Limit(second)
    /// More jumps of the PCR, or of the time stamps against it, in the last ten seconds.
    public var clockJumps: Limit? = Limit(3, clear: 10 * second)
    /// No random access point for so many nanoseconds. Long GOPs of 10 s are used on the air.
    public var randomAccess: Limit? = Limit(15 * second)
    /// More scrambled packets of sound and pictures in the last second.
    public var scrambled: Limit? = Limit(20, trip: second / 2, clear: second)
    /// More packets with transport_error_indicator in the last second.
    public var transportErrors: Limit? = Limit(20, trip: second, clear: 5 * second)

    public init() {}

    /// The limit of a fault; nil where it is off, or has none.
    func limit(of fault: Fault) -> Limit? {
        switch fault {
        case .absent, .ended: nil
        case .silence: silence
        case .bitrateLow: bitrateFloor
        case .continuityErrors: continuityErrors
        case .syncLoss: syncLoss
        case .patMissing: patMissing
        case .pmtMissing: pmtMissing
        case .pidMissing: pidMissing
        case .streamLost: streamLoss
        case .clockStall: clockStall
        case .clockJumps: clockJumps
        case .noRandomAccess: randomAccess
        case .scrambled: scrambled
        case .transportErrors: transportErrors
        }
    }
}

/// What can be wrong with an input. The worst first.
public enum Fault: String, Sendable, CaseIterable {
    case absent = "nothing received yet"
    case ended
    case silence
    case scrambled
    case streamLost = "stream lost"
    case clockStall = "PCR stalled"
    case noRandomAccess = "no random access point"
    case pidMissing = "PID missing"
    case bitrateLow = "bitrate below the floor"
    case continuityErrors = "continuity errors"
    case syncLoss = "sync lost"
    case transportErrors = "transport errors"
    case clockJumps = "PCR jumps"
    case patMissing = "PAT missing"
    case pmtMissing = "PMT missing"

    /// How much of a service is left.
    enum Severity: Int, Comparable {
        /// All of it.
        case none
        /// All of it, but not as it should be.
        case minor
        /// A part of it, or with guessed times.
        case major
        /// Nothing.
        case gone

        static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    var severity: Severity {
        switch self {
        case .absent, .ended, .silence, .scrambled: .gone
        case .streamLost, .clockStall: .major
        default: .minor
        }
    }

    /// Those that are measured; `absent` and `ended` are simply known.
    static let measured = allCases.filter { $0 != .absent && $0 != .ended }
}
