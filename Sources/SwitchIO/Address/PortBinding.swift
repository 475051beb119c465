// Which addresses can not be used beside each other, as far as their text tells. What only the
// machine knows (names, other processes) shows when they are opened.

import MediaJobs
import RTMP

/// A local port that a link or an output binds: of UDP, on which SRT runs too, or of TCP.
public struct PortBinding: Sendable {
    private enum Kind: Equatable {
        /// Bound alone.
        case alone
        /// Several receivers may join, each group, source and interface once for each input.
        case group(interface: String?, source: String?, sender: HostPort?)
        /// One listener for all stream ids.
        case listener(streamID: String?)
        /// One server of TCP for all stream keys.
        case server(StreamPath, certificate: RTMPAddress.Certificate?)

        var isTCP: Bool { if case .server = self { true } else { false } }
    }

    public let port: UInt16
    private let text: String
    private let host: HostText
    private let kind: Kind

    fileprivate init?(_ address: DatagramAddress) {
        guard let host = HostText(address.endpoint.host) else { return nil }
        self.host = host
        text = address.endpoint.host
        port = address.endpoint.port
        kind = host.isMulticast
            ? .group(
                interface: address.interface, source: address.source, sender: address.sender)
            : .alone
    }

    fileprivate init?(_ address: SRTAddress) {
        guard address.mode == .listener, let host = HostText(address.endpoint.host) else {
            return nil
        }
        self.host = host
        text = address.endpoint.host
        port = address.endpoint.port
        kind = .listener(streamID: address.streamID)
    }

    fileprivate init?(_ address: RTMPAddress) {
        guard let host = HostText(address.endpoint.host) else { return nil }
        self.host = host
        text = address.endpoint.host
        port = address.endpoint.port
        kind = .server(address.path, certificate: address.certificate)
    }

    /// Whether the second of the two can not be opened, or would be the first once more.
    /// - Parameter isSameInput: both are links of one input; one group may be received by several
    ///   inputs, each with its programme.
    public func collides(with other: PortBinding, isSameInput: Bool) -> Bool {
        guard port == other.port, kind.isTCP == other.kind.isTCP, host.overlaps(other.host) else {
            return false
        }
        switch (kind, other.kind) {
        case (.listener(let one), .listener(let two)): return text != other.text || one == two
        case (.server(let one, let certificate), .server(let two, let otherCertificate)):
            return text != other.text || one == two || certificate != otherCertificate
        case (.group, .group): return isSameInput && kind == other.kind
        default: return true
        }
    }
}

extension HostText {
    /// Whether one port of both can not be bound twice.
    fileprivate func overlaps(_ other: HostText) -> Bool {
        if self == other { return true }
        switch (isUnspecified, other.isUnspecified) {
        case (true, true): return true
        case (true, false): return covers(other)
        case (false, true): return other.covers(self)
        case (false, false): return false
        }
    }

    /// Of an unspecified address: `::` takes IPv4 in as well, the others IPv4 only.
    private func covers(_ other: HostText) -> Bool {
        if case .six = self { return true }
        if case .six = other { return false }
        return true
    }
}

extension LinkAddress {
    /// The port that the link binds; nil for none, or for any.
    public var binding: PortBinding? {
        switch self {
        case .datagrams(let address): PortBinding(address)
        case .srt(let address): PortBinding(address)
        case .rtmp(let address): PortBinding(address)
        case .file, .standardInput, .media: nil
        }
    }
}

extension OutputAddress {
    /// The port that an SRT listener binds.
    public var binding: PortBinding? {
        if case .srt(let address) = self { PortBinding(address) } else { nil }
    }

    /// The same text for two outputs that would write into each other; nil where that can not be.
    public var destination: String? {
        switch self {
        case .datagrams(let address):
            "udp \(address.endpoint.host.lowercased()) \(address.endpoint.port) "
                + (address.interface ?? "")
        case .srt(let address) where address.mode != .listener:
            "srt \(address.endpoint.host.lowercased()) \(address.endpoint.port) "
                + (address.streamID ?? "")
        case .srt: nil
        case .file(let path): path == "/dev/null" ? nil : "file \(path.plainPath)"
        case .standardOutput: "-"
        case .media(.mp4(let path, _)): "file \(path.plainPath)"
        case .media(.push(let url)): url.text
        case .hls(let target): "hls \(target.folder.plainPath) \(target.name)"
        case .record(let target):
            target.name.map { "record \(target.folder.plainPath) \($0)" }
        }
    }
}

extension LinkAddress {
    /// As `OutputAddress.destination`, for what can not be read while it is written.
    public var origin: String? {
        switch self {
        case .file(let path, _): path == "/dev/null" ? nil : "file \(path.plainPath)"
        case .media(.file(let path, _)), .media(.slate(let path)): "file \(path.plainPath)"
        case .standardInput, .datagrams, .srt, .rtmp, .media(.pull): nil
        }
    }
}

extension String {
    /// Without the `.` and the double slashes of a path.
    fileprivate var plainPath: String {
        (hasPrefix("/") ? "/" : "")
            + split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
