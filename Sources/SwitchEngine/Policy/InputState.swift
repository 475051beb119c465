// What the policy remembers of one input.

import TransportStream

struct InputState {
    var faults: [Fault] = [.absent]
    /// Since when there is no fault and no damage, host ticks.
    var soundSince: Int64?
    var hasEnded = false
    /// The longest distance of two random access points seen, 27 MHz ticks.
    private(set) var entryDistance: Int64 = 0
    private var damageSeen: Int64 = 0
    private var lastEntryTicks: Int64?

    /// Longest distance of random access points that memory is kept for, 20 s.
    static let entryDistanceLimit: Int64 = 20 * StreamTime.ticksPerSecond

    /// A new connection begins.
    mutating func resume(at ticks: Int64) {
        faults.removeAll { $0 == .silence || $0 == .ended }
        soundSince = ticks
        hasEnded = false
        lastEntryTicks = nil
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
}
