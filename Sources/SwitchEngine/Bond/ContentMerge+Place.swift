// Where a read's packets go in the chain.

import TransportStream

extension ContentMerge {
    /// Runs that are looked past for the place where counters fit.
    private static let searchLimit = 64
    /// Packets that are looked back over for the last one of a PID.
    private static let lookBack = 256

    mutating func place(_ read: Read, _ bytes: Span<UInt8>, follows: Bool) {
        let cursor = chain.node(links[read.link].cursor)
        let known = (0..<count).first { places[$0] >= 0 }
        if let known {
            placeBefore(known, read, bytes)
            placeBehind(known, read, bytes)
        } else if let left = borderAlone(read, cursor, follows: follows) {
            placeAlone(behind: left, read, bytes)
        } else {
            facts[read.link].setAside += Int64(count)
        }
        join(read, cursor, follows: follows)
        let isSequel = follows && links[read.link].isPlaceGuessed
        links[read.link].isPlaceGuessed = known == nil && (cursor < 0 || !follows || isSequel)
        if let last = (0..<count).last(where: { places[$0] >= 0 }) {
            links[read.link].cursor = chain.cursor(places[last])
        }
    }

    private mutating func insert(
        _ index: Int, after left: Int32, _ read: Read, _ bytes: Span<UInt8>
    ) {
        var node = PacketChain.Node(print: prints[index])
        node.arrival = read.now
        node.source = read.link
        node.read = links[read.link].read
        node.sent = line.sent(read.link, at: read.now)
        node.time = node.sent
        node.links = 1 << UInt64(read.link)
        places[index] = chain.insert(after: left, node, bytes, at: read.start + index * read.stride)
    }

    private mutating func placeBefore(_ known: Int, _ read: Read, _ bytes: Span<UInt8>) {
        for index in (0..<known).reversed() {
            let right = places[index + 1]
            if chain[right].isGiven {
                facts[read.link].late += Int64(index + 1)
                return
            }
            let left = chain[right].previous
            if left >= 0 { open(after: left, doubting: left, read) }
            guard left >= 0, chain.isOpen(after: left) else {
                facts[read.link].mismatched += Int64(index + 1)
                return
            }
            insert(index, after: left, read, bytes)
            chain[places[index]].isJoined = true
        }
    }

    private mutating func placeBehind(_ known: Int, _ read: Read, _ bytes: Span<UInt8>) {
        for index in (known + 1)..<max(count, known + 1) where places[index] < 0 {
            let left = places[index - 1]
            guard left >= 0 else {
                facts[read.link].mismatched += 1
                continue
            }
            open(after: left, doubting: chain[left].next, read)
            guard chain.isOpen(after: left) else {
                if chain[left].isGiven {
                    facts[read.link].late += 1
                } else {
                    facts[read.link].mismatched += 1
                }
                continue
            }
            let next = chain[left].next
            if next >= 0, isOther(next, index) {
                facts[read.link].mismatched += 1
                continue
            }
            insert(index, after: left, read, bytes)
            chain[left].isJoined = true
        }
    }

    /// What a link that is not believed has joined to a table is no hindrance to one that is.
    private mutating func open(after left: Int32, doubting node: Int32, _ read: Read) {
        guard node >= 0, chain[left].isJoined, links[read.link].doubtedFrom == nil,
            isInDoubt(node)
        else { return }
        chain[left].isJoined = false
    }

    private mutating func placeAlone(behind border: Int32, _ read: Read, _ bytes: Span<UInt8>) {
        var last: Int32?
        for index in 0..<count where places[index] != ContentMerge.passed {
            insert(index, after: last ?? border, read, bytes)
            if let last { chain[last].isJoined = true }
            last = places[index]
        }
    }

    /// The chain has another packet at this place, between the same neighbours: one is damaged.
    private func isOther(_ node: Int32, _ index: Int) -> Bool {
        index + 1 < count && places[index + 1] >= 0 && chain[node].next == places[index + 1]
    }

