// A coded picture as a byte stream (14496-10 Annex B, 23008-2 Annex B): start codes before its NAL
// units, an access unit delimiter first (13818-1 §2.14.1 asks for it), parameter sets before a
// random access picture.

public enum PictureUnits {
    /// What kind of a NAL unit the first byte of one tells.
    private static func type(_ first: UInt8, _ codec: Codec) -> UInt8 {
        codec == .hevc ? first >> 1 & 0x3F : first & 0x1F
    }

    private static func isDelimiter(_ type: UInt8, _ codec: Codec) -> Bool {
        type == (codec == .hevc ? 35 : 9)
    }

    private static func isSequenceParameterSet(_ type: UInt8, _ codec: Codec) -> Bool {
        type == (codec == .hevc ? 33 : 7)
    }

    /// H.264: IDR. HEVC: BLA, IDR, CRA (and what is reserved for their like).
    private static func isRandomAccess(_ type: UInt8, _ codec: Codec) -> Bool {
        codec == .hevc ? (16...23).contains(type) : type == 5
    }

    /// primary_pic_type 7, pic_type 2: any slices.
    private static func delimiter(_ codec: Codec) -> [UInt8] {
        codec == .hevc ? [0, 0, 0, 1, 0x46, 0x01, 0x50] : [0, 0, 0, 1, 0x09, 0xF0]
    }

    private static let startCode: [UInt8] = [0, 0, 0, 1]

    /// Whether a random access picture is among the units.
    static func isEntry(_ bytes: Span<UInt8>, _ units: [Range<Int>], _ codec: Codec) -> Bool {
        units.contains { isRandomAccess(type(bytes[$0.lowerBound], codec), codec) }
    }

    /// The picture's bytes.
    /// - Parameters:
    ///   - units: inside `bytes`, none of them empty.
    ///   - sets: put before the picture where it has none of its own; empty where it needs none.
    static func byteStream(
        _ bytes: Span<UInt8>, _ units: [Range<Int>], _ codec: Codec, parameterSets sets: [[UInt8]]
    ) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(
            units.reduce(64) { $0 + $1.count + 4 } + sets.reduce(0) { $0 + $1.count + 4 })
        var rest = units[...]
        if let first = units.first, isDelimiter(type(bytes[first.lowerBound], codec), codec) {
            append(bytes, first, to: &result)
            rest = rest.dropFirst()
        } else {
            result += delimiter(codec)
        }
        let hasSets = units.contains {
            isSequenceParameterSet(type(bytes[$0.lowerBound], codec), codec)
        }
        if !hasSets {
            for set in sets { result += startCode + set }
        }
        for unit in rest { append(bytes, unit, to: &result) }
        return result
    }

    /// More units of a picture.
    static func byteStream(_ bytes: Span<UInt8>, _ units: [Range<Int>]) -> [UInt8] {
        var result: [UInt8] = []
        for unit in units { append(bytes, unit, to: &result) }
        return result
    }

    private static func append(_ bytes: Span<UInt8>, _ unit: Range<Int>, to result: inout [UInt8]) {
        result += startCode
        bytes.extracting(unit).withUnsafeBufferPointer { result.append(contentsOf: $0) }
    }

    /// Whether a NAL unit can not be the first slice of a picture: first_mb_in_slice is not 0, or
    /// first_slice_segment_in_pic_flag is 0.
    public static func continuesPicture(
        _ bytes: Span<UInt8>, _ unit: Range<Int>, _ codec: Codec
    ) -> Bool {
        let type = type(bytes[unit.lowerBound], codec)
        let isSlice = codec == .hevc ? type < 32 : type == 1 || type == 5
        let head = codec == .hevc ? 2 : 1
        guard isSlice, unit.count > head else { return false }
        return bytes[unit.lowerBound + head] & 0x80 == 0
    }
}
