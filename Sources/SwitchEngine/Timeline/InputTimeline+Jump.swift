// Jumps of an input's PCR against its time stamps. An encoder's buffer does not change by seconds,
// so τ keeps its distance to the stamps: where one of both jumps alone, the line of the PCR is
// moved (`ClockTrack.bias`).
//
//   PCR alone      waits for the next time stamp; where that goes on, so does everything, unless
//                  the PCR is where the stamps want it: then those before were wrong
//   stamps alone   a new epoch, with the PCR's line moved along, unless the stamps jump to where
//                  the PCR wants them: then those before were wrong; one stamp alone is a stray one
//   from the begin stamps that are nowhere near the PCR: the line is moved to them; behind an
//                  outage those that are seconds from where they were
//   both           a new epoch with a new line
//
// A line that simply followed its PCR would hold the output back by the whole jump, or have it
// stand still for as long.

import TransportStream

/// A PCR that is not on the line; the next time stamp tells what it means.
struct SuspectClock {
    var reference: ClockReference
    var position: Int64
    var arrivalTicks: Int64
    /// A time stamp has come since that goes on: the PCR has jumped alone, or is a stray one.
    var isAlone = false
    /// … and is as far from the PCR as stamps were before: a wrong PCR, or packets that changed
    /// places, have led the line away, and a new one begins.
    var isRight = false
    /// Those that came behind it meanwhile.
    var later: [SuspectClock] = []
}

extension InputTimeline {
    /// A time stamp is waited for no longer than this, 1 s.
    static let suspicionTicks: Int64 = StreamTime.ticksPerSecond
    /// A line younger than this, 2 s, is not worth keeping against a PCR: what a sender that begins
    /// has waiting comes all at once, and may have changed places.
    static let youthTicks: Int64 = 2 * StreamTime.ticksPerSecond

    /// Takes a PCR that is not on the line; false where it can only be a new line.
    mutating func suspect(_ clock: SuspectClock) -> Bool {
        guard stampWatch.hasMarks,
            clock.arrivalTicks - lineBegin > InputTimeline.youthTicks
        else { return false }
        guard let first = suspectClock else {
            suspectClock = clock
            return true
        }
        if clock.arrivalTicks - first.arrivalTicks > InputTimeline.suspicionTicks { return false }
        guard first.isAlone else {
            suspectClock?.later.append(clock)
            return true
        }
        // The second of its kind is no stray one.
        guard !first.isRight else { return false }
        suspectClock = nil
        lineBegin = first.arrivalTicks
        health.clockJumps += 1
        self.clock.rebase(first.reference, arrivalTicks: first.arrivalTicks)
        for each in [first] + first.later + [clock] {
            takeClock(each.reference, at: each.position, announced: false, each.arrivalTicks)
            // Those that came behind it belong to the next one.
            var end = ring.stamped
            while end < ring.end, ring[end].time <= each.position { end += 1 }
            stamp(before: end)
        }
        return true
    }

    /// Looks at the time stamp of a PES packet before the packet is taken.
    mutating func watchStamps(
        _ index: Int, _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader,
        _ arrivalTicks: Int64
    ) {
        // After an outage the next PCR tells first.
        guard streams[index].kind != .data, !header.isScrambled, outage == .none,
            let last = clock.last,
            case .header(let pes) = PESHeader.read(
                bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size),
            let decoding = pes.decoding ?? pes.presentation
        else { return }
        let now = last.time + (arrivalTicks &- last.arrivalTicks)
        let verdict = stampWatch.take(
            stream: index, decoding, at: now, isCertain: suspectClock != nil)
        switch verdict {
        case .unknown, .doubtful: break
        case .goesOn: confirm(index, decoding, arrivalTicks)
        case .apart(let ticks): closeLine(of: index, by: ticks)
        case .jump(let ticks):
            let distance = decoding.unwrapped(near: now) - now
            let isBack = InputTimeline.isBack(from: distance - ticks, to: distance)
            breakStamps(of: index, by: isBack ? 0 : ticks)
            takeAlong()
        case .follows(let rest):
            breakStamps(of: index, by: 0)
            noteFollower(index, by: rest)
        }
    }

    /// Streams whose stamp in doubt has jumped too begin with the new line, not one of their own
    /// behind it: what of the others came between the two would be on neither.
    private mutating func takeAlong() {
        for index in epoch?.streams ?? [] {
            if let rest = stampWatch.follow(stream: index) { noteFollower(index, by: rest) }
        }
    }

    /// Pictures come at even steps, PES packets of sound may not: their word is exact.
    private mutating func noteFollower(_ stream: Int, by rest: Int64) {
        if streams[stream].kind == .video { noteStampJump(by: rest) }
    }

    /// A stamp that goes on tells what a suspected PCR means.
    private mutating func confirm(
        _ stream: Int, _ decoding: Timestamp, _ arrivalTicks: Int64
    ) {
        guard let suspect = suspectClock, let place = clock.place(of: suspect.reference) else {
            return
        }
        suspectClock?.isAlone = true
        let time = place + (arrivalTicks &- suspect.arrivalTicks)
        if stampWatch.isUsual(stream: stream, decoding, at: time) { suspectClock?.isRight = true }
    }

    /// So long before their decoding time encoders send their units, 2 s at most.
    static let longestUsualTicks: Int64 = 2 * StreamTime.ticksPerSecond

    /// Whether stamps jump from a distance to the PCR that is no encoder's to one that is: the line
    /// has begun with stamps that had jumped, and is right now.
    private static func isBack(from: Int64, to: Int64) -> Bool {
        (0...longestUsualTicks).contains(to)
            && !(-StampWatch.aheadTicks...longestUsualTicks).contains(from)
    }

    /// The stamps have jumped: with the PCR a new line begins; alone, the PCR's line goes along.
    private mutating func breakStamps(of stream: Int, by ticks: Int64) {
        if let suspect = suspectClock { return breakClock(suspect) }
        health.clockJumps += 1
        stamp()
        for index in epoch?.streams ?? [] { streams[index].leaveDoubtBehind() }
        breakEpoch(at: stream)
        clock.move(by: ticks)
        stampWatch.move(by: ticks)
        noteStampJump(by: ticks)
    }

    /// The PCR of a decoder that has as much before it as is usual: its distance to DTS where an
    /// encoder's own can not be true, 700 ms.
    static let usualLeadTicks: Int64 = 700 * StreamTime.ticksPerMillisecond

    /// The PCR's line begins nowhere near the stamps: no decoder buffers hours. What it is worth is
    /// its pace; its place is put where a decoder needs it.
    private mutating func closeLine(of stream: Int, by ticks: Int64) {
        guard suspectClock == nil else { return }
        health.clockJumps += 1
        stamp()
        breakEpoch(at: stream)
        let ticks = ticks - InputTimeline.usualLeadTicks
        clock.move(by: ticks)
        stampWatch.move(by: ticks)
    }

    private mutating func noteStampJump(by ticks: Int64) {
        stampJumpTicks += ticks
        // Back where it was: rounding of a step or two is no jump.
        if abs(stampJumpTicks) < 2 * StreamTime.ticksPerMillisecond { stampJumpTicks = 0 }
    }
}
