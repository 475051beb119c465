// A channel on the air: its links, its engine, its outputs, on one event loop. Everything it owns
// is touched on that loop only; others talk to it by `perform` and read what it publishes.
//
//   tick      links ---> engine.receive      what has come since the last tick
//             engine.advance, drain ---> pacer
//   between   pacer ---> outputs             each datagram at its own time
//
// The loop sleeps until the next of both.

import Logging
import NIOCore
import SwitchEngine
import Synchronization

public final class ChannelRunner: @unchecked Sendable {
    // Unchecked: all but `published` is confined to `loop`.

    public let name: String
    let loop: any EventLoop
    let logger: Logger
    /// What is running; a reload changes it (ChannelRunner+Reload.swift).
    var plan: ChannelPlan
    var engine: Engine
    var inputs: [InputRunner]
    var outputs: [(name: String, output: any Output)] = []
    private var pacer: Pacer
    private let synchronizationSource: UInt32
    /// Where the output's place is noted as datagrams leave.
    private let state: StateFile?
    private var nextTick: Int64 = 0
    private(set) var isStopping = false
    private var stopped: EventLoopPromise<Void>
    private let published = Mutex(ChannelReport())
    private var nextStatus: Int64 = 0
    private var seamCount = 0
    private var lastSeam: SeamRecord?
    private var lastWay: (from: String, to: String)?

    /// What is due within so many nanoseconds, 1 ms, leaves with what is due now: waking for each
    /// datagram alone would cost more than all the rest.
    private static let earliness: Int64 = 1_000_000
    /// Status is published this often, nanoseconds.
    private static let statusPause: Int64 = 250_000_000

    /// Opens links and outputs.
    /// - Throws: the first that can not be opened at all.
    public init(_ plan: ChannelPlan, on loop: any EventLoop, logger: Logger) throws(IOFailure) {
        name = plan.name
        self.plan = plan
        self.loop = loop
        self.logger = logger
        var configuration = plan.engine
        configuration.lookahead = configuration.tick
        state = try plan.state.map { path throws(IOFailure) in try StateFile(path: path) }
        let saved = ChannelRunner.saved(state, plan, logger)
        engine = Engine(configuration, continuing: saved?.output)
        synchronizationSource = saved?.synchronizationSource ?? .random(in: .min ... .max)
        pacer = Pacer(firstSequence: saved?.nextSequence ?? .random(in: .min ... .max))
        state?.use(synchronizationSource: synchronizationSource)
        stopped = loop.makePromise()
        inputs = []
        for input in plan.inputs { inputs.append(try InputRunner(input)) }
        for output in plan.outputs { try add(output) }
        for input in inputs {
            for warning in input.warnings { logger.warning("\(warning)") }
        }
    }

    func add(_ output: OutputPlan) throws(IOFailure) {
        let made: any Output =
            switch output.address {
            case .datagrams(let address):
                try DatagramOutput(address, synchronizationSource: synchronizationSource)
            case .srt(let address): try SRTOutput(address)
            case .file(let path): try FileOutput(path: path)
            case .standardOutput: FileOutput(descriptor: 1, isOwned: false)
            }
        let way = output.impairment.map { ImpairedOutput(made, $0) as any Output } ?? made
        outputs.append((output.name, way))
    }

    /// Goes on the air.
    public func start() {
        loop.execute { self.wake() }
    }

    /// Sends what is held, up to the end of an access unit, and ends.
    @discardableResult
    public func stop() -> EventLoopFuture<Void> {
        loop.execute { self.drainAndEnd() }
        return stopped.futureResult
    }

    /// Succeeds when the channel has ended.
    public var ended: EventLoopFuture<Void> { stopped.futureResult }

    /// How the channel was a moment ago; callable from anywhere.
    public var status: ChannelReport { published.withLock { $0 } }

    // MARK: The loop

    private func wake() {
        let now = HostClock.now
        if now.nanoseconds >= nextTick { tick(at: now) }
        pacer.pace(to: now.nanoseconds + ChannelRunner.earliness) { packets, datagram in
            state?.note(packets, datagram)
            for index in outputs.indices { outputs[index].output.send(packets, datagram) }
        }
        // What does not fill a datagram leaves at the end only.
        if isStopping && pacer.waitingPackets < Pacer.packets { return end() }
        let next = min(nextTick, pacer.nextDue ?? .max)
        loop.scheduleTask(deadline: NIODeadline(MonotonicInstant(nanoseconds: next))) {
            self.wake()
        }
    }

