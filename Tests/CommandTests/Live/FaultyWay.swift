// A way between a sender and the channel that can be made bad: a relay of UDP datagrams, both ways, so
// that SRT goes through it too.

import Foundation
import Synchronization

final class FaultyWay: Sendable {
    enum Fault: Sendable, Equatable {
        case none
        /// Nothing comes through.
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
    }

    /// Where senders send to.
    let port: UInt16
    private let target: UInt16
    private let socket: Int32
    private let fault = Mutex(Fault.none)
    private let isStopping = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)

    private struct Waiting {
        var due: Int64
        var bytes: [UInt8]
    }

    /// Carries what comes at `port` to `target`, on loopback.
    init(to target: UInt16, seed: UInt64 = 1) throws {
        self.target = target
        (socket, port) = try FaultyWay.open()
        Thread.detachNewThread { [self] in
            carry(SeededNumbers(seed: seed))
            close(socket)
            ended.signal()
        }
    }

    deinit { isStopping.store(true, ordering: .relaxed) }

    func become(_ fault: Fault) { self.fault.withLock { $0 = fault } }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
    }

    private static func open() throws -> (Int32, UInt16) {
        let descriptor = Foundation.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard descriptor >= 0, status == 0 else { throw POSIXError(.EADDRINUSE) }
        var bytes: Int32 = 1 << 22
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> UInt16 {
        let (descriptor, port) = try open()
        close(descriptor)
        return port
    }

    private func carry(_ random: SeededNumbers) {
        var random = random
        var sender: sockaddr_in?
        var waiting: [Waiting] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isStopping.load(ordering: .relaxed) {
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, waiting.isEmpty ? 20 : 1)
            let now = Int64(DispatchTime.now().uptimeNanoseconds)
            while let index = waiting.firstIndex(where: { $0.due <= now }) {
                send(waiting.remove(at: index).bytes, to: FaultyWay.loopback(target))
            }
            guard ready > 0 else { continue }
            var from = sockaddr_in()
            let count = receive(&buffer, &from)
            guard count > 0 else { continue }
            let fault = fault.withLock { $0 }
            if fault == .silent { continue }
            if UInt16(bigEndian: from.sin_port) == target {
                // The way back is sound.
                if let sender { send(Array(buffer[..<count]), to: sender) }
                continue
            }
            sender = from
            pass(Array(buffer[..<count]), fault, now, &waiting, &random)
        }
    }

    private func pass(
        _ datagram: [UInt8], _ fault: Fault, _ now: Int64, _ waiting: inout [Waiting],
        _ random: inout SeededNumbers
    ) {
        var datagram = datagram
        var copies = 1
        switch fault {
        case .none, .silent: break
        case .loses(let percent): if random.below(100) < percent { return }
        case .disorders(let milliseconds):
            let due = now + Int64(random.below(milliseconds * 1000)) * 1000
            return waiting.append(Waiting(due: due, bytes: datagram))
        case .doubles: copies = 1 + random.below(2)
        case .corrupts(let percent):
            if random.below(100) < percent { datagram[random.below(datagram.count)] ^= 0x5A }
        case .babbles:
            if random.below(10) == 0 {
                let noise = (0...random.below(1400)).map { _ in UInt8(random.below(256)) }
                send(noise, to: FaultyWay.loopback(target))
            }
        }
        for _ in 0..<copies { send(datagram, to: FaultyWay.loopback(target)) }
    }

    private func receive(_ buffer: inout [UInt8], _ from: inout sockaddr_in) -> Int {
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &from) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, &buffer, buffer.count, 0, $0, &length)
            }
        }
    }

    private func send(_ bytes: [UInt8], to address: sockaddr_in) {
        var address = address
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    socket, bytes, bytes.count, 0, $0,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A small generator: one seed, one run.
struct SeededNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(limit, 1)))
    }
}
