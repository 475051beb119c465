// What a host is, as far as its text tells; nothing is looked up.

import Glibc

/// A host's text, understood.
enum HostText: Equatable {
    /// Empty: any local address.
    case any
    case name(String)
    case four([UInt8])
    /// Sixteen bytes, and the interface behind the percent sign.
    case six([UInt8], zone: String?)

    /// Nil for what can be neither a name nor an address.
    init?(_ text: String) {
        if text.isEmpty {
            self = .any
        } else if text.utf8.contains(UInt8(ascii: ":")) {
            let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
            guard let bytes = HostText.address(String(parts[0]), family: AF_INET6, count: 16) else {
                return nil
            }
            let zone = parts.count > 1 ? String(parts[1]) : nil
            if let zone, !HostText.isInterface(zone) { return nil }
            self = .six(bytes, zone: zone)
        } else if text.utf8.allSatisfy({ HostText.isDigit($0) || $0 == UInt8(ascii: ".") }) {
            // The C library takes `239.1.1` for 239.1.0.1; that is nobody's wish.
            guard let bytes = HostText.address(text, family: AF_INET, count: 4) else { return nil }
            self = .four(bytes)
        } else {
            guard text.utf8.count <= 253, text.utf8.allSatisfy(HostText.isNameByte) else {
                return nil
            }
            self = .name(text.lowercased())
        }
    }

    /// Whether a host is an address, or any: nobody has to be asked for it.
    static func isNumber(_ host: String) -> Bool {
        switch HostText(host) {
        case .any, .four, .six: true
        case .name, nil: false
        }
    }

    /// Any local address, by one of its names: nothing that can be sent to or called.
    var isUnspecified: Bool {
        switch self {
        case .any: true
        case .name: false
        case .four(let bytes), .six(let bytes, _): bytes.allSatisfy { $0 == 0 }
        }
    }

    /// Whether what an address sends can come to a socket that is bound to this host. A name may be
    /// of either family, and `::` hears both; who names nothing gets IPv4.
    func mayHear(_ address: String) -> Bool {
        let isSix = address.contains(":")
        return switch self {
        case .name: true
        case .any, .four: !isSix
        case .six: isSix || isUnspecified
        }
    }

    /// 224.0.0.0/4 or ff00::/8.
    var isMulticast: Bool {
        switch self {
        case .four(let bytes): bytes[0] & 0xF0 == 0xE0
        case .six(let bytes, _): bytes[0] == 0xFF
        case .any, .name: false
        }
    }

    /// Addresses of which every interface has its own: fe80::/10, and groups of the scopes 1 and 2
    /// (RFC 4291 §2.7). Only with these does the C library take an interface's name.
    var isPerInterface: Bool {
        guard case .six(let bytes, _) = self else { return false }
        return bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
            || bytes[0] == 0xFF && (1...2).contains(bytes[1] & 0x0F)
    }

    /// A name of at most 15 bytes, as Linux has them.
    static func isInterface(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"/%&?".utf8.contains($0) }
    }

    private static func address(_ text: String, family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || "-._".utf8.contains(byte)
    }
}
