// A link as its channel's loop sees it: asked for what has come on each tick, never waited for.

import SwitchEngine

/// What the operator may know of a link.
public struct LinkFacts: Sendable, Equatable {
    public enum State: String, Sendable { case waiting, connecting, connected, ended, failed }
    public var state = State.waiting
    public var datagrams: Int64 = 0
    public var bytes: Int64 = 0
    /// Connections made, those of now included.
    public var connections: Int64 = 0
    /// Callers sent away: a wrong passphrase, an unknown stream id or key, a second sender, one
    /// that does not keep to the protocol.
    public var refusals: Int64 = 0
    /// Datagrams of others than the sender, or that did not look like its own, left out.
    public var strays: Int64 = 0
    /// Whose datagrams are taken, `192.0.2.7:5000`; nil for links that know no sender, or before
    /// the first.
    public var sender: String?
    /// The last thing that went wrong.
    public var lastError: String?
    /// SRT's own numbers.
    public var srt: SRTFacts?
    /// What the bond makes of its packets.
    public var bond = BondLinkFacts()
}

/// What libsrt knows of a connection.
public struct SRTFacts: Sendable, Equatable {
    public var roundTripMilliseconds: Double
    /// Since the connection began.
    public var lostPackets: Int64
    public var retransmittedPackets: Int64
    public var droppedPackets: Int64
    public var megabitsPerSecond: Double
    /// The paths of a group; empty for a connection that is alone.
    public var paths: [SRTPathFacts] = []
}

/// One path of a sender's group.
public struct SRTPathFacts: Sendable, Equatable {
    /// An idle path is connected and brings nothing, as a backup does.
    public enum State: String, Sendable { case connecting, idle, running, broken }

    /// Host and port of the other side.
    public var peer: String
    public var state: State
    public var roundTripMilliseconds = 0.0
    public var lostPackets: Int64 = 0

    public var isConnected: Bool { state == .idle || state == .running }
}

protocol Link: AnyObject {
    /// The datagrams begin with RTP headers.
    var isRTP: Bool { get }
    var facts: LinkFacts { get }
    /// Gives what has come since it was asked last, in order, each with its arrival.
    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void)
    /// Lines for the operator, since asked last; never with a secret in them.
    func takeNotes() -> [String]
    /// Wants to see what its channel sends.
    var isWatching: Bool { get }
    /// What the channel sends.
    func watch(_ packets: Span<UInt8>)
    func close()
}

extension Link {
    var isConnected: Bool { facts.state == .connected }
    func takeNotes() -> [String] { [] }
    var isWatching: Bool { false }
    func watch(_ packets: Span<UInt8>) {}
}
