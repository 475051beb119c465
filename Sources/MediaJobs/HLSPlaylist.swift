// What of an HLS playlist (RFC 8216) tells how a source goes on: whether it has ended, and which
// segments there are. The rest of it is libav's.

public struct HLSPlaylist: Sendable, Equatable {
    /// §4.3.3.1, seconds; nil where none is told, as in a master playlist.
    public private(set) var targetSeconds: Int64?
    /// §4.3.3.4: nothing is added any more.
    public private(set) var hasEnded = false
    /// As they are written, the oldest first.
    public private(set) var segments: [String] = []
    /// The first variant of a master playlist (§4.3.4.2), as it is written.
    public private(set) var variant: String?

    private static let targetTag = "#EXT-X-TARGETDURATION:"
    /// A segment lasts longer nowhere.
    private static let targetRange: ClosedRange<Int64> = 1...3600

    /// - Returns: nil where it is no playlist.
    public init?(_ text: String) {
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.first?.hasPrefix("#EXTM3U") == true else { return nil }
        var isVariant = false
        for line in lines.dropFirst() {
            if line.hasPrefix(HLSPlaylist.targetTag) {
                // Decimals are not allowed, and written all the same.
                let number = line.dropFirst(HLSPlaylist.targetTag.count).drop { $0 == " " }
                targetSeconds = Int64(number.prefix { $0.isASCII && $0.isNumber }).map {
                    min(max($0, HLSPlaylist.targetRange.lowerBound),
                        HLSPlaylist.targetRange.upperBound)
                }
            } else if line.hasPrefix("#EXT-X-ENDLIST") {
                hasEnded = true
            } else if line.hasPrefix("#EXT-X-STREAM-INF") {
                isVariant = true
            } else if !line.hasPrefix("#"), line.contains(where: { $0 != " " }) {
                if !isVariant {
                    segments.append(String(line))
                } else if variant == nil {
                    variant = String(line)
                }
                isVariant = false
            }
        }
    }

    /// The newest segment that is among those.
    /// - Parameter addresses: whole ones. Where each reading of a playlist has other tokens behind
    ///   its segments, what stands before them tells.
    public func lastIndex(among addresses: [String]) -> Int? {
        func find(_ segments: [String], _ addresses: [String]) -> Int? {
            segments.lastIndex { segment in
                addresses.contains { HLSPlaylist.names(segment, $0) }
            }
        }
        if let index = find(segments, addresses) { return index }
        func path(_ text: String) -> String { String(text.prefix { $0 != "?" }) }
        let paths = segments.map(path)
        return Set(paths).count == paths.count ? find(paths, addresses.map(path)) : nil
    }

    private static func names(_ reference: String, _ address: String) -> Bool {
        if reference.contains("://") { return address == reference }
        var rest = reference[...]
        for prefix in ["../", "./", "/"] {
            while rest.hasPrefix(prefix) { rest = rest.dropFirst(prefix.count) }
        }
        return !rest.isEmpty && address.hasSuffix("/" + rest)
    }

    /// The whole address of what stands in a playlist (RFC 3986 §5.2, without dots).
    public static func resolve(_ reference: String, in playlist: String) -> String {
        if reference.contains("://") { return reference }
        let base = playlist.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = base.firstRange(of: "://") else { return reference }
        if reference.hasPrefix("//") { return base[..<scheme.lowerBound] + ":" + reference }
        let authority = base[scheme.upperBound...].prefix { $0 != "/" }
        if reference.hasPrefix("/") { return base[..<authority.endIndex] + reference }
        guard let slash = base[authority.endIndex...].lastIndex(of: "/") else {
            return base + "/" + reference
        }
        return base[...slash] + reference
    }
}
