// The engine: bytes and `now` in, packets, events and one next wake-up out. It does no I/O, reads
// no clock, draws no random number, starts no task; the live daemon, the rehearsal and the
// simulator drive the same one.
//
// The way of a packet:
//
//   receive   InputTimeline    framed, demuxed, kept; stamped with τ when the next PCR comes
//   advance   assess           what is wrong with which input
//             decide           stay, or wish for another input (Policy)
//             join             the planner looks for the seam; the plan becomes two segments (Seam)
//             release          what is due leaves by τ + shift (Restamp), on the schedule (Pace)
//   drain     OutputBatch      188-byte packets with their schedule times

import TransportStream

public struct Engine: ~Copyable {
    public internal(set) var configuration: ChannelConfiguration
    var inputs: [TimelineBox]
    var states: [InputState]
    var restamper: Restamper
    var clock = OutputClock()
    var wish: Wish?
    /// The input that an operator chose and that is on air for it.
    var operatorChoice: Int?
    /// A point of the output's picture grid and its frame duration, 27 MHz ticks, where frames last
    /// no whole ticks of 90 kHz.
    var pictureGrid: (origin: Int64, frameTicks: Int64)?
    /// The end of a segment whose input broke off, as the planner saw it last.
    var sideLeft: (input: Int, epoch: Int, side: SeamSide)?
    /// What left before the input on air of what that has not.
    var sentBefore = SentBefore()
    var now = MonotonicInstant(nanoseconds: 0)
    var events: [Event] = []
    var usableSince: Int64?
    /// The input that stays on air whatever happens.
    var held: Int?
    var appointments: [Appointment] = []
    var appointmentCount = 0
    var pendingCue: PendingCue?
    var cueBreak: CueBreak?
    /// The next section of each input to be looked at for cues.
    var cueCursors: [Int]
    /// Seams so far by their level, and the last of them.
    var seamCounts: [SeamLevel: Int64] = [:]
    var lastSeam: SeamRecord?
    /// A seam that has been decided, and waits for its sound to be told.
    var seamUntold: UntoldSeam?
    var nextAssessment: Int64 = .min
    private var lastAdvance: Int64 = 0
    private var damageReported = DamageCount()
    /// Where the output was before this engine; nil where it begins.
    let resumed: OutputState?
    var isStandingStill = false
    var isFinished = false

    /// - Parameter state: what was sent before, by another engine: PIDs, counters and tables go on,
    ///   and the schedule stands where it would if there had been no break.
    public init(_ configuration: ChannelConfiguration, continuing state: OutputState? = nil) {
        precondition(!configuration.inputs.isEmpty && configuration.inputs.count <= 64)
        self.configuration = configuration
        inputs = configuration.inputs.map { TimelineBox(program: $0.program) }
        states = configuration.inputs.map { _ in InputState() }
        cueCursors = configuration.inputs.map { _ in 0 }
        restamper = Restamper(muxRate: configuration.muxRate, continuing: state)
        resumed = state
    }

    /// Takes bytes of an input: whole packets or pieces, in the order in which they came.
    /// - Parameter instant: when they came. A driver that collects links in batches gives each its
    ///   own time, which may be before that of other inputs or of the last `advance`; it hands over
    ///   what has come before it advances, or late packets pass for missing ones.
    public mutating func receive(
        _ bytes: Span<UInt8>, from input: InputID, at instant: MonotonicInstant
    ) {
        now = max(now, instant)
        let index = input.index
        let arrival = max(instant.ticks, states[index].lastArrivalTicks)
        states[index].lastArrivalTicks = arrival
        if states[index].isSilent || states[index].hasEnded {
            // Health of the connection before says nothing of this one.
            let hasRunOn = isStandingStill && restamper.segments.contains { $0.input == index }
            inputs[index].timeline.resume(isNew: states[index].hasEnded || hasRunOn)
            states[index].resume(at: arrival)
        }
        inputs[index].timeline.receive(bytes, at: arrival)
    }

    /// The input has come to its end on purpose: nothing of it is missing.
    public mutating func end(of input: InputID, at instant: MonotonicInstant) {
        now = max(now, instant)
        inputs[input.index].timeline.finish(at: now.ticks)
        states[input.index].hasEnded = true
        nextAssessment = .min
    }

