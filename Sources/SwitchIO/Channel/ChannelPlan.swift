// What a channel is made of: the engine's configuration, and the addresses around it.

import SwitchEngine

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
    /// Datagrams that are due within so many nanoseconds leave together; 0 for each at its own
    /// time. At most `mostBurst`.
    public var burst: Int64 = 0
    /// 10 ms: the channel knows no more of what is to come.
    public static let mostBurst: Int64 = 10_000_000
    /// The channel ends when all its inputs have come to their end.
    public var endsWithInputs = false

    public init(
        name: String, engine: ChannelConfiguration, inputs: [InputPlan], outputs: [OutputPlan]
    ) {
        precondition(engine.inputs.count == inputs.count)
        self.name = name
        self.engine = engine
        for (index, input) in inputs.enumerated() {
            self.engine.inputs[index].hasOwnTime = input.links.contains(where: \.hasOwnTime)
        }
        self.inputs = inputs
        self.outputs = outputs
    }
}
