// The keys behind the question mark of an address: one row for each.

/// One key.
struct AddressKey<Target>: Sendable {
    /// The first is how we write it, the others are what other tools call it.
    var names: [String]
    var allowed: String
    var isSecret = false
    /// Takes the value, nil for a key without one; false where it is not allowed.
    var set: @Sendable (inout Target, String?) -> Bool

    init(
        _ names: String..., allowed: String, isSecret: Bool = false,
        set: @escaping @Sendable (inout Target, String?) -> Bool
    ) {
        self.names = names
        self.allowed = allowed
        self.isSecret = isSecret
        self.set = set
    }

    /// A whole number.
    static func number(
        _ names: String..., range: ClosedRange<Int>, unit: String,
        set: @escaping @Sendable (inout Target, Int) -> Void
    ) -> AddressKey {
        var key = AddressKey(
            allowed: "\(range.lowerBound) to \(range.upperBound)\(unit)"
        ) { target, text in
            guard let number = AddressParser.number(text ?? "", range) else { return false }
            set(&target, number)
            return true
        }
        key.names = names
        return key
    }

    /// What other tools let one choose and has one value here.
    static func fixed(_ names: String..., value: String, allowed: String) -> AddressKey {
        var key = AddressKey(allowed: allowed) { _, text in text == value }
        key.names = names
        return key
    }
}

extension AddressParser {
    /// Applies the query to a target.
    func apply<Target>(
        _ keys: [AddressKey<Target>], to target: inout Target
    ) throws(AddressError) {
        var seen: Set<String> = []
        for (name, value) in pieces.query {
            let text = String(decoding: name, as: UTF8.self)
            guard let key = keys.first(where: { $0.names.contains(text) }) else {
                throw unknown(name, allowed: keys.map { $0.names[0] })
            }
            guard seen.insert(key.names[0]).inserted else {
                throw AddressError(
                    part: key.names[0], found: "it twice", allowed: "each option once")
            }
            var filled: FilledText?
            if let value {
                filled = try variables.fill(value, part: text, decodesPercent: true)
            }
            guard key.set(&target, filled?.text) else {
                var found = filled?.shown.description ?? "no value"
                if key.isSecret, let filled {
                    found = "\(filled.text.utf8.count) characters"
                }
                throw AddressError(part: text, found: found, allowed: key.allowed)
            }
        }
    }

    private func unknown(_ name: URLPieces.Bytes, allowed: [String]) -> AddressError {
        // Only the word itself: what follows it may be anything.
        let word = name.prefix { (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "_") }
        let isWhole = word.count == name.count
        let shown = ShownText(String(decoding: word, as: UTF8.self) + (isWhole ? "" : "…"))
        return AddressError(
            part: "options", found: "the unknown option \(shown)",
            allowed: allowed.isEmpty ? "no option" : allowed.joined(separator: ", "))
    }
}

enum FileKey {
    static let link: [AddressKey<Bool>] = [
        AddressKey("loop", allowed: "loop, loop=1 or loop=0") { isLooped, text in
            isLooped = text != "0"
            return [nil, "0", "1"].contains(text)
        }
    ]
}

enum DatagramKey {
    static func keys(_ direction: AddressParser.Direction) -> [AddressKey<DatagramAddress>] {
        direction == .link ? link + both : both
    }

    private static let both: [AddressKey<DatagramAddress>] = [
        AddressKey(
            "localaddr", "adapter", allowed: "an interface's name, or one of its addresses"
        ) { address, text in
            guard let text, isInterface(text) else { return false }
            address.interface = text
            return true
        },
        .number("ttl", range: 1...255, unit: "") { $0.timeToLive = $1 },
        .number("dscp", range: 0...63, unit: "") { $0.codePoint = $1 },
        .fixed("pkt_size", value: "1316", allowed: "1316, always seven transport packets"),
    ]

    private static let link: [AddressKey<DatagramAddress>] = [
        AddressKey("sources", allowed: "one host, of which the group is received") {
            address, text in
            guard let text, let kind = HostText(text), kind != .any, !kind.isMulticast else {
                return false
            }
            address.source = text
            return true
        },
        AddressKey("source", allowed: "the only sender, as address or address:port") {
            address, text in
            address.sender = text.flatMap(sender)
            return address.sender != nil
        },
        .number("buffer_size", range: 65_536...1_073_741_824, unit: " bytes") {
            $0.receiveBufferBytes = $1
        },
    ]

