// UDP and RTP in: datagrams of any size, read in batches on the channel's tick. The kernel notes
// when each came, so the tick costs no accuracy.

import CSockets
import Glibc
import SwitchEngine
import TransportStream

final class DatagramLink: Link {
    /// Messages read by one call, each a datagram or several of one size that the kernel joined.
    private static let batch = 16
    /// Room for one: the largest there can be. Memory that is never written costs nothing.
    private static let room = 1 << 16
    /// Calls of one poll; what is left waits for the next tick, so that one link can not hold the
    /// others.
    private static let mostBatches = 32

    let isRTP: Bool
    private(set) var facts = LinkFacts()
    /// Set when the kernel gives a smaller receive buffer than was asked for.
    private(set) var warning: String?
    private var filter: SenderFilter
    private var descriptor: Int32
    private var bytes: [UInt8]
    private var lengths = [Int32](repeating: 0, count: batch)
    private var arrivals = [Int64](repeating: 0, count: batch)
    /// The last poll that left nothing to read, host nanoseconds: what comes then came behind it.
    private var lastDrained = Int64.min
    private var segments = [Int32](repeating: 0, count: batch)
    private var senders = [csockets_sender](repeating: csockets_sender(), count: batch)
    /// The last other one that was told of.
    private var stranger: DatagramSender?
    private var notes: [String] = []
    private var noteLimit = NoteLimit()

    init(_ address: DatagramAddress) throws(IOFailure) {
        isRTP = address.isRTP
        filter = SenderFilter(
            only: try address.sender.map { place throws(IOFailure) in try DatagramSender(place) },
            isRTP: isRTP)
        // Not filled: what no datagram was written to is never read, and takes no memory.
        bytes = [UInt8](unsafeUninitializedCapacity: DatagramLink.batch * DatagramLink.room) {
            $1 = DatagramLink.batch * DatagramLink.room
        }
        let place = try SocketAddress(address.endpoint)
        descriptor = socket(
            place.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        do {
            try prepare(address, place)
        } catch {
            Glibc.close(descriptor)
            descriptor = -1
            throw error
        }
        facts.state = .connected
        facts.connections = 1
    }

    deinit { close() }

    private func prepare(_ address: DatagramAddress, _ place: SocketAddress) throws(IOFailure) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // Several receivers of one group on a host are usual; two of one unicast port are a
        // mistake.
        if place.isMulticast {
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        }
        let bound = place.withPointer { bind(descriptor, $0, $1) }
        guard bound == 0 else {
            throw .system("port \(address.endpoint.port) of '\(address.endpoint.host)'")
        }
        if place.isMulticast { try join(address, place) }
        // Where the kernel can do neither, times are those of the tick, and datagrams come singly.
        _ = csockets_stamp(descriptor)
        _ = csockets_join_segments(descriptor)
        enlargeBuffer(to: address.receiveBufferBytes)
    }

    private func join(_ address: DatagramAddress, _ group: SocketAddress) throws(IOFailure) {
        // Without this a socket gets the datagrams of all groups that any socket has joined.
        var off: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        if group.family == AF_INET {
            setsockopt(descriptor, Int32(IPPROTO_IP), IP_MULTICAST_ALL, &off, size)
        }
        let index = try SocketAddress.interfaceIndex(address.interface)
        var status: Int32
        if let host = address.source {
            let source = try SocketAddress(HostPort(host: host, port: 0), family: group.family)
            status = group.withPointer { to, count in
                source.withPointer { csockets_join_group(descriptor, index, to, count, $0, $1) }
            }
        } else {
            status = group.withPointer { csockets_join_group(descriptor, index, $0, $1, nil, 0) }
        }
        guard status == 0 else {
            throw .system("joining '\(address.endpoint.host)'", -status)
        }
    }

