// Access units of HEVC. The NAL unit type tells nearly all: RAP kinds, leading pictures, what is
// not used for reference. Only the base layer (nuh_layer_id 0) is looked at.
// 23008-2 §7.4.2.2 (table 7-1), §7.4.2.4.4, §D.3.3.

struct HEVCSyntax: PictureSyntax {
    static let hasEmulationPrevention = true
    static let startCodeZeros = 3

    private static let sliceHeaderBytes = 24
    private static let messageBytes = 128
    private static let headerBytes = 2

    private var sequences = [HEVCSequenceParameters?](repeating: nil, count: 16)
    private var pictures = [HEVCPictureParameters?](repeating: nil, count: 64)
    /// Ticks per picture by the video parameter sets, 0 when not known.
    private var videoTicks = [Int64](repeating: 0, count: 16)
    private var type: UInt8 = 0
    private var position: Int64 = 0
    /// The unit's layer is known and it has been counted for the access unit's begin.
    private var isOpened = false
    private var pending: PendingUnit?
    private var pendingStructure: UInt32?
    private var newestSequence = 0
    /// The picture before was the first field of a pair.
    private var expectsSecondField = false

    mutating func begin(
        _ code: UInt8, at position: Int64, into marks: inout [AccessUnitMark]
    ) -> Int {
        // forbidden_zero_bit, highest bit of nuh_layer_id
        guard code & 0x81 == 0 else { return 0 }
        type = code >> 1 & 63
        self.position = position
        isOpened = false
        switch type {
        case 0...9, 16...21: return Self.sliceHeaderBytes
        case 32, 33, 34: return UnitBuffer.capacity
        case 39: return Self.messageBytes
        case 35, 41...44, 48...55: return Self.headerBytes
        default: return 0
        }
    }

    mutating func take(
        _ unit: inout UnitBuffer, ended: Bool, into marks: inout [AccessUnitMark]
    ) -> Bool {
        guard unit.count >= Self.headerBytes else { return ended }
        guard unit.bytes[1] >> 3 == 0 else { return true }
        if type < 32 { return takeSlice(unit, ended: ended, into: &marks) }
        if !isOpened { open() }
        switch type {
        case 32, 33, 34:
            guard ended else { return false }
            takeParameterSet(unit.reader(from: Self.headerBytes))
            return true
        case 39:
            takeMessages(&unit)
            return false
        default:
            return true
        }
    }

    mutating func finish(into marks: inout [AccessUnitMark]) {}

    mutating func reset() {
        pending = nil
        pendingStructure = nil
        expectsSecondField = false
    }

    // MARK: - Before the slice

    private mutating func open() {
        isOpened = true
        let isDelimiter = type == 35
        if isDelimiter, pending?.strength == .certain { pending = nil }
        if pending == nil {
            pending = PendingUnit(position: position, strength: .plain)
            pendingStructure = nil
        }
        if isDelimiter { pending?.strength = .certain }
    }

    private mutating func takeParameterSet(_ bits: BitReader) {
        switch type {
        case 32:
            if let (id, ticks) = parseHEVCVideoTiming(bits) { videoTicks[id] = ticks }
            pending?.hasVPS = true
        case 33:
            guard let (id, parameters) = HEVCSequenceParameters.parse(bits) else { return }
            sequences[id] = parameters
            newestSequence = id
            pending?.hasSPS = true
        default:
            guard let (id, parameters) = HEVCPictureParameters.parse(bits) else { return }
            pictures[id] = parameters
            pending?.hasPPS = true
        }
    }

    private mutating func takeMessages(_ unit: inout UnitBuffer) {
        while let message = SEIMessages.next(in: &unit, after: Self.headerBytes) {
            if message.type == SEIMessages.pictureTiming,
                sequences[newestSequence]?.hasPictureStructure == true {
                var bits = unit.reader(from: message.start, to: message.start + message.length)
                let value = bits.bits(4)
                if !bits.failed { pendingStructure = value }
            }
            SEIMessages.remove(message, from: &unit, after: Self.headerBytes)
        }
    }

    // MARK: - The slice

    /// §7.3.6.1: the first bit says whether the picture begins here.
    private mutating func takeSlice(
        _ unit: borrowing UnitBuffer, ended: Bool, into marks: inout [AccessUnitMark]
    ) -> Bool {
        var bits = unit.reader(from: Self.headerBytes)
        let isFirst = bits.flag()
        guard !bits.failed else { return ended }
        guard isFirst || pending?.strength == .certain else {
            pending = nil
            return true
        }
        var coding = PictureCoding.unknown
        var sequence: HEVCSequenceParameters?
        if isFirst {
            if type >= 16 { bits.skip(1) }  // no_output_of_prior_pics_flag
            let picture = bits.ue(max: 63)
            if let pps = pictures[picture] {
                sequence = sequences[pps.sequence]
                newestSequence = pps.sequence
                bits.skip(pps.extraSliceBits)
                coding = Self.coding(bits.ue(max: 2))
            }
            guard !bits.failed else { return ended }
        }
        let temporalID = unit.bytes[1] & 7
        marks.append(mark(coding, sequence, subLayer: temporalID == 0 ? 0 : temporalID - 1))
        pending = nil
        pendingStructure = nil
        return true
    }

    private static func coding(_ sliceType: Int) -> PictureCoding {
        sliceType == 2 ? .intra : sliceType == 1 ? .predicted : .bidirectional
    }

    private mutating func mark(
        _ coding: PictureCoding, _ sequence: HEVCSequenceParameters?, subLayer: UInt8
    ) -> AccessUnitMark {
        var mark = AccessUnitMark(position: pending?.position ?? position)
        mark.coding = type >= 16 ? .intra : coding
        switch type {
        case 16, 21: mark.randomAccess = .open  // BLA_W_LP, CRA
        case 17...20: mark.randomAccess = .closed  // BLA_W_RADL, BLA_N_LP, IDR
        default: break
        }
        switch type {
        case 6, 7: mark.leading = .decodable
        case 8, 9: mark.leading = .skipped
        default: break
        }
        if let pending {
            mark.hasParameterSets = pending.hasVPS && pending.hasSPS && pending.hasPPS
        }
        guard let sequence else { return mark }
        // Even types below 16: no picture of the same sub-layer refers to it.
        if type < 16, type & 1 == 0, subLayer >= sequence.highestSubLayer {
            mark.isReference = false
        }
        mark.format = sequence.format
        mark.statedFrameTicks = sequence.frameTicks
        if mark.statedFrameTicks == 0 {
            mark.statedFrameTicks = videoTicks[sequence.video] * (sequence.fieldsOnly ? 2 : 1)
        }
        if let pendingStructure {
            mark.displayedFields = displayedFields(pictureStructure: pendingStructure)
        }
        if sequence.fieldsOnly {
            mark.displayedFields = 1
            mark.field = fieldRole()
            if mark.field == .secondField { mark.randomAccess = .none }
        }
        return mark
    }

    /// Table D.2: 9 and 10 pair with the field before, 11 and 12 with the one after. Lone fields
    /// (1, 2) say nothing, so they are taken in turn.
    private mutating func fieldRole() -> FieldRole {
        let isSecond =
            switch pendingStructure {
            case 9, 10: true
            case 11, 12: false
            default: expectsSecondField
            }
        expectsSecondField = !isSecond
        return isSecond ? .secondField : .firstField
    }
}