    /// `192.0.2.1`, `192.0.2.1:5000`, `2001:db8::1` or `[2001:db8::1]:5000`.
    private static func sender(_ text: String) -> HostPort? {
        var host = text
        var port = 0
        let isSix = text.hasPrefix("[") || text.count { $0 == ":" } > 1
        if isSix ? text.contains("]:") : text.contains(":"), let colon = text.lastIndex(of: ":") {
            guard
                let number = AddressParser.number(
                    String(text[text.index(after: colon)...]), 1...65_535)
            else { return nil }
            host = String(text[..<colon])
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        switch HostText(host) {
        case .four, .six(_, zone: nil): break
        default: return nil
        }
        guard let kind = HostText(host), !kind.isUnspecified, !kind.isMulticast else { return nil }
        return HostPort(host: host, port: UInt16(port))
    }

    private static func isInterface(_ text: String) -> Bool {
        switch HostText(text) {
        case .four(let bytes): bytes.contains { $0 != 0 }
        case .six(_, zone: nil): true
        default: HostText.isInterface(text) && !text.utf8.contains(UInt8(ascii: ","))
        }
    }
}

/// The files of RTMPS while they are read.
struct CertificateDraft {
    var certificate: String?
    var key: String?

    func finish() throws(AddressError) -> RTMPAddress.Certificate {
        guard let certificate, let key else {
            throw AddressError(
                part: certificate == nil ? "cert" : "key", found: "nothing",
                allowed: "rtmps://…?cert=FILE&key=FILE, a certificate and its key")
        }
        return .init(certificate: certificate, key: key)
    }
}

enum CertificateKey {
    static let all: [AddressKey<CertificateDraft>] = [
        AddressKey("cert", allowed: "a PEM file with the certificate") { draft, text in
            draft.certificate = text
            return text?.isEmpty == false
        },
        AddressKey("key", allowed: "a PEM file with the certificate's key") { draft, text in
            draft.key = text
            return text?.isEmpty == false
        },
    ]
}

/// An SRT address while its options are read: what they mean depends on the mode.
struct SRTDraft {
    var address: SRTAddress
    var hasMode = false
    /// srt-live-transmit: the own address.
    var adapter: String?
    /// srt-live-transmit: the own port of a caller.
    var port: UInt16?
    /// srt-xtransmit: both; of a group, one for each path.
    var bind: [HostPort] = []
    /// The peer's hosts behind the first.
    var further: [HostPort] = []
    var groupKind: SRTGroup.Kind?
}

enum SRTKey {
    static let all: [AddressKey<SRTDraft>] = [
        AddressKey("mode", allowed: "caller, listener or rendezvous") { draft, text in
            guard let mode = SRTAddress.Mode(rawValue: text ?? "") else { return false }
            draft.address.mode = mode
            draft.hasMode = true
            return true
        },
        .number(
            "latency", range: 0...60_000,
            unit: " milliseconds, as in srt-live-transmit; ffmpeg counts microseconds, "
                + "200000 there is 200 here"
        ) { $0.address.latencyMilliseconds = $1 },
        AddressKey("passphrase", allowed: "10 to 79 characters", isSecret: true) { draft, text in
            guard let text, (10...79).contains(text.utf8.count) else { return false }
            draft.address.passphrase = text
            return true
        },
        AddressKey("pbkeylen", allowed: "16, 24 or 32 bytes") { draft, text in
            guard let text, ["16", "24", "32"].contains(text) else { return false }
            draft.address.keyLength = Int(text)
            return true
        },
        AddressKey("streamid", "srt_streamid", allowed: "1 to 512 bytes") { draft, text in
            guard let text, (1...512).contains(text.utf8.count) else { return false }
            draft.address.streamID = text
            return true
        },
        AddressKey("packetfilter", allowed: "a filter such as fec,cols:10,rows:5") { draft, text in
            // libsrt is the judge of what a filter takes.
            guard let text, (1...512).contains(text.utf8.count) else { return false }
            draft.address.packetFilter = text
            return true
        },
        .number("connect_timeout", "conntimeo", range: 1...60_000, unit: " milliseconds") {
            $0.address.connectTimeoutMilliseconds = $1
        },
        AddressKey("bind", allowed: "address:port of an own interface") { draft, text in
            let texts = (text ?? "").split(separator: ",", omittingEmptySubsequences: false)
            draft.bind = texts.compactMap { place(String($0)) }
            return draft.bind.count == texts.count
        },
        AddressKey("adapter", allowed: "an address of an own interface") { draft, text in
            guard let text, isOwn(text) else { return false }
            draft.adapter = text
            return true
        },
        .number("port", range: 1...65_535, unit: ", a caller's own port") {
            $0.port = UInt16($1)
        },
        AddressKey("grouptype", allowed: "broadcast or backup") { draft, text in
            draft.groupKind = SRTGroup.Kind(rawValue: text ?? "")
            return draft.groupKind != nil
        },
        AddressKey("groupconnect", allowed: "1 or 0") { draft, text in
            let isOn = ["1", "true", "yes", "on"].contains(text)
            draft.address.group = isOn ? .accepted : nil
            return isOn || ["0", "false", "no", "off"].contains(text)
        },
        .fixed("transtype", value: "live", allowed: "live"),
        .fixed(
            "pkt_size", "payload_size", "payloadsize", value: "1316",
            allowed: "1316, always seven transport packets"),
    ]

