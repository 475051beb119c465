// Addresses printed as their URL, without secrets: for logs, status and errors. What is printed
// reads back as the same address, but for the passphrase.

import MediaJobs

extension DatagramAddress: CustomStringConvertible {
    public var description: String { url(isLink: false) }

    fileprivate func url(isLink: Bool) -> String {
        let kind = HostText(endpoint.host) ?? .any
        var text = isRTP ? "rtp://" : "udp://"
        if isLink, kind.isMulticast { text += "@" }
        text += endpoint.description
        var query: [(String, String)] = []
        var zone: String?
        if case .six(_, let found) = kind { zone = found }
        if let interface, interface != zone { query.append(("localaddr", interface)) }
        if let source { query.append(("sources", source)) }
        if let sender {
            query.append(("source", sender.port == 0 ? sender.host : sender.description))
        }
        if let timeToLive { query.append(("ttl", String(timeToLive))) }
        if let codePoint { query.append(("dscp", String(codePoint))) }
        let usual = DatagramAddress(endpoint: endpoint).receiveBufferBytes
        if isLink, receiveBufferBytes != usual {
            query.append(("buffer_size", String(receiveBufferBytes)))
        }
        return text + AddressText.query(query)
    }
}

extension HostPort: CustomStringConvertible {
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

// All three ways to print a value, since each of them would find the passphrase.
extension SRTAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let usual = SRTAddress(mode: mode, endpoint: endpoint)
        var query: [(String, String)] = []
        if mode != (HostText(endpoint.host)?.isUnspecified == true ? .listener : .caller) {
            query.append(("mode", mode.rawValue))
        }
        if latencyMilliseconds != usual.latencyMilliseconds {
            query.append(("latency", String(latencyMilliseconds)))
        }
        if passphrase != nil { query.append(("passphrase", "…")) }
        if let keyLength { query.append(("pbkeylen", String(keyLength))) }
        if let streamID { query.append(("streamid", streamID)) }
        if let packetFilter { query.append(("packetfilter", packetFilter)) }
        if connectTimeoutMilliseconds != usual.connectTimeoutMilliseconds {
            query.append(("connect_timeout", String(connectTimeoutMilliseconds)))
        }
        switch group {
        case .accepted: query.append(("groupconnect", "1"))
        case .called(let kind, _): query.append(("grouptype", kind.rawValue))
        case nil: break
        }
        let local = paths.compactMap(\.local?.description)
        if !local.isEmpty { query.append(("bind", local.joined(separator: ","))) }
        let peers = paths.map(\.endpoint.description).joined(separator: ",")
        return "srt://\(peers)" + AddressText.query(query)
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

// As with SRT's passphrase, the stream key would be found.
extension RTMPAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let scheme = certificate == nil ? "rtmp" : "rtmps"
        var query: [(String, String)] = []
        if let certificate {
            query = [("cert", certificate.certificate), ("key", certificate.key)]
        }
        return "\(scheme)://\(endpoint)/" + AddressText.escaped(application, beside: "?") + "/…"
            + AddressText.query(query)
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

extension LinkAddress: CustomStringConvertible {
    public var description: String {
        switch self {
        case .datagrams(let address): address.url(isLink: true)
        case .srt(let address): address.description
        case .rtmp(let address): address.description
        case .file(let path, let isLooped):
            AddressText.file(path) + (isLooped ? "?loop" : "")
        case .standardInput: "-"
        case .media(.file(let path, let isLooped)):
            AddressText.file(path) + (isLooped ? "?loop" : "")
        case .media(.slate(let picture)): AddressText.file(picture)
        case .media(.pull(let url)): url.description
        }
    }
}

extension OutputAddress: CustomStringConvertible {
    public var description: String {
        switch self {
        case .datagrams(let address): address.description
        case .srt(let address): address.description
        case .file(let path): AddressText.file(path)
        case .standardOutput: "-"
        case .media(.mp4(let path, let staysFragmented)):
            AddressText.file(path, scheme: "mp4") + (staysFragmented ? "?fragmented" : "")
        case .media(.push(let url)): url.description
        case .hls(let target): target.description
        case .record(let target): target.description
        }
    }
}

extension HLSTarget: CustomStringConvertible {
    public var description: String {
        let usual = HLSTarget(folder: folder)
        var query: [(String, String)] = []
        if segment != usual.segment { query.append(("segment", FolderKey.text(time: segment))) }
        if window != usual.window { query.append(("window", String(window))) }
        if kind != usual.kind { query.append(("type", kind.rawValue)) }
        if segments != usual.segments { query.append(("segments", segments.rawValue)) }
        if name != usual.name { query.append(("name", name)) }
        if keepFree != usual.keepFree {
            query.append(("keep-free", FolderKey.text(bytes: keepFree)))
        }
        return AddressText.file(folder, scheme: "hls") + AddressText.query(query)
    }
}

extension RecordTarget: CustomStringConvertible {
    public var description: String {
        let usual = RecordTarget(folder: folder)
        var query: [(String, String)] = []
        if let every { query.append(("every", FolderKey.text(time: every))) }
        if let size { query.append(("size", FolderKey.text(bytes: size))) }
        if let name { query.append(("name", name)) }
        if sync != usual.sync {
            query.append(("sync", sync.map { FolderKey.text(time: $0) } ?? "off"))
        }
        if keepFree != usual.keepFree {
            query.append(("keep-free", FolderKey.text(bytes: keepFree)))
        }
        return AddressText.file(folder, scheme: "record") + AddressText.query(query)
    }
}

private enum AddressText {
    static func query(_ pairs: [(String, String)]) -> String {
        guard !pairs.isEmpty else { return "" }
        return "?" + pairs.map { "\($0)=\($1 == "…" ? $1 : escaped($1, beside: "&"))" }
            .joined(separator: "&")
    }

    static func file(_ path: String, scheme: String = "file") -> String {
        // Two slashes would begin a host.
        scheme + (path.hasPrefix("//") ? "://" : ":") + escaped(path, beside: "?")
    }

    /// As few escapes as reading back needs, so that a stream id stays readable; a dollar sign
    /// would begin a variable.
    static func escaped(_ text: String, beside separator: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain = (0x21...0x7E).contains(byte) && !"%$".utf8.contains(byte)
                && !separator.utf8.contains(byte)
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += (byte < 16 ? "%0" : "%") + digits
            }
        }
        return result
    }
}
