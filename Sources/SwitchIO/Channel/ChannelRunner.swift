// A channel on the air: its links, its engine, its outputs, on one event loop. Everything it owns
// is touched on that loop only; others talk to it by `perform` and read what it publishes.
//
//   tick      links ---> engine.receive      what has come since the last tick
//             engine.advance, drain ---> pacer
//   between   pacer ---> outputs             each datagram at its own time
//
// The loop sleeps until the next of both; a tick comes with a datagram that is due near it.

import Dispatch
import Logging
import NIOCore
import Packaging
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
    var pacer: Pacer
    /// Slates that are yet to be made like what goes out.
    private var watchers: [any Link] = []
    private let synchronizationSource: UInt32
    /// Where the output's place is noted as datagrams leave.
    let state: StateFile?
    private let tickNanoseconds: Int64
    private var nextTick: Int64 = 0
    /// Nothing comes in any more.
    var isStopping = false
    /// When what is held then is dropped, host nanoseconds; nil while nobody has said to stop.
    var sendingEnd: Int64?
    /// Outputs that are closed and not done yet.
    let unfinished = Mutex<[Unfinished]>([])
    /// How far the output is to run behind, nanoseconds.
    public let holdBack: Int64
    private var isHoldBackOff = false
    let stopped: EventLoopPromise<Void>
    private let published = Mutex(ChannelReport())
    private var nextStatus: Int64 = 0
    private var seamCount = 0
    private var lastSeam: SeamRecord?
    private var lastWay: (from: String, to: String)?
    /// What was wrong with outputs when it was last told, by name.
    private var troubles: [String: String] = [:]

    /// A tick comes so much earlier or later with a datagram, 1 ms: waking costs more than the
    /// rest.
    private static let tickSlack: Int64 = 1_000_000
    /// The engine works this often, 10 ms: the kernel has the arrival times, and the pacer what is
    /// due until the next tick, so nobody sees it.
    private static let tick: Int64 = 10_000_000
    /// Where the hold-back is shorter than four of those, what comes in must not wait: 1 ms.
    private static let shortTick: Int64 = 1_000_000
    /// Status is published this often, nanoseconds.
    private static let statusPause: Int64 = 250_000_000

    /// Opens links and outputs.
    /// - Throws: the first that can not be opened at all.
    public init(_ plan: ChannelPlan, on loop: any EventLoop, logger: Logger) throws(IOFailure) {
        name = plan.name
        holdBack = plan.engine.holdBack
        self.plan = plan
        self.loop = loop
        self.logger = logger
        var configuration = plan.engine
        let isShort = configuration.holdBack < 4 * ChannelRunner.tick
        configuration.tick = isShort ? ChannelRunner.shortTick : ChannelRunner.tick
        tickNanoseconds = configuration.tick
        // What the pacer is to send until the next tick, however late, is there.
        configuration.lookahead = tickNanoseconds + 2 * ChannelRunner.tickSlack
        state = try plan.state.map { path throws(IOFailure) in try StateFile(path: path) }
        let saved = ChannelRunner.saved(state, plan, logger)
        engine = Engine(configuration, continuing: saved?.output)
        synchronizationSource = saved?.synchronizationSource ?? .random(in: .min ... .max)
        pacer = Pacer(firstSequence: saved?.nextSequence ?? .random(in: .min ... .max))
        pacer.burst = plan.burst
        state?.use(synchronizationSource: synchronizationSource)
        stopped = loop.makePromise()
        inputs = []
        do throws(IOFailure) {
            for input in plan.inputs { inputs.append(try InputRunner(input)) }
            for output in plan.outputs { try add(output, at: output.address) }
        } catch {
            // NIO ends a process that forgets a promise, in debug builds.
            stopped.fail(error)
            throw error
        }
        for input in inputs {
            for warning in input.warnings { logger.warning("\(warning)") }
        }
    }

    /// - Parameter address: the output's own, with numbers for names where the loop calls.
    func add(_ output: OutputPlan, at address: OutputAddress) throws(IOFailure) {
        let made: any Output =
            switch address {
            case .datagrams(let address):
                try DatagramOutput(address, synchronizationSource: synchronizationSource)
            case .srt(let address): try SRTOutput(address)
            case .file(let path): try FileOutput(path: path)
            case .standardOutput: FileOutput(descriptor: 1, isOwned: false)
            case .media(let target): try MediaOutput(target)
            case .hls(let target): try StorageOutput(target)
            case .record(let target): try StorageOutput(target, channel: name)
            }
        let way = output.impairment.map { ImpairedOutput(made, $0) as any Output } ?? made
        outputs.append((output.name, way))
    }

    /// Goes on the air.
    public func start() {
        loop.execute { LoopAlarm.of(self.loop).wake(self) }
    }

    /// Succeeds when the channel has ended.
    public var ended: EventLoopFuture<Void> { stopped.futureResult }

    /// How the channel was a moment ago; callable from anywhere.
    public var status: ChannelReport { published.withLock { $0 } }

    // MARK: The loop

    /// Does what is due.
    /// - Returns: when there is more to do, host nanoseconds; nil when the channel has ended.
    func wake() -> Int64? {
        let now = HostClock.now
        if now.nanoseconds + ChannelRunner.tickSlack >= nextTick { tick(at: now) }
        pacer.pace(to: now.nanoseconds, send)
        flushOutputs()
        if let sendingEnd, now.nanoseconds >= sendingEnd { dropRest() }
        // What does not fill a datagram leaves at the end only.
        if isStopping && pacer.waitingPackets < Pacer.packets {
            end()
            return nil
        }
        if let due = pacer.nextDue, due < nextTick + ChannelRunner.tickSlack { return due }
        return nextTick
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        state?.note(packets, datagram)
        for watcher in watchers { watcher.watch(packets) }
        for index in outputs.indices { outputs[index].output.send(packets, datagram) }
    }

    func flushOutputs() {
        for index in outputs.indices { outputs[index].output.flush() }
    }

    private func tick(at now: MonotonicInstant) {
        nextTick = now.nanoseconds + tickNanoseconds
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
        watchers.removeAll(keepingCapacity: true)
        for input in inputs { input.addWatchers(to: &watchers) }
        for index in outputs.indices { outputs[index].output.poll(at: now) }
        for event in engine.takeEvents() { take(event) }
        if now.nanoseconds >= nextStatus {
            nextStatus = now.nanoseconds + ChannelRunner.statusPause
            publish(at: now)
            tellNotes()
            lookAfterState()
        }
    }

    /// The engine looks one tick ahead, so that each datagram is here before its own time.
    func drain() {
        let offset = engine.hostOffset
        engine.drain { packets, times in
            pacer.append(packets, schedule: times, hostOffset: offset)
        }
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
            note(.seam(record(of: seam), presentation: seam.presentation))
            logger.notice(
                "seam \(seamCount) \(inputName(seam.from)) -> \(inputName(seam.to))",
                metadata: [
                    "level": "\(seam.level.rawValue)", "reason": "\(seam.reason.rawValue)",
                    "lost": "\(seam.framesLost)", "repeated": "\(seam.framesRepeated)",
                    "why": "\(seam.why)",
                ])
            tellHoldBack(seam.holdBack)
        case .faults(let input, let faults, _):
            if faults.isEmpty {
                logger.info("input \(inputName(input)) is sound")
            } else {
                let text = faults.map(\.rawValue).joined(separator: ", ")
                logger.warning("input \(inputName(input)): \(text)")
            }
        case .refused(let why, _): logger.warning("refused: \(why)")
        case .damagePassed(let input, let units, let data, _):
            note(.damage(units: units))
            let kind = data > 0 ? ", \(data) of them data" : ""
            logger.warning("\(units) damaged access units of \(inputName(input)) went out\(kind)")
        case .standstill:
            note(.standstill)
            let meaning = engine.configuration.standstillMode.meaning
            logger.error("no input brings packets: \(meaning)")
        case .hold(let input, _):
            logger.notice("\(input.map { "held on " + inputName($0) } ?? "released")")
        }
    }

    /// Tells when the hold-back leaves its target at a seam, and when it is back.
    private func tellHoldBack(_ nanoseconds: Int64) {
        let isOff = abs(nanoseconds - holdBack) > ChannelStatus.holdBackTolerance
        guard isOff || isHoldBackOff else { return }
        isHoldBackOff = isOff
        func text(_ time: Int64) -> String {
            "\(time / 1_000_000_000).\(time / 100_000_000 % 10) s"
        }
        let (seconds, target) = (text(nanoseconds), text(holdBack))
        logger.notice(
            isOff ? "the output runs \(seconds) behind, \(target) is its hold-back"
                : "the output runs \(seconds) behind, as it is to")
    }

    private func tellNotes() {
        for (index, input) in inputs.enumerated() {
            for note in input.takeNotes() {
                logger.warning("input \(inputName(InputID(index))): \(note)")
            }
        }
    }

    private func note(_ mark: OutputMark) {
        for index in outputs.indices { outputs[index].output.note(mark) }
    }

    private func record(of seam: SeamRecord) -> RecordingIndex.Seam {
        RecordingIndex.Seam(
            from: inputName(seam.from), to: inputName(seam.to), reason: seam.reason.rawValue,
            level: seam.level.rawValue, framesLost: seam.framesLost,
            framesRepeated: seam.framesRepeated, audioGapTicks: seam.audioGap, why: seam.why)
    }

    /// What an output can not do is said once, and that it can again.
    private func tellTroubles(_ reports: [OutputReport]) {
        for report in reports where report.facts.trouble != troubles[report.name] {
            if let trouble = report.facts.trouble {
                if troubles[report.name] == nil {
                    logger.error("channel \(name): output \(report.name): \(trouble)")
                }
            } else {
                logger.notice(
                    "channel \(name): output \(report.name) goes on",
                    metadata: ["lost": "\(report.facts.dropped) datagrams so far"])
            }
            troubles[report.name] = report.facts.trouble
        }
    }

    private func inputName(_ input: InputID) -> String {
        engine.configuration.inputs[input.index].name
    }

    func publish(at now: MonotonicInstant) {
        let state = engine.status
        let reports = outputs.indices.map { index in
            OutputReport(
                name: outputs[index].name,
                address: plan.outputs.indices.contains(index) ? plan.outputs[index].address : nil,
                facts: outputs[index].output.facts)
        }
        tellTroubles(reports)
        let status = ChannelReport(
            name: name, onAir: state.onAir.map(inputName), seams: seamCount, lastSeam: lastSeam,
            lastWay: lastWay, engine: state,
            inputs: inputs.indices.map { index in
                InputReport(
                    status: state.inputs[index], links: inputs[index].facts,
                    isOnAir: state.onAir == InputID(index))
            },
            outputs: reports)
        published.withLock { $0 = status }
    }
}
