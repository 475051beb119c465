// A rehearsal: recordings played through the real engine in virtual time, with a script of faults.
//
//   recordings -> PacedReader -> script (drop, loss) -> Engine -> packets
//                        \________ virtual clock ________/
//
// The clock jumps from one thing that happens to the next, so an hour takes seconds. Reading and
// writing files is the caller's business.

import SwitchEngine
import TransportStream

/// One thing that the script lets happen.
public struct RehearsalEvent: Sendable, Equatable {
    public enum Action: Sendable, Equatable {
        /// The input's packets are lost from here on.
        case drop(InputID)
        /// They come again.
        case restore(InputID)
        /// An operator's wish.
        case command(Command)
        /// From here on a share of the input's packets is lost, in parts of a million; 0 ends it.
        case loss(InputID, perMillion: Int, seed: UInt64)
    }
    /// Virtual time in nanoseconds.
    public var time: Int64
    public var action: Action

    public init(time: Int64, action: Action) {
        self.time = time
        self.action = action
    }
}

public struct Rehearsal: ~Copyable {
    /// One recording.
    public struct Source {
        /// Nanoseconds that its first packet comes after virtual time 0.
        public var delay: Int64
        /// Puts the next bytes into places of the buffer, from the first on, and returns how many;
        /// 0 at the end.
        public var read: (inout [UInt8], _ places: Range<Int>) -> Int

        public init(
            delay: Int64, read: @escaping (inout [UInt8], _ places: Range<Int>) -> Int
        ) {
            self.delay = delay
            self.read = read
        }
    }

    private struct Track {
        var reader: PacedReader
        var source: Source
        var isDropped = false
        var lossPerMillion = 0
        var chance = SeededGenerator(seed: 0)
        var hasEnded = false
    }

    /// Packets that are due within this of the first are handed over with it, as a sender fills a
    /// datagram: 5 ms in 27 MHz ticks. A PCR always ends such a batch, so its arrival is exact.
    static let gatherTicks: Int64 = 135_000

    public var engine: Engine
    private var tracks: [Track]
    private var script: [RehearsalEvent]
    private var nextEvent = 0
    /// The engine's next wake-up, until something changes it.
    private var wake: MonotonicInstant?
    /// Virtual time.
    public private(set) var now = MonotonicInstant(nanoseconds: 0)

    /// - Parameters:
    ///   - sources: one for each input of the configuration, in its order.
    ///   - state: what another engine sent before; nil for a begin.
    public init(
        _ configuration: ChannelConfiguration, sources: [Source], script: [RehearsalEvent],
        continuing state: OutputState? = nil
    ) {
        precondition(sources.count == configuration.inputs.count)
        engine = Engine(configuration, continuing: state)
        tracks = zip(sources, configuration.inputs).map { source, input in
            Track(reader: PacedReader(program: input.program), source: source)
        }
        self.script = script.sorted { $0.time < $1.time }
    }

    /// Bytes that were in no packet and the place of the first packet, of an input.
    public func framing(of input: InputID) -> PacketFraming {
        tracks[input.index].reader.framingFacts
    }

    /// Goes on to the next thing that happens.
    /// - Returns: false when all recordings are at their end and all is sent.
    public mutating func step() -> Bool {
        for index in tracks.indices { fill(index) }
        var next: (time: Int64, index: Int)?
        for index in tracks.indices {
            guard let time = arrival(index) else { continue }
            if next.map({ time < $0.time }) ?? true { next = (time, index) }
        }
        let event = nextEvent < script.count ? script[nextEvent].time : Int64.max
        guard let (time, index) = next else {
            engine.finish(at: now)
            return false
        }
        let wake = self.wake ?? engine.nextWakeup
        self.wake = wake
        if let wake, wake.nanoseconds < min(time, event) {
            move(to: wake.nanoseconds)
            engine.advance(to: now)
            self.wake = nil
            return true
        }
        if event <= time {
            move(to: event)
            perform(script[nextEvent].action)
            nextEvent += 1
            return true
        }
        let limit = min(event, wake?.nanoseconds ?? .max)
        deliver(index, before: limit)
        return true
    }

    private mutating func move(to time: Int64) {
        now = MonotonicInstant(nanoseconds: max(time, now.nanoseconds))
    }

    private func arrival(_ index: Int) -> Int64? {
        tracks[index].reader.nextTime.map {
            tracks[index].source.delay + $0.scaled(by: 1000, over: 27)
        }
    }

    private mutating func fill(_ index: Int) {
        while tracks[index].reader.needsBytes {
            tracks[index].reader.read(from: tracks[index].source.read)
        }
        if tracks[index].reader.isAtEnd && !tracks[index].hasEnded {
            tracks[index].hasEnded = true
            if !tracks[index].isDropped { engine.end(of: InputID(index), at: now) }
        }
    }

    /// Hands over the input's next packets, up to a host time.
    private mutating func deliver(_ index: Int, before limit: Int64) {
        let delay = tracks[index].source.delay
        let first = tracks[index].reader.nextTime ?? 0
        let horizon = limit == .max ? .max : (limit - delay).scaled(by: 27, over: 1000)
        guard let batch = tracks[index].reader.take(
            before: min(first + Rehearsal.gatherTicks, horizon))
        else { return }
        move(to: delay + batch.time.scaled(by: 1000, over: 27))
        guard !tracks[index].isDropped else { return }
        let bytes = tracks[index].reader.bytes
        if tracks[index].lossPerMillion == 0 {
            engine.receive(bytes.span.extracting(batch.range), from: InputID(index), at: now)
        } else {
            let kept = thinned(bytes, batch.range, index)
            if !kept.isEmpty { engine.receive(kept.span, from: InputID(index), at: now) }
        }
        if wake == nil { wake = engine.nextWakeup }
    }

    /// The packets that loss leaves.
    private mutating func thinned(_ bytes: [UInt8], _ range: Range<Int>, _ index: Int) -> [UInt8] {
        var kept: [UInt8] = []
        for at in stride(from: range.lowerBound, to: range.upperBound, by: Packet.size)
        where !tracks[index].chance.happens(perMillion: tracks[index].lossPerMillion) {
            kept += bytes[at..<(at + Packet.size)]
        }
        return kept
    }

    private mutating func perform(_ action: RehearsalEvent.Action) {
        switch action {
        case .drop(let input): tracks[input.index].isDropped = true
        case .restore(let input): tracks[input.index].isDropped = false
        case .command(let command): engine.command(command, at: now)
        case .loss(let input, let share, let seed):
            tracks[input.index].lossPerMillion = share
            tracks[input.index].chance = SeededGenerator(seed: seed)
        }
        engine.advance(to: now)
        wake = nil
    }
}
