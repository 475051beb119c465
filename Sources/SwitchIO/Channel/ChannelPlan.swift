// What a channel is made of: the engine's configuration, and the addresses around it.

import SwitchEngine

/// How the links of one input work together (DESIGN: bond).
public enum BondPlan: Sendable, Equatable {
    /// All links carry the same bits; what one loses another gives. Nanoseconds that they may be
    /// apart.
    case merge(skewWindow: Int64)
    case mainBackup(MainBackupPlan)
}

/// One link at a time delivers; the next takes over.
public struct MainBackupPlan: Sendable, Equatable {
    /// Backups are connected only when they are needed.
    public var isCold = false
    /// Nanoseconds of silence, or of too little throughput, until the next link takes over.
    public var trip: Int64 = 500_000_000
    /// Nanoseconds of health until a better link delivers again; nil for never.
    public var clear: Int64? = 10_000_000_000
    /// Bits per second, without null packets, that a link must bring; nil for any.
    public var requiredBitsPerSecond: Int64?

    public init() {}
}

/// One input: its links, in order of rank.
public struct InputPlan: Sendable, Equatable {
    public var links: [LinkAddress]
    public var bond: BondPlan

    public init(links: [LinkAddress], bond: BondPlan = .mainBackup(MainBackupPlan())) {
        self.links = links
        self.bond = bond
    }
}

public struct OutputPlan: Sendable, Equatable {
    public var name: String
    public var address: OutputAddress
    /// Faults put into its way, for rehearsals.
    public var impairment: Impairment?

    public init(name: String, address: OutputAddress) {
        self.name = name
        self.address = address
    }
}

public struct ChannelPlan: Sendable, Equatable {
    public var name: String
    /// Names, programmes and thresholds of the inputs stand in here, in the order of `inputs`.
    public var engine: ChannelConfiguration
    public var inputs: [InputPlan]
    public var outputs: [OutputPlan]
    /// Where the output's place is kept for the process after this one; nil for nowhere.
    public var state: String?
    /// The channel ends when all its inputs have come to their end.
    public var endsWithInputs = false

    public init(
        name: String, engine: ChannelConfiguration, inputs: [InputPlan], outputs: [OutputPlan]
    ) {
        precondition(engine.inputs.count == inputs.count)
        self.name = name
        self.engine = engine
        self.inputs = inputs
        self.outputs = outputs
    }
}
