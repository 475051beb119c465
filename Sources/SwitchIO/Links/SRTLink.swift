// SRT in: a caller that connects again for ever, a listener's place, or a rendezvous. The paths of
// a socket group are one link; it breaks when the last of them does.

import CSRT
import SwitchEngine

final class SRTLink: Link {
    /// The pause before the next attempt, doubled each time: 0.2 s to 5 s. Nanoseconds.
    private static let firstPause: Int64 = 200_000_000
    private static let longestPause: Int64 = 5_000_000_000
    /// Statistics are asked for this often, nanoseconds.
    private static let statisticsPause: Int64 = 1_000_000_000
    /// A connection whose packets come and that delivers nothing, for so long beyond its latency,
    /// is stuck: one packet with a wrong time or position in its header does that to libsrt, for
    /// minutes, while the sender believes that all is well. Nanoseconds.
    private static let stuckTime: Int64 = 2_000_000_000
    /// So many packets at least, that have come meanwhile.
    private static let stuckPackets: Int64 = 20

    private enum State {
        case idle(until: MonotonicInstant)
        case resolving(NameLookup<SRTTarget>)
        case connecting(SRTSocket)
        case connected(SRTSocket)
        case closed
    }

    let isRTP = false
    private(set) var facts = LinkFacts()
    private let address: SRTAddress
    private var state = State.idle(until: MonotonicInstant(nanoseconds: 0))
    private var pause = SRTLink.firstPause
    private var port: (listener: SRTListener, place: SRTPlace)?
    private var bytes = [UInt8](repeating: 0, count: 1500)
    private var nextStatistics: Int64 = 0
    /// When the connection was seen to have delivered something last, what it had by then, and what
    /// had come over the network.
    private var delivered: (time: MonotonicInstant, datagrams: Int64, arrivedPackets: Int64)?

    /// - Throws: where the address is such that waiting will not help: a port that is taken, an
    ///   option that libsrt refuses.
    init(_ address: SRTAddress) throws(IOFailure) {
        self.address = address
        if address.mode == .listener {
            port = try SRTListener.place(for: address, isExclusive: true)
        } else {
            try SRTSocket.test(address)
        }
    }

    deinit { close() }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        switch state {
        case .closed: return
        case .idle(let until): if now >= until { begin(at: now) }
        case .resolving(let names): call(names, at: now)
        case .connecting(let socket): watch(socket, at: now)
        case .connected: break
        }
        if case .connected(let socket) = state { receive(socket, at: now, take) }
    }

    private func begin(at now: MonotonicInstant) {
        if let port {
            port.listener.accept()
            facts.refusals = port.place.refusals
            guard let socket = port.place.next() else { return }
            return connected(socket)
        }
        let names = SRTTarget.lookup(address)
        state = .resolving(names)
        facts.state = .connecting
        call(names, at: now)
    }

    private func call(_ names: NameLookup<SRTTarget>, at now: MonotonicInstant) {
        guard let answer = names.result else { return }
        do throws(IOFailure) {
            let target = try answer.get()
            let socket = try SRTSocket(for: address)
            try socket.prepare(address)
            try socket.connect(target)
            state = .connecting(socket)
        } catch {
            fail(error.description, at: now)
        }
    }

    private func watch(_ socket: SRTSocket, at now: MonotonicInstant) {
        switch socket.state {
        case .connecting: break
        case .connected: connected(socket)
        case .broken: fail("refused: \(socket.rejection)", at: now)
        }
    }

    private func connected(_ socket: SRTSocket) {
        state = .connected(socket)
        delivered = nil
        facts.state = .connected
        facts.connections += 1
        facts.lastError = nil
        pause = SRTLink.firstPause
    }

    private func fail(_ why: String, at now: MonotonicInstant) {
        facts.lastError = why
        facts.state = .waiting
        facts.srt = nil
        port?.place.vacate()
        state = .idle(until: port == nil ? now + pause : now)
        pause = min(2 * pause, SRTLink.longestPause)
    }

    private func receive(
        _ socket: SRTSocket, at now: MonotonicInstant,
        _ take: (Span<UInt8>, MonotonicInstant) -> Void
    ) {
        var hasCome = false
        while let count = socket.receive(into: &bytes) {
            hasCome = true
            facts.datagrams += 1
            facts.bytes += Int64(count)
            take(bytes.span.extracting(0..<count), now)
        }
        guard socket.state == .connected else { return fail("the connection broke", at: now) }
        if let port {
            // Who comes while the place is taken is refused by the hook, but for one who comes
            // when this one is silent; others on the same port are handed to theirs.
            port.listener.accept()
            if hasCome {
                port.place.hear(at: now.nanoseconds)
            } else if let successor = port.place.next() {
                return connected(successor)
            }
        }
        if now.nanoseconds >= nextStatistics {
            nextStatistics = now.nanoseconds + SRTLink.statisticsPause
            note(socket.facts)
            facts.refusals = port?.place.refusals ?? 0
            mend(socket)
            if isStuck(socket, at: now) {
                fail("packets came but no stream: connected anew", at: now)
            }
        }
    }

    private func isStuck(_ socket: SRTSocket, at now: MonotonicInstant) -> Bool {
        guard let arrived = socket.arrivedPackets else { return false }
        guard let last = delivered, last.datagrams == facts.datagrams else {
            delivered = (now, facts.datagrams, arrived)
            return false
        }
        let latency = Int64(address.latencyMilliseconds) * 1_000_000
        return now - last.time > latency + SRTLink.stuckTime
            && arrived - last.arrivedPackets >= SRTLink.stuckPackets
    }

    private func note(_ numbers: SRTFacts?) {
        let now = Set((numbers?.paths ?? []).filter(\.isConnected).map(\.peer))
        let before = (facts.srt?.paths ?? []).filter(\.isConnected).map(\.peer)
        if let lost = before.first(where: { !now.contains($0) }) {
            facts.lastError = "the path of \(lost) broke"
        }
        facts.srt = numbers
    }

    /// What can not be reached again is no matter while other paths bring everything.
    private func mend(_ socket: SRTSocket) {
        do throws(IOFailure) {
            try socket.mend()
        } catch {
            facts.lastError = error.description
        }
    }

    func close() {
        state = .closed
        facts.state = .ended
        if let port { port.listener.leave(port.place) }
        port = nil
    }
}
