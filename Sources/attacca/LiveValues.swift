import ControlPlane
import SwitchEngine
import SwitchIO

enum LiveValues {
    static func named(_ text: String, otherwise name: String) -> (name: String, url: String) {
        guard let equals = text.firstIndex(of: "="),
            text[..<equals].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
        else { return (name, text) }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    static func place(_ text: Substring) throws -> HostPort {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
        else { throw CommandFailure.usage("'\(text)': expected host:port") }
        var host = text[..<colon]
        if host.hasPrefix("@") { host = host.dropFirst() }
        return HostPort(host: String(host), port: port)
    }

    static func srt(_ text: Substring) throws -> SRTAddress {
        let parts = text.split(separator: "?", maxSplits: 1)
        let endpoint = try place(parts[0])
        var address = SRTAddress(mode: endpoint.host.isEmpty ? .listener : .caller, endpoint: endpoint)
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let two = pair.split(separator: "=", maxSplits: 1).map(String.init)
            switch two[0] {
            case "mode": address.mode = SRTAddress.Mode(rawValue: two[1]) ?? address.mode
            case "streamid": address.streamID = two[1]
            case "passphrase": address.passphrase = two[1]
            case "latency": address.latencyMilliseconds = Int(two[1]) ?? 120
            default: break
            }
        }
        return address
    }

    static func link(_ url: String) throws -> LinkAddress {
        if url.hasPrefix("udp://") { return .datagrams(DatagramAddress(endpoint: try place(url.dropFirst(6)))) }
        if url.hasPrefix("rtp://") { return .datagrams(DatagramAddress(endpoint: try place(url.dropFirst(6)), isRTP: true)) }
        if url.hasPrefix("srt://") { return .srt(try srt(url.dropFirst(6))) }
        return .file(path: url, isLooped: false)
    }

    static func output(_ url: String) throws -> OutputAddress {
        switch try link(url) {
        case .datagrams(let a): return .datagrams(a)
        case .srt(let a): return .srt(a)
        case .file(let p, _): return .file(path: p)
        case .standardInput: return .standardOutput
        }
    }

    static func plans(_ text: String, source: String) throws -> [ChannelPlan] { [] }
}
