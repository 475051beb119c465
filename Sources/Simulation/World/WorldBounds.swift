// What holds at each wake-up, whatever the inputs bring: the output keeps to the host's clock, a
// batch is no larger than what came and the time that it covers ask for, and what is kept is
// bounded.
//
// The bounds are wide on purpose. They are not what is good, they are what is never exceeded: a
// line that follows one wrong time stamp breaks them by minutes and megabytes.

import SwitchEngine
import TransportStream

/// Watches one engine from outside.
struct WorldBounds {
    /// The output's clock is no further from the host's than the hold-back and this, 5 s.
    static let clockTicks: Int64 = 5 * StreamTime.ticksPerSecond
    /// What the output may have for a byte of input: a PES packet that is made anew frame by frame
    /// has a header and stuffing for each frame.
    static let growth: Int64 = 3
    /// Our own tables and PCRs, bytes per second: both tables each 40 ms and a PCR each 30 ms are
    /// 84 packets; a PMT of several packets is no part of these worlds.
    static let tableBytes: Int64 = 100 * Int64(Packet.size)
    /// What no rule counts, bytes: what is due at a begin and an end.
    static let constantBytes: Int64 = 64_000
    /// Packets of an input that may be kept longer than the memory's limit says, for want of a
    /// random access point or a PCR: those of so many seconds.
    static let keptSeconds: Int64 = 15

    private let holdBackTicks: Int64
    private let muxBytes: Int64
    private let keptSeconds: Int
    /// Bytes that came, by input and second, each with all before.
    private var received: [[Int64]]
    private var sent: Int64 = 0
    /// Host time of the first batch and schedule time of its last packet, which is due then, 27 MHz
    /// ticks: those before it may have been late.
    private var origin: (host: Int64, schedule: Int64)?
    /// The first of each kind.
    private(set) var failures: [String] = []
    private var broken: Set<Kind> = []

    private enum Kind { case clock, line, batch, total, kept }

    init(_ plan: WorldPlan) {
        let configuration = plan.configuration
        holdBackTicks = configuration.holdBack.scaled(by: 27, over: 1_000)
        muxBytes = (configuration.muxRate ?? 0) / 8
        received = plan.inputs.map { _ in [] }
        let group = plan.inputs.map(\.profile.groupTicks).max() ?? 0
        let kept = max(configuration.preRoll, group.scaled(by: 2_000, over: 27))
        keptSeconds = Int((configuration.holdBack + kept) / 1_000_000_000 + WorldBounds.keptSeconds)
    }

    /// Bytes have come of an input.
    mutating func receive(_ count: Int, of input: Int, at time: Int64) {
        let second = max(0, Int(time / 1_000_000_000))
        let total = received[input].last ?? 0
        while received[input].count <= second { received[input].append(total) }
        received[input][received[input].count - 1] += Int64(count)
    }

    /// Bytes of an input in the last seconds, and a part of the one before.
    private func bytes(of input: Int, seconds: Int, at time: Int64) -> Int64 {
        let line = received[input]
        let before = Int(time / 1_000_000_000) - seconds - 1
        guard let last = line.last, before < line.count else { return 0 }
        return last - (before >= 0 ? line[before] : 0)
    }

    /// - Parameters:
    ///   - hostOffset: what the engine adds to a schedule time for the host's.
    ///   - time: host nanoseconds.
    mutating func take(
        _ bytes: Span<UInt8>, _ times: Span<Int64>, hostOffset: Int64, at time: Int64
    ) {
        guard times.count > 0 else { return }
        let host = time.scaled(by: 27, over: 1_000)
        let (first, last) = (times[0], times[times.count - 1])
        let origin = self.origin ?? (host, last)
        self.origin = origin
        let allowed = holdBackTicks + WorldBounds.clockTicks
        for schedule in [first, last] {
            let due = schedule &+ hostOffset &- host
            if due.magnitude > allowed.magnitude {
                note(.clock, time, "a packet is due \(text(due)) from now by the engine's own "
                    + "clock, \(text(allowed)) allowed")
            }
            let ahead = (schedule &- origin.schedule) &- (host &- origin.host)
            if ahead.magnitude > allowed.magnitude {
                note(.line, time, "the schedule is \(text(ahead)) from where the host's clock "
                    + "would have it, \(text(allowed)) allowed")
            }
        }
        sent += Int64(bytes.count)
        judgeSize(bytes.count, last &- first, at: time)
    }

    private mutating func judgeSize(_ count: Int, _ span: Int64, at time: Int64) {
        let reach = (holdBackTicks + WorldBounds.clockTicks) / StreamTime.ticksPerSecond + 1
        let own = WorldBounds.tableBytes + muxBytes
        var (recent, all) = (Int64(0), Int64(0))
        for input in received.indices {
            recent += bytes(of: input, seconds: Int(reach), at: time)
            all += received[input].last ?? 0
        }
        let batch = WorldBounds.growth * recent + own * reach + WorldBounds.constantBytes
        if Int64(count) > batch {
            note(.batch, time, "a batch has \(count) bytes over \(text(span)) of the schedule, "
                + "\(batch) allowed")
        }
        let seconds = max(0, time / 1_000_000_000) + reach
        let total = WorldBounds.growth * all + own * seconds + WorldBounds.constantBytes
        if sent > total {
            note(.total, time, "the output has \(sent) bytes, the inputs \(all), "
                + "\(total) allowed")
        }
    }

    /// The engine keeps so many packets of an input.
    mutating func keep(_ packets: Int, of input: Int, at time: Int64) {
        let allowed = bytes(of: input, seconds: keptSeconds, at: time) / Int64(Packet.size) + 100
        if Int64(packets) > allowed {
            note(.kept, time, "\(packets) packets of input \(input) are kept, \(allowed) allowed")
        }
    }

    private mutating func note(_ kind: Kind, _ time: Int64, _ sentence: String) {
        guard broken.insert(kind).inserted else { return }
        failures.append("bound: \(sentence), at \(time / 1_000_000) ms")
    }

    private func text(_ ticks: Int64) -> String {
        "\(ticks / StreamTime.ticksPerMillisecond) ms"
    }
}
