// What libav or a server says, without what nobody may read: the secrets of the job's own address,
// and of all other addresses what stands before the host and behind the question mark. A playlist
// names many of those, each with a token that no job knows of. It has to see the whole text: of a
// secret that was cut off nothing is found.

public struct SecretFilter: Sendable {
    private let secrets: [[UInt8]]

    /// - Parameter secrets: the longest first.
    public init(_ secrets: [String] = []) {
        self.secrets = secrets.filter { !$0.isEmpty }.map { Array($0.utf8) }
    }

    public func clean(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets { bytes = SecretFilter.without(secret, in: bytes) }
        return String(decoding: SecretFilter.withoutTokens(bytes), as: UTF8.self)
    }

    private static let mark = Array("…".utf8)

    private static func without(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == secret[0], bytes[at...].starts(with: secret) {
                result += mark
                at += secret.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    private static func withoutTokens(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            result.append(bytes[at])
            at += 1
            if result.last == UInt8(ascii: "?") {
                var end = end(in: bytes, from: at)
                // Of the sentence that it stands in.
                while end > at, ":;,.)".utf8.contains(bytes[end - 1]) { end -= 1 }
                if end > at { result += mark }
                at = end
            } else if result.suffix(3).elementsEqual("://".utf8) {
                let end = end(in: bytes, from: at) { "/?".utf8.contains($0) }
                if let sign = bytes[at..<end].lastIndex(of: UInt8(ascii: "@")) {
                    result += mark
                    at = sign
                }
            }
        }
        return result
    }

    /// Where an address ends at the latest, or what is asked for begins.
    private static func end(
        in bytes: [UInt8], from start: Int, or isEnd: (UInt8) -> Bool = { _ in false }
    ) -> Int {
        bytes[start...].firstIndex { $0 <= 0x20 || "'\"<>".utf8.contains($0) || isEnd($0) }
            ?? bytes.endIndex
    }
}
