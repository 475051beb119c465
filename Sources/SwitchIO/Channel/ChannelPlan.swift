// What a channel is made of: the engine's configuration, and the addresses around it.

import SwitchEngine

/// One input: its links, in order of rank.
public struct InputPlan: Sendable {
    public var links: [LinkAddress]
    public var bond: BondPlan

    public init(links: [LinkAddress], bond: BondPlan = .mainBackup(MainBackupPlan())) {
        self.links = links
        self.bond = bond
    }
}

public struct OutputPlan: Sendable {
    public var name: String
    public var address: OutputAddress
    /// Faults put into its way, for rehearsals.
    public var impairment: Impairment?

    public init(name: String, address: OutputAddress) {
        self.name = name
        self.address = address
    }
}

public struct ChannelPlan: Sendable {
    public var name: String
    /// Names, programmes and thresholds of the inputs stand in here, in the order of `inputs`.
    public var engine: ChannelConfiguration
    public var inputs: [InputPlan]
    public var outputs: [OutputPlan]
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
