// The receivers behind the channels of a benchmark: all packets are known again, and timed.

import CSockets
import Foundation
import Synchronization
import TransportStream

/// What came of all channels while it was measured.
struct AirOutcome {
    var packets = 0
    var missing = 0
    /// From the senders to the receiver.
    var delaysNanoseconds: [Int64] = []
    /// Datagrams that followed the one before within 0.2 ms, and all.
    var close = 0
    var datagrams = 0

    var burstText: String {
        let share = Double(close) / Double(max(datagrams, 1)) * 100
        return String(format: "%.2f %% of the datagrams within 0.2 ms of the one before", share)
    }
}

final class AirReceiver: @unchecked Sendable {
    // Unchecked: what the thread writes is read after it has ended.
    private static let batch = 64
    private static let stride = 2048
    /// How often all sockets are looked at, microseconds: the kernel keeps the times.
    private static let pause: UInt32 = 4000

    private struct Arrival {
        var packet: Int32
        var time: Int64
    }

    let ports: [UInt16]
    private let sockets: [Int32]
    private let known: [UInt64: Int32]
    private var arrivals: [[Arrival]]
    private var lastTimes: [Int64]
    private var close = 0
    private var datagrams = 0
    private let isMeasuring = Atomic(false)
    private let isStopping = Atomic(false)

    init(channels: Int, known: [UInt64: Int32]) throws {
        let opened = try (0..<channels).map { _ in try LoopbackPort.open(receiveBytes: 1 << 22) }
        sockets = opened.map(\.descriptor)
        ports = opened.map(\.port)
        self.known = known
        arrivals = Array(repeating: [], count: channels)
        lastTimes = Array(repeating: 0, count: channels)
        for socket in sockets { _ = csockets_stamp(socket) }
    }

    func begin() { isMeasuring.store(true, ordering: .relaxed) }
    func end() { isMeasuring.store(false, ordering: .relaxed) }
    func stop() { isStopping.store(true, ordering: .relaxed) }

    func start() -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            receive()
            sockets.forEach { Glibc.close($0) }
            done.signal()
        }
        return done
    }

    private func receive() {
        var bytes = [UInt8](repeating: 0, count: AirReceiver.batch * AirReceiver.stride)
        var lengths = [Int32](repeating: 0, count: AirReceiver.batch)
        var times = [Int64](repeating: 0, count: AirReceiver.batch)
        var segments = [Int32](repeating: 0, count: AirReceiver.batch)
        while !isStopping.load(ordering: .relaxed) {
            usleep(AirReceiver.pause)
            let isMeasuring = isMeasuring.load(ordering: .relaxed)
            for index in sockets.indices {
                while true {
                    let count = Int(csockets_receive(
                        sockets[index], &bytes, Int32(AirReceiver.stride),
                        Int32(AirReceiver.batch), &lengths, &times, &segments, nil))
                    for datagram in 0..<max(count, 0) where isMeasuring {
                        let place = datagram * AirReceiver.stride
                        let end = place + Int(lengths[datagram])
                        note(bytes.span.extracting(place..<end), times[datagram], index)
                    }
                    if count < AirReceiver.batch { break }
                }
            }
        }
    }

    private func note(_ datagram: Span<UInt8>, _ time: Int64, _ channel: Int) {
        datagrams += 1
        if time - lastTimes[channel] < 200_000 { close += 1 }
        lastTimes[channel] = time
        var place = 0
        while place + Packet.size <= datagram.count {
            if let print = AirTraffic.print(datagram, place), let packet = known[print] {
                arrivals[channel].append(Arrival(packet: packet, time: time))
            }
            place += Packet.size
        }
    }

    /// - Parameter sentAt: for each group of senders, when each datagram left.
    func outcome(sentAt times: [[Int64]]) -> AirOutcome {
        var outcome = AirOutcome(close: close, datagrams: datagrams)
        let numbers = known.values.sorted()
        for (channel, came) in arrivals.enumerated() {
            guard let first = came.first?.packet, let last = came.last?.packet else {
                outcome.missing += numbers.count
                continue
            }
            let expected = numbers.count { $0 >= first && $0 <= last }
            outcome.packets += came.count
            outcome.missing += expected - Set(came.map(\.packet)).count
            let sent = times[channel % times.count]
            for arrival in came {
                let datagram = Int(arrival.packet) / 7
                guard datagram < sent.count else { continue }
                outcome.delaysNanoseconds.append(arrival.time - sent[datagram])
            }
        }
        return outcome
    }
}