    /// Does what is due at `instant`.
    public mutating func advance(to instant: MonotonicInstant) {
        now = max(now, instant)
        lastAdvance = now.ticks
        settleSound()
        if now.ticks >= nextAssessment {
            nextAssessment = now.ticks + Engine.assessmentTicks
            assess()
            watchCues()
            if restamper.segments.isEmpty {
                begin()
            } else {
                decide()
                join()
            }
            noteSoundEnds()
            trim()
            dropInputsLeft()
        }
        release()
    }

    /// Nothing more will be received: all that is there leaves. Of an input that has not come to
    /// its end, the units that are open stay: what of them is there may not be all.
    public mutating func finish(at instant: MonotonicInstant) {
        nextAssessment = .min
        advance(to: instant)
        isFinished = true
        for index in inputs.indices where !states[index].hasEnded && !isGone(index) {
            inputs[index].timeline.stampTail()
        }
        if restamper.segments.isEmpty { begin() }
        closeSegments()
        restamper.release(upTo: .max, inputs)
        restamper.schedule.close(in: &restamper.batch, &restamper.program)
        noteDamage()
        tellSeam()
    }

    /// Whether an input is silent: the time of what came last of it has passed.
    private func isGone(_ index: Int) -> Bool { states[index].isSilent || isStandingStill }

    /// Gives the packets that are ready, and forgets them.
    /// - Parameter body: called once with whole packets and their times on the output's schedule,
    ///   27 MHz ticks.
    public mutating func drain(_ body: (Span<UInt8>, Span<Int64>) -> Void) {
        guard !restamper.batch.times.isEmpty else { return }
        body(restamper.batch.bytes.span, restamper.batch.times.span)
        restamper.batch.removeAll()
    }

    /// Bytes that `drain` would give.
    public var pendingBytes: Int { restamper.batch.bytes.count }

    /// What to add to a schedule time of `drain` for the time of the host's clock when the packet
    /// is due, 27 MHz ticks. To be asked when it is drained: the clock of the input on air is
    /// followed, so the answer drifts.
    public var hostOffset: Int64 { clock.hostTicks(of: 0) }

    /// Gives the events since the last call.
    public mutating func takeEvents() -> [Event] {
        defer { events.removeAll() }
        return events
    }

    /// When `advance` has something to do next if nothing arrives before; nil for never.
    public var nextWakeup: MonotonicInstant? { mutating get { wakeup() } }

    /// The input on air; nil before the first.
    public var onAir: InputID? { restamper.segments.last.map { InputID($0.input) } }

    // MARK: Release

    /// Sends what the output's clock has come to.
    private mutating func release() {
        stampAhead()
        guard !restamper.segments.isEmpty else { return }
        follow()
        let time = releaseTime()
        restamper.release(upTo: time, inputs)
        noteDamage()
        guard let last = restamper.schedule.last ?? clock.firstDue else { return }
        if let next = restamper.nextTime {
            // The schedule is known to go on: tables and PCRs before the next packet are due.
            isStandingStill = false
            guard restamper.schedule.last != nil else { return }
            restamper.schedule.run(
                to: min(time, next - 1), in: &restamper.batch, &restamper.program)
        } else if isStandingStill || time - last > configuration.standstill.asTicks {
            if !isStandingStill {
                isStandingStill = true
                events.append(.standstill(at: now))
            }
            switch configuration.standstillMode {
            case .tables:
                restamper.schedule.run(to: time, in: &restamper.batch, &restamper.program)
            case .silence:
                // What has been sent may be the end.
                restamper.schedule.close(in: &restamper.batch, &restamper.program)
                restamper.schedule.pass(to: time)
            }
        }
    }

    /// Output time up to which packets leave now.
    mutating func releaseTime() -> Int64 { clock.time(at: now.ticks + lookaheadTicks) }

    /// What leaves ahead of its time is taken off the hold-back: no more than that can be.
    private var lookaheadTicks: Int64 {
        min(configuration.lookahead, configuration.holdBack).asTicks
    }

