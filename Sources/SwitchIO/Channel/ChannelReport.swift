// What a channel publishes of itself: values, a moment old.

import SwitchEngine

public struct InputReport: Sendable {
    public var status: InputStatus
    public var links: [LinkFacts]
    public var isOnAir: Bool
}

public struct OutputReport: Sendable {
    public var name: String
    /// Nil while a reload is under way.
    public var address: OutputAddress?
    public var facts: OutputFacts
}

public struct ChannelReport: Sendable {
    public var name = ""
    /// The input on air; nil before the first.
    public var onAir: String?
    public var seams = 0
    public var lastSeam: SeamRecord?
    /// Names of the inputs of the last seam, as they were then.
    public var lastWay: (from: String, to: String)?
    /// What the engine says of itself; nil before it has begun.
    public var engine: ChannelStatus?
    public var inputs: [InputReport] = []
    public var outputs: [OutputReport] = []
}
