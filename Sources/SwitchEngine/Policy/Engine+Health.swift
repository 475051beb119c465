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
        var result: [Fault] = []
        for (place, fault) in Fault.measured.enumerated() {
            // Of who is silent nothing else can be said.
            guard !isSilent || fault == .silence, let limit = detection.limit(of: fault) else {
                continue
            }
            let isPresent = fault == .silence ? isSilent : shows(fault, limit.threshold, index)
            if states[index].watch(place, isPresent, limit, at: now.ticks) { result.append(fault) }
        }
        return result
    }

    /// Whether an input is beyond the threshold of a fault.
    private func shows(_ fault: Fault, _ threshold: Int64, _ index: Int) -> Bool {
        let facts = inputs[index].timeline.health
        let rates = states[index].rates
        let connected = facts.connectedTicks
        let payload = facts.lastPayloadTicks ?? connected
        // What comes in bursts is not lost between them.
        let patience = max(threshold.asTicks, facts.usualPauseTicks * 3 / 2)
        func isMissing(_ last: Int64?) -> Bool {
            now.ticks - max(last ?? connected, connected) > patience
        }
        switch fault {
        case .absent, .ended, .silence: return false
        case .bitrateLow: return rates.payload.isFull && rates.bitsPerSecond < threshold
        case .continuityErrors: return rates.continuityErrors.count > threshold
        case .syncLoss: return rates.syncLosses.count > threshold
        case .transportErrors: return rates.transportErrors.count > threshold
        case .scrambled: return rates.scrambled.count > threshold
        case .clockJumps: return rates.clockJumps.count > threshold
        case .patMissing: return isMissing(facts.lastAssociationTicks)
        case .pmtMissing: return isMissing(facts.lastMapTicks)
        case .pidMissing: return isMissing(nil) && inputs[index].timeline.lacksStream
        case .streamLost:
            return inputs[index].timeline.hasLostStream(at: now.ticks, limit: patience)
        case .clockStall:
            return payload - max(facts.lastClockTicks ?? connected, connected) > threshold.asTicks
        case .noRandomAccess:
            return inputs[index].timeline.hasPictures && isMissing(facts.lastRandomAccessTicks)
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
