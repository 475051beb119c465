// The PCR of the judged programme (law 3, TR 101 290 2.3 and 2.4), and what waits for it.

import TransportStream

/// A PCR that came before the PMT named the PCR PID.
struct EarlyClock: Sendable {
    var pid: PID
    var reference: ClockReference
    var isAnnounced: Bool
    var position: Position
}

extension TransportJudge {
    /// A packet with a PCR, on any PID.
    mutating func clockPacket(_ reference: ClockReference, _ header: PacketHeader) {
        if header.pid == program.clockPID {
            clock(reference, announced: header.discontinuity)
        } else if program.map == nil, early.count < SizeLimit.earlyClocks {
            early.append(
                EarlyClock(
                    pid: header.pid, reference: reference, isAnnounced: header.discontinuity,
                    position: findings.here))
        }
    }

    /// The PCR PID is known: what came on it before counts too.
    mutating func replayEarlyClocks() {
        let now = findings.here
        for entry in early where entry.pid == program.clockPID {
            findings.here = entry.position
            clock(entry.reference, announced: entry.isAnnounced)
        }
        findings.here = now
        early = []
    }

    private mutating func clock(_ reference: ClockReference, announced: Bool) {
        let pid = program.clockPID
        var position = findings.here
        position.inside = Int64(Packet.clockByteOffset)
        let before = findings.clock.last
        let step = findings.clock.add(
            reference, at: position.transportByte, announced: announced)
        switch step {
        case .first: break
        case .forward(let delta):
            if delta > TimeLimit.ownClockInterval {
                findings.breach(.clockInterval, pid: pid, value: delta)
                findings.count(.clockRepetitionDVB, pid: pid)
            }
            if delta > TimeLimit.clockInterval {
                findings.count(.clockRepetition, pid: pid)
                if !announced { findings.count(.clockDiscontinuity, pid: pid) }
            }
        case .backward(let delta):
            findings.breach(.clockOrder, pid: pid, value: 0 &- delta)
            if !announced { findings.count(.clockDiscontinuity, pid: pid) }
        case .jump(let delta):
            findings.breach(.clockJump, pid: pid, value: delta)
            if !announced { findings.count(.clockDiscontinuity, pid: pid) }
        }
        if let before, let now = findings.clock.last {
            rates.add(
                bytes: now.transportByte &- before.transportByte,
                ticks: now.startsTimeBase ? nil : now.clock &- before.clock)
        }
        if let now = findings.clock.last {
            let wrong = accuracy.add(
                clock: now.clock, at: position, startsTimeBase: now.startsTimeBase)
            for place in wrong { findings.count(.clockAccuracy, pid: pid, at: place) }
        }
        settle(all: false)
        lookForAbsentStreams()
    }

    /// Tells everything that waited its time.
    /// - Parameter all: nothing may go on waiting; without a clock it is dropped.
    mutating func settle(all: Bool) {
        guard !findings.timed.isEmpty else { return }
        guard findings.clock.meanRate != nil else {
            if all { findings.timed.removeAll(keepingCapacity: true) }
            return
        }
        let known = findings.clock.last?.transportByte ?? 0
        let latest = findings.clock.last?.elapsed ?? .max
        var kept = 0
        for index in findings.timed.indices {
            let event = findings.timed[index]
            let byte = event.position.transportByte
            if !all && byte > known {
                findings.timed[kept] = event
                kept += 1
            } else if var time = findings.clock.estimate(at: byte) {
                // Behind the last PCR the rate is only guessed, and must not find a gap.
                if byte > known { time.elapsed = min(time.elapsed, latest) }
                settle(event, at: time)
            }
        }
        findings.timed.removeSubrange(kept...)
    }