    /// Where an input's PCR stays away, what is about to leave gets its times without it; of inputs
    /// off air, what would leave by now.
    private mutating func stampAhead() {
        let holdBack = configuration.holdBack.asTicks
        let time = releaseTime()
        for index in inputs.indices {
            guard let offset = inputs[index].timeline.clock.hostOffset else { continue }
            var limit = now.ticks + lookaheadTicks - holdBack
            for segment in restamper.segments where segment.input == index {
                limit = max(limit, time - segment.shift + offset)
            }
            inputs[index].timeline.stampAhead(arrivedBefore: limit + Engine.stampMarginTicks)
        }
    }

    /// Packets get their times so long before they leave, 100 ms: a seam before them must still be
    /// possible.
    static let stampMarginTicks: Int64 = 100 * StreamTime.ticksPerMillisecond

    /// An input's clock is not believed any more when the output's can not follow it by this, 4 s.
    static let disbeliefTicks: Int64 = 4 * StreamTime.ticksPerSecond

    /// … less what the hold-back is beyond its target, but one second at least.
    var patienceTicks: Int64 {
        let surplus = max(0, clock.holdBackTicks - configuration.holdBack.asTicks)
        return max(Engine.disbeliefTicks - surplus, StreamTime.ticksPerSecond)
    }

    /// Keeps the output's clock on that of the input on air. Where that is no clock, the line is
    /// broken, and a new one is joined to it.
    private mutating func follow() {
        guard let last = restamper.segments.indices.last else { return }
        let input = restamper.segments[last].input
        let shift = restamper.segments[last].shift
        let number = restamper.segments[last].epoch.number
        var rest: Int64 = 0
        if inputs[input].timeline.epochNumber == number {
            guard let offset = inputs[input].timeline.clock.hostOffset else { return }
            rest = clock.follow(hostOffset: offset, shift: shift, at: now.ticks)
        } else {
            // It may have run away and broken off in one burst.
            guard let offset = inputs[input].timeline.epoch(number: number)?.hostOffset
            else { return }
            rest = clock.distance(hostOffset: offset, shift: shift)
        }
        guard abs(rest) > patienceTicks, inputs[input].timeline.breakRunaway(epoch: number)
        else { return }
        nextAssessment = .min
    }

    private mutating func noteDamage() {
        let units = restamper.damagedSent.all - damageReported.all
        let data = restamper.damagedSent.data - damageReported.data
        guard units > 0, let segment = restamper.segments.first else { return }
        damageReported = restamper.damagedSent
        events.append(.damagePassed(InputID(segment.input), units: units, data: data, at: now))
    }

    private mutating func trim() {
        // Behind a seam the output may be further back than was asked for.
        let holdBack = max(configuration.holdBack.asTicks, clock.holdBackTicks)
        for index in inputs.indices {
            var needed = Int.max
            for segment in restamper.segments where segment.input == index {
                needed = min(needed, segment.cursor)
            }
            let ticks = max(
                holdBack + configuration.preRoll.asTicks,
                holdBack + 2 * states[index].entryDistance, entryAge(index))
            inputs[index].timeline.trim(arrivedBefore: now.ticks - ticks, needed: needed)
        }
    }

    /// How long ago the newest random access picture of an input began, 27 MHz ticks: without it
    /// the input could not be gone to. 0 where it is too old to be kept for.
    private func entryAge(_ index: Int) -> Int64 {
        guard let entry = inputs[index].timeline.health.lastRandomAccessTicks else { return 0 }
        let age = now.ticks - entry + Engine.stampMarginTicks
        return age <= InputState.entryDistanceLimit ? age : 0
    }

    // MARK: Wake-up

    private mutating func wakeup() -> MonotonicInstant? {
        var next = Int64.max
        let isActive = restamper.segments.isEmpty
            ? inputs.contains { $0.timeline.health.lastPayloadTicks != nil } && !isFinished : true
        if isActive { next = nextAssessment == .min ? now.ticks : nextAssessment }
        if let due = restamper.nextTime {
            next = min(next, clock.hostTicks(of: due) - lookaheadTicks)
        }
        guard next != .max else { return nil }
        return MonotonicInstant(ticks: max(next, lastAdvance + tickTicks))
    }

    /// Work is done at our own pace: not more often than this.
    private var tickTicks: Int64 { configuration.tick.asTicks }
    /// How often inputs are looked at and seams are looked for, 20 ms: a tenth of the shortest
    /// threshold.
    static let assessmentTicks: Int64 = 20 * StreamTime.ticksPerMillisecond
}
