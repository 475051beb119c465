// AMF0: how RTMP writes the values of its commands (Adobe's "Action Message Format -- AMF 0").
//
//   marker | value                 0 number, 8 bytes     1 boolean, 1     2 string, 2 + n
//                                  3 object: (name, value) … until an empty name and marker 9
//
// A message is a row of values. What can not be read ends the row: a command whose first values are
// sound is one, whatever an encoder appends.

/// One value.
public indirect enum AMFValue: Sendable, Equatable {
    case number(Double)
    case boolean(Bool)
    case string(String)
    case object([AMFProperty])
    case null
    case undefined
    case array([AMFValue])
    /// Milliseconds since 1970, UTC.
    case date(Double)

    public var number: Double? { if case .number(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The property of an object, the first of that name.
    public subscript(name: String) -> AMFValue? {
        guard case .object(let properties) = self else { return nil }
        return properties.first { $0.name == name }?.value
    }
}

/// A name and a value of an object.
public struct AMFProperty: Sendable, Equatable {
    public var name: String
    public var value: AMFValue

    public init(_ name: String, _ value: AMFValue) {
        self.name = name
        self.value = value
    }
}

/// Reads values from the bytes of a message.
struct AMFReader {
    private enum Marker {
        static let number: UInt8 = 0
        static let boolean: UInt8 = 1
        static let string: UInt8 = 2
        static let object: UInt8 = 3
        static let null: UInt8 = 5
        static let undefined: UInt8 = 6
        static let namedArray: UInt8 = 8
        static let objectEnd: UInt8 = 9
        static let array: UInt8 = 10
        static let date: UInt8 = 11
        static let longString: UInt8 = 12
        static let unsupported: UInt8 = 13
        static let document: UInt8 = 15
        static let typedObject: UInt8 = 16
    }

    private let bytes: [UInt8]
    private var position: Int
    private var valuesLeft = Limits.values

    private init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        position = min(max(start, 0), bytes.count)
    }

    /// All values that can be read.
    static func values(_ bytes: [UInt8], from start: Int = 0) -> [AMFValue] {
        var reader = AMFReader(bytes, from: start)
        var result: [AMFValue] = []
        while reader.position < bytes.count, let value = reader.value(depth: 0) {
            result.append(value)
        }
        return result
    }

    private mutating func value(depth: Int) -> AMFValue? {
        guard depth <= Limits.objectDepth, valuesLeft > 0, let marker = byte() else { return nil }
        valuesLeft -= 1
        switch marker {
        case Marker.number: return double().map { .number($0) }
        case Marker.boolean: return byte().map { .boolean($0 != 0) }
        case Marker.string: return text(lengthBytes: 2).map { .string($0) }
        case Marker.longString, Marker.document: return text(lengthBytes: 4).map { .string($0) }
        case Marker.object: return object(depth: depth)
        case Marker.null: return .null
        case Marker.undefined, Marker.unsupported: return .undefined
        case Marker.namedArray:
            // The count is a hint; the end mark counts.
            guard integer(4) != nil else { return nil }
            return object(depth: depth)
        case Marker.typedObject:
            guard text(lengthBytes: 2) != nil else { return nil }
            return object(depth: depth)
        case Marker.array: return array(depth: depth)
        case Marker.date:
            guard let milliseconds = double(), integer(2) != nil else { return nil }
            return .date(milliseconds)
        default: return nil
        }
    }

    private mutating func object(depth: Int) -> AMFValue? {
        var properties: [AMFProperty] = []
        while true {
            guard let name = text(lengthBytes: 2) else { return nil }
            if name.isEmpty, position < bytes.count, bytes[position] == Marker.objectEnd {
                position += 1
                return .object(properties)
            }
            guard let value = value(depth: depth + 1) else { return nil }
            properties.append(AMFProperty(name, value))
        }
    }

    private mutating func array(depth: Int) -> AMFValue? {
        guard let count = integer(4), count <= valuesLeft else { return nil }
        var values: [AMFValue] = []
        for _ in 0..<count {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
        }
        return .array(values)
    }

    private mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func integer(_ count: Int) -> Int? {
        guard bytes.count - position >= count else { return nil }
        var value = 0
        for _ in 0..<count {
            value = value << 8 | Int(bytes[position])
            position += 1
        }
        return value
    }

    private mutating func double() -> Double? {
        guard bytes.count - position >= 8 else { return nil }
        var bits: UInt64 = 0
        for _ in 0..<8 {
            bits = bits << 8 | UInt64(bytes[position])
            position += 1
        }
        return Double(bitPattern: bits)
    }

    private mutating func text(lengthBytes: Int) -> String? {
        guard let length = integer(lengthBytes), bytes.count - position >= length else {
            return nil
        }
        defer { position += length }
        return String(decoding: bytes[position..<(position + length)], as: UTF8.self)
    }
}

/// Writes values.
enum AMFWriter {
    static func bytes(_ values: [AMFValue]) -> [UInt8] {
        var result: [UInt8] = []
        for value in values { append(value, to: &result) }
        return result
    }

    private static func append(_ value: AMFValue, to bytes: inout [UInt8]) {
        switch value {
        case .number(let number):
            bytes.append(0)
            bytes.append(bigEndian: number.bitPattern, count: 8)
        case .boolean(let flag): bytes += [1, flag ? 1 : 0]
        case .string(let text) where text.utf8.count > 0xFFFF:
            bytes.append(12)
            bytes.append(bigEndian: text.utf8.count, count: 4)
            bytes += text.utf8
        case .string(let text):
            bytes.append(2)
            append(name: text, to: &bytes)
        case .object(let properties):
            bytes.append(3)
            for property in properties {
                append(name: property.name, to: &bytes)
                append(property.value, to: &bytes)
            }
            bytes += [0, 0, 9]
        case .null: bytes.append(5)
        case .undefined: bytes.append(6)
        case .array(let values):
            bytes.append(10)
            bytes.append(bigEndian: values.count, count: 4)
            for value in values { append(value, to: &bytes) }
        case .date(let milliseconds):
            bytes.append(11)
            bytes.append(bigEndian: milliseconds.bitPattern, count: 8)
            bytes += [0, 0]
        }
    }

    private static func append(name: String, to bytes: inout [UInt8]) {
        let text = Array(name.utf8.prefix(0xFFFF))
        bytes.append(bigEndian: text.count, count: 2)
        bytes += text
    }
}
