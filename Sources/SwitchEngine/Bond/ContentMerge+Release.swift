// What leaves the merge by content, and in which order where datagrams have changed places.

import TransportStream

extension ContentMerge {
    /// Gives what is due.
    mutating func release(at now: Int64, _ give: BondOutput) {
        judge(at: now)
        while chain.head >= 0, chain[chain.head].sent + window <= now { giveHead(at: now) }
        flushOutgoing(give)
        // Copies that come later still are known for one window more.
        while chain.first != chain.lastGiven, chain[chain.first].sent + 2 * window < now {
            chain.trimFirst()
        }
    }

    /// Gives all that is held.
    mutating func flush(at now: Int64, _ give: BondOutput) {
        judge(at: now)
        while chain.head >= 0 { giveHead(at: now) }
        flushOutgoing(give)
    }

    private mutating func flushOutgoing(_ give: BondOutput) {
        var start = 0
        for piece in pieces {
            give(
                outgoing.span.extracting(start..<start + piece.bytes),
                MonotonicInstant(nanoseconds: piece.arrival))
            start += piece.bytes
        }
        pieces.removeAll(keepingCapacity: true)
        outgoing.removeAll(keepingCapacity: true)
    }

    /// For a whole read, before any place in the chain is looked up: what goes early may be one.
    mutating func makeRoom(at now: Int64) {
        while !chain.hasRoom(for: ContentMerge.readLimit) {
            if chain.first != chain.lastGiven {
                chain.trimFirst()
            } else if chain.head >= 0 {
                giveHead(at: now)
            } else {
                return
            }
        }
    }

    /// Gives the first held packet, or sets it aside.
    mutating func giveHead(at now: Int64) {
        guard isReleasable(chain.head, at: now) else {
            facts[chain[chain.head].source].setAside += 1
            return chain.remove(chain.head)
        }
        if !chain[chain.lastGiven].isJoined { putInOrder(at: now) }
        let node = chain[chain.head]
        for link in links.indices
        where node.links >> UInt64(link) & 1 == 0 && isInUse(link, at: now)
            && line.isAround(node.arrival, link)
        {
            facts[link].lost += 1
        }
        if !node.print.isNull {
            givenCounters[Int(node.print.pid)] = ContentMerge.counterKnown | node.print.counter
        }
        chain.give(to: &outgoing)
        let arrival = max(lastArrival, min(now, node.sent + window))
        if pieces.isEmpty || arrival != lastArrival { pieces.append((0, arrival)) }
        pieces[pieces.count - 1].bytes += Packet.size
        lastArrival = arrival
    }

    private func isReleasable(_ node: Int32, at now: Int64) -> Bool {
        !isInDoubt(node) || !hasBelieved(otherThan: chain[node].source, at: now)
    }

    // MARK: Datagrams that have changed places

    /// Brings the run to the front that goes on from what was given.
    private mutating func putInOrder(at now: Int64) {
        let head = chain.head
        var spread: Int64 = 0
        for link in links.indices where isDisorderly(link, at: now) {
            spread = max(spread, min(line.spread(link), ContentMerge.disorderLimit))
        }
        guard spread > 0 else { return }
        let limit = chain[head].sent + 2 * spread
        runOrder.begin(spread: spread)
        var run = head
        while run >= 0, chain[run].sent <= limit, !runOrder.isFull {
            if isReleasable(run, at: now) { runOrder.add(run, chain) }
            run = chain[chain.endOfRun(run)].next
        }
        let first = runOrder.first(behind: givenCounters, chain)
        if first != head { _ = chain.moveRun(first, after: chain.lastGiven) }
    }
}
