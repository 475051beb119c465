// What is wrong with an address, in words that an operator can act on.

/// Why a text is no address: which part of it, what stands there, what may.
public struct AddressError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `scheme`, `host`, `port`, `path`, a query key, or `address` for the whole.
    public var part: String
    /// Never a secret.
    public var found: String
    public var allowed: String

    public init(part: String, found: String, allowed: String) {
        self.part = part
        self.found = found
        self.allowed = allowed
    }

    public var description: String { "\(part): found \(found); allowed: \(allowed)" }
}

/// What an operator wrote, as it may stand in a message: short, printable, and no secret.
///
/// A mistyped address puts its passphrase anywhere (`mode=caller;passphrase=…`), so nothing behind
/// an equals sign, a password's colon or the word itself is ever repeated, wherever it stands.
public struct ShownText: Sendable, CustomStringConvertible {
    private static let most = 60
    public let description: String

    public init(_ text: some StringProtocol) {
        var shown = ""
        var count = 0
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if count == ShownText.most || ShownText.isSecret(scalars[index...]) {
                shown += "…"
                break
            }
            let isPrintable = scalar.isASCII ? (0x20...0x7E).contains(scalar.value)
                : scalar.properties.isAlphabetic || scalar == "…"
            shown.unicodeScalars.append(isPrintable ? scalar : "?")
            count += 1
            if scalar == "=" {
                shown += index + 1 < scalars.count ? "…" : ""
                break
            }
        }
        description = "'\(shown)'"
    }

    private static let words = ["passphrase", "password", "passwd"].map { Array($0.unicodeScalars) }

    private static func isSecret(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        words.contains { word in
            rest.count >= word.count
                && zip(rest, word).allSatisfy { $0.properties.lowercaseMapping == String($1) }
        }
    }
}
