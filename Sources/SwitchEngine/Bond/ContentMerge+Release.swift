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

    /// Gives the first held packet, or sets it aside.
    mutating func giveHead(at now: Int64) {
        guard isReleasable(chain.head, at: now) else {
            facts[chain[chain.head].source].setAside += 1
            return chain.removeHead()
        }
        if !chain[chain.lastGiven].isJoined { putInOrder(at: now) }
        let node = chain[chain.head]
        for link in links.indices
        where node.links >> UInt64(link) & 1 == 0 && links[link].doubtedFrom == nil
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
        let source = chain[node].source
        guard links[source].doubtedFrom != nil else { return true }
        if chain[node].links & ~(1 << UInt64(source)) != 0 { return true }
        return chain[node].read <= links[source].confirmed
            || !hasBelieved(otherThan: source, at: now)
    }

    // MARK: Datagrams that have changed places

    /// Brings the run to the front that goes on from what was given.
    private mutating func putInOrder(at now: Int64) {
        let head = chain.head
        var spread: Int64 = 0
        for link in links.indices where isDisorderly(link, at: now) {
            spread = max(spread, line.spread(link))
        }
        guard spread > 0, !goesOn(head) else { return }
        let limit = chain[head].sent + spread
        var run = chain[chain.endOfRun(head)].next
        while run >= 0, chain[run].sent <= limit {
            if isMovable(run, at: now), goesOn(run) {
                _ = chain.moveRun(run, after: chain.lastGiven)
                return
            }
            run = chain[chain.endOfRun(run)].next
        }
        // Something is missing that nobody brought: what comes behind nothing else is the first.
        run = head
        while run >= 0, chain[run].sent <= limit {
            if isMovable(run, at: now), !hasPredecessor(run, from: head, limit) {
                if run != head { _ = chain.moveRun(run, after: chain.lastGiven) }
                return
            }
            run = chain[chain.endOfRun(run)].next
        }
    }

    private func isMovable(_ run: Int32, at now: Int64) -> Bool {
        isDisorderly(chain[run].source, at: now) && isReleasable(run, at: now)
    }

    /// Whether the run's packets are the next of their PIDs behind what was given.
    private func goesOn(_ run: Int32) -> Bool {
        var node = run
        var seen: InlineArray<8, UInt16> = .init(repeating: PacketPrint.nullPID)
        var seenCount = 0
        for _ in 0..<ContentMerge.readLimit where node >= 0 {
            let print = chain[node].print
            var isFirst = !print.isNull
            for index in 0..<seenCount where seen[index] == print.pid { isFirst = false }
            if isFirst {
                guard seenCount < seen.count else { return true }
                seen[seenCount] = print.pid
                seenCount += 1
                let last = givenCounters[Int(print.pid)]
                if last & ContentMerge.counterKnown != 0, !print.follows(last & 15) { return false }
            }
            guard chain[node].isJoined else { return true }
            node = chain[node].next
        }
        return true
    }

    private func hasPredecessor(_ run: Int32, from first: Int32, _ limit: Int64) -> Bool {
        let begin = chain[run].print
        guard !begin.isNull else { return false }
        var other = first
        while other >= 0, chain[other].sent <= limit {
            let end = chain.endOfRun(other)
            if other != run, chain[end].print.pid == begin.pid,
                begin.counter == (chain[end].print.counter &+ 1) & 15
            {
                return true
            }
            other = chain[end].next
        }
        return false
    }
}
