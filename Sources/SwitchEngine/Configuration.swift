// What a channel is told: its inputs in order of preference, and the knobs.

import TransportStream

/// Names an input by its place in the channel's priority list.
public struct InputID: Hashable, Comparable, Sendable {
    public let index: Int
    public init(_ index: Int) { self.index = index }
    public static func < (a: InputID, b: InputID) -> Bool { a.index < b.index }
}

/// One input of a channel.
public struct InputConfiguration: Sendable, Equatable {
    /// As the operator calls it.
    public var name: String
    /// The programme to take, 1 ... 65,535; nil takes the first of the PAT.
    public var program: UInt16?
    /// What counts as a fault of it; nil for what the channel says.
    public var detection: Detection?
    /// The last resort: gone to when no other input brings anything, whatever its place on the
    /// list, and left for any other that is sound again.
    public var isSlate = false
    /// Its time stamps count from where its connection began, so they are never those of a clock
    /// that encoders share, however near to another input's they are: `auto` does not believe them.
    public var hasOwnTime = false
    /// Taken off the list while it was on air: nothing of it comes any more.
    var isLeaving = false
    public init(name: String, program: UInt16? = nil) {
        self.name = name
        self.program = program
    }
}

/// When a channel goes back to an input that is higher on its list.
public enum ReturnPolicy: Sendable, Equatable {
    case never
    /// After so many nanoseconds of proven health.
    case after(nanoseconds: Int64)
    /// As soon as it is there without a fault.
    case atOnce
}

/// What goes out when no input brings anything.
public enum StandstillMode: String, Sendable, CaseIterable {
    /// PAT, PMT and PCR, and null packets at a constant rate: receivers stay locked.
    case tables
    /// Nothing.
    case silence

    /// What goes out, for people.
    public var meaning: String {
        switch self {
        case .tables: "tables and PCRs go on"
        case .silence: "nothing is sent"
        }
    }
}

/// Everything that a channel is told before it begins.
public struct ChannelConfiguration: Sendable, Equatable {
    /// In order of preference; at most 64.
    public var inputs: [InputConfiguration]
    /// How far the output runs behind the newest packet, nanoseconds, 0 ... 60 s.
    public var holdBack: Int64 = 2_000_000_000
    public var alignment: AlignmentMode = .auto
    public var returning: ReturnPolicy = .never
    /// How an input that fails again and again is returned to.
    public var flapping = FlapPolicy()
    /// What SCTE-35 cues do; nil for nothing but to pass.
    public var cue: CuePolicy?
    public var detection = Detection()
    /// Bits per second of a constant output rate; nil for as many as the input brings.
    public var muxRate: Int64?
    /// How long an operator's or return switch waits for a seam that loses nothing; after it the
    /// least loss seen is taken, after twice as long whatever there is. Nanoseconds.
    public var plannedWait: Int64 = 10_000_000_000
    /// At the start, how long a better input is waited for when another one is ready.
    public var startGrace: Int64 = 1_000_000_000
    /// How long the output may stand still for want of packets before it goes on as
    /// `standstillMode` says, nanoseconds.
    public var standstill: Int64 = 1_000_000_000
    public var standstillMode: StandstillMode = .tables
    /// How often at most work is done; packets leave in batches of this. Nanoseconds.
    public var tick: Int64 = 5_000_000
    /// Packets leave so much before their time, 0 up to the hold-back, for a pacer outside that
    /// sends each at its own (`Engine.hostOffset`). Nanoseconds.
    public var lookahead: Int64 = 0
    /// What is kept of each input before the output's place, at least; nanoseconds. Two GOPs are
    /// kept where they are longer.
    public var preRoll: Int64 = 4_000_000_000

    public init(inputs: [InputConfiguration]) { self.inputs = inputs }
}

/// What an operator may ask of a running channel.
public enum Command: Sendable, Equatable {
    /// Go to an input as soon as a seam that loses nothing is there; with a time, to the first such
    /// seam that is presented then or later.
    /// And stay there, as `hold` does, once it is on air, where that is so wished.
    case switchTo(InputID, at: MonotonicInstant? = nil, holds: Bool = false)
    /// Go to an input, if it is not on air, and stay there whatever happens, until released. When
    /// it brings nothing the output stands still.
    case hold(InputID)
    case release
    /// Takes back all switches to a time that have not been made; cues stay.
    case clearSchedule
}