    private func tick(at now: MonotonicInstant) {
        nextTick = now.nanoseconds + plan.engine.tick
        if !isStopping {
            for index in inputs.indices {
                inputs[index].poll(at: now) { bytes, arrival in
                    engine.receive(bytes, from: InputID(index), at: arrival)
                }
                if inputs[index].hasJustEnded { engine.end(of: InputID(index), at: now) }
            }
            engine.advance(to: now)
        }
        if plan.endsWithInputs && inputs.allSatisfy(\.hasEnded) { drainAndEnd() }
        drain()
        for index in outputs.indices { outputs[index].output.poll(at: now) }
        for event in engine.takeEvents() { take(event) }
        if now.nanoseconds >= nextStatus {
            nextStatus = now.nanoseconds + ChannelRunner.statusPause
            publish(at: now)
        }
    }

    /// The engine looks one tick ahead, so that each datagram is here before its own time.
    private func drain() {
        var due: [Int64] = []
        var bytes: [UInt8] = []
        engine.drain { packets, times in
            packets.withUnsafeBufferPointer { bytes = Array($0) }
            due = (0..<times.count).map { times[$0] }
        }
        guard !due.isEmpty else { return }
        for index in due.indices {
            due[index] = engine.hostTime(ofSchedule: due[index]).nanoseconds
        }
        pacer.append(bytes.span) { due[$0] }
    }

    private func drainAndEnd() {
        guard !isStopping else { return }
        isStopping = true
        engine.finish(at: HostClock.now)
        drain()
        for event in engine.takeEvents() { take(event) }
        for index in inputs.indices { inputs[index].close() }
    }

    private func end() {
        pacer.flush { packets, datagram in
            state?.note(packets, datagram)
            for index in outputs.indices { outputs[index].output.send(packets, datagram) }
        }
        let lingering = outputs.map(\.output.lingering).max() ?? 0
        loop.scheduleTask(in: .nanoseconds(lingering)) { self.close() }
    }

    private func close() {
        for index in outputs.indices { outputs[index].output.close() }
        state?.close()
        publish(at: HostClock.now)
        stopped.succeed()
    }

    // MARK: What is told

    func take(_ event: Event) {
        switch event {
        case .onAir(let input, _):
            logger.info("on air: \(inputName(input))")
        case .seam(let seam):
            seamCount += 1
            lastSeam = seam
            lastWay = (inputName(seam.from), inputName(seam.to))
            logger.notice(
                "seam \(seamCount) \(inputName(seam.from)) -> \(inputName(seam.to))",
                metadata: [
                    "level": "\(seam.level.rawValue)", "reason": "\(seam.reason.rawValue)",
                    "lost": "\(seam.framesLost)", "repeated": "\(seam.framesRepeated)",
                    "why": "\(seam.why)",
                ])
        case .faults(let input, let faults, _):
            if faults.isEmpty {
                logger.info("input \(inputName(input)) is sound")
            } else {
                let text = faults.map(\.rawValue).joined(separator: ", ")
                logger.warning("input \(inputName(input)): \(text)")
            }
        case .refused(let why, _): logger.warning("refused: \(why)")
        case .damagePassed(let input, let units, _):
            logger.warning("\(units) damaged access units of \(inputName(input)) went out")
        case .standstill: logger.error("no input brings packets: tables and PCRs go on")
        case .hold(let input, _):
            logger.notice("\(input.map { "held on " + inputName($0) } ?? "released")")
        }
    }

    private func inputName(_ input: InputID) -> String {
        engine.configuration.inputs[input.index].name
    }

    func publish(at now: MonotonicInstant) {
        let state = engine.status
        let status = ChannelReport(
            name: name, onAir: state.onAir.map(inputName), seams: seamCount, lastSeam: lastSeam,
            lastWay: lastWay, engine: state,
            inputs: inputs.indices.map { index in
                InputReport(
                    status: state.inputs[index], links: inputs[index].facts,
                    isOnAir: state.onAir == InputID(index))
            },
            outputs: outputs.map { OutputReport(name: $0.name, facts: $0.output.facts) })
        published.withLock { $0 = status }
    }
}