    private func enlargeBuffer(to wanted: Int) {
        var bytes = Int32(clamping: wanted)
        var size = socklen_t(MemoryLayout<Int32>.size)
        // Beyond net.core.rmem_max only root may ask.
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, size) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, size)
        }
        var given: Int32 = 0
        getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &given, &size)
        // The kernel tells twice of what it grants, for its own bookkeeping.
        guard Int(given) / 2 < wanted else { return }
        warning = "the kernel gives \(given / 2) bytes of receive buffer instead of \(wanted): "
            + "raise net.core.rmem_max"
    }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        poll(at: now, wallClockOffset: HostClock.wallClockOffset, take)
    }

    /// - Parameter offset: what the clock on the wall is ahead of the host's by, nanoseconds.
    func poll(
        at now: MonotonicInstant, wallClockOffset offset: Int64,
        _ take: (Span<UInt8>, MonotonicInstant) -> Void
    ) {
        guard descriptor >= 0 else { return }
        for _ in 0..<DatagramLink.mostBatches {
            let count = Int(
                csockets_receive(
                    descriptor, &bytes, Int32(DatagramLink.room), Int32(DatagramLink.batch),
                    &lengths, &arrivals, &segments, &senders))
            guard count > 0 else {
                if count < 0 {
                    facts.lastError = IOFailure.system("receive", Int32(-count)).description
                } else {
                    lastDrained = now.nanoseconds
                }
                return
            }
            for index in 0..<count {
                let length = min(Int(lengths[index]), DatagramLink.room)
                let start = index * DatagramLink.room
                let stamp = arrivals[index] - offset
                // The clock on the wall may have been set since the kernel looked at it.
                let arrival =
                    arrivals[index] > 0
                    ? max(lastDrained, min(stamp, now.nanoseconds)) : now.nanoseconds
                facts.bytes += Int64(length)
                let segment = segments[index] > 0 ? Int(segments[index]) : max(length, 1)
                let sender = DatagramSender(senders[index])
                for first in stride(from: start, to: start + length, by: segment) {
                    let place = first..<min(first + segment, start + length)
                    facts.datagrams += 1
                    guard isOwn(place, sender, at: arrival) else { continue }
                    take(
                        bytes.span.extracting(place), MonotonicInstant(nanoseconds: arrival))
                }
            }
            if count < DatagramLink.batch {
                lastDrained = now.nanoseconds
                return
            }
        }
    }

    /// Whether a datagram is of the sender that has the port; counts and tells of others.
    private func isOwn(_ place: Range<Int>, _ sender: DatagramSender, at arrival: Int64) -> Bool {
        var sender = sender
        var payload = place
        if isRTP {
            guard case .success(let header) = RTPHeader.parse(bytes.span.extracting(place)) else {
                facts.strays += 1
                return false
            }
            sender.synchronizationSource = header.synchronizationSource
            payload = (place.lowerBound + header.payload.lowerBound)
                ..< (place.lowerBound + header.payload.upperBound)
        }
        let isWhole = SenderFilter.isWhole(bytes.span.extracting(payload))
        let before = filter.sender
        switch filter.judge(from: sender, isWhole: isWhole, at: arrival) {
        case .own: return true
        case .firstOfSender:
            let text = text(of: sender)
            facts.sender = text
            if let before {
                note("\(text) has the port now, no more \(self.text(of: before))", at: arrival)
            }
            return true
        case .stray:
            facts.strays += 1
            if sender != filter.sender, sender != stranger {
                stranger = sender
                let owner = filter.sender.map { "\(text(of: $0)) has the port" }
                note(
                    "datagrams from \(text(of: sender)) are left out: "
                        + (owner ?? "they are not from the source= of the address"), at: arrival)
            }
            return false
        }
    }

    private func text(of sender: DatagramSender) -> String {
        guard isRTP else { return sender.text }
        return "\(sender.text) (SSRC \(String(sender.synchronizationSource, radix: 16)))"
    }

    private func note(_ text: String, at time: Int64) {
        if let text = noteLimit.pass(text, at: time) { notes.append(text) }
    }

    func takeNotes() -> [String] {
        defer { notes.removeAll() }
        return notes
    }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
        facts.state = .ended
    }
}
