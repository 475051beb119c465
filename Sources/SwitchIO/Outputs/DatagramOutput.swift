// UDP and RTP out. Datagrams that are due together are given to the kernel together, as one that it
// cuts (UDP_SEGMENT): half the cost of two.

import CSockets
import Glibc
import SwitchEngine

final class DatagramOutput: Output {
    /// Bytes of an RTP header without sources.
    private static let headerBytes = 12
    /// Asked of the kernel for datagrams that wait for the interface.
    private static let sendBufferBytes: Int32 = 1 << 20
    /// Datagrams that leave by one call at most.
    private static let mostSegments = 16

    private(set) var facts = OutputFacts()
    private let isRTP: Bool
    private var descriptor: Int32
    private let destination: SocketAddress
    private let header: [UInt8]
    /// Datagrams that are due, one behind the other, and where the last of them begins.
    private var pending: [UInt8] = []
    private var count = 0
    /// Bytes of each datagram that waits.
    private var segment = 0
    /// Interfaces that can not cut datagrams exist.
    private var canSegment = true

    /// - Parameter synchronizationSource: RTP's SSRC, the same for all outputs of a channel.
    init(_ address: DatagramAddress, synchronizationSource: UInt32) throws(IOFailure) {
        isRTP = address.isRTP
        destination = try SocketAddress(address.endpoint)
        header = isRTP ? DatagramOutput.header(synchronizationSource) : []
        descriptor = socket(
            destination.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        do {
            try prepare(address)
        } catch {
            Glibc.close(descriptor)
            descriptor = -1
            throw error
        }
    }

    deinit { close() }

    private func prepare(_ address: DatagramAddress) throws(IOFailure) {
        set(SOL_SOCKET, SO_SNDBUF, DatagramOutput.sendBufferBytes)
        let isSix = destination.family == AF_INET6
        if destination.isMulticast {
            let index = try SocketAddress.interfaceIndex(address.interface)
            if isSix {
                set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, Int32(index))
                set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS,
                    Int32(address.timeToLive ?? 1))
            } else {
                var choice = ip_mreqn()
                choice.imr_ifindex = Int32(index)
                setsockopt(
                    descriptor, Int32(IPPROTO_IP), IP_MULTICAST_IF, &choice,
                    socklen_t(MemoryLayout<ip_mreqn>.size))
                set(Int32(IPPROTO_IP), IP_MULTICAST_TTL, Int32(address.timeToLive ?? 1))
            }
        } else if let hops = address.timeToLive {
            if isSix {
                set(Int32(IPPROTO_IPV6), IPV6_UNICAST_HOPS, Int32(hops))
            } else {
                set(Int32(IPPROTO_IP), IP_TTL, Int32(hops))
            }
        }
        if let code = address.codePoint {
            // The code point stands above the two bits of congestion notification.
            if isSix {
                set(Int32(IPPROTO_IPV6), IPV6_TCLASS, Int32(code) << 2)
            } else {
                set(Int32(IPPROTO_IP), IP_TOS, Int32(code) << 2)
            }
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        if setsockopt(descriptor, level, option, &value, 4) != 0 {
            facts.lastError = IOFailure.system("socket option \(option)").description
        }
    }

    /// RFC 3550 §5.1: version 2, payload type 33 (RFC 3551: MP2T).
    private static func header(_ source: UInt32) -> [UInt8] {
        [0x80, 33, 0, 0, 0, 0, 0, 0]
            + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: source >> $0) }
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        let size = header.count + packets.count
        // All but the last one are of one size.
        if count == DatagramOutput.mostSegments || (count > 0 && size > segment) { flush() }
        let start = pending.count
        pending.append(contentsOf: header)
        if isRTP {
            pending[start + 2] = UInt8(truncatingIfNeeded: datagram.sequence >> 8)
            pending[start + 3] = UInt8(truncatingIfNeeded: datagram.sequence)
            for index in 0..<4 {
                pending[start + 4 + index] = UInt8(
                    truncatingIfNeeded: datagram.timestamp >> (24 - 8 * index))
            }
        }
        packets.withUnsafeBufferPointer { pending.append(contentsOf: $0) }
        count += 1
        if count == 1 { segment = size }
        if size < segment { flush() }
    }

    func flush() {
        guard count > 0, descriptor >= 0 else { return }
        if count > 1 && canSegment {
            let status = transmit(0..<pending.count)
            if status == EIO || status == EINVAL || status == EOPNOTSUPP {
                canSegment = false
            } else {
                note(status, datagrams: count, bytes: pending.count)
                return forget()
            }
        }
        var start = 0
        while start < pending.count {
            let end = min(start + segment, pending.count)
            note(transmit(start..<end), datagrams: 1, bytes: end - start)
            start = end
        }
        forget()
    }

    private func forget() {
        pending.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Returns 0 or the kernel's error.
    private func transmit(_ range: Range<Int>) -> Int32 {
        pending.withUnsafeBytes { raw in
            destination.withPointer { to, length in
                -csockets_send(
                    descriptor, raw.baseAddress! + range.lowerBound, Int32(range.count),
                    Int32(segment), to, length)
            }
        }
    }

    private func note(_ status: Int32, datagrams: Int, bytes: Int) {
        guard status != 0 else {
            facts.datagrams += Int64(datagrams)
            facts.bytes += Int64(bytes)
            return
        }
        facts.dropped += Int64(datagrams)
        // Nobody listens on a unicast port: the kernel says so on the next call, and that is all.
        if status != EAGAIN && status != ECONNREFUSED {
            facts.lastError = IOFailure.system("send", status).description
        }
    }

    func close(_ done: @escaping @Sendable () -> Void) {
        defer { done() }
        guard descriptor >= 0 else { return }
        flush()
        Glibc.close(descriptor)
        descriptor = -1
    }
}
