// SRT out: to one peer as caller or in rendezvous, or to any number of readers as listener. Each
// has libsrt's own bounded queue; who does not take what is his for some seconds is let go, alone.

import CSRT
import SwitchEngine

final class SRTOutput: Output {
    /// A reader whose queue has been full for so long is let go, 5 s.
    private static let longestStall: Int64 = 5_000_000_000
    private static let firstPause: Int64 = 200_000_000
    private static let longestPause: Int64 = 5_000_000_000
    /// A group's lost paths are connected again this often, nanoseconds.
    private static let mendingPause: Int64 = 1_000_000_000
    /// They share the listener's one descriptor: what they cost is a queue each.
    static let mostReaders = 256

    private struct Reader {
        var socket: SRTSocket
        /// Since when its queue is full.
        var stalledSince: Int64?
    }

    private enum Attempt {
        case idle(until: Int64)
        case resolving(NameLookup<SRTTarget>)
        case connecting(SRTSocket)
    }

    private(set) var facts = OutputFacts()
    private let address: SRTAddress
    private var port: (listener: SRTListener, place: SRTPlace)?
    private var readers: [Reader] = []
    private var attempt = Attempt.idle(until: 0)
    private var pause = SRTOutput.firstPause
    private var now: Int64 = 0
    private var nextMending: Int64 = 0

    init(_ address: SRTAddress) throws(IOFailure) {
        self.address = address
        if address.mode == .listener {
            port = try SRTListener.place(for: address, isExclusive: false)
        } else {
            try SRTSocket.test(address)
        }
        facts.readers = 0
    }

    deinit { close() }

    func poll(at instant: MonotonicInstant) {
        now = instant.nanoseconds
        if let port {
            port.listener.accept()
            while let socket = port.place.next() {
                // A group all of whose members were lost, and one came back before that was seen.
                if readers.contains(where: { $0.socket.handle == socket.handle }) {
                    _ = socket.release()
                    continue
                }
                if readers.count < SRTOutput.mostReaders {
                    readers.append(Reader(socket: socket))
                } else {
                    facts.refusals += 1
                }
            }
        } else if readers.isEmpty {
            connect()
        } else {
            mend()
        }
        readers.removeAll { $0.socket.state != .connected }
        facts.readers = readers.count
    }

    private func connect() {
        switch attempt {
        case .idle(let until):
            guard now >= until else { return }
            let names = SRTTarget.lookup(address)
            attempt = .resolving(names)
            call(names)
        case .resolving(let names): call(names)
        case .connecting(let socket):
            switch socket.state {
            case .connecting: return
            case .connected:
                readers = [Reader(socket: socket)]
                attempt = .idle(until: now)
                pause = SRTOutput.firstPause
            case .broken: fail("refused: \(socket.rejection)")
            }
        }
    }

    private func call(_ names: NameLookup<SRTTarget>) {
        guard let answer = names.result else { return }
        do throws(IOFailure) {
            let target = try answer.get()
            let socket = try SRTSocket(for: address)
            try socket.prepare(address)
            try socket.connect(target)
            attempt = .connecting(socket)
        } catch {
            fail(error.description)
        }
    }

    /// A group gets its lost paths again; who can not be reached is no matter while others are.
    private func mend() {
        guard now >= nextMending, let socket = readers.first?.socket else { return }
        nextMending = now + SRTOutput.mendingPause
        do throws(IOFailure) {
            try socket.mend()
        } catch {
            facts.lastError = error.description
        }
    }

    private func fail(_ why: String) {
        facts.lastError = why
        attempt = .idle(until: now + pause)
        pause = min(2 * pause, SRTOutput.longestPause)
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        var isTaken = false
        var index = 0
        while index < readers.count {
            switch readers[index].socket.send(packets) {
            case .sent:
                readers[index].stalledSince = nil
                isTaken = true
            case .full:
                facts.dropped += 1
                let since = readers[index].stalledSince ?? now
                readers[index].stalledSince = since
                if now - since > SRTOutput.longestStall {
                    facts.lastError = "a reader that took nothing for 5 s was let go"
                    readers.remove(at: index)
                    continue
                }
            case .broken:
                readers.remove(at: index)
                continue
            }
            index += 1
        }
        guard isTaken else { return }
        facts.datagrams += 1
        facts.bytes += Int64(packets.count)
    }

    /// A reader gives packets out when its latency is over, and none after the connection's end.
    var lingering: Int64 {
        readers.isEmpty ? 0 : Int64(address.latencyMilliseconds + 200) * 1_000_000
    }

    func close(_ done: @escaping @Sendable () -> Void) {
        readers.removeAll()
        attempt = .idle(until: .max)
        if let port { port.listener.leave(port.place) }
        port = nil
        done()
    }
}
