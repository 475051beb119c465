/// Who encoded a picture of the sample streams, as told by the picture itself.
public enum EncoderIdentity: Int, Sendable, Hashable {
    case main = 1
    case backup = 2
    case slate = 3
}

/// What the block code of one picture says.
public struct Mark: Sendable, Hashable, CustomStringConvertible {
    /// The picture's number in its content, from 0.
    public let index: Int
    public let encoder: EncoderIdentity

    public init(index: Int, encoder: EncoderIdentity) {
        self.index = index
        self.encoder = encoder
    }

    public var description: String { "\(encoder) \(index)" }
}

/// The layout of a sample picture: a block code above two moving textures.
///
/// Everything here repeats what `SampleStreams/make-streams.sh` draws.
struct PictureLayout {
    static let width = 320
    static let height = 180
    /// Side of a code block in pixels.
    static let block = 16
    static let columns = 20
    /// Height in pixels of each texture; the upper one begins below the code's two rows.
    static let bandHeight = 74
    static let upperTop = 32
    static let lowerTop = 106
    /// The cells in which damage is looked for; a band has two rows of ten.
    private static let cellWidth = 32
    /// Sampled rows in each cell, four pixels apart.
    private static let gridRows = 9

    /// The textures as drawn for picture 0, one row after the other, wide enough for every shift.
    private let upper: [UInt8]
    private let lower: [UInt8]
    private static let upperWidth = 480
    private static let lowerWidth = 416

    init() {
        upper = Self.texture(width: Self.upperWidth) { x, y in
            128 + 50 * Trig.sine(x / 160) * Trig.cosine(y / 37)
                + 30 * Trig.sine(x / 20) * Trig.sine(y / 24)
        }
        lower = Self.texture(width: Self.lowerWidth) { x, y in
            128 + 45 * Trig.sine(x / 96 + y / 74)
                + 30 * Trig.cosine(x / 16) * Trig.cosine(y / 18)
        }
    }

    private static func texture(
        width: Int, luma: (Double, Double) -> Double
    ) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(width * bandHeight)
        for y in 0..<bandHeight {
            for x in 0..<width {
                result.append(UInt8(max(0, min(255, luma(Double(x), Double(y))))))
            }
        }
        return result
    }

    /// Reads the block code of a picture.
    ///
    /// - Parameter luma: `width * height` bytes.
    /// - Returns: nil when a block is neither clearly black nor clearly white, when the fixed
    ///   blocks are not as they should be, or when the check does not fit.
    func mark(in luma: UnsafeBufferPointer<UInt8>) -> Mark? {
        var rows: [[Bool]] = []
        for row in 0..<2 {
            var bits: [Bool] = []
            for column in 0..<Self.columns {
                guard let bit = bit(in: luma, row: row, column: column) else { return nil }
                bits.append(bit)
            }
            rows.append(bits)
        }
        let frame = [rows[0][0], rows[0][1], rows[0][18], rows[0][19]]
        let mirrored = [rows[1][0], rows[1][1], rows[1][18], rows[1][19]]
        guard frame == [true, false, false, true], mirrored == [false, true, true, false] else {
            return nil
        }
        let index = Self.number(rows[0][2..<18])
        let identity = Self.number(rows[1][2..<5])
        let check = Self.number(rows[1][5..<13])
        let inverted = Self.number(rows[1][13..<18])
        guard check == (index * 181 + identity * 53 + 90) % 251,
            inverted == 31 - index % 32,
            let encoder = EncoderIdentity(rawValue: identity)
        else { return nil }
        return Mark(index: index, encoder: encoder)
    }

    /// The most significant bit comes first.
    private static func number(_ bits: ArraySlice<Bool>) -> Int {
        bits.reduce(0) { $0 * 2 + ($1 ? 1 : 0) }
    }

    /// Only the inner 8 by 8 pixels count, so that ringing at the block's edges does no harm.
    private func bit(
        in luma: UnsafeBufferPointer<UInt8>, row: Int, column: Int
    ) -> Bool? {
        var sum = 0
        for y in (row * Self.block + 4)..<(row * Self.block + 12) {
            let start = y * Self.width + column * Self.block + 4
            for offset in start..<(start + 8) { sum += Int(luma[offset]) }
        }
        let mean = sum / 64
        if mean <= 80 { return false }
        return mean >= 168 ? true : nil
    }

    /// How far the textures are from what they should be in picture `index`.
    ///
    /// - Returns: the mean absolute difference of the luma, in steps of 1/255, over a grid of
    ///   sample points in the worst of 40 cells (32 by 37 pixels): a few wrong blocks would be
    ///   lost in a mean over the whole picture.
    func damage(of luma: UnsafeBufferPointer<UInt8>, index: Int) -> Double {
        let upperShift = 2 * index % 160
        let lowerShift = (96 - 6 * index % 96) % 96
        let cellHeight = Self.bandHeight / 2
        var worst = 0
        for cell in 0..<20 {
            let left = cell % 10 * Self.cellWidth
            let top = cell / 10 * cellHeight
            var upperSum = 0
            var lowerSum = 0
            for y in stride(from: top + 1, to: top + 1 + 4 * Self.gridRows, by: 4) {
                let upperRow = (Self.upperTop + y) * Self.width
                let lowerRow = (Self.lowerTop + y) * Self.width
                let upperSource = y * Self.upperWidth + upperShift
                let lowerSource = y * Self.lowerWidth + lowerShift
                for x in stride(from: left, to: left + Self.cellWidth, by: 2) {
                    upperSum += abs(Int(luma[upperRow + x]) - Int(upper[upperSource + x]))
                    lowerSum += abs(Int(luma[lowerRow + x]) - Int(lower[lowerSource + x]))
                }
            }
            worst = max(worst, upperSum, lowerSum)
        }
        return Double(worst) / Double(Self.gridRows * Self.cellWidth / 2)
    }
}
