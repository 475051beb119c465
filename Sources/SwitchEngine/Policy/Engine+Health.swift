// Detection: what is wrong with which input. Judged on what arrived, never on what was sent.

import TransportStream

extension Engine {
    /// Looks at all inputs.
    mutating func assess() {
        for index in inputs.indices {
            count(index)
            let faults = faults(of: index)
            if faults != states[index].faults {
                events.append(.faults(InputID(index), faults, at: now))
            }
            states[index].assess(
                inputs[index].timeline.health, damage: inputs[index].timeline.damage,
                faults: faults, at: now.ticks)
            let since = states[index].soundSince
            states[index].flaps.assess(
                soundSince: since, configuration.flapping, at: now.ticks)
        }
    }

    private mutating func count(_ index: Int) {
        let errors = inputs[index].timeline.errorCounts
        let syncLosses = inputs[index].timeline.framingFacts.syncLosses
        states[index].count(
            inputs[index].timeline.health,
            InputErrors(
                continuity: errors.continuity, scrambled: errors.scrambled, syncLosses: syncLosses),
            at: now.ticks)
    }

    /// What counts as a fault of an input.
    func detection(of index: Int) -> Detection {
        configuration.inputs[index].detection ?? configuration.detection
    }

    private mutating func faults(of index: Int) -> [Fault] {
        guard inputs[index].timeline.health.lastPayloadTicks != nil else { return [.absent] }
        if states[index].hasEnded { return [.ended] }
        let detection = detection(of: index)
        let isSilent = now.ticks > (silenceTicks(index) ?? .max)
        if isSilent && !states[index].isSilent {
            // What came is all there will be for now: it gets its times without the next PCR.
            inputs[index].timeline.stampTail()
        }
        states[index].isSilent = isSilent
        let signs = Signs(inputs[index].timeline.health, states[index].rates)
        var result: [Fault] = []
        for (place, fault) in Fault.measured.enumerated() {
            // Of who is silent nothing else can be said.
            guard !isSilent || fault == .silence, let limit = detection.limit(of: fault) else {
                continue
            }
            let isPresent = fault == .silence
                ? isSilent : shows(fault, limit.threshold, index, signs)
            if states[index].watch(place, isPresent, limit, at: now.ticks) { result.append(fault) }
        }
        return result
    }

    /// What the thresholds are held against, taken once for all.
    private struct Signs {
        var connected: Int64
        var lastPayload: Int64
        var lastAssociation: Int64
        var lastMap: Int64
        var lastClock: Int64
        var lastRandomAccess: Int64
        var usualPause: Int64
        /// Nil until a whole second has been seen.
        var bitsPerSecond: Int64?
        var continuityErrors: Int64
        var syncLosses: Int64
        var transportErrors: Int64
        var scrambled: Int64
        var clockJumps: Int64

        init(_ facts: borrowing InputFacts, _ rates: borrowing InputRates) {
            connected = facts.connectedTicks
            lastPayload = facts.lastPayloadTicks ?? connected
            lastAssociation = max(facts.lastAssociationTicks ?? connected, connected)
            lastMap = max(facts.lastMapTicks ?? connected, connected)
            lastClock = max(facts.lastClockTicks ?? connected, connected)
            lastRandomAccess = max(facts.lastRandomAccessTicks ?? connected, connected)
            usualPause = facts.usualPauseTicks
            bitsPerSecond = rates.payload.isFull ? rates.bitsPerSecond : nil
            continuityErrors = rates.continuityErrors.count
            syncLosses = rates.syncLosses.count
            transportErrors = rates.transportErrors.count
            scrambled = rates.scrambled.count
            clockJumps = rates.clockJumps.count
        }
    }

    /// Whether an input is beyond the threshold of a fault.
    private func shows(
        _ fault: Fault, _ threshold: Int64, _ index: Int, _ signs: Signs
    ) -> Bool {
        // What comes in bursts is not lost between them.
        let patience = max(threshold.asTicks, signs.usualPause * 3 / 2)
        switch fault {
        case .absent, .ended, .silence: return false
        case .bitrateLow: return signs.bitsPerSecond.map { $0 < threshold } ?? false
        case .continuityErrors: return signs.continuityErrors > threshold
        case .syncLoss: return signs.syncLosses > threshold
        case .transportErrors: return signs.transportErrors > threshold
        case .scrambled: return signs.scrambled > threshold
        case .clockJumps: return signs.clockJumps > threshold
        case .patMissing: return now.ticks - signs.lastAssociation > patience
        case .pmtMissing: return now.ticks - signs.lastMap > patience
        case .pidMissing:
            return now.ticks - signs.connected > patience && inputs[index].timeline.lacksStream
        case .streamLost:
            return inputs[index].timeline.hasLostStream(at: now.ticks, limit: patience)
        case .clockStall: return signs.lastPayload - signs.lastClock > threshold.asTicks
        case .noRandomAccess:
            return now.ticks - signs.lastRandomAccess > patience
                && inputs[index].timeline.hasPictures
        }
    }

    /// Host ticks at which the input is silent if nothing comes; nil where it is not judged.
    func silenceTicks(_ index: Int) -> Int64? {
        let facts = inputs[index].timeline.health
        guard let payload = facts.lastPayloadTicks, !states[index].hasEnded,
            let limit = detection(of: index).silence
        else { return nil }
        return payload + max(limit.threshold.asTicks, facts.usualPauseTicks * 3 / 2)
    }
}
