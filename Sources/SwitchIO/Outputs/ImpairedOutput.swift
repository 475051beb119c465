// An output behind a bad way: what `feed` puts before a real one, so that a failover can be tried
// where no fault is at hand.

import SwitchEngine

/// What is wrong with a way.
public struct Impairment: Sendable, Equatable {
    /// Share of datagrams that are lost, in parts of a million.
    public var lossPerMillion = 0
    /// Each datagram comes up to so many nanoseconds late; none overtakes another.
    public var jitter: Int64 = 0
    /// From `after` on nothing comes for `duration`, and so again and again; nanoseconds.
    public var outage: (after: Int64, duration: Int64)?

    public init() {}

    public static func == (a: Impairment, b: Impairment) -> Bool {
        a.lossPerMillion == b.lossPerMillion && a.jitter == b.jitter
            && a.outage?.after == b.outage?.after && a.outage?.duration == b.outage?.duration
    }
}

final class ImpairedOutput: Output {
    private struct Waiting {
        var due: Int64
        var bytes: [UInt8]
        var datagram: DueDatagram
    }

    private let output: any Output
    private let impairment: Impairment
    private var waiting: [Waiting] = []
    private var start: Int64?
    private var now: Int64 = 0

    init(_ output: any Output, _ impairment: Impairment) {
        self.output = output
        self.impairment = impairment
    }

    var facts: OutputFacts { output.facts }
    var lingering: Int64 { output.lingering }

    func poll(at instant: MonotonicInstant) {
        now = instant.nanoseconds
        let ready = waiting.prefix { $0.due <= now }
        for one in ready { output.send(one.bytes.span, one.datagram) }
        waiting.removeFirst(ready.count)
        output.flush()
        output.poll(at: instant)
    }

    func flush() { output.flush() }
    func note(_ mark: OutputMark) { output.note(mark) }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        let begin = start ?? now
        start = begin
        if let outage = impairment.outage {
            let place = (now - begin) % max(outage.after + outage.duration, 1)
            if place >= outage.after { return }
        }
        if Int.random(in: 0..<1_000_000) < impairment.lossPerMillion { return }
        guard impairment.jitter > 0 else { return output.send(packets, datagram) }
        let due = max(now + .random(in: 0...impairment.jitter), waiting.last?.due ?? 0)
        let bytes = packets.withUnsafeBufferPointer { Array($0) }
        waiting.append(Waiting(due: due, bytes: bytes, datagram: datagram))
    }

    func close(_ done: @escaping @Sendable () -> Void) {
        for one in waiting { output.send(one.bytes.span, one.datagram) }
        waiting.removeAll()
        output.flush()
        output.close(done)
    }
}
