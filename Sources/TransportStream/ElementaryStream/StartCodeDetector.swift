// Finds start codes in a byte stream that comes in pieces, and collects the headers behind them.
//
//     ... xx | 00 | 00 00 01 | code | header bytes ........ | coded pictures ......... 00 00 01
//            zero_byte      start code prefix
//
// The whole payload of a video stream passes here, so the search is by words: a piece that holds no
// two zero bytes in a row is done with after two loads per 32 bytes. What a unit means is not known
// here; a `PictureSyntax` says which units it wants to see and how much of them.
// 14496-10 Annex B and §7.3.1, 23008-2 Annex B, 13818-2 §5.2.3 and §6.2.1.

/// What the units of one video codec mean.
protocol PictureSyntax: Sendable {
    /// Whether 00 00 03 stands for 00 00 (NAL units do that, MPEG-2 does not).
    static var hasEmulationPrevention: Bool { get }
    /// Zero bytes that belong to a start code: 3 with the zero_byte of Annex B, 2 in MPEG-2.
    static var startCodeZeros: Int { get }

    /// A unit begins. Returns how many of its bytes, this first one counted, are of interest.
    mutating func begin(
        _ code: UInt8, at position: Int64, into marks: inout [AccessUnitMark]
    ) -> Int
    /// More of the unit has come (never its trailing zeros). `ended`: no more of it will come.
    /// Returns true when it needs no more of this unit. May not depend on how often it is asked.
    mutating func take(
        _ unit: inout UnitBuffer, ended: Bool, into marks: inout [AccessUnitMark]
    ) -> Bool
    /// The stream ends.
    mutating func finish(into marks: inout [AccessUnitMark])
    /// Bytes were lost.
    mutating func reset()
}

/// Cuts a byte stream into units and shows their headers to a `PictureSyntax`.
struct StartCodeDetector<Syntax: PictureSyntax>: Sendable {
    /// Most headers are wholly read from fewer bytes than they could take: worth a look here.
    private static var firstLook: Int { 16 }

    private enum State {
        /// Between headers: only the next start code is of interest.
        case searching
        /// The start code prefix has been seen, the next byte is the unit's first.
        case code
        /// The unit's first bytes are being collected, up to this many.
        case collecting(Int)
    }

    private var syntax: Syntax
    private var state = State.searching
    private var unit = UnitBuffer()
    /// Zero bytes just before the next byte. While collecting they are held back: they may be
    /// data or the begin of a start code.
    private var zeros = 0
    private var unitPosition: Int64 = 0
    private var packetStart: Int64 = 0

    init(_ syntax: Syntax) { self.syntax = syntax }

    @inline(__always)
    mutating func scan(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, at position: Int64, startsPES: Bool,
        into marks: inout [AccessUnitMark]
    ) {
        // Nearly all pieces are the inside of coded pictures.
        if case .searching = state, zeros == 0, !startsPES,
            ZeroPair.isAbsent(in: bytes, from: start, to: end)
        {
            zeros = bytes[end - 1] == 0 ? 1 : 0
            return
        }
        scanClosely(bytes, from: start, to: end, at: position, startsPES: startsPES, into: &marks)
    }

    private mutating func scanClosely(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, at position: Int64, startsPES: Bool,
        into marks: inout [AccessUnitMark]
    ) {
        if startsPES { packetStart = position }
        var index = start
        while index < end {
            switch state {
            case .searching:
                guard let one = nextStartCode(bytes, from: index, to: end) else { return }
                found(at: position + Int64(one - start))
                index = one + 1
            case .code:
                let wanted = syntax.begin(bytes[index], at: unitPosition, into: &marks)
                unit.clear()
                unit.append(bytes[index])
                state = wanted > 0 ? .collecting(min(wanted, UnitBuffer.capacity)) : .searching
                index += 1
                if wanted == 1 { showUnit(ended: false, into: &marks) }
            case .collecting(let wanted):
                collect(
                    bytes, from: &index, to: end, wanted, at: position - Int64(start), &marks)
            }
        }
        // The header may be complete though fewer bytes came than could have been needed.
        if case .collecting = state { showUnit(ended: false, into: &marks) }
    }

    mutating func reset() {
        state = .searching
        zeros = 0
        syntax.reset()
    }

    mutating func finish(into marks: inout [AccessUnitMark]) {
        if case .collecting = state {
            if !Syntax.hasEmulationPrevention { appendZeros(zeros) }
            showUnit(ended: true, into: &marks)
        }
        syntax.finish(into: &marks)
        reset()
    }

    // MARK: - Collecting a header

    private mutating func collect(
        _ bytes: Span<UInt8>, from index: inout Int, to end: Int, _ wanted: Int, at base: Int64,
        _ marks: inout [AccessUnitMark]
    ) {
        while index < end {
            let byte = bytes[index]
            index += 1
            if byte == 0 {
                zeros += 1
                continue
            }
            if zeros > 0 {
                if byte == 1, zeros >= 2 {
                    // 13818-2 pads with zeros, so there a header may end in some that count.
                    if !Syntax.hasEmulationPrevention { appendZeros(zeros - 2) }
                    showUnit(ended: true, into: &marks)
                    found(at: base + Int64(index - 1))
                    return
                }
                let escaped = Syntax.hasEmulationPrevention && byte == 3 && zeros >= 2
                appendZeros(zeros)
                zeros = 0
                if escaped { continue }
            }
            unit.append(byte)
            if unit.count >= wanted || unit.count == Self.firstLook {
                showUnit(ended: false, into: &marks)
                if case .collecting = state, unit.count >= wanted {
                    showUnit(ended: true, into: &marks)
                }
                guard case .collecting = state else { return }
            }
        }
    }

