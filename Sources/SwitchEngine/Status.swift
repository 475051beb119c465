// How the channel and its inputs are, for a status line, an API and a report.

import TransportStream

/// How an input is.
public struct InputStatus: Sendable {
    public var name: String
    public var isOnAir: Bool
    public var isSlate: Bool
    public var faults: [Fault]
    /// For how long there has been neither fault nor damage, nanoseconds; nil where there is.
    public var soundFor: Int64?
    /// How long it must be sound before it is returned to, nanoseconds; nil for never. It grows
    /// with each failover away from it.
    public var returnHoldOff: Int64?
    /// Bits of the last second, null packets not counted.
    public var bitsPerSecond: Int64
    public var packets: Int64
    public var continuityErrors: Int64
    public var transportErrors: Int64
    public var damagedUnits: Int64
    public var scrambledPackets: Int64
    public var clockJumps: Int64
    /// Single time stamps that could not be true, and were written anew.
    public var wrongTimestamps: Int64
    public var programChanges: Int64
    public var skippedBytes: Int64
    public var syncLosses: Int64
    /// The programme taken, and those there are.
    public var program: UInt16?
    public var programs: [UInt16]
    public var codecs: [String]
    /// Content offset against the input on air, 90 kHz ticks: its PTS − this input's PTS of the
    /// same content; nil where not known.
    public var skew: Int64?
    public var alignment: AlignmentSource?
    /// Packets kept in memory.
    public var keptPackets: Int
    /// Whether the channel could go on air with it.
    public var isUsable: Bool
}

/// How the channel is.
public struct ChannelStatus: Sendable {
    /// A switch to come.
    public struct Appointment: Sendable {
        public var target: InputID
        public var reason: SeamReason
        /// When it is presented at the earliest, as far as is known now.
        public var time: MonotonicInstant
    }
    /// A seam that is wanted and for which no place has been found yet.
    public struct Pending: Sendable {
        /// Nil for the best input there is.
        public var target: InputID?
        public var reason: SeamReason
        public var since: MonotonicInstant
    }

    /// Nil before the first.
    public var onAir: InputID?
    public var held: InputID?
    /// The input on air stands in for another because of a cue.
    public var isInBreak: Bool
    public var isStandingStill: Bool
    public var pending: Pending?
    public var appointments: [Appointment]
    /// How far the output runs behind the newest packet of the input on air, nanoseconds.
    public var holdBack: Int64
    /// How far it is to be, nanoseconds.
    public var holdBackTarget: Int64
    public var seams: [SeamLevel: Int64]
    public var lastSeam: SeamRecord?
    /// Seams decided that are still ahead in the hold-back.
    public var seamsAhead: Int
    /// Packets that a constant mux rate sent behind their time.
    public var latePackets: Int64
    /// PES packets that went out with something missing.
    public var damagedUnitsSent: Int64
    public var inputs: [InputStatus]

    public var seamCount: Int64 { seams.values.reduce(0, +) }

    /// A hold-back that is off its target by no more than this is at it, 200 ms.
    public static let holdBackTolerance: Int64 = 200_000_000
}

extension Engine {
    /// How the channel is. For an operator's eye, some times a second: it looks at all inputs.
    public var status: ChannelStatus {
        ChannelStatus(
            onAir: onAir, held: held.map { InputID($0) }, isInBreak: cueBreak != nil,
            isStandingStill: isStandingStill,
            pending: wish.map {
                ChannelStatus.Pending(
                    target: $0.target.map { InputID($0) }, reason: $0.reason,
                    since: MonotonicInstant(ticks: $0.since))
            },
            appointments: appointments.map {
                ChannelStatus.Appointment(
                    target: InputID($0.target), reason: $0.reason,
                    time: MonotonicInstant(ticks: dueTicks($0) + configuration.holdBack.asTicks))
            },
            holdBack: clock.holdBackTicks.asNanoseconds,
            holdBackTarget: configuration.holdBack, seams: seamCounts, lastSeam: lastSeam,
            seamsAhead: max(0, restamper.segments.count - 1),
            latePackets: restamper.schedule.latePackets,
            damagedUnitsSent: restamper.damagedSent.all,
            inputs: inputs.indices.map { status(of: InputID($0)) })
    }

    /// How an input is.
    public func status(of input: InputID) -> InputStatus {
        let index = input.index
        let timeline = inputs[index].timeline
        let streams = timeline.epoch?.streams ?? []
        var alignment: Alignment?
        if let segment = restamper.segments.last, let epoch = timeline.epoch,
            segment.input != index
        {
            alignment = self.alignment(of: index, epoch, to: segment)
        }
        let isPresent = states[index].severity != .gone
        return InputStatus(
            name: configuration.inputs[index].name, isOnAir: onAir == input,
            isSlate: isSlate(index), faults: states[index].faults,
            soundFor: states[index].soundSince.map { max(0, now.ticks - $0).asNanoseconds },
            returnHoldOff: isSlate(index) ? nil : returnProof(of: index)?.asNanoseconds,
            bitsPerSecond: isPresent ? states[index].rates.bitsPerSecond : 0,
            packets: timeline.health.packets,
            continuityErrors: timeline.streams.reduce(0) { $0 + $1.continuityErrors },
            transportErrors: timeline.health.transportErrors,
            damagedUnits: timeline.streams.reduce(0) { $0 + $1.damagedUnits },
            scrambledPackets: timeline.streams.reduce(0) { $0 + $1.scrambledPackets },
            clockJumps: timeline.health.clockJumps,
            wrongTimestamps: timeline.streams.reduce(0) { $0 + $1.strayStamps },
            programChanges: timeline.health.programChanges,
            skippedBytes: timeline.framingFacts.skippedBytes,
            syncLosses: timeline.framingFacts.syncLosses, program: timeline.program.program,
            programs: timeline.program.programs,
            codecs: streams.map { "\(timeline.streams[$0].codec)" },
            skew: alignment.map { $0.offsetTicks / StreamTime.ticksPerTimestampTick },
            alignment: alignment?.source, keptPackets: timeline.ring.end - timeline.ring.first,
            isUsable: firstEntry(of: index) != nil)
    }

    /// Packets that a constant mux rate sent behind their time, and by how much at most in 27 MHz
    /// ticks.
    public var lateness: (packets: Int64, greatestTicks: Int64) {
        (restamper.schedule.latePackets, restamper.schedule.greatestLatenessTicks)
    }
}
