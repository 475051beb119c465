// What an operator asks for: a switch now or at a time, hold and release.

import TransportStream

extension Engine {
    /// Appointments that are kept at once; the next one is refused.
    static let appointmentLimit = 64
    /// So long before a seam is presented it is looked for, beyond the hold-back, 10 s: a decoder
    /// buffers no more (`ContentLead.limitTicks`), so what is presented then has not left.
    static let appointmentLeadTicks = ContentLead.limitTicks

    /// Takes an operator's wish.
    public mutating func command(_ command: Command, at instant: MonotonicInstant) {
        now = max(now, instant)
        switch command {
        case .switchTo(let target, let time, let holds):
            if let time, time > now {
                appoint(target, at: time, holds: holds)
            } else if holds {
                hold(target)
            } else {
                wishFor(target, holds: false)
            }
        case .hold(let target): hold(target)
        case .release: release(nil)
        case .clearSchedule: clearSchedule()
        }
        nextAssessment = .min
    }

    mutating func refuse(_ why: String) { events.append(.refused(why, at: now)) }

    func name(_ index: Int) -> String { configuration.inputs[index].name }

    /// Whether an operator may ask for an input; says why not.
    private mutating func isThere(_ target: InputID) -> Bool {
        guard inputs.indices.contains(target.index) else {
            refuse("there is no input \(target.index)")
            return false
        }
        guard !configuration.inputs[target.index].isLeaving else {
            refuse("\(name(target.index)) is removed: it leaves the air")
            return false
        }
        return true
    }

    private mutating func wishFor(_ target: InputID, holds: Bool) {
        let index = target.index
        guard isThere(target) else { return }
        if let held, held != index, !holds {
            return refuse("\(name(held)) is held until it is released")
        }
        if restamper.segments.last?.input == index {
            if wish?.isPlanned == true { wish = nil }
            operatorChoice = index
            cueBreak = nil
            return
        }
        // Who brings nothing is not waited for; other faults may clear.
        if states[index].severity == .gone {
            return refuse("\(name(index)): \(faultNames(of: index))")
        }
        if let held { release(held) }
        if let standing = wish, !standing.isPlanned {
            wish?.preferred = index
            wish?.holds = holds
            return
        }
        wish = Wish(
            target: index, reason: .operatorSwitch, manner: .planned, since: now.ticks,
            leftAt: now.ticks, proofTicks: Engine.provenTicks, holds: holds)
    }

    func faultNames(of index: Int) -> String {
        states[index].faults.map(\.rawValue).joined(separator: ", ")
    }

    // MARK: Hold

    private mutating func hold(_ target: InputID) {
        let index = target.index
        guard restamper.segments.last?.input == index else {
            return wishFor(target, holds: true)
        }
        guard isThere(target) else { return }
        wish = nil
        setHold(index)
    }

    mutating func setHold(_ index: Int) {
        guard held != index else { return }
        held = index
        operatorChoice = index
        cueBreak = nil
        events.append(.hold(InputID(index), at: now))
    }

    private mutating func release(_ index: Int?) {
        wish?.holds = false
        guard held != nil else { return }
        if wish?.target == held { wish = nil }
        held = nil
        // Who releases wants the policy back.
        operatorChoice = nil
        events.append(.hold(nil, at: now))
    }

    // MARK: Appointments

    private mutating func appoint(
        _ target: InputID, at time: MonotonicInstant, holds: Bool
    ) {
        guard isThere(target) else { return }
        add(Appointment(
            number: 0, target: target.index, time: .host(time.ticks), reason: .scheduled,
            holds: holds))
    }

    private mutating func clearSchedule() {
        let numbers = appointments.filter { $0.reason == .scheduled }.map(\.number)
        if let number = wish?.appointment, numbers.contains(number) { wish = nil }
        numbers.forEach { drop($0) }
    }

    mutating func add(_ appointment: Appointment) {
        guard appointments.count < Engine.appointmentLimit else {
            return refuse("more than \(Engine.appointmentLimit) switches are scheduled")
        }
        appointmentCount += 1
        var next = appointment
        next.number = appointmentCount
        appointments.append(next)
    }

    /// Turns the first appointment that is near into a wish. It stays on the list until it is kept:
    /// a failover may come between.
    mutating func keepAppointments() {
        let near = appointments.filter {
            now.ticks >= dueTicks($0) - Engine.appointmentLeadTicks
        }.sorted { dueTicks($0) < dueTicks($1) }
        for appointment in near {
            let due = dueTicks(appointment)
            let isCue = appointment.reason == .cue
            let target = appointment.target
            if let held, held != target {
                abandon(appointment.number)
                refuse("\(name(held)) is held: no switch to \(name(target))")
                continue
            }
            if restamper.segments.last?.input == target {
                // Already there; but who made it so must not be returned from.
                if !isCue { operatorChoice = target }
                if appointment.holds { setHold(target) }
                abandon(appointment.number)
                continue
            }
            wish = Wish(
                target: target, reason: appointment.reason, manner: isCue ? .prompt : .planned,
                since: max(now.ticks, due), leftAt: now.ticks, proofTicks: Engine.provenTicks,
                holds: appointment.holds, bounds: bounds(appointment),
                appointment: appointment.number)
            return
        }
    }

    /// An appointment could not be kept.
    mutating func abandon(_ number: Int) {
        let cue = appointments.first { $0.number == number }?.event
        drop(number)
        guard let cue else { return }
        if pendingCue?.event == cue { pendingCue = nil }
        if cueBreak?.event == cue { cueBreak = nil }
    }

    mutating func drop(_ number: Int) { appointments.removeAll { $0.number == number } }

    /// When what is to be presented then arrives, host ticks.
    func dueTicks(_ appointment: Appointment) -> Int64 {
        switch appointment.time {
        case .host(let ticks): ticks - configuration.holdBack.asTicks
        case .output(let ticks): clock.hostTicks(of: ticks) - configuration.holdBack.asTicks
        case .incoming(_, _, let arrival): arrival
        }
    }

    /// Where the seam may be. The host's time is mapped anew each time: the output's clock follows
    /// the input on air.
    func bounds(_ appointment: Appointment) -> SeamBounds {
        var bounds = SeamBounds(prefersNearest: appointment.reason == .cue)
        switch appointment.time {
        case .host(let ticks): bounds.notBefore = clock.outputTicks(at: ticks)
        case .output(let ticks): bounds.notBefore = ticks
        case .incoming(let ticks, let epoch, let arrival):
            let isSame = inputs[appointment.target].timeline.epochNumber == epoch
            if isSame && wish?.target ?? appointment.target == appointment.target {
                bounds.entryNotBefore = ticks
            } else {
                bounds.notBefore = clock.outputTicks(
                    at: arrival + configuration.holdBack.asTicks)
            }
        }
        return bounds
    }
}
