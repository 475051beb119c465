// A way between a sender and a receiver, on loopback, that a test can make bad and mend: datagrams
// go through in both directions, for any number of senders, so that SRT goes through it too.

import Foundation
import Glibc

public final class DatagramRelay: @unchecked Sendable {
    // Unchecked: what two threads touch stands behind the lock.

    /// What is wrong with the way to the receiver; but for `silent` the way back is sound.
    public enum Fault: Sendable, Equatable {
        case none
        /// Nothing comes through, in either direction.
        case silent
        /// So many of a hundred datagrams are lost.
        case loses(percent: Int)
        /// Each datagram comes up to so much later: they change places.
        case disorders(milliseconds: Int)
        case doubles
        /// One byte of so many of a hundred datagrams is another.
        case corrupts(percent: Int)
        /// Strange datagrams come between.
        case babbles
        /// In one of 20 packets of SRT data this byte of its header is another.
        case distortsHeader(byte: Int)
    }

    private struct State {
        var fault = Fault.none
        var isClosed = false
        var forwarded = 0
    }

    private struct Waiting {
        var due: UInt64
        var bytes: [UInt8]
        var back: Int32
    }

    /// Where senders send to.
    public let port: UInt16
    private let front: Int32
    private let target: sockaddr_in
    private let lock = NSLock()
    private var state = State()
    /// Touched by the relay's own thread only.
    private var random: SeededNumbers
    private var waiting: [Waiting] = []

    /// - Parameters:
    ///   - host: a loopback address, `127.0.0.2`.
    ///   - target: the port on 127.0.0.1 that all goes to.
    ///   - seed: of what is lost, late or wrong.
    public init(host: String = "127.0.0.1", to target: UInt16, seed: UInt64 = 1) throws {
        self.target = DatagramRelay.address("127.0.0.1", target)
        random = SeededNumbers(seed: seed)
        let front = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.front = front
        var own = DatagramRelay.address(host, 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = DatagramRelay.with(&own) {
            bind(front, $0, length) == 0 && getsockname(front, $0, &length) == 0
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        var size: Int32 = 1 << 22
        setsockopt(front, SOL_SOCKET, SO_RCVBUF, &size, 4)
        port = UInt16(bigEndian: own.sin_port)
        Thread.detachNewThread { [self] in forward() }
    }

    public func become(_ fault: Fault) { lock.withLock { state.fault = fault } }

    /// Datagrams that went to the target.
    public var forwarded: Int { lock.withLock { state.forwarded } }

    public func close() { lock.withLock { state.isClosed = true } }

    private func forward() {
        // Of each sender its address and the socket that stands for it before the target.
        var ways: [(peer: sockaddr_in, back: Int32)] = []
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let now = lock.withLock { state }
            guard !now.isClosed else { break }
            var entries = ([front] + ways.map(\.back)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            let ready = poll(&entries, nfds_t(entries.count), waiting.isEmpty ? 20 : 1)
            sendWaiting()
            guard ready > 0 else { continue }
            for (index, entry) in entries.enumerated() where entry.revents != 0 {
                var peer = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let count = DatagramRelay.with(&peer) {
                    recvfrom(entry.fd, &bytes, bytes.count, 0, $0, &length)
                }
                guard count > 0, now.fault != .silent else { continue }
                if index > 0 {
                    var to = ways[index - 1].peer
                    _ = DatagramRelay.with(&to) { sendto(front, bytes, count, 0, $0, length) }
                } else {
                    pass(Array(bytes[..<count]), now.fault, back(of: peer, &ways))
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

    private func pass(_ datagram: [UInt8], _ fault: Fault, _ back: Int32) {
        var datagram = datagram
        var copies = 1
        switch fault {
        case .none, .silent: break
        case .loses(let percent): if random.below(100) < percent { return }
        case .disorders(let milliseconds):
            let due = DispatchTime.now().uptimeNanoseconds
                + UInt64(random.below(milliseconds * 1000)) * 1000
            return waiting.append(Waiting(due: due, bytes: datagram, back: back))
        case .doubles: copies = 1 + random.below(2)
        case .corrupts(let percent):
            if random.below(100) < percent { datagram[random.below(datagram.count)] ^= 0x5A }
        case .distortsHeader(let byte):
            // The first bit tells control packets.
            if datagram[0] & 0x80 == 0, datagram.count > byte, random.below(20) == 0 {
                datagram[byte] ^= 0x5A
            }
        case .babbles:
            if random.below(10) == 0 {
                send((0...random.below(1400)).map { _ in UInt8(random.below(256)) }, back)
            }
        }
        for _ in 0..<copies { send(datagram, back) }
    }

    private func sendWaiting() {
        let now = DispatchTime.now().uptimeNanoseconds
        while let index = waiting.firstIndex(where: { $0.due <= now }) {
            let one = waiting.remove(at: index)
            send(one.bytes, one.back)
        }
    }

    private func send(_ bytes: [UInt8], _ back: Int32) {
        var to = target
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = DatagramRelay.with(&to) { sendto(back, bytes, bytes.count, 0, $0, length) }
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

/// A small generator: one seed, one run.
public struct SeededNumbers: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    public mutating func below(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(limit, 1)))
    }
}
