// Access units of H.264: where one begins, whether a decoder may start there, which field it is.
// It does not follow reference lists or picture order. 14496-10 §7.4.1.2.3, §7.4.1.2.4, §D.2.8.

/// What begins before the first slice of an access unit tells which unit it is.
struct PendingUnit: Sendable {
    /// How sure it is that a new access unit begins.
    enum Strength: UInt8, Sendable {
        /// A prefix NAL unit: it stands before every slice, only the slice decides.
        case weak
        /// Parameter sets and SEI: they begin an access unit unless the slice after them plainly
        /// goes on with the picture before.
        case plain
        /// An access unit delimiter.
        case certain
    }

    var position: Int64
    var strength: Strength
    var hasVPS = false
    var hasSPS = false
    var hasPPS = false
    /// recovery_frame_cnt of a recovery point SEI message.
    var recoveryFrames: UInt32?
    var displayedFields: UInt8?
}

struct H264Syntax: PictureSyntax {
    static let hasEmulationPrevention = true
    static let startCodeZeros = 3

    /// Enough for every slice header as far as it is read.
    private static let sliceHeaderBytes = 48
    private static let messageBytes = 128

    private var sequences = [H264SequenceParameters?](repeating: nil, count: 32)
    private var pictures = [H264PictureParameters?](repeating: nil, count: 256)
    private var header: UInt8 = 0
    private var position: Int64 = 0
    /// The access unit that is about to begin.
    private var pending: PendingUnit?
    /// The SPS that the SEI messages of the next picture most likely refer to.
    private var newestSequence = 0
    /// The newest slice of the picture that is passing.
    private var current: H264Slice?
    /// The first field of a frame, while its second one may follow.
    private var openField: H264Slice?
    /// Which parity came first in the last whole frame of two fields.
    private var bottomFieldFirst: Bool?
    private var lostBytes = false

    mutating func begin(
        _ code: UInt8, at position: Int64, into marks: inout [AccessUnitMark]
    ) -> Int {
        header = code
        self.position = position
        guard code & 0x80 == 0 else { return 0 }
        // Table 7-1
        switch code & 31 {
        case 1, 2, 5:
            return Self.sliceHeaderBytes
        case 6:
            open(.plain)
            return Self.messageBytes
        case 7, 8:
            open(.plain)
            return UnitBuffer.capacity
        case 9:
            if pending?.strength == .certain { pending = nil }
            open(.certain)
            return 0
        case 14:
            open(.weak)
            return 0
        case 15...18:
            open(.plain)
            return 0
        default:
            return 0
        }
    }

    mutating func take(
        _ unit: inout UnitBuffer, ended: Bool, into marks: inout [AccessUnitMark]
    ) -> Bool {
        switch header & 31 {
        case 6:
            takeMessages(&unit)
            return false
        case 7:
            guard ended else { return false }
            if let (id, parameters) = H264SequenceParameters.parse(unit.reader(from: 1)) {
                sequences[id] = parameters
                newestSequence = id
                pending?.hasSPS = true
            }
            return true
        case 8:
            guard ended else { return false }
            if let (id, parameters) = H264PictureParameters.parse(unit.reader(from: 1)) {
                pictures[id] = parameters
                pending?.hasPPS = true
            }
            return true
        default:
            guard
                let slice = H264Slice.parse(
                    unit, header: header, sequences: sequences, pictures: pictures)
            else { return ended }
            take(slice, into: &marks)
            return true
        }
    }

    mutating func finish(into marks: inout [AccessUnitMark]) {}

    /// Parameter sets stay: they are sent again only at the next RAP and mostly the same.
    mutating func reset() {
        pending = nil
        current = nil
        openField = nil
        lostBytes = true
    }

    // MARK: - Before the slice

    private mutating func open(_ strength: PendingUnit.Strength) {
        guard let known = pending else {
            pending = PendingUnit(position: position, strength: strength)
            return
        }
        if strength.rawValue > known.strength.rawValue { pending?.strength = strength }
    }

    private mutating func takeMessages(_ unit: inout UnitBuffer) {
        while let message = SEIMessages.next(in: &unit, after: 1) {
            var bits = unit.reader(from: message.start, to: message.start + message.length)
            if message.type == SEIMessages.recoveryPoint {
                let frames = bits.ue()
                if !bits.failed { pending?.recoveryFrames = frames }
            } else if let timing = sequences[newestSequence]?.timing, timing.hasPictureStructure {
                bits.skip(timing.delayBits)
                let value = bits.bits(4)
                if !bits.failed {
                    pending?.displayedFields = displayedFields(pictureStructure: value)
                }
            }
            SEIMessages.remove(message, from: &unit, after: 1)
        }
    }

    // MARK: - The slice

    private mutating func take(_ slice: H264Slice, into marks: inout [AccessUnitMark]) {
        guard slice.redundantCount == 0 else { return }
        let begun = pending
        pending = nil
        if let sps = pictures[slice.pictureParameters]?.sequence { newestSequence = Int(sps) }
        let begins =
            if begun?.strength == .certain {
                true
            } else if let current {
                slice.beginsPicture(after: current)
                    || begun?.strength == .plain && slice.firstMacroblock == 0
            } else {
                // After a loss a slice may be the middle of a picture whose begin is gone.
                begun?.strength == .plain || slice.firstMacroblock == 0
            }
        current = slice
        guard begins else { return }
        var mark = AccessUnitMark(position: begun?.position ?? position)
        mark.field = fieldRole(of: slice)
        mark.coding = slice.coding
        mark.isReference = slice.referenceIDC != 0
        mark.hasParameterSets = begun?.hasSPS == true && begun?.hasPPS == true
        mark.displayedFields = slice.isField ? 1 : begun?.displayedFields ?? 2
        mark.statedFrameTicks = slice.sequence?.frameTicks ?? 0
        mark.format = slice.sequence?.format ?? 0
        mark.order = slice.order
        mark.referenceFrames = slice.sequence?.referenceFrames ?? 0
        if mark.field != .secondField {
            if slice.isIDR {
                mark.randomAccess = .closed
            } else if slice.coding == .intra, begun?.recoveryFrames == 0 {
                mark.randomAccess = .open
            }
        }
        marks.append(mark)
    }

    /// Fields pair with the picture just before them, never further back.
    private mutating func fieldRole(of slice: H264Slice) -> FieldRole {
        let first = openField
        let afterLoss = lostBytes
        openField = nil
        lostBytes = false
        guard slice.isField else { return .frame }
        if let first, slice.completes(first) {
            bottomFieldFirst = first.isBottom
            return .secondField
        }
        // The other field was lost: without this, every frame of non-reference fields after it
        // would be paired the wrong way round, as their frame_num does not move.
        if afterLoss, let bottomFieldFirst, slice.isBottom != bottomFieldFirst {
            return .secondField
        }
        openField = slice
        return .firstField
    }
}
