// The two small numbers in every packet header that must not be added up by hand.

/// A packet identifier, 0 ... 8191 (13818-1 §2.4.3.3).
public struct PID: Hashable, Comparable, Sendable {
    public let rawValue: UInt16

    /// Takes the low 13 bits.
    @inlinable public init(_ value: UInt16) { rawValue = value & 0x1FFF }

    /// For tables that are indexed by PID.
    @inlinable public var index: Int { Int(rawValue) }

    @inlinable public static func < (a: PID, b: PID) -> Bool { a.rawValue < b.rawValue }

    /// Programme association table.
    public static let pat = PID(0x0000)
    /// Null packets.
    public static let null = PID(0x1FFF)
    /// Whether tables and streams of a programme may be on it: 0x0010 ... 0x1FFE (13818-1 table
    /// 2-3).
    public var isForProgrammes: Bool { rawValue >= 0x10 && self != .null }
    /// How many PIDs there are.
    public static let count = 8192
}

/// The 4-bit continuity_counter of a PID (13818-1 §2.4.3.3).
public struct ContinuityCounter: Hashable, Sendable {
    public let rawValue: UInt8

    /// Takes the low 4 bits.
    @inlinable public init(_ value: UInt8) { rawValue = value & 0x0F }

    /// The value of the next packet with payload.
    @inlinable public var next: ContinuityCounter { ContinuityCounter(rawValue &+ 1) }
}
