// Reads the bits of a header that was collected from the stream.
//
// It is not a view of the stream: it works on a short copy whose emulation prevention bytes have
// been taken out. Reading past the end gives zeros and sets `failed`, so a parser may read on
// without looking and asks once, at its end.

/// A cursor over a few collected bytes, most significant bit first.
struct BitReader {
    private let bytes: [UInt8]
    private let endBit: Int
    /// Index of the next bit.
    private(set) var bit: Int
    /// True as soon as something was read that is not there, or a number was out of range.
    private(set) var failed = false

    /// The bytes `start..<end`; both are clamped to the array.
    init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        let last = min(max(end, 0), bytes.count)
        endBit = last * 8
        bit = min(max(start, 0), last) * 8
    }

    /// The next `count` bits (0...32) as an unsigned number.
    mutating func bits(_ count: Int) -> UInt32 {
        guard count >= 0, count <= 32, endBit - bit >= count else { fail(); return 0 }
        var value: UInt64 = 0
        var left = count
        while left > 0 {
            let taken = min(left, 8 - bit & 7)
            let octet = UInt64(bytes[bit >> 3])
            let part = (octet >> UInt64(8 - bit & 7 - taken)) & ((1 << UInt64(taken)) - 1)
            value = value << UInt64(taken) | part
            bit += taken
            left -= taken
        }
        return UInt32(truncatingIfNeeded: value)
    }

    /// The next bit.
    mutating func flag() -> Bool {
        guard bit < endBit else { fail(); return false }
        defer { bit += 1 }
        return bytes[bit >> 3] & (0x80 >> UInt8(bit & 7)) != 0
    }

    /// Passes over `count` bits.
    mutating func skip(_ count: Int) {
        guard count >= 0, endBit - bit >= count else { fail(); return }
        bit += count
    }

    /// ue(v), 14496-10 §9.1: 0...2^32 - 2.
    mutating func ue() -> UInt32 {
        var zeros = 0
        while !failed, !flag() { zeros += 1 }
        guard !failed, zeros < 32 else { fail(); return 0 }
        let suffix = UInt64(bits(zeros))
        return UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(zeros)) - 1 + suffix)
    }

    /// ue(v) that shall not be greater than `limit`.
    mutating func ue(max limit: UInt32) -> Int {
        let value = ue()
        guard value <= limit else { fail(); return 0 }
        return Int(value)
    }

    /// se(v), 14496-10 §9.1.1.
    mutating func se() -> Int64 {
        let code = Int64(ue())
        return code & 1 == 1 ? (code + 1) / 2 : -(code / 2)
    }

    private mutating func fail() {
        failed = true
        bit = endBit
    }
}

/// FNV-1a over a few numbers: tells two decoder set-ups apart, never 0.
struct FormatHash {
    private var state: UInt32 = 0x811C_9DC5

    init(_ codec: Codec) { add(UInt32(codec.rawValue)) }

    mutating func add(_ value: UInt32) {
        for shift: UInt32 in [0, 8, 16, 24] {
            state = (state ^ (value >> shift & 0xFF)) &* 0x0100_0193
        }
    }

    var value: UInt32 { state == 0 ? 1 : state }
}

/// The duration of `units` / `scale` seconds in 27 MHz ticks, rounded; 0 where that says nothing
/// (a zero, or longer than ten seconds).
func statedTicks(units: UInt64, scale: UInt64) -> Int64 {
    guard units > 0, scale > 0, units <= UInt64(1) << 34 else { return 0 }
    let ticks = (units * 27_000_000 + scale / 2) / scale
    return ticks <= 270_000_000 ? Int64(ticks) : 0
}
