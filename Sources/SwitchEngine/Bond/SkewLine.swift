// How far the links of a merge are behind each other, and so when each packet would have come had
// all of them come the same way.
//
//   first link   a   b   c   d              sent = arrival - lag of its link: one line for all,
//   second             a   b   c   d        which does not move when a link dies or comes back
//                |-lag-|
//
// A packet leaves one skew window after `sent`. That gives the engine the steadiest clock: what
// one link lost does not come later than what it did not.

struct SkewLine {
    private struct Way {
        /// Nanoseconds behind the line; negative for a link that is faster than the one that the
        /// line began with. Nil until a packet of it is known from another link.
        var lag: Int64?
        var joined: Int64 = 0
        var lastArrival: Int64?
        /// How far copies are off the lag at most, slowly forgotten; nanoseconds.
        var error: Int64 = 0
    }

    /// Of each new difference, one part in so many is believed.
    private static let smoothing: Int64 = 32

    /// Of the largest difference, one part in so many is forgotten with each.
    private static let memory: Int64 = 1024
    /// 1 ms.
    private static let leastSpread: Int64 = 1_000_000

    let window: Int64
    private var ways: [Way]

    init(links: Int, window: Int64) {
        self.window = window
        ways = [Way](repeating: Way(), count: links)
    }

    mutating func addLink() { ways.append(Way()) }

    /// Whether the link brought something within the skew window.
    func isLive(_ link: Int, at now: Int64) -> Bool {
        guard let last = ways[link].lastArrival else { return false }
        return now - last < window
    }

    /// Whether the link was there before and after the time of this packet.
    func isAround(_ arrival: Int64, _ link: Int) -> Bool {
        guard let last = ways[link].lastArrival else { return false }
        return ways[link].joined <= arrival && last > arrival
    }

    /// Whether the link's lag is known.
    func isAligned(_ link: Int) -> Bool { ways[link].lag != nil }

    /// Notes a link's arrival; true where it comes for the first time or after a silence.
    mutating func arrive(_ link: Int, at now: Int64) -> Bool {
        let isNew = !isLive(link, at: now)
        if isNew {
            let others = ways.indices.contains {
                $0 != link && ways[$0].lag != nil && isLive($0, at: now)
            }
            ways[link].lag = others ? nil : 0
            ways[link].joined = now
        }
        ways[link].lastArrival = max(now, ways[link].lastArrival ?? now)
        return isNew
    }

    func sent(_ link: Int, at arrival: Int64) -> Int64 { arrival - (ways[link].lag ?? 0) }

    /// Link `later` brought at `arrival` what `first` had brought at `firstArrival`. Returns by how
    /// much `sent` of what `first` brought so far is to be moved, where its lag was not known.
    mutating func compare(
        _ later: Int, at arrival: Int64, with first: Int, at firstArrival: Int64
    ) -> Int64? {
        guard let mine = ways[later].lag else {
            ways[later].lag = limited(arrival - sent(first, at: firstArrival))
            return nil
        }
        guard let other = ways[first].lag else {
            let lag = limited(firstArrival - (arrival - mine))
            ways[first].lag = lag
            return -lag
        }
        let error = (arrival - mine) - (firstArrival - other)
        for link in [later, first] {
            ways[link].error -= ways[link].error / SkewLine.memory
            ways[link].error = max(ways[link].error, abs(error))
        }
        // Of both, or jitter would move the line.
        ways[later].lag = limited(mine + error / SkewLine.smoothing)
        ways[first].lag = limited(other - error / SkewLine.smoothing)
        return nil
    }

    /// How far off its place on the line a packet of this link may be, nanoseconds.
    func spread(_ link: Int) -> Int64 { SkewLine.leastSpread + ways[link].error }

    private func limited(_ lag: Int64) -> Int64 { max(-window, min(window, lag)) }
}
