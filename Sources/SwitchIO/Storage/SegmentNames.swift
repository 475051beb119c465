// The names of an HLS output's files, and which names are its own: another output's name may begin
// like this one's.
//
//   index.m3u8
//   index-1795273200.ts, index-1795273200.m4s    segments, by their media sequence number
//   index-init-6c62272e07bb0142.mp4              an initialization section, by what it says
//   index-piece7.ts.part                         what is being made

extension HLSTarget {
    /// What a name stands for.
    public enum File: Sendable, Equatable {
        case playlist
        case segment(Format)
        case header
        case draft
    }

    var playlistName: String { name + ".m3u8" }

    func segmentName(_ sequence: Int64) -> String { "\(name)-\(sequence)\(segments.suffix)" }

    func draftName(_ piece: Int, _ suffix: String) -> String {
        "\(name)-piece\(piece)\(suffix).part"
    }

    /// An initialization section's, of what it says: the same name for the same.
    func headerName(_ lines: [String]) -> String {
        // FNV-1a: short, and the same in every process.
        let hash = lines.joined(separator: "\n").utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        let text = String(hash, radix: 16)
        let zeros = String(repeating: "0", count: HLSTarget.hashDigits - text.utf8.count)
        return "\(name)-init-\(zeros)\(text)\(HLSTarget.headerSuffix)"
    }

    static let headerSuffix = ".mp4"
    private static let hashDigits = 16

    /// Nil for all that this output does not write. No name of its own leads out of its folder.
    public func file(_ text: String) -> File? {
        func number(between begin: String, and end: String) -> Substring? {
            guard text.hasPrefix(begin), text.hasSuffix(end),
                text.utf8.count > begin.utf8.count + end.utf8.count
            else { return nil }
            let number = text.dropFirst(begin.count).dropLast(end.count)
            return number.utf8.allSatisfy(HLSTarget.isHexadecimal) ? number : nil
        }
        func isDecimal(_ number: Substring?) -> Bool {
            number?.utf8.allSatisfy { $0 < 0x40 } == true
        }
        if text == playlistName { return .playlist }
        for format in Format.allCases
        where isDecimal(number(between: "\(name)-", and: format.suffix)) {
            return .segment(format)
        }
        for suffix in Format.allCases.map(\.suffix) + [HLSTarget.headerSuffix]
        where isDecimal(number(between: "\(name)-piece", and: suffix + ".part")) {
            return .draft
        }
        let hash = number(between: "\(name)-init-", and: HLSTarget.headerSuffix)
        return hash?.utf8.count == HLSTarget.hashDigits ? .header : nil
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}

extension HLSTarget.Format {
    var suffix: String {
        switch self {
        case .ts: ".ts"
        case .fmp4: ".m4s"
        }
    }
}
