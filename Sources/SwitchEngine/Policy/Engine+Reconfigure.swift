// Another configuration while the channel runs: thresholds and policy count from the next
// assessment on, inputs come, go and change their places.
//
// An input's number is its place on the list, so all that speaks of inputs is renumbered. An input
// that is gone but still on air, or ahead in the hold-back, stays behind the others, without a
// packet more, until it has been left: a failover like any other, out of what it has brought.

import TransportStream

extension Engine {
    /// Takes another configuration. Hold-back and mux rate stay what they are: the one can not
    /// change without a hole or a jump, the other not within one schedule.
    /// - Parameter origins: for each input of `wanted` the input that it is now; nil for a new one.
    ///   Each is named once at most. The programme of one that is kept does not change.
    ///
    /// Events that were not taken before would speak of inputs by their old numbers.
    public mutating func reconfigure(_ wanted: ChannelConfiguration, origins: [InputID?]) {
        precondition(origins.count == wanted.inputs.count && !origins.isEmpty)
        precondition(Set(origins.compactMap { $0 }).count == origins.count { $0 != nil })
        let kept = Set(origins.compactMap { $0?.index })
        let leaving = inputs.indices.filter { index in
            !kept.contains(index) && restamper.segments.contains { $0.input == index }
        }
        for index in leaving where !states[index].hasEnded {
            end(of: InputID(index), at: now)
        }
        var next = wanted
        next.holdBack = configuration.holdBack
        next.muxRate = configuration.muxRate
        next.lookahead = configuration.lookahead
        next.tick = configuration.tick
        for index in leaving {
            var input = configuration.inputs[index]
            input.isLeaving = true
            next.inputs.append(input)
        }
        configuration = next
        renumber(origins.map { $0?.index } + leaving.map { $0 })
        nextAssessment = .min
    }

    /// Forgets inputs that are off the list and off the air.
    mutating func dropInputsLeft() {
        guard configuration.inputs.last?.isLeaving == true else { return }
        let stay = configuration.inputs.indices.filter { index in
            !configuration.inputs[index].isLeaving
                || restamper.segments.contains { $0.input == index }
        }
        guard stay.count < configuration.inputs.count else { return }
        configuration.inputs = stay.map { configuration.inputs[$0] }
        renumber(stay)
    }

    /// - Parameter origins: the numbers so far, by the new ones; nil for a new input.
    private mutating func renumber(_ origins: [Int?]) {
        tellSeam()
        var places: [Int: Int] = [:]
        for (new, old) in origins.enumerated() { if let old { places[old] = new } }
        let (boxes, before, cursors) = (inputs, states, cueCursors)
        inputs = origins.indices.map { new in
            origins[new].map { boxes[$0] }
                ?? TimelineBox(program: configuration.inputs[new].program)
        }
        states = origins.map { $0.map { before[$0] } ?? InputState() }
        cueCursors = origins.map { $0.map { cursors[$0] } ?? 0 }
        for index in restamper.segments.indices {
            // All that segments speak of are kept.
            let old = restamper.segments[index].input
            restamper.segments[index].input = places[old] ?? old
        }
        /// Where one may still be gone to.
        func target(_ old: Int) -> Int? {
            places[old].flatMap { configuration.inputs[$0].isLeaving ? nil : $0 }
        }
        if let standing = wish {
            wish?.target = standing.target.flatMap(target)
            wish?.preferred = standing.preferred.flatMap(target)
            if standing.target != nil && wish?.target == nil { wish = nil }
        }
        operatorChoice = operatorChoice.flatMap(target)
        if let old = held {
            held = target(old)
            if held == nil { events.append(.hold(nil, at: now)) }
        }
        appointments = appointments.compactMap { appointment in
            guard let place = target(appointment.target) else { return nil }
            var moved = appointment
            moved.target = place
            return moved
        }
        pendingCue = pendingCue.flatMap { cue in
            target(cue.origin).map {
                PendingCue(
                    origin: $0, event: cue.event, returnTime: cue.returnTime, epoch: cue.epoch)
            }
        }
        cueBreak = cueBreak.flatMap { cue in
            target(cue.origin).map { CueBreak(origin: $0, event: cue.event) }
        }
        if let seam = lastSeam {
            if let from = places[seam.from.index], let to = places[seam.to.index] {
                lastSeam?.from = InputID(from)
                lastSeam?.to = InputID(to)
            } else {
                lastSeam = nil
            }
        }
    }
}
