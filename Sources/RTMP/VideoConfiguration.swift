// Decoder configuration records (14496-15 §5.3.3.1.2, §8.3.3.1.2): the parameter sets, and how many
// bytes the length before each NAL unit has.

struct VideoConfiguration: Equatable {
    /// 1, 2 or 4.
    var lengthBytes: Int
    /// In the order in which they go before a picture.
    var parameterSets: [[UInt8]] = []

    /// AVCDecoderConfigurationRecord.
    init?(avc bytes: [UInt8], from start: Int) {
        guard bytes.count - start >= 7, bytes[start] == 1 else { return nil }
        lengthBytes = Int(bytes[start + 4] & 3) + 1
        var position = start + 6
        for _ in 0..<(bytes[start + 5] & 0x1F) {
            guard take(bytes, &position) else { return nil }
        }
        guard position < bytes.count else { return nil }
        let pictureSets = bytes[position]
        position += 1
        for _ in 0..<pictureSets {
            guard take(bytes, &position) else { return nil }
        }
        guard isSound else { return nil }
    }

    /// HEVCDecoderConfigurationRecord.
    init?(hevc bytes: [UInt8], from start: Int) {
        guard bytes.count - start >= 23, bytes[start] == 1 else { return nil }
        lengthBytes = Int(bytes[start + 21] & 3) + 1
        var position = start + 23
        for _ in 0..<bytes[start + 22] {
            guard let kind = bytes.bigEndian(at: position, count: 1),
                let count = bytes.bigEndian(at: position + 1, count: 2)
            else { return nil }
            position += 3
            for _ in 0..<count {
                guard take(bytes, &position) else { return nil }
            }
            // VPS, SPS and PPS; SEI messages (39) may be said once, and are not.
            if !(32...34).contains(kind & 0x3F) {
                parameterSets.removeLast(min(Int(count), parameterSets.count))
            }
        }
        guard isSound else { return nil }
    }

    private mutating func take(_ bytes: [UInt8], _ position: inout Int) -> Bool {
        guard let length = bytes.bigEndian(at: position, count: 2).map(Int.init), length > 0,
            bytes.count - position - 2 >= length
        else { return false }
        position += 2
        parameterSets.append(Array(bytes[position..<(position + length)]))
        position += length
        return true
    }

    private var isSound: Bool {
        lengthBytes != 3 && !parameterSets.isEmpty
            && parameterSets.reduce(0) { $0 + $1.count } <= Limits.parameterSetBytes
    }

    /// Where the NAL units of a picture are; those that do not fit are left out.
    func units(_ bytes: [UInt8], from start: Int) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var position = start
        while result.count < Limits.pictureUnits,
            let length = bytes.bigEndian(at: position, count: lengthBytes).map(Int.init),
            bytes.count - position - lengthBytes >= length
        {
            position += lengthBytes
            if length > 0 { result.append(position..<(position + length)) }
            position += length
        }
        return result
    }
}
