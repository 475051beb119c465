// The forms of addresses that people know from ffmpeg, srt-live-transmit and VLC.
//
//   udp://@239.1.1.1:5000?localaddr=eth0    rtp://[ff15::1%eth0]:5000    udp://:5000
//   srt://:9001    srt://192.0.2.7:9003?mode=caller&latency=200&streamid=#!::r=live,m=publish
//   srt://:9001?groupconnect=1    srt://192.0.2.7:9003,198.51.100.7:9003?grouptype=broadcast
//   file:slate.ts?loop    ./slate.ts    -    hls:/srv/www/one?segment=4s    record:/srv/archive
//
// An error says which part it is about, what stands there and what is allowed. Nothing is ignored:
// an unknown key is an error. A plus sign is a plus sign; %XX is decoded in query and paths.

extension LinkAddress {
    /// Reads an address.
    /// - Parameter environment: what `${NAME}` stands for in hosts, ports, paths and query values,
    ///   or for the whole text.
    public init(
        _ text: String, environment: [String: String] = [:]
    ) throws(AddressError) {
        switch try AddressParser.parse(text, direction: .link, environment) {
        case .datagrams(let address): self = .datagrams(address)
        case .srt(let address): self = .srt(address)
        case .file(let path, let isLooped): self = .file(path: path, isLooped: isLooped)
        case .standard: self = .standardInput
        case .hls, .record: throw AddressError(
                part: "scheme", found: "an output's", allowed: AddressParser.schemes)
        }
    }
}

extension OutputAddress {
    /// Reads an address; see `LinkAddress.init`.
    public init(
        _ text: String, environment: [String: String] = [:]
    ) throws(AddressError) {
        switch try AddressParser.parse(text, direction: .output, environment) {
        case .datagrams(let address): self = .datagrams(address)
        case .srt(let address): self = .srt(address)
        case .file(let path, _): self = .file(path: path)
        case .standard: self = .standardOutput
        case .hls(let target): self = .hls(target)
        case .record(let target): self = .record(target)
        }
    }
}

struct AddressParser {
    enum Direction { case link, output }

    enum Address {
        case datagrams(DatagramAddress)
        case srt(SRTAddress)
        case file(path: String, isLooped: Bool)
        case standard
        case hls(HLSTarget)
        case record(RecordTarget)
    }

    static let schemes =
        "srt://, udp://, rtp://, file:, a path, or - (a path with a colon begins with ./)"
    static let outputSchemes = "hls:, record:, " + schemes

    let direction: Direction
    let pieces: URLPieces
    let variables: AddressVariables

    static func parse(
        _ text: String, direction: Direction, _ environment: [String: String]
    ) throws(AddressError) -> Address {
        let variables = AddressVariables(environment)
        guard let whole = try variables.whole(text) else {
            return try parse(text, direction, variables)
        }
        do {
            return try parse(whole, direction, .none)
        } catch {
            // Whatever is wrong with it, what a variable holds is not shown.
            throw AddressError(
                part: error.part, found: "what is in \(text)", allowed: error.allowed)
        }
    }

    private static func parse(
        _ text: String, _ direction: Direction, _ variables: AddressVariables
    ) throws(AddressError) -> Address {
        if text == "-" { return .standard }
        guard !text.isEmpty else {
            throw AddressError(part: "address", found: "nothing", allowed: schemes)
        }
        let parser = AddressParser(
            direction: direction, pieces: try URLPieces(text), variables: variables)
        switch parser.pieces.scheme {
        case "udp": return .datagrams(try parser.datagrams(isRTP: false))
        case "rtp": return .datagrams(try parser.datagrams(isRTP: true))
        case "srt": return .srt(try parser.srt())
        case "hls" where direction == .output: return .hls(try parser.segments())
        case "record" where direction == .output: return .record(try parser.recording())
        case "file", nil: return try parser.file()
        case let scheme?:
            throw unknownScheme(ShownText(scheme + ":").description, direction)
        }
    }

    private static func unknownScheme(_ found: String, _ direction: Direction) -> AddressError {
        AddressError(
            part: "scheme", found: found,
            allowed: direction == .output ? outputSchemes : schemes)
    }

    // MARK: Files

    private func file() throws(AddressError) -> Address {
        let path = try path("the path of a file")
        var isLooped = false
        try apply(direction == .link ? FileKey.link : [], to: &isLooped)
        return .file(path: path, isLooped: isLooped)
    }

    private func segments() throws(AddressError) -> HLSTarget {
        var target = HLSTarget(folder: try path("a folder"))
        try apply(FolderKey.segments, to: &target)
        return target
    }

    private func recording() throws(AddressError) -> RecordTarget {
        var target = RecordTarget(folder: try path("a folder"))
        try apply(FolderKey.recording, to: &target)
        return target
    }

    private func path(_ allowed: String) throws(AddressError) -> String {
        let scheme = pieces.scheme ?? "file"
        guard pieces.host.name.isEmpty, pieces.host.port == nil, pieces.user == nil else {
            throw AddressError(
                part: "host", found: "a host before the path",
                allowed: "\(scheme):PATH, \(scheme):///PATH"
                    + (scheme == "file" ? ", or - for standard input and output" : ""))
        }
        let path = try variables.fill(
            pieces.path, part: "path", decodesPercent: pieces.scheme != nil)
        guard !path.text.isEmpty else {
            throw AddressError(part: "path", found: "nothing", allowed: allowed)
        }
        return path.text
    }

