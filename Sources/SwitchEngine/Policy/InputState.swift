// What the policy remembers of one input.

import TransportStream

struct InputState {
    var faults: [Fault] = [.absent]
    /// Since when there is no fault and no damage, host ticks.
    var soundSince: Int64?
    var hasEnded = false
    /// Nothing comes; whether that is a fault yet is another matter.
    var isSilent = false
    /// Arrival of the newest bytes, host ticks.
    var lastArrivalTicks: Int64 = .min
    /// The longest distance of two random access points seen, 27 MHz ticks.
    private(set) var entryDistance: Int64 = 0
    private var damageSeen: Int64 = 0
    private var lastEntryTicks: Int64?
    /// By place in `Fault.measured`.
    private var watches = [FaultWatch](repeating: FaultWatch(), count: Fault.measured.count)
    private(set) var rates = InputRates()
    var flaps = FlapGuard()

    /// Longest distance of random access points that memory is kept for, 20 s.
    static let entryDistanceLimit: Int64 = 20 * StreamTime.ticksPerSecond

    /// A new connection begins: how the old one was does not count. Only its silence may have a
    /// clear time.
    mutating func resume(at ticks: Int64) {
        for (index, fault) in Fault.measured.enumerated() where fault != .silence {
            watches[index] = FaultWatch()
        }
        faults.removeAll { $0 != .silence }
        rates = InputRates()
        isSilent = false
        hasEnded = false
        soundSince = ticks
        lastEntryTicks = nil
    }

    /// Takes the condition of a fault; true while it is one.
    mutating func watch(
        _ place: Int, _ isPresent: Bool, _ limit: Detection.Limit, at ticks: Int64
    ) -> Bool {
        watches[place].take(isPresent, limit, at: ticks)
    }

    /// Takes the counters in which errors are counted.
    mutating func count(_ facts: InputFacts, _ errors: InputErrors, at ticks: Int64) {
        rates.payload.take(facts.payloadPackets, at: ticks)
        rates.transportErrors.take(facts.transportErrors, at: ticks)
        rates.clockJumps.take(facts.clockJumps, at: ticks)
        rates.continuityErrors.take(errors.continuity, at: ticks)
        rates.scrambled.take(errors.scrambled, at: ticks)
        rates.syncLosses.take(errors.syncLosses, at: ticks)
    }

    /// Takes in how the input is now.
    /// - Parameter damage: all that was ever damaged of it.
    mutating func assess(_ health: InputFacts, damage: Int64, faults: [Fault], at ticks: Int64) {
        if damage != damageSeen || !faults.isEmpty { soundSince = nil }
        damageSeen = damage
        if soundSince == nil && faults.isEmpty { soundSince = ticks }
        self.faults = faults
        if let entry = health.lastRandomAccessTicks, entry != lastEntryTicks {
            if let lastEntryTicks {
                entryDistance = min(
                    max(entryDistance, entry - lastEntryTicks), InputState.entryDistanceLimit)
            }
            lastEntryTicks = entry
        }
    }

    /// How much of a service the input brings.
    var severity: Fault.Severity { faults.map(\.severity).max() ?? .none }
}

/// Counters of an input that only grow.
struct InputErrors {
    var continuity: Int64
    var scrambled: Int64
    var syncLosses: Int64
}

/// What came in the last second.
struct InputRates {
    /// Ten seconds, in which jumps of the PCR are counted.
    static let jumpWindowTicks: Int64 = 10 * StreamTime.ticksPerSecond

    var payload = SlidingCount()
    var transportErrors = SlidingCount()
    var continuityErrors = SlidingCount()
    var scrambled = SlidingCount()
    var syncLosses = SlidingCount()
    var clockJumps = SlidingCount(windowTicks: jumpWindowTicks)

    /// Bits of the last second without null packets.
    var bitsPerSecond: Int64 { payload.count * OutputSchedule.packetBits }
}
