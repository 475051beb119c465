// An address's text taken apart. Foundation's URL is not used: it refuses
// `udp://@239.1.1.1:5000`, and decodes before it splits.
//
//   srt://192.0.2.7:9003?latency=200&passphrase=${MAIN}
//   scheme  host    port  key    value          a variable of the environment

/// The pieces, still as written; only the shape is judged here.
struct URLPieces {
    typealias Bytes = ArraySlice<UInt8>

    /// A host and its port.
    struct Host {
        var name: Bytes = []
        var isBracketed = false
        var port: Bytes?
    }

    /// In lower case; nil for a plain path.
    private(set) var scheme: String?
    /// What stands before an @; VLC writes the source of a group there, or nothing.
    private(set) var user: Bytes?
    private(set) var host = Host()
    /// Behind commas: the further paths of an SRT group.
    private(set) var furtherHosts: [Host] = []
    private(set) var path: Bytes = []
    private(set) var query: [(key: Bytes, value: Bytes?)] = []

    init(_ text: String) throws(AddressError) {
        var rest = Array(text.utf8)[...]
        scheme = URLPieces.takeScheme(&rest)
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        takeQuery(mark.map { rest[($0 + 1)...] } ?? [])
        rest = rest[..<(mark ?? rest.endIndex)]
        guard let scheme else {
            path = rest
            return
        }
        let hasAuthority = rest.starts(with: "//".utf8)
        if hasAuthority { rest = rest.dropFirst(2) }
        guard hasAuthority || !["udp", "rtp", "srt", "rtmp", "rtmps"].contains(scheme) else {
            throw AddressError(
                part: "address", found: "\(ShownText(scheme)) without ://",
                allowed: AddressParser.schemes)
        }
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        if hasAuthority {
            try takeAuthority(rest[..<slash], isList: scheme == "srt")
            rest = rest[slash...]
        }
        path = rest
    }

    /// RFC 3986 §3.1: a letter, then letters, digits, plus, minus and dots, up to a colon.
    private static func takeScheme(_ rest: inout Bytes) -> String? {
        guard let colon = rest.firstIndex(of: UInt8(ascii: ":")), colon > rest.startIndex else {
            return nil
        }
        let isLetter = { (byte: UInt8) in (0x61...0x7A).contains(byte | 0x20) }
        let isMore = { (byte: UInt8) in
            isLetter(byte) || (0x30...0x39).contains(byte) || "+-.".utf8.contains(byte)
        }
        let scheme = rest[..<colon]
        guard isLetter(scheme[scheme.startIndex]), scheme.allSatisfy(isMore) else { return nil }
        rest = rest[(colon + 1)...]
        return String(decoding: scheme, as: UTF8.self).lowercased()
    }

    private mutating func takeQuery(_ text: Bytes) {
        for pair in text.split(separator: UInt8(ascii: "&")) {
            // A stream id has equals signs of its own: the first one ends the key.
            let sign = pair.firstIndex(of: UInt8(ascii: "="))
            query.append((pair[..<(sign ?? pair.endIndex)], sign.map { pair[($0 + 1)...] }))
        }
    }

    private mutating func takeAuthority(
        _ text: Bytes, isList: Bool
    ) throws(AddressError) {
        var rest = text
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
            user = rest[..<at]
            rest = rest[(at + 1)...]
        }
        guard isList else {
            host = try URLPieces.host(rest)
            return
        }
        let texts = rest.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        for (index, text) in texts.enumerated() {
            let found = try URLPieces.host(text)
            if index == 0 { host = found } else { furtherHosts.append(found) }
        }
    }

    private static func host(_ text: Bytes) throws(AddressError) -> Host {
        var rest = text
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else {
                throw AddressError(
                    part: "host", found: "[ without ]", allowed: "[IPv6 address]:port")
            }
            let name = rest[(rest.startIndex + 1)..<end]
            rest = rest[(end + 1)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: ":") else {
                throw AddressError(
                    part: "port", found: "no colon behind ]", allowed: "[IPv6 address]:port")
            }
            return Host(
                name: name, isBracketed: true, port: rest.isEmpty ? nil : rest.dropFirst())
        }
        let colon = rest.lastIndex(of: UInt8(ascii: ":"))
        return Host(
            name: rest[..<(colon ?? rest.endIndex)], port: colon.map { rest[($0 + 1)...] })
    }
}
