// The forms of addresses that people know from ffmpeg, srt-live-transmit and VLC.
//
//   udp://@239.1.1.1:5000?localaddr=eth0    rtp://[ff15::1%eth0]:5000    udp://:5000
//   srt://:9001    srt://192.0.2.7:9003?mode=caller&latency=200&streamid=#!::r=live,m=publish
//   srt://:9001?groupconnect=1    srt://192.0.2.7:9003,198.51.100.7:9003?grouptype=broadcast
//   rtmp://:1935/live/KEY    rtmps://:443/live/KEY?cert=cert.pem&key=key.pem
//   file:slate.ts?loop    ./slate.ts    -    hls:/srv/www/one?segment=4s    record:/srv/archive
//   https://host/live/index.m3u8    rtmp://host/live/KEY    mp4:one.mp4    (Address+Media.swift)
//
// An error says which part it is about, what stands there and what is allowed. Nothing is ignored:
// an unknown key is an error. A plus sign is a plus sign; %XX is decoded in query and paths.

import MediaJobs

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
        case .rtmp(let address): self = .rtmp(address)
        case .file(let path, let isLooped): self = .file(path: path, isLooped: isLooped)
        case .standard: self = .standardInput
        case .source(let source): self = .media(source)
        case .target, .hls, .record: throw AddressParser.wrongWay
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
        case .target(let target): self = .media(target)
        case .rtmp, .source: throw AddressParser.wrongWay
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
        case rtmp(RTMPAddress)
        case file(path: String, isLooped: Bool)
        case standard
        case source(MediaSource)
        case target(MediaTarget)
        case hls(HLSTarget)
        case record(RecordTarget)
    }

    static let schemes =
        "srt://, udp://, rtp://, rtmp://, rtmps://, rist://, file:, a path, or - "
        + "(a path with a colon begins with ./); in: http://, https://, rtsp://; out: mp4:"
    static let outputSchemes = "hls:, record:, " + schemes

    /// `parse` gives what its direction has; this is for the compiler.
    fileprivate static let wrongWay = AddressError(
        part: "scheme", found: "one of the other direction", allowed: schemes)

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
        case "rtmp" where direction == .link: return .rtmp(try parser.rtmp(isSecure: false))
        case "rtmps" where direction == .link: return .rtmp(try parser.rtmp(isSecure: true))
        case "hls" where direction == .output: return .hls(try parser.segments())
        case "record" where direction == .output: return .record(try parser.recording())
        case "file", nil: return try parser.file()
        case let scheme? where MediaScheme.has(scheme, direction): return try parser.media(text)
        case "rtsps" where direction == .link:
            throw AddressError(
                part: "scheme", found: "rtsps:",
                allowed: "rtsp: (libav does not ask an rtsps: server who it is)")
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
        guard MediaScheme.isContainer(path) else { return .file(path: path, isLooped: isLooped) }
        return direction == .link
            ? .source(.file(path: path, isLooped: isLooped))
            : .target(.mp4(path: path, staysFragmented: false))
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
        if let sender = address.sender, !endpoint.kind.mayHear(sender.host) {
            throw AddressError(
                part: "source", found: "\(ShownText(sender.host)) for "
                    + "\(ShownText(endpoint.place.host))",
                allowed: "a sender of the same family, IPv4 or IPv6")
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

    // MARK: RTMP

    /// Where none is written.
    private static let usualPort: (plain: UInt16, secure: UInt16) = (1935, 443)

    private func rtmp(isSecure: Bool) throws(AddressError) -> RTMPAddress {
        guard pieces.user == nil else {
            throw AddressError(
                part: "host", found: "something before @", allowed: "rtmp://host:port/app/key")
        }
        let usual = AddressParser.usualPort
        let endpoint = try self.endpoint(
            pieces.host, usualPort: isSecure ? usual.secure : usual.plain)
        guard !endpoint.kind.isMulticast else {
            throw AddressError(
                part: "host", found: ShownText(endpoint.place.host).description,
                allowed: "an address of this host; RTMP knows no multicast")
        }
        // What is wrong with a path is never shown: the key is in it.
        var names: [String] = []
        for piece in pieces.path.split(separator: UInt8(ascii: "/")) {
            names.append(try variables.fill(piece, part: "path", decodesPercent: true).text)
        }
        guard names.count >= 2, let key = names.last, key.utf8.count <= RTMPAddress.longestName,
            names.allSatisfy({ !$0.isEmpty })
        else {
            throw AddressError(
                part: "path", found: "\(names.count) names",
                allowed: "an application and a stream key: rtmp://host:port/live/key")
        }
        var address = RTMPAddress(
            endpoint: endpoint.place, application: names.dropLast().joined(separator: "/"),
            streamKey: key)
        var files = CertificateDraft()
        try apply(isSecure ? CertificateKey.all : [], to: &files)
        if isSecure { address.certificate = try files.finish() }
        return address
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

    /// - Parameter usualPort: where none is written; nil where one has to be.
    private func endpoint(
        _ place: URLPieces.Host, usualPort: UInt16? = nil
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
            if let usualPort { return (HostPort(host: text, port: usualPort), kind) }
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
