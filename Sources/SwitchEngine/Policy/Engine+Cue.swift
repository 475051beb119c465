// Playout handoff by SCTE-35: a splice_insert of the input on air that goes out of the network
// leads to another input at its splice time, and back when the break ends.
//
//   origin   ...splice_insert (out)...|                         |.......
//   target                            |.........................|
//                              splice time        + duration, or splice_insert (in)
//
// The origin's own cues are listened to during the break too. A splice time may lie some
// milliseconds before a random access point: the next entry is taken, no exact one is waited for.

import TransportStream

/// What cues of the input on air do.
public struct CuePolicy: Sendable, Equatable {
    /// Where a break leads to.
    public var target: InputID
    /// The only input whose cues are followed; nil for whichever is on air, but never the target's.
    public var origin: InputID?

    public init(target: InputID, origin: InputID? = nil) {
        self.target = target
        self.origin = origin
    }
}

/// A break that is on the air.
struct CueBreak {
    var origin: Int
    var event: UInt32
}

/// A cue that is being followed, until the seam to the target is made.
struct PendingCue {
    var origin: Int
    var event: UInt32
    /// When the break ends by itself, on the line of the origin's epoch, 27 MHz ticks.
    var returnTime: Int64?
    var epoch: Int
}

extension Engine {
    /// Looks at the cues that have come since the last time.
    mutating func watchCues() {
        guard let policy = configuration.cue, inputs.indices.contains(policy.target.index) else {
            return
        }
        let segment = restamper.segments.last
        for index in inputs.indices where index != policy.target.index {
            let first = max(cueCursors[index], inputs[index].timeline.sections.first)
            let end = inputs[index].timeline.sections.end
            cueCursors[index] = end
            let isOrigin = cueBreak.map { $0.origin == index } ?? (segment?.input == index)
            guard isOrigin, policy.origin.map({ $0.index == index }) ?? true, first < end else {
                continue
            }
            for number in first..<end { take(section: number, of: index, policy) }
        }
    }

    private mutating func take(section number: Int, of index: Int, _ policy: CuePolicy) {
        let record = inputs[index].timeline.sections[number]
        guard inputs[index].timeline.streams[record.stream].codec == .scte35,
            let epoch = inputs[index].timeline.epoch, record.beforePacket >= epoch.firstPacket,
            case .success(let information) = SpliceInformation.parse(record.bytes.span),
            case .insert(let insert) = information.command,
            let last = inputs[index].timeline.clock.last?.time
        else { return }
        if insert.isCancelled {
            if pendingCue?.event == insert.eventID { pendingCue = nil }
            if wish?.reason == .cue, cueBreak == nil { wish = nil }
            return appointments.removeAll { $0.event == insert.eventID && cueBreak == nil }
        }
        let time = insert.pts.map {
            Timestamp(wrapping: Int64($0) + Int64(information.ptsAdjustment))
                .unwrapped(near: last).ticks
        } ?? last.ticks
        if insert.isOutOfNetwork {
            leave(index, epoch, at: time, insert, policy)
        } else if let away = cueBreak, away.origin == index {
            back(to: index, epoch.number, at: time, event: away.event)
        }
    }

    /// A break begins.
    private mutating func leave(
        _ index: Int, _ epoch: Epoch, at time: Int64, _ insert: SpliceInsert, _ policy: CuePolicy
    ) {
        // The same cue is sent several times.
        guard cueBreak == nil, held == nil, pendingCue?.event != insert.eventID,
            let segment = restamper.segments.last, segment.input == index,
            segment.epoch.number == epoch.number
        else { return }
        if let old = pendingCue { appointments.removeAll { $0.event == old.event } }
        var returnTime: Int64?
        if let duration = insert.breakDuration, duration.returnsByItself {
            returnTime = time + Int64(duration.ticks) * StreamTime.ticksPerTimestampTick
        }
        pendingCue = PendingCue(
            origin: index, event: insert.eventID, returnTime: returnTime, epoch: epoch.number)
        add(Appointment(
            number: 0, target: policy.target.index, time: .output(time + segment.shift),
            reason: .cue, event: insert.eventID))
    }

    /// A break ends: the origin is entered at its own splice time.
    mutating func back(to index: Int, _ epoch: Int, at time: Int64, event: UInt32) {
        appointments.removeAll { $0.event == event }
        if wish?.reason == .cue { wish = nil }
        let offset = inputs[index].timeline.clock.hostOffset ?? 0
        add(Appointment(
            number: 0, target: index, time: .incoming(time, epoch: epoch, arrival: time + offset),
            reason: .cue, event: event))
    }

    /// A seam has been decided: where the break stands now.
    mutating func followCue(_ wish: Wish, from: Int, to index: Int) {
        if wish.reason == .cue, let pending = pendingCue {
            pendingCue = nil
            cueBreak = CueBreak(origin: pending.origin, event: pending.event)
            if let time = pending.returnTime {
                back(to: pending.origin, pending.epoch, at: time, event: pending.event)
            }
            return
        }
        guard from != index else { return }
        // A break is over wherever its input is left for. One that is to come is not, where the
        // input on air failed before it: its place on the output's line is what it was.
        let over = cueBreak?.event ?? (wish.isPlanned ? pendingCue?.event : nil)
        guard let over else { return }
        appointments.removeAll { $0.event == over }
        cueBreak = nil
        pendingCue = nil
    }

    /// Where a break leads back to: the origin, or the first sound input where that is none.
    func wayBack(to origin: Int) -> Int {
        if isSoundProgramme(origin) { return origin }
        let onAir = restamper.segments.last?.input
        return inputs.indices.first { isSoundProgramme($0) && $0 != onAir } ?? origin
    }

    private func isSoundProgramme(_ index: Int) -> Bool {
        states[index].soundSince != nil && !isSlate(index)
    }
}
