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
    private var passedUntil: [Int: Int] = [:]

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
    mutating func assess(_ timeline: InputTimeline, faults: [Fault], at ticks: Int64) {
        let damage = timeline.streams.reduce(0) { $0 + $1.continuityErrors + $1.damagedUnits }
            + timeline.health.transportErrors + timeline.health.clockJumps
        if damage != damageSeen || !faults.isEmpty { soundSince = nil }
        damageSeen = damage
        if soundSince == nil && faults.isEmpty { soundSince = ticks }
        self.faults = faults
        if let entry = timeline.health.lastRandomAccessTicks, entry != lastEntryTicks {
            if let lastEntryTicks {
                entryDistance = min(
                    max(entryDistance, entry - lastEntryTicks), InputState.entryDistanceLimit)
            }
            lastEntryTicks = entry
        }
    }

    /// How many damaged units went out since the last call.
    mutating func damagePassed(_ timeline: InputTimeline, sentBefore packet: Int) -> Int64 {
        var count: Int64 = 0
        for index in timeline.streams.indices where timeline.streams[index].damagedUnits > 0 {
            let units = timeline.streams[index].units
            var number = max(passedUntil[index] ?? units.first, units.first)
            while number < units.end, !units[number].isOpen, units[number].lastPacket < packet {
                if units[number].isDamaged { count += 1 }
                number += 1
            }
            passedUntil[index] = number
        }
        return count
    }
}
