// Addresses of what attacca-media reads and writes. What stands behind a server's name is the
// server's business and passes as it is; nothing of it but its shape is judged here, and none of
// its secrets is repeated.
//
//   https://host/live/index.m3u8?token=…    rtsp://host/stream    rist://host:port    a.mp4?loop
//   rtmp://host/live/KEY    rtmps://host/live/KEY?sign=…    mp4:one.mp4?fragmented

import MediaJobs

enum MediaScheme {
    private static let sources = ["http", "https", "rtsp", "rist"]
    private static let targets = ["rtmp", "rtmps", "rist", "mp4"]
    /// Files that are no transport stream, by their names.
    private static let containers = ["mp4", "m4v", "mov", "mkv", "webm", "flv"]

    static func has(_ scheme: String, _ direction: AddressParser.Direction) -> Bool {
        (direction == .link ? sources : targets).contains(scheme)
    }

    static func isContainer(_ path: String) -> Bool {
        guard let dot = path.lastIndex(of: ".") else { return false }
        return containers.contains(path[path.index(after: dot)...].lowercased())
    }
}

enum MediaKey {
    static let mp4: [AddressKey<Bool>] = [
        AddressKey("fragmented", allowed: "fragmented, fragmented=1 or fragmented=0") {
            staysFragmented, text in
            staysFragmented = text != "0"
            return [nil, "0", "1"].contains(text)
        }
    ]
}

extension AddressParser {
    /// - Parameter text: all of the address.
    func media(_ text: String) throws(AddressError) -> Address {
        if pieces.scheme == "mp4" { return .target(try mp4()) }
        let filled = try variables.fill(text, part: "address")
        let url = MediaURL(filled.text)
        // Received on any address of this host: `rist://@:5000`.
        let mayListen = direction == .link && pieces.scheme == "rist"
        guard !pieces.host.name.isEmpty || mayListen && pieces.user?.isEmpty == true else {
            throw AddressError(
                part: "host", found: "nothing",
                allowed: mayListen
                    ? "rist://@:port, or an address behind the @" : "the server's name")
        }
        if let port = pieces.host.port {
            let number = try variables.fill(port, part: "port", decodesPercent: false)
            guard AddressParser.number(number.text, 1...65_535) != nil else {
                throw AddressError(part: "port", found: "no port", allowed: "1 to 65535")
            }
        } else if pieces.scheme == "rist" {
            throw AddressError(part: "port", found: "nothing", allowed: "1 to 65535")
        }
        guard direction == .output, url.scheme.hasPrefix("rtmp") else {
            return direction == .link ? .source(.pull(url)) : .target(.push(url))
        }
        guard !url.application.isEmpty, !url.key.isEmpty else {
            throw AddressError(
                part: "path", found: url.application.isEmpty ? "nothing" : "no stream key",
                allowed: "rtmp://host/application/key")
        }
        return .target(.push(url))
    }

    private func mp4() throws(AddressError) -> MediaTarget {
        guard pieces.host.name.isEmpty, pieces.host.port == nil, pieces.user == nil else {
            throw AddressError(
                part: "host", found: "a host before the path", allowed: "mp4:PATH or mp4:///PATH")
        }
        let path = try variables.fill(pieces.path, part: "path", decodesPercent: true)
        guard !path.text.isEmpty, !path.text.hasSuffix("/") else {
            throw AddressError(part: "path", found: "no file", allowed: "the path of a file")
        }
        var staysFragmented = false
        try apply(MediaKey.mp4, to: &staysFragmented)
        return .mp4(path: path.text, staysFragmented: staysFragmented)
    }
}
