// What the timeline knows of PES packets and of the access units in them.

import TransportStream

/// One PES packet of one stream.
struct PESRecord {
    enum State {
        /// More packets may come.
        case open
        /// All bytes came.
        case complete
        /// Bytes are missing inside or at the end.
        case damaged
    }

    var firstPacket: Int
    /// The last packet so far.
    var lastPacket: Int
    /// Elementary stream positions of the first payload byte and behind the last one so far.
    var elementaryStart: Int64
    var elementaryEnd: Int64
    /// Nil where the header can not be read: scrambled, or not a PES packet at all.
    var header: PESHeader?
    /// On the epoch's time line.
    var presentation: StreamTime?
    var decoding: StreamTime?
    /// Its time stamps are not those of the encoder, which can not be right: they are to be written
    /// anew from `presentation` and `decoding`.
    var isRestamped = false
    /// ... and are a guess: the order in which pictures are shown can not be told for certain.
    var isGuessed = false
    var state: State = .open
    /// Number of the first unit that begins in it; -1 while none does.
    var firstUnit = -1
    /// Sound: before that comes the rest of a frame whose begin never came.
    var beginsWithRest = false

    static let none = PESRecord(
        firstPacket: 0, lastPacket: 0, elementaryStart: 0, elementaryEnd: 0, header: nil)

    /// Payload bytes that are still to come, where the header tells.
    var missingBytes: Int64? {
        header?.payloadLength.map { Int64($0) - (elementaryEnd - elementaryStart) }
    }

    /// Writes PTS and DTS from the times known here into the header at `bytes[start]`.
    func writeStamps(
        movedBy ticks: Int64, in bytes: inout MutableSpan<UInt8>, at start: Int, _ header: PESHeader
    ) {
        let shift = ticks &* StreamTime.ticksPerTimestampTick
        if header.presentation != nil, let presentation {
            PESHeader.write(Timestamp(presentation + shift), in: &bytes, at: start + 9)
        }
        if header.decoding != nil, let decoding {
            PESHeader.write(Timestamp(decoding + shift), in: &bytes, at: start + 14)
        }
    }
}

/// One access unit; in streams whose inside is not known, one PES packet.
struct Unit {
    /// Elementary stream positions of the first byte and behind the last; `.max` while it is open.
    var start: Int64
    var end: Int64 = .max
    /// The packets that hold its first and its last byte.
    var firstPacket: Int
    var lastPacket: Int
    /// The PES packet it begins in.
    var pes: Int
    var presentation: StreamTime
    var decoding: StreamTime
    /// False where neither a time stamp nor the neighbours tell the times.
    var isTimed: Bool
    /// How long it is shown or heard, 27 MHz ticks; 0 where not known.
    var durationTicks: Int64
    var mark: AccessUnitMark
    var isDamaged = false
    /// Units are missing before it.
    var followsGap = false

    var isOpen: Bool { end == .max }
    var isSecondField: Bool { mark.field == .secondField }
    /// A decoder that knows nothing may start here.
    var isEntry: Bool { mark.randomAccess != .none && mark.hasParameterSets }
    /// A picture of the same sort: it may well wait as long between decoding and showing.
    func isAlike(_ other: Unit) -> Bool {
        mark.coding == other.mark.coding && mark.isReference == other.mark.isReference
    }

    static let none = Unit(
        start: 0, firstPacket: 0, lastPacket: 0, pes: 0, presentation: StreamTime(ticks: 0),
        decoding: StreamTime(ticks: 0), isTimed: false, durationTicks: 0,
        mark: AccessUnitMark(position: 0))
}

extension Log<Unit> {
    /// The last unit before `end` that is whole, or the first that is kept: where the sound of an
    /// input breaks off, several frames before that may have been left out.
    func lastWhole(before end: Int) -> Int {
        var number = Swift.min(end, self.end) - 1
        while number > first, self[number].isDamaged { number -= 1 }
        return number
    }
}
