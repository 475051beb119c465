// The keys of addresses that are folders: `hls:` and `record:`.

import Packaging

enum FolderKey {
    static let segments: [AddressKey<HLSTarget>] = [
        AddressKey("segment", allowed: "a time such as 4s, from 1s to 60s") { target, text in
            guard let time = time(text, 1_000_000_000...60_000_000_000) else { return false }
            target.segment = time
            return true
        },
        .number("window", range: 3...10_000, unit: " segments") { $0.window = $1 },
        AddressKey("type", allowed: "live, event or vod") { target, text in
            guard let kind = MediaPlaylist.Kind(rawValue: text ?? "") else { return false }
            target.kind = kind
            return true
        },
        AddressKey("segments", allowed: "ts or fmp4") { target, text in
            guard let format = HLSTarget.Format(rawValue: text ?? "") else { return false }
            target.segments = format
            return true
        },
        AddressKey("name", allowed: nameAllowed) { target, text in
            guard let text, isName(text) else { return false }
            target.name = text
            return true
        },
        keepFree(\.keepFree),
    ]

    static let recording: [AddressKey<RecordTarget>] = [
        AddressKey("every", allowed: "a time such as 1h, from 10s to 168h") { target, text in
            guard let time = time(text, 10_000_000_000...604_800_000_000_000) else { return false }
            target.every = time
            return true
        },
        AddressKey("size", allowed: "bytes such as 2G or 500M, at least 1M") { target, text in
            guard let size = bytes(text), size >= 1_000_000 else { return false }
            target.size = size
            return true
        },
        AddressKey("name", allowed: nameAllowed) { target, text in
            guard let text, isName(text) else { return false }
            target.name = text
            return true
        },
        AddressKey("sync", allowed: "off, or a time such as 5s, from 1s to 1h") { target, text in
            let time = time(text, 1_000_000_000...3_600_000_000_000)
            target.sync = time
            return time != nil || text == "off"
        },
        keepFree(\.keepFree),
    ]

    private static func keepFree<Target>(
        _ path: WritableKeyPath<Target, Int64> & Sendable
    ) -> AddressKey<Target> {
        AddressKey("keep-free", allowed: "bytes such as 1G or 500M, or 0") { target, text in
            guard let free = bytes(text) else { return false }
            target[keyPath: path] = free
            return true
        }
    }

    private static let nameAllowed =
        "letters, digits, dots, dashes and underscores, the first of them no dot"

    /// It becomes a part of file names and of addresses.
    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && !text.hasPrefix(".")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                    || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
            }
    }

    private static let timeUnits: [(String, Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]
    private static let byteUnits: [(String, Int64)] = [
        ("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000), ("", 1),
    ]

    /// Nanoseconds.
    private static func time(_ text: String?, _ range: ClosedRange<Int64>) -> Int64? {
        amount(text, timeUnits).flatMap { range.contains($0) ? $0 : nil }
    }

    private static func bytes(_ text: String?) -> Int64? { amount(text, byteUnits) }

    /// A whole number of units.
    private static func amount(_ text: String?, _ units: [(String, Int64)]) -> Int64? {
        guard let text, let unit = units.first(where: { text.hasSuffix($0.0) }),
            let number = AddressParser.number(
                String(text.dropLast(unit.0.count)), 0...1_000_000_000_000)
        else { return nil }
        let product = Int64(number).multipliedReportingOverflow(by: unit.1)
        return product.overflow ? nil : product.partialValue
    }

    // MARK: Printed

    /// What `time` reads.
    static func text(time: Int64) -> String { text(time, timeUnits.reversed()) }
    static func text(bytes: Int64) -> String { text(bytes, byteUnits) }

    private static func text(_ amount: Int64, _ units: [(String, Int64)]) -> String {
        let unit = units.first { amount > 0 && amount % $0.1 == 0 } ?? units[units.count - 1]
        return "\(amount / unit.1)\(unit.0)"
    }
}
