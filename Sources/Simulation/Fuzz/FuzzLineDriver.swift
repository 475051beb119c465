// Bytes of inputs as a line brings them: pieces of one size, at a rate of the line's own, with
// stalls and the bursts behind them. The engine has to find the packets, as on the air; a rehearsal
// finds them before.

import SwitchEngine
import TransportStream

struct FuzzLineDriver: FuzzDriver, ~Copyable {
    private struct Source {
        let bytes: [UInt8]
        let delay: Int64
        let bitsPerSecond: Int64
        var position = 0
        /// Held up until then, nanoseconds.
        var heldUntil: Int64 = 0
        var isDropped = false
        var lossPerMillion = 0
        var loss = SeededGenerator(seed: 0)
        var hasEnded = false

        /// When the next piece comes; nil at the end.
        var nextTime: Int64? {
            guard position < bytes.count else { return nil }
            let sent = (Int64(position) * 8).scaled(by: 1_000_000_000, over: bitsPerSecond)
            return max(delay + sent, heldUntil)
        }
    }

    private var engine: Engine
    private var sources: [Source]
    private let line: FuzzLine
    private var chance: SeededGenerator
    private let script: [RehearsalEvent]
    private var nextEvent = 0
    private(set) var now = MonotonicInstant(nanoseconds: 0)

    init(_ plan: FuzzPlan, _ line: FuzzLine, inputs: [[UInt8]]) {
        self.line = line
        engine = Engine(plan.configuration)
        chance = SeededGenerator(seed: line.seed)
        script = plan.script.sorted { $0.time < $1.time }
        sources = zip(inputs, plan.inputs).map { bytes, input in
            // By its own clock, as far as it has one.
            let rate = FuzzPlan.rate(Mutant(bytes: bytes))
            return Source(
                bytes: bytes, delay: input.delay,
                bitsPerSecond: max(rate.scaled(by: Int64(line.rate), over: 1_000_000), 50_000))
        }
    }

    var bytesRead: Int { sources.reduce(0) { $0 + $1.position } }

    mutating func drain(into judge: inout FuzzJudge) { judge.drain(&engine, at: now) }

    mutating func step() -> Bool {
        var next: (time: Int64, index: Int)?
        for index in sources.indices {
            guard let time = sources[index].nextTime else {
                end(index)
                continue
            }
            if next.map({ time < $0.time }) ?? true { next = (time, index) }
        }
        guard let (time, index) = next else {
            engine.finish(at: now)
            return false
        }
        let event = nextEvent < script.count ? script[nextEvent].time : Int64.max
        if let wake = engine.nextWakeup?.nanoseconds, wake < min(time, event) {
            move(to: wake)
            engine.advance(to: now)
        } else if event <= time {
            move(to: event)
            perform(script[nextEvent].action)
            nextEvent += 1
            engine.advance(to: now)
        } else {
            move(to: time)
            deliver(index)
        }
        return true
    }

    private mutating func move(to time: Int64) {
        now = MonotonicInstant(nanoseconds: max(time, now.nanoseconds))
    }

    private mutating func end(_ index: Int) {
        guard !sources[index].hasEnded else { return }
        sources[index].hasEnded = true
        if !sources[index].isDropped { engine.end(of: InputID(index), at: now) }
    }

    private mutating func deliver(_ index: Int) {
        let start = sources[index].position
        let end = min(start + line.pieceBytes, sources[index].bytes.count)
        sources[index].position = end
        if chance.happens(perMillion: line.stalls) {
            let length = 1 + chance.next() % UInt64(max(line.longestStall, 1))
            sources[index].heldUntil = now.nanoseconds + Int64(length)
        }
        guard !sources[index].isDropped,
            !sources[index].loss.happens(perMillion: sources[index].lossPerMillion)
        else { return }
        let bytes = sources[index].bytes
        engine.receive(bytes.span.extracting(start..<end), from: InputID(index), at: now)
    }

    private mutating func perform(_ action: RehearsalEvent.Action) {
        switch action {
        case .drop(let input): sources[input.index].isDropped = true
        case .restore(let input): sources[input.index].isDropped = false
        case .command(let command): engine.command(command, at: now)
        case .loss(let input, let share, let seed):
            sources[input.index].lossPerMillion = share
            sources[input.index].loss = SeededGenerator(seed: seed)
        }
    }
}
