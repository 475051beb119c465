// One simulated world: synthetic encoders, a network with faults, the real engine driven in virtual
// time exactly as a live driver would, and a judge behind it.
//
//   InputPath 0 ... n  ->  Engine  ->  StreamInspector, OutputReader  ->  WorldVerdict
//        \______ virtual clock ______/

import Conformance
import SwitchEngine
import TransportStream

/// Runs a world.
public struct World: ~Copyable {
    public let plan: WorldPlan
    var paths: [InputPath]
    var engine: Engine
    let judge: WorldJudge
    private var chance: SeededGenerator
    private var now: Int64 = 0
    private let commands: [(time: Int64, command: Command)]
    private var nextCommand = 0
    private var nextTick: Int64 = 0
    private var hasEnded: [Bool]
    /// Most packets that the engine kept of one input.
    private(set) var mostKept = 0
    private var steps = 0
    /// Datagrams that have come and are not handed over yet.
    private var waiting: [(index: Int, time: Int64, bytes: [UInt8])] = []

    public init(_ plan: WorldPlan) {
        self.plan = plan
        engine = Engine(plan.configuration)
        judge = WorldJudge(plan)
        chance = SeededGenerator(seed: plan.seed ^ 0x5EED)
        hasEnded = plan.inputs.map { _ in false }
        let switches = plan.commands.map { ($0.time, Command.switchTo($0.input)) }
        commands = (switches + plan.orders).sorted { $0.0 < $1.0 }
        paths = plan.inputs.enumerated().map { number, input in
            InputPath(
                input, number: number, end: plan.duration,
                chance: SeededGenerator(seed: plan.seed &* 31 &+ UInt64(number)))
        }
    }

    /// Runs a world to its end.
    public static func run(_ plan: WorldPlan) -> WorldVerdict {
        var world = World(plan)
        while world.step() {}
        return world.finish()
    }

    /// Goes on to the next thing that happens; false at the end.
    public mutating func step() -> Bool {
        var next: (time: Int64, index: Int)?
        for index in paths.indices {
            guard let time = paths[index].nextArrival else {
                end(index)
                continue
            }
            if next.map({ time < $0.time }) ?? true { next = (time, index) }
        }
        guard let (time, index) = next, time < plan.duration else { return false }
        let order = nextCommand < commands.count ? commands[nextCommand].time : Int64.max
        if let wake = nextWork(), wake < min(time, order) {
            now = max(min(wake + lag(), time), now + 1)
            engine.advance(to: instant)
            if let tick = plan.tick { nextTick = now + tick }
            handOver()
        } else if order <= time {
            let (moment, command) = commands[nextCommand]
            nextCommand += 1
            now = max(now, moment)
            engine.command(command, at: instant)
            engine.advance(to: instant)
        } else {
            now = max(now, time)
            deliver(index, time)
            // With a tick there is nothing to collect before it.
            if plan.tick != nil { return true }
        }
        collect()
        return true
    }

    private mutating func nextWork() -> Int64? {
        plan.tick == nil ? engine.nextWakeup?.nanoseconds : nextTick
    }

    private mutating func lag() -> Int64 {
        plan.driverLag > 0 ? Int64(chance.next() % UInt64(plan.driverLag)) : 0
    }

    private mutating func deliver(_ index: Int, _ time: Int64) {
        // What came before the channel was there is gone.
        guard let datagram = paths[index].take(), time >= 0 else { return }
        judge.bounds.receive(datagram.bytes.count, of: index, at: time)
        guard !plan.collects else { return waiting.append((index, time, datagram.bytes)) }
        engine.receive(datagram.bytes.span, from: InputID(index), at: instant)
        if plan.tick == nil { engine.advance(to: instant) }
    }

    private mutating func handOver() {
        for (index, time, bytes) in waiting {
            engine.receive(
                bytes.span, from: InputID(index), at: MonotonicInstant(nanoseconds: time))
        }
        waiting.removeAll()
    }

    private var instant: MonotonicInstant { MonotonicInstant(nanoseconds: now) }

    private mutating func end(_ index: Int) {
        guard !hasEnded[index] else { return }
        hasEnded[index] = true
        // Who vanished does not say so: the engine must find out, and knows of no whole end.
        let hasVanished = plan.inputs[index].episodes.contains { episode in
            // The last datagram came some time before the silence.
            guard episode.start <= now + 1_000_000_000, now < episode.end else { return false }
            return switch episode.kind {
            case .vanish, .clog, .restart: true
            default: false
            }
        }
        if hasVanished { return }
        handOver()
        judge.isEnding = true
        engine.end(of: InputID(index), at: instant)
    }

    private mutating func collect() {
        steps += 1
        judge.learn(paths)
        if engine.pendingBytes > 0 {
            let (time, offset, judge) = (now, engine.hostOffset, judge)
            engine.drain { bytes, times in
                judge.bounds.take(bytes, times, hostOffset: offset, at: time)
                judge.take(bytes, times, at: time)
            }
        }
        judge.take(engine.takeEvents())
        guard steps % 64 == 0 else { return }
        for index in paths.indices {
            let kept = engine.status(of: InputID(index)).keptPackets
            judge.bounds.keep(kept, of: index, at: now)
            mostKept = max(mostKept, kept)
        }
    }

    /// Ends the run and judges it.
    public mutating func finish() -> WorldVerdict {
        handOver()
        for index in paths.indices { end(index) }
        engine.finish(at: instant)
        collect()
        var verdict = judge.finish()
        verdict.mostKeptPackets = mostKept
        verdict.holdBack = engine.configuration.holdBack
        return verdict
    }
}