    private mutating func settle(_ event: TimedEvent, at time: Moment) {
        switch event.kind {
        case .association:
            tableSeen(.association, at: time.elapsed, event.position)
        case .judgedProgramMap:
            tableSeen(.map, at: time.elapsed, event.position)
        case .programMap(let watch):
            let last = sections[watch].lastElapsed ?? startElapsed
            if time.elapsed &- last > TimeLimit.tableInterval {
                findings.count(.programMap, pid: sections[watch].pid, at: event.position)
            }
            sections[watch].lastElapsed = time.elapsed
        case .presentation(let stream, let stamp):
            let lead = distance(stamp, from: time.clock)
            streams[stream].facts.presentationLead.add(lead)
            if let last = streams[stream].lastStampElapsed,
                time.elapsed &- last > TimeLimit.stampInterval,
                streams[stream].facts.codec.kind != .data
            {
                findings.count(.presentation, pid: streams[stream].facts.pid, at: event.position)
            }
            streams[stream].lastStampElapsed = time.elapsed
        case .unitEnd(let stream, let decoding):
            // The last unit of a stream that ended long before the others can not be dated any
            // more.
            guard findings.clock.remembers(event.position.transportByte) else { return }
            let margin = distance(decoding, from: time.clock)
            streams[stream].facts.decodingMargin.add(margin)
            if margin < 0 {
                findings.breach(
                    .lateUnit, pid: streams[stream].facts.pid, value: 0 &- margin,
                    at: event.position)
            }
        }
    }

    /// From a PCR time to a stamp of 90 kHz, 27 MHz ticks, the shorter way round the wrap.
    private func distance(_ stamp: Int64, from clock: Int64) -> Int64 {
        let now = StreamTime(ticks: clock)
        return Timestamp(wrapping: stamp).unwrapped(near: now) - now
    }

    /// When the first packet came.
    var startElapsed: Int64 { findings.clock.estimate(at: 0)?.elapsed ?? 0 }

    /// Law 1 and TR 101 290 1.3: the table has to come again soon enough.
    mutating func tableSeen(_ table: JudgedProgram.Table, at elapsed: Int64, _ position: Position) {
        // Before the first PCR, too, the rate is only guessed, and must not find a gap.
        let last = program.lastElapsed(of: table).map { max($0, 0) } ?? startElapsed
        let gap = elapsed &- last
        let pid = table == .association ? PID.pat : program.mapPID
        if gap > TimeLimit.ownTableInterval {
            findings.breach(
                table == .association ? .associationInterval : .mapInterval, pid: pid, value: gap,
                at: position)
        }
        if table == .association, gap > TimeLimit.tableInterval {
            findings.count(.association, pid: pid, at: position)
        }
        program.setLastElapsed(elapsed, of: table)
    }

    private mutating func lookForAbsentStreams() {
        guard let now = findings.clock.last?.elapsed else { return }
        for index in streams.indices where streams[index].facts.codec.kind != .data {
            lookForAbsence(of: index, at: now)
        }
    }

    /// TR 101 290 1.6: once for each absence.
    private mutating func lookForAbsence(of index: Int, at now: Int64) {
        let packets = streams[index].facts.packets
        guard let last = streams[index].lastSeenElapsed, packets == streams[index].packetsSeen
        else {
            streams[index].packetsSeen = packets
            streams[index].lastSeenElapsed = now
            streams[index].isAbsent = false
            return
        }
        guard streams[index].isListed, !streams[index].isAbsent,
            now &- last > options.absenceLimitTicks
        else { return }
        streams[index].isAbsent = true
        findings.count(.absentPID, pid: streams[index].facts.pid)
    }
}

/// Bit rate of the whole stream over windows of at least a second.
struct RateMeter: Sendable {
    private var bytes: Int64 = 0
    private var ticks: Int64 = 0
    /// Bits per second.
    private(set) var rates = Tally()

    /// - Parameter ticks: 27 MHz between two PCRs; nil where the PCR jumped.
    mutating func add(bytes more: Int64, ticks time: Int64?) {
        guard let time else {
            bytes = 0
            ticks = 0
            return
        }
        bytes &+= more
        ticks &+= time
        guard ticks >= TimeLimit.rateWindow else { return }
        rates.add((bytes &* 8).scaled(by: 27_000_000, over: ticks))
        bytes = 0
        ticks = 0
    }
}
