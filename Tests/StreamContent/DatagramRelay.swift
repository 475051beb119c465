// A way between a sender and a receiver, on loopback, that a test can cut and mend: datagrams go
// through in both directions, for any number of senders.

import Foundation
import Glibc

public final class DatagramRelay: @unchecked Sendable {
    // Unchecked: what two threads touch stands behind the lock.
    private struct State {
        var isCut = false
        var isClosed = false
        var forwarded = 0
    }

    /// Where senders send to.
    public let port: UInt16
    private let front: Int32
    private let target: sockaddr_in
    private let lock = NSLock()
    private var state = State()

    /// - Parameters:
    ///   - host: a loopback address, `127.0.0.2`.
    ///   - target: the port on 127.0.0.1 that all goes to.
    public init(host: String, to target: UInt16) throws {
        self.target = DatagramRelay.address("127.0.0.1", target)
        let front = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.front = front
        var own = DatagramRelay.address(host, 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = DatagramRelay.with(&own) {
            bind(front, $0, length) == 0 && getsockname(front, $0, &length) == 0
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: own.sin_port)
        Thread.detachNewThread { [self] in forward() }
    }

    public var isCut: Bool {
        get { lock.withLock { state.isCut } }
        set { lock.withLock { state.isCut = newValue } }
    }

    /// Datagrams that went to the target.
    public var forwarded: Int { lock.withLock { state.forwarded } }

    public func close() { lock.withLock { state.isClosed = true } }

    private func forward() {
        // Of each sender its address and the socket that stands for it before the target.
        var ways: [(peer: sockaddr_in, back: Int32)] = []
        var bytes = [UInt8](repeating: 0, count: 2048)
        while true {
            let now = lock.withLock { state }
            guard !now.isClosed else { break }
            var waiting = ([front] + ways.map(\.back)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&waiting, nfds_t(waiting.count), 50) > 0 else { continue }
            for (index, entry) in waiting.enumerated() where entry.revents != 0 {
                var peer = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let count = DatagramRelay.with(&peer) {
                    recvfrom(entry.fd, &bytes, bytes.count, 0, $0, &length)
                }
                guard count > 0, !now.isCut else { continue }
                if index > 0 {
                    var to = ways[index - 1].peer
                    _ = DatagramRelay.with(&to) { sendto(front, bytes, count, 0, $0, length) }
                } else {
                    send(bytes, count, back(of: peer, &ways))
                }
            }
        }
        for way in ways { Glibc.close(way.back) }
        Glibc.close(front)
    }

    private func back(
        of peer: sockaddr_in, _ ways: inout [(peer: sockaddr_in, back: Int32)]
    ) -> Int32 {
        let known = ways.first {
            $0.peer.sin_port == peer.sin_port && $0.peer.sin_addr.s_addr == peer.sin_addr.s_addr
        }
        if let known { return known.back }
        let back = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        ways.append((peer, back))
        return back
    }

    private func send(_ bytes: [UInt8], _ count: Int, _ back: Int32) {
        var to = target
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = DatagramRelay.with(&to) { sendto(back, bytes, count, 0, $0, length) }
        lock.withLock { state.forwarded += 1 }
    }

    private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return address
    }

    private static func with<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}