    // MARK: A read of which nothing is known

    private func borderAlone(_ read: Read, _ cursor: Int32, follows: Bool) -> Int32? {
        let isDisorderly = isDisorderly(read.link, at: read.now)
        // Null packets alone, and the way tells nothing of their place.
        if isDisorderly, (0..<count).allSatisfy({ prints[$0].isNull }) { return nil }
        let sent = line.sent(read.link, at: read.now)
        guard cursor >= 0, !isDisorderly else { return border(at: sent) }
        var left = chain.endOfRun(chain[cursor].isGiven ? chain.lastGiven : cursor)
        guard !follows else { return left }
        // The link lost something; what others brought may stand in between.
        let spread = line.spread(read.link)
        var best: Int32?
        for _ in 0..<ContentMerge.searchLimit where chain[left].sent <= sent + spread {
            let distance = abs(chain[left].sent - sent)
            if distance <= spread, best.map({ abs(chain[$0].sent - sent) > distance }) ?? true,
                goesOn(behind: left)
            {
                best = left
            }
            let next = chain[left].next
            guard next >= 0 else { break }
            left = chain.endOfRun(next)
        }
        let start = chain[cursor].isGiven ? chain.lastGiven : cursor
        return best ?? border(at: sent, notBefore: start)
    }

    /// The open border at a time.
    private func border(at sent: Int64, notBefore limit: Int32? = nil) -> Int32 {
        let limit = limit ?? chain.lastGiven
        var node = chain.last
        while node != limit, !chain[node].isGiven, chain[node].sent > sent {
            node = chain[node].previous
        }
        return chain.endOfRun(chain[node].isGiven ? chain.lastGiven : node)
    }

    /// Whether the read can come right behind `node`, by the counters of each of its PIDs.
    private func goesOn(behind node: Int32) -> Bool {
        for index in 0..<count where isFirstOfPID(index) {
            var earlier = node
            for _ in 0..<ContentMerge.lookBack where earlier >= 0 {
                if chain[earlier].print.pid == prints[index].pid {
                    if !prints[index].follows(chain[earlier].print.counter) { return false }
                    break
                }
                earlier = chain[earlier].previous
            }
        }
        return true
    }

    private func isFirstOfPID(_ index: Int) -> Bool {
        !prints[index].isNull
            && !(0..<index).contains { prints[$0].pid == prints[index].pid }
    }

    // MARK: What stands side by side

    private mutating func join(_ read: Read, _ cursor: Int32, follows: Bool) {
        // A link that is not believed does not move what others brought.
        let mayMove = links[read.link].doubtedFrom == nil
        if follows, cursor >= 0, places[0] >= 0 {
            joined(
                cursor, places[0], mayMove: mayMove, isGuess: links[read.link].isPlaceGuessed,
                isSure: read.flow == .unbroken)
        }
        guard count > 1 else { return }
        for index in 1..<count where places[index - 1] >= 0 && places[index] >= 0 {
            let (left, right) = (places[index - 1], places[index])
            let isGuess = chain[left].links.nonzeroBitCount == 1
                && chain[right].links.nonzeroBitCount > 1
            joined(left, right, mayMove: mayMove, isGuess: isGuess, isSure: true)
        }
    }

    /// - Parameter isGuess: the left one's place was a guess, and it is the one to be moved.
    private mutating func joined(
        _ left: Int32, _ right: Int32, mayMove: Bool, isGuess: Bool, isSure: Bool
    ) {
        guard left != right, !chain[right].isGiven else { return }
        if chain[left].next != right {
            guard mayMove else { return }
            let isMoved =
                isGuess
                ? chain.moveRun(chain.beginOfRun(left), after: chain[right].previous)
                : chain.moveRun(right, after: left)
            guard isMoved, chain[left].next == right else { return }
        }
        if isSure { chain[left].isJoined = true }
    }
}
