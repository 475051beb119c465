// Hosts by name, looked up beside the channels' loops: with DNS gone an answer takes seconds, and a
// loop has other channels to serve. Numbers need nobody's answer and are there at once.

import Dispatch
import Synchronization

/// What is made of an address whose hosts may be names.
final class NameLookup<Found: Sendable>: Sendable {
    private let answer = Mutex<Result<Found, IOFailure>?>(nil)

    /// - Parameters:
    ///   - hosts: what `look` asks for; where all are numbers it is called here and now.
    ///   - look: waits for the answers.
    init(of hosts: [String], _ look: @escaping @Sendable () throws(IOFailure) -> Found) {
        if hosts.allSatisfy(HostText.isNumber) {
            ask(look)
        } else {
            DispatchQueue.names.async { self.ask(look) }
        }
    }

    private func ask(_ look: () throws(IOFailure) -> Found) {
        let found = Result<Found, IOFailure>(catching: look)
        answer.withLock { $0 = found }
    }

    /// Nil while there is no answer.
    var result: Result<Found, IOFailure>? { answer.withLock { $0 } }
}

extension DispatchQueue {
    /// A name without an answer holds no other name up.
    static let names = DispatchQueue(label: "attacca.names", attributes: .concurrent)
}

// MARK: Addresses that are bound, joined or sent to

extension LinkAddress {
    /// The same with numbers for names, as soon as they are known.
    func lookup() -> NameLookup<LinkAddress> {
        let address = self
        switch self {
        case .datagrams(let datagrams):
            return NameLookup(of: datagrams.hosts) { () throws(IOFailure) in
                .datagrams(try datagrams.withNumbers())
            }
        case .srt(let srt) where srt.mode == .listener:
            return NameLookup(of: [srt.endpoint.host]) { () throws(IOFailure) in
                .srt(try srt.withNumbers())
            }
        case .rtmp(let rtmp):
            return NameLookup(of: [rtmp.endpoint.host]) { () throws(IOFailure) in
                .rtmp(try rtmp.withNumbers())
            }
        // Those who call look their peer up each time.
        case .srt, .file, .standardInput, .media: return NameLookup(of: []) { address }
        }
    }
}

extension OutputAddress {
    /// Whether a name is to be looked up before it can be opened.
    var needsLookup: Bool {
        switch self {
        case .datagrams(let address): !address.hosts.allSatisfy(HostText.isNumber)
        case .srt(let address) where address.mode == .listener:
            !HostText.isNumber(address.endpoint.host)
        case .srt, .file, .standardOutput, .media, .hls, .record: false
        }
    }

    /// The same with numbers for names; waits for the answers.
    func withNumbers() throws(IOFailure) -> OutputAddress {
        guard needsLookup else { return self }
        return switch self {
        case .datagrams(let address): .datagrams(try address.withNumbers())
        case .srt(let address): .srt(try address.withNumbers())
        case .file, .standardOutput, .media, .hls, .record: self
        }
    }
}

extension DatagramAddress {
    fileprivate var hosts: [String] { [endpoint.host, source ?? ""] }

    fileprivate func withNumbers() throws(IOFailure) -> DatagramAddress {
        var result = self
        let place = try SocketAddress(endpoint)
        if !endpoint.host.isEmpty { result.endpoint.host = place.host }
        if let source {
            let sender = HostPort(host: source, port: 0)
            result.source = try SocketAddress(sender, family: place.family).host
        }
        return result
    }
}

extension RTMPAddress {
    fileprivate func withNumbers() throws(IOFailure) -> RTMPAddress {
        var result = self
        if !endpoint.host.isEmpty { result.endpoint.host = try SocketAddress(endpoint).host }
        return result
    }
}

extension SRTAddress {
    /// Of a listener.
    fileprivate func withNumbers() throws(IOFailure) -> SRTAddress {
        var result = self
        if !endpoint.host.isEmpty { result.endpoint.host = try SocketAddress(endpoint).host }
        return result
    }
}