    // MARK: UDP and RTP

    private func datagrams(isRTP: Bool) throws(AddressError) -> DatagramAddress {
        try refusePath()
        let endpoint = try self.endpoint(pieces.host)
        var address = DatagramAddress(endpoint: endpoint.place, isRTP: isRTP)
        if direction == .output, endpoint.kind.isUnspecified {
            throw AddressError(
                part: "host", found: shown(endpoint.place), allowed: "the host to send to")
        }
        if case .six(_, let zone?) = endpoint.kind {
            address.interface = zone
        }
        if let user = pieces.user, !user.isEmpty {
            // As VLC has it. What else people write before an @ is a password, and not shown.
            guard direction == .link,
                let source = try? host(user, part: "source"), source.kind != .any
            else {
                throw AddressError(
                    part: "host", found: "something before @",
                    allowed: "udp://source@group:port for links, no @ for outputs")
            }
            address.source = source.text
        }
        try apply(DatagramKey.keys(direction), to: &address)
        if address.source != nil, !endpoint.kind.isMulticast {
            throw AddressError(
                part: "sources", found: "a source for \(ShownText(endpoint.place.host))",
                allowed: "a source only for a multicast group")
        }
        return address
    }

    // MARK: SRT

    private func srt() throws(AddressError) -> SRTAddress {
        try refusePath()
        guard pieces.user == nil else {
            throw AddressError(
                part: "host", found: "something before @",
                allowed: "srt://host:port?passphrase=…&streamid=…")
        }
        let endpoint = try peer(pieces.host)
        // As srt-live-transmit has it: who names nobody to call waits for callers.
        var draft = SRTDraft(
            address: SRTAddress(
                mode: endpoint.kind.isUnspecified ? .listener : .caller, endpoint: endpoint.place))
        for host in pieces.furtherHosts {
            let further = try peer(host)
            guard !further.kind.isUnspecified else {
                throw AddressError(
                    part: "host", found: shown(further.place),
                    allowed: "a host of the peer behind each comma")
            }
            draft.further.append(further.place)
        }
        try apply(SRTKey.all, to: &draft)
        guard draft.address.mode == .listener || !endpoint.kind.isUnspecified else {
            throw AddressError(
                part: "host", found: shown(endpoint.place),
                allowed: "the peer's host, or mode=listener without one")
        }
        return try draft.finish()
    }

    private func peer(
        _ host: URLPieces.Host
    ) throws(AddressError) -> (place: HostPort, kind: HostText) {
        let endpoint = try self.endpoint(host)
        guard !endpoint.kind.isMulticast else {
            throw AddressError(
                part: "host", found: ShownText(endpoint.place.host).description,
                allowed: "a host; SRT knows no multicast")
        }
        return endpoint
    }

    // MARK: Parts

    private func shown(_ place: HostPort) -> String {
        place.host.isEmpty ? "nothing" : ShownText(place.host).description
    }

    private func refusePath() throws(AddressError) {
        guard pieces.path.isEmpty || pieces.path.elementsEqual("/".utf8) else {
            throw AddressError(
                part: "path", found: "a path behind the port", allowed: "options, behind a ?")
        }
    }

    private func endpoint(
        _ place: URLPieces.Host
    ) throws(AddressError) -> (place: HostPort, kind: HostText) {
        var (text, kind) = try host(place.name, part: "host")
        guard text.contains(":") == place.isBracketed else {
            throw AddressError(
                part: "host", found: ShownText(text).description,
                allowed: "[IPv6 address]:port, or an IPv4 address or name without brackets")
        }
        if case .six(_, _?) = kind, !kind.isPerInterface {
            guard kind.isMulticast else {
                throw AddressError(
                    part: "host", found: "an interface behind \(ShownText(text))",
                    allowed: "an interface only behind fe80::/10 and multicast groups")
            }
            // The C library refuses an interface here; joining and sending get it by its own way.
            text = String(text.prefix { $0 != "%" })
        }
        let allowed = "1 to 65535, then options behind a ?"
        guard let raw = place.port else {
            throw AddressError(part: "port", found: "nothing", allowed: allowed)
        }
        let port = try variables.fill(raw, part: "port", decodesPercent: false)
        guard let number = AddressParser.number(port.text, 1...65_535) else {
            throw AddressError(part: "port", found: port.shown.description, allowed: allowed)
        }
        return (HostPort(host: text, port: UInt16(number)), kind)
    }

    private func host(
        _ bytes: URLPieces.Bytes, part: String
    ) throws(AddressError) -> (text: String, kind: HostText) {
        let filled = try variables.fill(bytes, part: part, decodesPercent: false)
        // RFC 6874 writes the percent sign of fe80::1%eth0 as %25.
        let pieces = filled.text.split(
            separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        var text = filled.text
        if pieces.count == 2, pieces[1].hasPrefix("25"), pieces[1].count > 2 {
            text = "\(pieces[0])%\(pieces[1].dropFirst(2))"
        }
        guard let kind = HostText(text) else {
            throw AddressError(
                part: part, found: filled.shown.description,
                allowed: "a name, an IPv4 address, or an IPv6 address in brackets")
        }
        return (text, kind)
    }

    /// Decimal digits only.
    static func number(_ text: String, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }
}
