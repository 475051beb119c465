// `${NAME}` in addresses and configuration values, so that secrets stand in the environment.

/// A value as written, and with its variables and escapes replaced.
public struct FilledText: Sendable {
    public let text: String
    /// What may be shown of it: a variable's name, never what it holds.
    public let shown: ShownText
}

/// The environment, as far as a text may ask for it.
public struct AddressVariables: Sendable {
    /// Nil where a text is itself what a variable holds.
    private let values: [String: String]?

    public init(_ values: [String: String]) { self.values = values }
    private init() { values = nil }

    static let none = AddressVariables()

    /// Replaces `${NAME}` by the variable, and `$${` by `${`. What a variable holds is taken as it
    /// is: neither variables nor escapes in it count.
    /// - Parameter decodesPercent: `%2F` is a slash.
    public func fill(
        _ text: some StringProtocol, part: String, decodesPercent: Bool = false
    ) throws(AddressError) -> FilledText {
        try fill(Array(text.utf8)[...], part: part, decodesPercent: decodesPercent)
    }

    func fill(
        _ bytes: ArraySlice<UInt8>, part: String, decodesPercent: Bool
    ) throws(AddressError) -> FilledText {
        var rest = bytes
        var filled: [UInt8] = []
        while let byte = rest.first {
            if values != nil, rest.starts(with: "$${".utf8) {
                filled += "${".utf8
                rest = rest.dropFirst(3)
            } else if values != nil, rest.starts(with: "${".utf8) {
                filled += try value(&rest, part: part).utf8
            } else if byte == UInt8(ascii: "%"), decodesPercent {
                filled.append(try AddressVariables.escape(&rest, part: part))
            } else {
                filled.append(byte)
                rest = rest.dropFirst()
            }
        }
        // A NUL would end the text for the C library; line ends would forge log lines.
        guard let text = String(validating: filled, as: UTF8.self),
            !filled.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw AddressError(
                part: part, found: "bytes that are no text", allowed: "printable characters")
        }
        return FilledText(text: text, shown: ShownText(String(decoding: bytes, as: UTF8.self)))
    }

    /// What the variable holds, where the whole text is one; nil else.
    func whole(_ text: String) throws(AddressError) -> String? {
        guard values != nil, text.hasPrefix("${"), text.hasSuffix("}") else { return nil }
        let name = String(text.dropFirst(2).dropLast())
        return AddressVariables.isName(name.utf8) ? try value(of: name, part: "address") : nil
    }

    private func value(
        _ rest: inout ArraySlice<UInt8>, part: String
    ) throws(AddressError) -> String {
        let end = rest.firstIndex(of: UInt8(ascii: "}")) ?? rest.endIndex
        let bytes = rest[..<end].dropFirst(2)
        guard end < rest.endIndex, AddressVariables.isName(bytes) else {
            throw AddressError(
                part: part, found: "${ without a name and }",
                allowed: "${NAME} for a variable of the environment, $${ for ${")
        }
        let name = String(decoding: bytes, as: UTF8.self)
        rest = rest[(end + 1)...]
        return try value(of: name, part: part)
    }

    private func value(of name: String, part: String) throws(AddressError) -> String {
        guard let value = values?[name] else {
            throw AddressError(
                part: part, found: "${\(name)}, which is not set",
                allowed: "a variable of the environment that is set")
        }
        return value
    }

    private static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= 100 else { return false }
        let isLetter = { (byte: UInt8) in
            (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }
        return isLetter(first) && bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }

    private static func escape(
        _ rest: inout ArraySlice<UInt8>, part: String
    ) throws(AddressError) -> UInt8 {
        let digits = rest.dropFirst().prefix(2)
        guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
        else {
            throw AddressError(
                part: part, found: "a percent sign without two hexadecimal digits",
                allowed: "%25 for a percent sign")
        }
        rest = rest.dropFirst(3)
        return byte
    }
}
