// What the cutter makes: pieces of the stream, that is HLS segments or files of a recording. Values
// only.

import TransportStream

/// The begin of a piece.
public struct PieceStart: Sendable, Equatable {
    /// Counts from 1.
    public var number: Int
    /// PTS of the unit it begins with.
    public var presentation: Timestamp
    /// And its DTS.
    public var decoding: Timestamp
    /// When that unit's first packet came, nanoseconds since 1970.
    public var wallClock: Int64
    /// Nothing in it needs what came before.
    public var isIndependent: Bool
    /// It goes on in time, and with the same streams, where the piece before it ends.
    public var isContinuous: Bool

    public init(
        number: Int, presentation: Timestamp, decoding: Timestamp? = nil, wallClock: Int64,
        isIndependent: Bool, isContinuous: Bool
    ) {
        self.number = number
        self.presentation = presentation
        self.decoding = decoding ?? presentation
        self.wallClock = wallClock
        self.isIndependent = isIndependent
        self.isContinuous = isContinuous
    }
}

/// The end of a piece: no byte follows.
public struct PieceEnd: Sendable, Equatable {
    public var number: Int
    /// From its first unit to that of the next piece, or to the end of its last one; 90 kHz ticks.
    public var durationTicks: Int64
    public var bytes: Int64
}

/// A place in the stream.
public struct StreamPlace: Sendable, Equatable {
    /// The piece that is newest there.
    public var piece: Int
    /// Bytes before it in the piece.
    public var byteOffset: Int64
    public var presentation: Timestamp
    /// Nanoseconds since 1970.
    public var wallClock: Int64

    public init(piece: Int, byteOffset: Int64, presentation: Timestamp, wallClock: Int64) {
        self.piece = piece
        self.byteOffset = byteOffset
        self.presentation = presentation
        self.wallClock = wallClock
    }
}

/// Time that the stream lacks, or has twice.
public struct TimeBreak: Sendable, Equatable {
    /// The first unit behind it.
    public var place: StreamPlace
    /// The end of the last unit before it.
    public var presentationBefore: Timestamp
    /// Ticks of 90 kHz that are missing; below 0 where the time stamps went back.
    public var ticks: Int64
}

/// Where a piece may end.
public struct CutRule: Sendable, Equatable {
    /// A piece is so long or a little longer, 90 kHz ticks; nil for as long as the stream.
    public var target: Int64?
    /// No piece is longer: where no random access point comes in time, it ends at any unit.
    public var limit: Int64?
    /// A piece of so many bytes ends at the next random access point.
    public var bytes: Int64?
    /// A break of the time line ends a piece too.
    public var endsAtBreaks = false
    public var keepsNullPackets = true

    public init() {}
}

/// What is to be done, in this order.
public enum CutterStep: Sendable, Equatable {
    /// A piece begins. The one before may still get the rest of units that it has begun.
    case begin(PieceStart)
    /// The next bytes belong to the newest piece, or to the one before it.
    case bytes(Int, isNewest: Bool)
    case end(PieceEnd)
    case timeBreak(TimeBreak)
    /// A time stamp that was waited for has come.
    case passed(id: Int, StreamPlace)
}
