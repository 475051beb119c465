// What the engine tells: seams, faults and all else that happens. Values only; the drivers write
// them to logs and reports.

import TransportStream

/// Why the channel left an input.
public enum SeamReason: String, Sendable, CaseIterable {
    case silence
    case scrambled
    case streamLost = "stream lost"
    case damage
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
    case timelineBreak = "time line broke"
    case operatorSwitch = "operator"
    case scheduled = "schedule"
    case cue
    case returnToBetter = "return"

    /// The reason that a fault gives; who has come to an end is silent.
    init?(_ fault: Fault) {
        switch fault {
        case .absent: return nil
        case .ended: self = .silence
        default: self.init(rawValue: fault.rawValue)
        }
    }
}

/// One seam: law 10.
public struct SeamRecord: Sendable {
    /// Host time of the decision.
    public var time: MonotonicInstant
    public var from: InputID
    public var to: InputID
    public var reason: SeamReason
    public var level: SeamLevel
    /// Pictures (or frames of a sound-only service) that the output lacks; exact where `alignment`
    /// is, an estimate by arrival else.
    public var framesLost: Int
    public var framesRepeated: Int
    /// Incoming pictures that a decoder may leave out or show too early: an H.264 recovery point
    /// was entered at which the picture order count falls.
    public var framesOutOfOrder: Int
    /// Sound that is missing, 90 kHz ticks; of several sounds the one that lacks most.
    public var audioGap: Int64
    /// Output time − incoming time, 90 kHz ticks.
    public var shift: Int64
    /// Where the seam is presented on the output, as a 33-bit PTS.
    public var presentation: Timestamp
    /// How the contents were lined up; nil where they were not known to.
    public var alignment: AlignmentSource?
    /// Outgoing PTS − incoming PTS of the same content, 90 kHz ticks.
    public var contentOffset: Int64?
    /// From wish to decision, nanoseconds.
    public var waited: Int64
    /// Output behind the newest packet after the seam, nanoseconds.
    public var holdBack: Int64
    /// Why this place, for people.
    public var why: String
    /// Faults of all inputs at the decision, by input.
    public var health: [[Fault]]
}

/// Something that happened.
public enum Event: Sendable {
    case onAir(InputID, at: MonotonicInstant)
    case seam(SeamRecord)
    case faults(InputID, [Fault], at: MonotonicInstant)
    /// A wish was taken back or refused.
    case refused(String, at: MonotonicInstant)
    /// PES packets of the input on air went out with bytes missing in them or units missing before
    /// them: nothing better was there. `data` of them carry neither pictures nor sound: an input is
    /// not left for those.
    case damagePassed(InputID, units: Int64, data: Int64, at: MonotonicInstant)
    /// No input brings anything: the output goes on with tables and PCRs alone, or not at all.
    case standstill(at: MonotonicInstant)
    /// An input is held; nil when it is released.
    case hold(InputID?, at: MonotonicInstant)
}
