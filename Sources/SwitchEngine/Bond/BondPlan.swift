// What is asked of a bond, and what it tells of its links.

/// How the links of one input work together.
public enum BondPlan: Sendable, Equatable {
    /// All links carry the same bits; what one loses another gives. Packets leave `skewWindow`
    /// nanoseconds after the first copy came; so far the links may be apart.
    case merge(skewWindow: Int64)
    case mainBackup(MainBackupPlan)

    /// What fits into half of RTP's numbers at 100 Mbit/s: 1.5 s.
    public static let longestSkewWindow: Int64 = 1_500_000_000
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

/// Counters of one link since the bond began, in packets of 188 bytes.
public struct BondLinkFacts: Sendable, Equatable {
    /// Brought, null packets too.
    public var packets: Int64 = 0
    /// Went out by another link's copy, or is missing by this link's own numbers where no other is.
    public var lost: Int64 = 0
    /// Came when their place had been passed: the link is further behind than the skew window.
    public var late: Int64 = 0
    /// Not used: another stream than that of the other links, or a link that is not delivering.
    public var setAside: Int64 = 0
    /// Differ from what another link has at the same place; which of the two is right is not known.
    public var mismatched: Int64 = 0
    /// What it brings is part of what is given.
    public var isInUse = false

    public init() {}
}

/// Where a bond's bytes go, each piece with the time that counts as its arrival.
public typealias BondOutput = (Span<UInt8>, MonotonicInstant) -> Void
