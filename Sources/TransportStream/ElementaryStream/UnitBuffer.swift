// The first bytes of one unit (NAL unit, or what follows an MPEG-2 start code), emulation
// prevention taken out. Its memory is taken once, when the detector is made.

/// A buffer of fixed capacity that a header is collected in.
struct UnitBuffer: Sendable {
    /// More than any parameter set of a real encoder; what is longer is cut, and then its parser
    /// reports a failure.
    static let capacity = 512

    private(set) var bytes = [UInt8](repeating: 0, count: capacity)
    private(set) var count = 0
    /// Bytes still to be thrown away before the next one is kept (the rest of a long SEI message).
    private var dropping = 0

    init() {}

    /// Of a whole NAL unit. In a byte stream the search for start codes and this are one loop,
    /// `StartCodeDetector`'s.
    init(unit: [UInt8]) {
        var zeros = 0
        for byte in unit where count < Self.capacity {
            if zeros >= 2, byte == 3 {
                zeros = 0
                continue
            }
            zeros = byte == 0 ? zeros + 1 : 0
            append(byte)
        }
    }

    mutating func clear() {
        count = 0
        dropping = 0
    }

    mutating func append(_ byte: UInt8) {
        if dropping > 0 {
            dropping -= 1
        } else if count < Self.capacity {
            bytes[count] = byte
            count += 1
        }
    }

    /// Takes `length` bytes out at `start`, also those that have not come yet.
    mutating func remove(at start: Int, length: Int) {
        let present = min(max(length, 0), max(count - start, 0))
        var target = start
        while target + present < count {
            bytes[target] = bytes[target + present]
            target += 1
        }
        count -= present
        dropping += max(length, 0) - present
    }

    /// Reads the bits from byte `start` on.
    func reader(from start: Int, to end: Int? = nil) -> BitReader {
        BitReader(bytes, from: start, to: min(end ?? count, count))
    }
}

/// Walks the messages of an SEI NAL unit (14496-10 §7.3.2.3, 23008-2 §7.3.2.4) while its bytes
/// are still coming, so that a long message does not hide a short one behind it.
enum SEIMessages {
    /// A message of interest, wholly in the buffer.
    struct Message {
        var type: Int
        /// Index of the payload's first byte, and its length in bytes.
        var start: Int
        var length: Int
    }

    static let pictureTiming = 1
    static let recoveryPoint = 6
    /// Both messages of interest are far shorter.
    static let longestPayload = 64

    /// The next message of interest that stands at `header` once those before it have been taken
    /// out of the buffer; nil when more bytes are needed. The caller takes it out with `remove`.
    static func next(in unit: inout UnitBuffer, after header: Int) -> Message? {
        while true {
            var index = header
            guard let type = number(unit, &index), let length = number(unit, &index) else {
                return nil
            }
            if (type == pictureTiming || type == recoveryPoint) && length <= longestPayload {
                guard index + length <= unit.count else { return nil }
                return Message(type: type, start: index, length: length)
            }
            unit.remove(at: header, length: index - header + length)
        }
    }

    static func remove(_ message: Message, from unit: inout UnitBuffer, after header: Int) {
        unit.remove(at: header, length: message.start - header + message.length)
    }

    /// ff_byte repeated, then the last byte.
    private static func number(_ unit: UnitBuffer, _ index: inout Int) -> Int? {
        var value = 0
        while index < unit.count {
            let byte = unit.bytes[index]
            index += 1
            value += Int(byte)
            if byte != 0xFF { return value }
        }
        return nil
    }
}

/// How many fields a picture is displayed for, by pic_struct of a picture timing SEI message
/// (14496-10 table D-1, 23008-2 table D.2).
func displayedFields(pictureStructure value: UInt32) -> UInt8 {
    switch value {
    case 1, 2, 9, 10, 11, 12: 1
    case 5, 6: 3
    case 7: 4
    case 8: 6
    default: 2
    }
}
