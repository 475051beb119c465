// Which of some runs of packets comes first, where datagrams without numbers have changed places:
// the one that begins a row in which the counters of all PIDs go on and what came earlier stands
// first. Counters wrap at 16, so several runs may fit behind what was given; then the rest of them
// does not fit as well.

struct RunOrder {
    /// Runs and PIDs that are looked at.
    private static let runLimit = 64
    private static let pidLimit = 8
    /// How many runs are put in order to find the first.
    private static let depth = 8
    /// Steps of the search, then the best so far is taken.
    private static let stepLimit = 2000

    private struct Run {
        var begin: Int32
        var time: Int64
        /// By PID of `pids`: its first packet, or `none`; its last counter, `counterKnown` set.
        var heads = InlineArray<8, Int32>(repeating: PacketChain.none)
        var tails = InlineArray<8, UInt8>(repeating: 0)
    }

    /// The search so far.
    private struct Path {
        var used: UInt64 = 0
        var length = 0
        var first = 0
        /// Nanoseconds that runs were passed over though they came earlier, and what is missing.
        var cost: Int64 = 0

        func adding(_ run: Int, _ price: Int64) -> Path {
            Path(
                used: used | 1 << UInt64(run), length: length + 1,
                first: length == 0 ? run : first, cost: cost + price)
        }
    }

    private var runs: [Run] = []
    private var pids: [UInt16] = []
    private var spread: Int64 = 0
    private var steps = 0
    private var best: (cost: Int64, first: Int) = (0, 0)

    var isFull: Bool { runs.count >= RunOrder.runLimit }

    /// - Parameter spread: nanoseconds that a run may come before one that belongs before it.
    mutating func begin(spread: Int64) {
        self.spread = spread
        runs.removeAll(keepingCapacity: true)
        pids.removeAll(keepingCapacity: true)
    }

    mutating func add(_ begin: Int32, _ chain: borrowing PacketChain) {
        var run = Run(begin: begin, time: chain[begin].time)
        var node = begin
        while node >= 0 {
            let print = chain[node].print
            if !print.isNull, let slot = slot(of: print.pid) {
                if run.heads[slot] < 0 { run.heads[slot] = node }
                run.tails[slot] = ContentMerge.counterKnown | print.counter
            }
            guard chain[node].isJoined else { break }
            node = chain[node].next
        }
        // The earliest first: where nothing else tells, time does.
        let place = runs.firstIndex { $0.time > run.time } ?? runs.count
        runs.insert(run, at: place)
    }

    private mutating func slot(of pid: UInt16) -> Int? {
        if let slot = pids.firstIndex(of: pid) { return slot }
        guard pids.count < RunOrder.pidLimit else { return nil }
        pids.append(pid)
        return pids.count - 1
    }

    /// - Parameter counters: the last of what was given, by PID.
    mutating func first(behind counters: [UInt8], _ chain: borrowing PacketChain) -> Int32 {
        var state = InlineArray<8, UInt8>(repeating: 0)
        for slot in pids.indices { state[slot] = counters[Int(pids[slot])] }
        steps = 0
        best = (.max, 0)
        search(behind: state, Path(), chain)
        return runs[best.first].begin
    }

    private mutating func search(
        behind state: InlineArray<8, UInt8>, _ path: Path, _ chain: borrowing PacketChain
    ) {
        if path.length == min(RunOrder.depth, runs.count) {
            if path.cost < best.cost { best = (path.cost, path.first) }
            return
        }
        var earliest: Int64?
        for mustGoOn in [true, false] {
            for run in runs.indices where path.used >> UInt64(run) & 1 == 0 {
                let time = runs[run].time
                let begin = earliest ?? time
                earliest = begin
                guard time <= begin + spread, steps < RunOrder.stepLimit else { break }
                steps += 1
                guard goesOn(run, behind: state, chain) == mustGoOn else { continue }
                // Something that is missing is as dear as what comes twice as late as any does.
                let price = time - begin + (mustGoOn ? 0 : 2 * spread)
                guard path.cost + price < best.cost else { break }
                search(
                    behind: passed(run, mustGoOn ? state : .init(repeating: 0)),
                    path.adding(run, price), chain)
            }
        }
    }

    private func goesOn(
        _ run: Int, behind state: InlineArray<8, UInt8>, _ chain: borrowing PacketChain
    ) -> Bool {
        for slot in pids.indices {
            let head = runs[run].heads[slot]
            guard head >= 0, state[slot] & ContentMerge.counterKnown != 0 else { continue }
            if !chain[head].print.follows(state[slot] & 15) { return false }
        }
        return true
    }

    private func passed(
        _ run: Int, _ state: InlineArray<8, UInt8>
    ) -> InlineArray<8, UInt8> {
        var state = state
        for slot in pids.indices where runs[run].tails[slot] != 0 {
            state[slot] = runs[run].tails[slot]
        }
        return state
    }
}
