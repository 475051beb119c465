// One link at a time delivers: the first in order that is well. It is left when it has been silent
// or too thin for the trip time; a better one comes back when it has been well for the clear time.

struct MainBackup {
    private struct Link {
        /// False while a cold backup is not needed, or not any more.
        var isWanted = false
        /// Since when it delivers without a pause, and when it did so last; host ns.
        var soundSince: Int64?
        var lastBytes: Int64?
        var rate = Throughput()
    }

    private let plan: MainBackupPlan
    private var links: [Link]
    /// The link that delivers.
    private(set) var active: Int
    private var activeSince: Int64?

    init(_ plan: MainBackupPlan, links count: Int, active: Int) {
        precondition((0..<count).contains(active))
        self.plan = plan
        self.active = active
        links = [Link](repeating: Link(), count: count)
        for index in links.indices { links[index].isWanted = index <= active || !plan.isCold }
    }

    func isWanted(_ link: Int) -> Bool { links[link].isWanted }

    /// Whether somebody asks how many bytes are payload.
    var isMeasuring: Bool { plan.requiredBitsPerSecond != nil }

    /// The link brought something, of which `payloadBytes` are in no null packets.
    mutating func note(_ link: Int, payloadBytes: Int, at now: Int64) {
        links[link].rate.add(Int64(payloadBytes), at: now)
        links[link].lastBytes = now
        links[link].soundSince = links[link].soundSince ?? now
    }

    /// Goes to a better link, or away from one that fails.
    mutating func advance(to now: Int64) {
        guard links.count > 1 else { return }
        for index in links.indices where isSilent(index, at: now) || isTooThin(index, at: now) {
            links[index].soundSince = nil
        }
        let since = activeSince ?? now
        activeSince = since
        guard links[active].soundSince != nil else {
            // A new link gets its time to come up before the next one is tried.
            if now - since > plan.trip { leave(at: now) }
            return
        }
        // It is back by itself, and stays: what was connected meanwhile is not needed.
        if let sound = links[active].soundSince, now - sound >= plan.clear ?? plan.trip {
            giveUpColdBackups()
        }
        guard let clear = plan.clear else { return }
        let better = (0..<active).first { index in
            links[index].soundSince.map { now - $0 >= clear } ?? false
        }
        if let better { go(to: better, at: now) }
    }

    private func isSilent(_ index: Int, at now: Int64) -> Bool {
        guard let last = links[index].lastBytes else { return true }
        return now - last > plan.trip
    }

    private mutating func isTooThin(_ index: Int, at now: Int64) -> Bool {
        guard let wanted = plan.requiredBitsPerSecond, let since = links[index].soundSince,
            now - since > Throughput.window
        else { return false }
        return links[index].rate.bitsPerSecond(at: now) < wanted
    }

    private mutating func leave(at now: Int64) {
        if let sound = links.indices.first(where: { links[$0].soundSince != nil }) {
            return go(to: sound, at: now)
        }
        // Nobody delivers: cold ones are connected, one after the other.
        guard let next = links.indices.first(where: { !links[$0].isWanted }) else { return }
        links[next].isWanted = true
        activeSince = now
    }

    private mutating func go(to index: Int, at now: Int64) {
        guard index != active else { return }
        active = index
        activeSince = now
        giveUpColdBackups()
    }

    private mutating func giveUpColdBackups() {
        guard plan.isCold else { return }
        for index in links.indices { links[index].isWanted = index <= active }
    }
}

/// Bytes of the last second, in quarters.
private struct Throughput {
    /// One second.
    static let window: Int64 = 1_000_000_000
    private static let quarter: Int64 = 250_000_000

    private var quarters: InlineArray<5, Int64> = .init(repeating: 0)
    private var newest: Int64 = 0

    mutating func add(_ bytes: Int64, at now: Int64) {
        advance(to: now)
        quarters[Int(newest % 5)] += bytes
    }

    private mutating func advance(to now: Int64) {
        let number = max(0, now) / Throughput.quarter
        guard number > newest else { return }
        for passed in max(newest + 1, number - 4)...number { quarters[Int(passed % 5)] = 0 }
        newest = number
    }

    /// The mean of the four quarters that are over.
    mutating func bitsPerSecond(at now: Int64) -> Int64 {
        advance(to: now)
        var sum: Int64 = 0
        for index in quarters.indices where index != Int(newest % 5) { sum += quarters[index] }
        return sum * 8
    }
}