    private static func isOwn(_ text: String) -> Bool {
        switch HostText(text) {
        case .four, .six: HostText(text)?.isMulticast == false
        default: false
        }
    }

    /// `192.0.2.1:9000`, `[2001:db8::1]:9000` or `:9000`.
    private static func place(_ text: String) -> HostPort? {
        guard let colon = text.lastIndex(of: ":"),
            let port = AddressParser.number(String(text[text.index(after: colon)...]), 0...65_535)
        else { return nil }
        var host = String(text[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = String(host.dropFirst().dropLast()) }
        guard host.isEmpty && port > 0 || isOwn(host) && host.contains(":") == isBracketed else {
            return nil
        }
        return HostPort(host: host, port: UInt16(port))
    }
}

extension SRTDraft {
    /// Puts together what belongs together.
    func finish() throws(AddressError) -> SRTAddress {
        var address = address
        if address.mode == .listener, !bind.isEmpty {
            throw AddressError(
                part: "bind", found: "it with mode=listener",
                allowed: "srt://address:port?mode=listener")
        }
        if port != nil, address.mode != .caller {
            throw AddressError(
                part: "port", found: "it with mode=\(address.mode.rawValue)",
                allowed: "it only with mode=caller")
        }
        if !bind.isEmpty, adapter != nil || port != nil {
            throw AddressError(
                part: "bind", found: "adapter or port beside it", allowed: "one of the two ways")
        }
        if address.streamID != nil, address.mode == .rendezvous {
            throw AddressError(
                part: "streamid", found: "it with mode=rendezvous",
                allowed: "it only with mode=caller or mode=listener")
        }
        try group(&address)
        if let adapter {
            try take(adapter, into: &address)
        } else if let port {
            address.local = HostPort(host: "", port: port)
        }
        return address
    }

    private func group(_ address: inout SRTAddress) throws(AddressError) {
        let isCaller = address.mode == .caller
        if address.group == .accepted, address.mode != .listener {
            throw AddressError(
                part: "groupconnect", found: "it with mode=\(address.mode.rawValue)",
                allowed: "it only with mode=listener; grouptype for a caller")
        }
        if groupKind != nil, !isCaller {
            throw AddressError(
                part: "grouptype", found: "it with mode=\(address.mode.rawValue)",
                allowed: "it only with mode=caller; groupconnect=1 for a listener")
        }
        guard further.isEmpty || groupKind != nil else {
            throw AddressError(
                part: "host", found: "\(further.count + 1) hosts",
                allowed: "one, or grouptype=broadcast or grouptype=backup for several paths")
        }
        guard further.count < SRTAddress.mostPaths else {
            throw AddressError(
                part: "host", found: "\(further.count + 1) hosts",
                allowed: "up to \(SRTAddress.mostPaths) paths")
        }
        guard bind.isEmpty || bind.count == further.count + 1 else {
            throw AddressError(
                part: "bind", found: "\(bind.count) own addresses",
                allowed: "one for each host, with commas between")
        }
        address.local = bind.first
        guard let groupKind else { return }
        if adapter != nil || port != nil {
            throw AddressError(
                part: "grouptype", found: "adapter or port beside it",
                allowed: "bind=address:port, one for each host")
        }
        let paths = further.enumerated().map { index, endpoint in
            SRTPath(endpoint: endpoint, local: bind.isEmpty ? nil : bind[index + 1])
        }
        address.group = .called(groupKind, further: paths)
    }

    private func take(_ adapter: String, into address: inout SRTAddress) throws(AddressError) {
        guard address.mode == .listener else {
            // srt-live-transmit of old took a host and an adapter for a rendezvous.
            guard hasMode else {
                throw AddressError(
                    part: "adapter", found: "it without mode",
                    allowed: "mode=caller or mode=rendezvous beside it")
            }
            let own = address.mode == .rendezvous ? address.endpoint.port : port ?? 0
            address.local = HostPort(host: adapter, port: own)
            return
        }
        guard address.endpoint.host.isEmpty else {
            throw AddressError(
                part: "adapter", found: "it beside a listener's host", allowed: "one of the two")
        }
        address.endpoint.host = adapter
    }
}
