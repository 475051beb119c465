// Whom a caller or a rendezvous connects to, with all names known.

import Glibc

enum SRTTarget: Sendable {
    case one(peer: SocketAddress, local: SocketAddress?)
    /// Those of a group.
    case paths(SRTPaths)

    /// Looks all names up, and waits for the answers.
    private init(_ address: SRTAddress) throws(IOFailure) {
        if case .called = address.group {
            self = .paths(try SRTPaths(address.paths))
            return
        }
        let peer = try SocketAddress(address.endpoint)
        var local = address.local
        if local == nil, address.mode == .rendezvous {
            local = HostPort(host: "", port: address.endpoint.port)
        }
        self = .one(
            peer: peer,
            local: try local.map { own throws(IOFailure) in
                try SocketAddress(own, family: peer.family)
            })
    }

    static func lookup(_ address: SRTAddress) -> NameLookup<SRTTarget> {
        let hosts = address.paths.flatMap { [$0.endpoint.host, $0.local?.host ?? ""] }
        return NameLookup(of: hosts) { () throws(IOFailure) in try SRTTarget(address) }
    }
}
