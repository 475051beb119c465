// UDP and RTP out.

import Glibc
import SwitchEngine

final class DatagramOutput: Output {
    /// Bytes of an RTP header without sources.
    private static let headerBytes = 12
    /// Asked of the kernel for datagrams that wait for the interface.
    private static let sendBufferBytes: Int32 = 1 << 20

    private(set) var facts = OutputFacts()
    private let isRTP: Bool
    private var descriptor: Int32
    private let destination: SocketAddress
    private var scratch: [UInt8]

    /// - Parameter synchronizationSource: RTP's SSRC, the same for all outputs of a channel.
    init(_ address: DatagramAddress, synchronizationSource: UInt32) throws(IOFailure) {
        isRTP = address.isRTP
        destination = try SocketAddress(address.endpoint)
        scratch = DatagramOutput.header(synchronizationSource)
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
        guard descriptor >= 0 else { return }
        guard isRTP else { return send(packets) }
        scratch[2] = UInt8(truncatingIfNeeded: datagram.sequence >> 8)
        scratch[3] = UInt8(truncatingIfNeeded: datagram.sequence)
        for index in 0..<4 {
            scratch[4 + index] = UInt8(truncatingIfNeeded: datagram.timestamp >> (24 - 8 * index))
        }
        scratch.removeSubrange(DatagramOutput.headerBytes...)
        packets.withUnsafeBufferPointer { scratch.append(contentsOf: $0) }
        let whole = scratch
        send(whole.span)
    }

    private func send(_ bytes: Span<UInt8>) {
        let sent = bytes.withUnsafeBytes { raw in
            destination.withPointer { to, length in
                sendto(descriptor, raw.baseAddress, raw.count, 0, to, length)
            }
        }
        if sent == bytes.count {
            facts.datagrams += 1
            facts.bytes += Int64(sent)
            return
        }
        facts.dropped += 1
        // Nobody listens on a unicast port: the kernel says so on the next call, and that is all.
        if errno != EAGAIN && errno != ECONNREFUSED {
            facts.lastError = IOFailure.system("send").description
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }
}