    private mutating func appendZeros(_ count: Int) {
        for _ in 0..<min(max(count, 0), UnitBuffer.capacity) { unit.append(0) }
    }

    private mutating func showUnit(ended: Bool, into marks: inout [AccessUnitMark]) {
        if syntax.take(&unit, ended: ended, into: &marks) || ended { state = .searching }
    }

    // MARK: - Searching

    /// A start code ends at this position (that of its byte 01).
    private mutating func found(at one: Int64) {
        var first = one - Int64(min(zeros, Syntax.startCodeZeros))
        // A zero at the end of the PES packet before does not drag the unit's begin into that
        // packet when a whole prefix follows: the time stamp belongs to where the prefix stands.
        if first < packetStart, one - 2 >= packetStart { first = packetStart }
        unitPosition = first
        zeros = 0
        state = .code
    }

    /// Index of the byte 01 of the next start code prefix in `start..<end`. `zeros` counts on from
    /// the piece before, and for the next one.
    private mutating func nextStartCode(
        _ bytes: Span<UInt8>, from start: Int, to end: Int
    ) -> Int? {
        var index = start
        if zeros > 0 {
            while index < end, bytes[index] == 0 {
                zeros += 1
                index += 1
            }
            guard index < end else { return nil }
            if zeros >= 2, bytes[index] == 1 { return index }
            zeros = 0
            index += 1
        }
        while index < end {
            guard let pair = ZeroPair.first(in: bytes, from: index, to: end) else {
                zeros = bytes[end - 1] == 0 ? 1 : 0
                return nil
            }
            index = pair + 2
            while index < end, bytes[index] == 0 { index += 1 }
            guard index < end else {
                zeros = index - pair
                return nil
            }
            if bytes[index] == 1 {
                zeros = index - pair
                return index
            }
            index += 1
        }
        return nil
    }
}

/// Finds two zero bytes in a row. Start codes need them, coded pictures hardly ever have them.
enum ZeroPair {
    private typealias Block = SIMD16<UInt8>
    /// Pairs that one look covers; it reads one byte more.
    private static var blockSize: Int { 16 }

    /// The first index i in `start..<end - 1` where bytes i and i + 1 are zero.
    static func first(in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        if isAbsent(in: bytes, from: start, to: end) { return nil }
        var index = start
        while index + 1 < end {
            if bytes[index + 1] != 0 {
                index += 2
            } else if bytes[index] == 0 {
                return index
            } else {
                index += 1
            }
        }
        return nil
    }

    /// True where a piece that is not short has no pair; false tells nothing.
    @inline(__always)
    static func isAbsent(in bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        // Bounds are checked here, once for all looks.
        guard end - start > 2 * blockSize, start >= 0, end <= bytes.count else { return false }
        return bytes.bytes.withUnsafeBytes { raw in
            raw.baseAddress.map { !mayHave($0, from: start, to: end) } ?? false
        }
    }

    /// Whether there is a pair. Of each byte and its neighbour the bits of either are taken; the
    /// least of all these is zero exactly when some pair is. The last look reaches back over bytes
    /// that were looked at before: no tail loop.
    @inline(__always)
    private static func mayHave(
        _ raw: UnsafeRawPointer, from start: Int, to end: Int
    ) -> Bool {
        var even = either(raw, at: end &- blockSize &- 1)
        var odd = even
        var index = start
        let last = end &- 2 &* blockSize &- 1
        while index <= last {
            even = lesser(even, either(raw, at: index))
            odd = lesser(odd, either(raw, at: index &+ blockSize))
            index &+= 2 &* blockSize
        }
        if index < end &- blockSize &- 1 { even = lesser(even, either(raw, at: index)) }
        // A byte of a word is zero exactly when some 0x80 bit is left over.
        let words = unsafeBitCast(lesser(even, odd), to: SIMD2<UInt64>.self)
        let low = SIMD2<UInt64>(repeating: 0x0101_0101_0101_0101)
        let left = (words &- low) & ~words
        return (left[0] | left[1]) & 0x8080_8080_8080_8080 != 0
    }

    /// The lesser of each two bytes; written so that it becomes one instruction.
    @inline(__always)
    private static func lesser(_ a: Block, _ b: Block) -> Block {
        a.replacing(with: b, where: b .< a)
    }

    /// Bytes `index ..< index + 16`, each with the bits of the one behind it.
    @inline(__always)
    private static func either(_ raw: UnsafeRawPointer, at index: Int) -> Block {
        raw.loadUnaligned(fromByteOffset: index, as: Block.self)
            | raw.loadUnaligned(fromByteOffset: index &+ 1, as: Block.self)
    }
}
