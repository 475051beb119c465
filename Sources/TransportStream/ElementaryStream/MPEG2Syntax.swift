// Access units of MPEG-2 video (and MPEG-1, whose start codes are the same).
//
//     [sequence header [extensions]] [GOP header] picture header [coding extension] slices ...
//
// The unit begins at the first of the three headers. Whether a picture is a field stands in the
// picture coding extension, so a mark is given when that, or the first slice, has come.
// 13818-2 §6.2.2, §6.2.3, §6.3.8 to §6.3.10; 11172-2 §2.4.2.

struct MPEG2Syntax: PictureSyntax {
    static let hasEmulationPrevention = false
    static let startCodeZeros = 2

    /// What a sequence header and its extension say.
    private struct Sequence {
        var width: UInt32 = 0
        var height: UInt32 = 0
        var rateCode: UInt32 = 0
        /// profile_and_level_indication, chroma_format, size extension; 0 in MPEG-1.
        var profile: UInt32 = 0
        var isProgressive = true
        var rateMultiplier: UInt64 = 1
        var rateDivisor: UInt64 = 1
    }

    /// The access unit that has begun and is not marked yet.
    private struct Pending {
        var position: Int64
        var hasSequence = false
        var isClosed = false
        /// The mark, once the picture header has been read.
        var mark: AccessUnitMark?
        var temporalReference: UInt32 = 0
    }

    private struct FirstField {
        var structure: UInt32
        var temporalReference: UInt32
    }

    private static let pictureCode: UInt8 = 0x00
    private static let sequenceCode: UInt8 = 0xB3
    private static let extensionCode: UInt8 = 0xB5
    private static let sequenceEndCode: UInt8 = 0xB7
    private static let groupCode: UInt8 = 0xB8

    private var sequence = Sequence()
    private var format: UInt32 = 0
    private var frameTicks: Int64 = 0
    private var code: UInt8 = 0
    private var pending: Pending?
    private var openField: FirstField?

    mutating func begin(
        _ code: UInt8, at position: Int64, into marks: inout [AccessUnitMark]
    ) -> Int {
        self.code = code
        switch code {
        case Self.pictureCode, Self.sequenceCode, Self.groupCode:
            give(into: &marks)
            if pending == nil { pending = Pending(position: position) }
            return code == Self.pictureCode ? 3 : 5
        case Self.extensionCode:
            return 7
        case 0x01...0xAF, Self.sequenceEndCode:
            give(into: &marks)
            return 0
        default:
            return 0
        }
    }

    mutating func take(
        _ unit: inout UnitBuffer, ended: Bool, into marks: inout [AccessUnitMark]
    ) -> Bool {
        var bits = unit.reader(from: 1)
        switch code {
        case Self.sequenceCode: return takeSequence(&bits) || ended
        case Self.groupCode:
            bits.skip(25)
            let isClosed = bits.flag()
            guard !bits.failed else { return ended }
            pending?.isClosed = isClosed
            return true
        case Self.pictureCode: return takePicture(&bits) || ended
        default:
            switch bits.bits(4) {
            case 1: return takeSequenceExtension(&bits) || ended
            case 8: return takeCodingExtension(&bits, into: &marks) || ended
            default: return !bits.failed || ended
            }
        }
    }

    /// Only a picture header that has been read counts.
    mutating func finish(into marks: inout [AccessUnitMark]) { give(into: &marks) }

    mutating func reset() {
        pending = nil
        openField = nil
    }

    // MARK: - Sequence

    private mutating func takeSequence(_ bits: inout BitReader) -> Bool {
        var new = Sequence()
        new.width = bits.bits(12)
        new.height = bits.bits(12)
        bits.skip(4)
        new.rateCode = bits.bits(4)
        guard !bits.failed else { return false }
        sequence = new
        pending?.hasSequence = true
        describe()
        return true
    }

    private mutating func takeSequenceExtension(_ bits: inout BitReader) -> Bool {
        let profile = bits.bits(8)
        let isProgressive = bits.flag()
        let chromaAndSize = bits.bits(6)
        bits.skip(21)  // bit rate, marker, VBV size
        bits.skip(1)  // low_delay
        let multiplier = UInt64(bits.bits(2)) + 1
        let divisor = UInt64(bits.bits(5)) + 1
        guard !bits.failed else { return false }
        sequence.profile = profile << 8 | chromaAndSize
        sequence.isProgressive = isProgressive
        sequence.rateMultiplier = multiplier
        sequence.rateDivisor = divisor
        describe()
        return true
    }

    private mutating func describe() {
        var hash = FormatHash(.mpeg2Video)
        hash.add(sequence.width << 12 | sequence.height)
        hash.add(sequence.profile)
        format = hash.value
        // Table 6-4
        let rate: (frames: UInt64, seconds: UInt64) =
            switch sequence.rateCode {
            case 1: (24000, 1001)
            case 2: (24, 1)
            case 3: (25, 1)
            case 4: (30000, 1001)
            case 5: (30, 1)
            case 6: (50, 1)
            case 7: (60000, 1001)
            case 8: (60, 1)
            default: (0, 0)
            }
        frameTicks = statedTicks(
            units: rate.seconds * sequence.rateDivisor,
            scale: rate.frames * sequence.rateMultiplier)
    }

    // MARK: - Picture

    private mutating func takePicture(_ bits: inout BitReader) -> Bool {
        let temporalReference = bits.bits(10)
        let type = bits.bits(3)
        guard !bits.failed else { return false }
        guard var unit = pending else { return true }
        var mark = AccessUnitMark(position: unit.position)
        // Table 6-12; type 4 is the D picture of MPEG-1, intra and alone.
        switch type {
        case 1, 4: mark.coding = .intra
        case 2: mark.coding = .predicted
        case 3: mark.coding = .bidirectional
        default: break
        }
        mark.isReference = type != 3 && type != 4
        mark.hasParameterSets = unit.hasSequence
        if type == 1, unit.hasSequence { mark.randomAccess = unit.isClosed ? .closed : .open }
        mark.statedFrameTicks = frameTicks
        mark.format = format
        unit.mark = mark
        unit.temporalReference = temporalReference
        pending = unit
        return true
    }

    /// §6.2.3.1, §6.3.10
    private mutating func takeCodingExtension(
        _ bits: inout BitReader, into marks: inout [AccessUnitMark]
    ) -> Bool {
        bits.skip(18)
        let structure = bits.bits(2)
        let topFirst = bits.flag()
        bits.skip(5)
        let repeatsField = bits.flag()
        guard !bits.failed else { return false }
        guard let unit = pending, var mark = unit.mark else { return true }
        if structure == 1 || structure == 2 {
            mark.displayedFields = 1
            if let first = openField, first.structure != structure,
                first.temporalReference == unit.temporalReference {
                mark.field = .secondField
                mark.randomAccess = .none
                openField = nil
            } else {
                mark.field = .firstField
                openField = FirstField(
                    structure: structure, temporalReference: unit.temporalReference)
            }
        } else {
            openField = nil
            if repeatsField {
                mark.displayedFields = !sequence.isProgressive ? 3 : topFirst ? 6 : 4
            }
        }
        marks.append(mark)
        pending = nil
        return true
    }

    /// Gives the waiting mark of a picture without coding extension (MPEG-1, or a broken one).
    private mutating func give(into marks: inout [AccessUnitMark]) {
        guard let mark = pending?.mark else { return }
        marks.append(mark)
        pending = nil
        openField = nil
    }
}
