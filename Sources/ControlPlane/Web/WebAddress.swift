// Where the process is reached by HTTP: `:8080`, `127.0.0.1:8080`, `[::1]:8080`.

import SwitchIO

public struct WebAddress: Sendable, Equatable, CustomStringConvertible {
    public static let allowed = "[HOST]:PORT such as :8080 or 127.0.0.1:8080"

    /// Empty for all of this machine.
    public var host: String
    /// 0 for any that is free.
    public var port: UInt16

    /// Nil for what is no such place.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        // Visible characters, without those that divide a URL: / and @.
        let isPlain = host.utf8.allSatisfy {
            (0x21..<0x7F).contains($0) && $0 != 0x2F && $0 != 0x40
        }
        guard isPlain, host.contains(":") == isBracketed else { return nil }
        self.host = String(host)
        self.port = port
    }

    public var description: String {
        (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    }
}
