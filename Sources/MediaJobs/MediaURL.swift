// An address for libav, whole, and what may be shown of it: a stream key, a password or a token
// stands somewhere in most of them.
//
//   rtmp://user:word@host:1935/app/KEY?sign=x   is shown as   rtmp://…@host:1935/app/…
//   https://host/path/index.m3u8?token=x                      https://host/path/index.m3u8?…

public struct MediaURL: Codable, Sendable, Equatable {
    /// All of it. For the one who opens it, and nobody else.
    public let text: String

    public init(_ text: String) { self.text = text }

    private struct Pieces {
        var scheme: Substring = ""
        var user: Substring?
        var host: Substring = ""
        var path: Substring = ""
        var query: Substring?
    }

    private var pieces: Pieces {
        var pieces = Pieces()
        var rest = text[...]
        if let colon = rest.firstIndex(of: ":"), rest[colon...].hasPrefix("://") {
            pieces.scheme = rest[..<colon]
            rest = rest[colon...].dropFirst(3)
        }
        if let mark = rest.firstIndex(of: "?") {
            pieces.query = rest[mark...].dropFirst()
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        pieces.path = rest[slash...]
        rest = rest[..<slash]
        if let at = rest.lastIndex(of: "@") {
            pieces.user = rest[..<at]
            rest = rest[at...].dropFirst()
        }
        pieces.host = rest
        return pieces
    }

    public var scheme: String { pieces.scheme.lowercased() }
    public var host: String { String(pieces.host) }

    /// The first piece of an RTMP path, and what is behind it: the application and the key.
    private static func split(_ path: Substring) -> (application: Substring, key: Substring) {
        let inner = path.dropFirst()
        guard let slash = inner.firstIndex(of: "/") else { return (inner, "") }
        return (inner[..<slash], inner[slash...].dropFirst())
    }

    private var hasKey: Bool { scheme.hasPrefix("rtmp") }

    /// RTMP's stream key; empty where there is none.
    public var key: String { hasKey ? String(MediaURL.split(pieces.path).key) : "" }

    /// RTMP's application.
    public var application: String {
        hasKey ? String(MediaURL.split(pieces.path).application) : ""
    }

    /// What no message may have in it, the longest first.
    public var secrets: [String] {
        let pieces = pieces
        var found: [Substring] = []
        if let user = pieces.user { found += [user] + user.split(separator: ":") }
        if hasKey { found.append(MediaURL.split(pieces.path).key) }
        if let query = pieces.query {
            found.append(query)
            for pair in query.split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { found.append(parts[1]) }
            }
        }
        // A secret of one or two characters would black out half of each message.
        return Set(found.filter { $0.utf8.count > 2 }.map(String.init))
            .sorted { $0.utf8.count > $1.utf8.count }
    }
}

// All three ways to print a value, since each of them would find the secrets.
extension MediaURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let pieces = pieces
        var shown = "\(pieces.scheme)://"
        if pieces.user != nil { shown += "…@" }
        shown += pieces.host
        if hasKey {
            shown += "/\(MediaURL.split(pieces.path).application)/…"
        } else {
            shown += pieces.path
            if pieces.query != nil { shown += "?…" }
        }
        return shown
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
