// Merging links that carry the same packets without common numbers, cut into datagrams as it
// happens.
//
// A read is packets that one link brought side by side. Those of it that are in the chain tell its
// place; the others go between, before or behind them. A read without a known packet goes behind
// the link's last one, or where the continuity counters say. Each packet leaves one window after
// it was sent (SkewLine): by then all that is to be known of its place and of its link is known.
//
// A link is believed while its counters go on. After a break what it alone brought does not leave
// until another link brings a copy of something as new: a jump to another content stays outside.
// Who is right where two links differ from the beginning can not be told: the first that came is
// believed.
//
// Null packets are all alike; where two links lose different ones of a long row of them nobody
// can know. May drop packets of a link that carries something else; gives each packet once.

import TransportStream

struct ContentMerge {
    /// How a read comes behind the link's one before.
    enum Flow {
        /// Nothing is known: datagrams without numbers.
        case unknown
        /// Nothing is missing between.
        case unbroken
        case gap
    }

    struct Link {
        /// The last packet of its newest read.
        var cursor: PacketChain.Cursor?
        /// By PID: the last continuity counter, `counterKnown` set. Empty before the first read.
        var counters: [UInt8] = []
        /// Where its newest read stands is a guess: it had nothing in common with others.
        var isPlaceGuessed = false
        /// The read in hand; the newest that another link has a copy of, and when it was seen.
        var read: Int64 = 0
        var confirmed: Int64 = 0
        var lastConfirmed: Int64 = 0
        /// The newest read of which nothing was known and that did not go on from the one before.
        var lastBreak: Int64 = 0
        /// The read from which on the link is not believed until it is confirmed.
        var doubtedFrom: Int64?
        /// A packet put together from two datagrams, of which the next read tells whether they were
        /// neighbours.
        var straddler: PacketChain.Cursor?
        /// When it let datagrams change places.
        var lastDisorder: Int64?
        /// The first packet of its newest read, where that did not go on from the one before.
        var head = PacketPrint.none
    }

    /// Packets of one read; longer ones are taken in parts.
    static let readLimit = 16
    /// Datagrams without numbers are put in order if they come so much too late at most, 60 ms.
    static let disorderLimit: Int64 = 60_000_000
    /// A link that let datagrams change places is expected to do it again for 10 s.
    static let disorderMemory: Int64 = 10_000_000_000
    /// Reads between two breaks of which no other link lost every one by chance.
    private static let strayLimit: Int64 = 16
    static let counterKnown: UInt8 = 0x80
    static let none = PacketChain.none
    /// The packet is in the chain, and tells nothing of the others.
    static let passed: Int32 = -2

    let window: Int64
    var line: SkewLine
    var links: [Link]
    var facts: [BondLinkFacts]
    var chain: PacketChain
    /// The read in hand: what its packets are, where they stand in the chain, and whether each is
    /// the next of its PID on its link.
    var prints = [PacketPrint](repeating: .none, count: readLimit)
    var places = [Int32](repeating: none, count: readLimit)
    var isNext = [Bool](repeating: false, count: readLimit)
    private var countersBefore = [UInt8](repeating: 0, count: readLimit)
    var count = 0
    /// Last counters of what was given, by PID.
    var givenCounters = [UInt8](repeating: 0, count: 8192)
    var runOrder = RunOrder()
    /// What is given with the next release, in pieces of one arrival.
    var outgoing: [UInt8] = []
    var pieces: [(bytes: Int, arrival: Int64)] = []
    var lastArrival: Int64 = .min

    /// - Parameter nodeLimit: packets that are kept at most; the default is for 100 Mbit/s.
    init(links: Int, window: Int64, nodeLimit: Int? = nil) {
        self.window = window
        chain = PacketChain(limit: nodeLimit ?? ContentMerge.nodeLimit(window: window))
        line = SkewLine(links: links, window: window)
        self.links = [Link](repeating: Link(), count: links)
        facts = [BondLinkFacts](repeating: BondLinkFacts(), count: links)
    }

    /// Packets of 100 Mbit/s while they are held, which may be two windows where the first link is
    /// one ahead, and one window more.
    private static func nodeLimit(window: Int64) -> Int {
        max(1 << 17, Int(clamping: window / 15_000 * 3))
    }

    mutating func addLink() {
        line.addLink()
        links.append(Link())
        facts.append(BondLinkFacts())
    }

    // MARK: In

    /// Takes packets that lie `stride` bytes apart from `first` on.
    /// - Parameter straddles: the first packet was put together from two datagrams.
    mutating func take(
        _ bytes: Span<UInt8>, first: Int, count total: Int, stride: Int, from link: Int,
        flow: Flow, straddles: Bool, at now: Int64
    ) {
        if links[link].counters.isEmpty {
            links[link].counters = [UInt8](repeating: 0, count: 8192)
        }
        if line.arrive(link, at: now) { rejoin(link, at: now) }
        var done = 0
        while done < total {
            count = min(ContentMerge.readLimit, total - done)
            let start = first + done * stride
            for index in 0..<count {
                prints[index] = PacketPrint(bytes, at: start + index * stride)
                places[index] = ContentMerge.none
            }
            let continues = countersContinue(link)
            let flow = done == 0 ? flow : .unbroken
            var skipped = 0
            if done == 0, straddles, flow == .unknown, !continues {
                // Made of two datagrams that are no neighbours: it is no packet.
                forgetCounters(link)
                skipped = 1
                count -= 1
                for index in 0..<count { prints[index] = prints[index + 1] }
                _ = countersContinue(link)
            }
            let read = Read(
                link: link, start: start + skipped * stride, stride: stride, flow: flow,
                continues: continues, isStraddler: done == 0 && straddles, now: now)
            if count > 0 { take(read, bytes) }
            done += count + skipped
        }
    }

    struct Read {
        var link: Int
        var start: Int
        var stride: Int
        var flow: Flow
        var continues: Bool
        /// The first packet was put together from two datagrams.
        var isStraddler: Bool
        var now: Int64
    }

    private mutating func rejoin(_ link: Int, at now: Int64) {
        links[link].cursor = nil
        links[link].lastConfirmed = now
        links[link].lastDisorder = nil
        links[link].doubtedFrom =
            hasBelieved(otherThan: link, at: now) ? links[link].read + 1 : nil
    }

    private mutating func take(_ read: Read, _ bytes: Span<UInt8>) {
        let link = read.link
        makeRoom(at: read.now)
        links[link].read += 1
        let straddler = chain.node(links[link].straddler)
        links[link].straddler = nil
        if straddler >= 0, read.flow == .unknown, !read.continues,
            chain[straddler].links == 1 << UInt64(link)
        {
            chain.remove(straddler)
        }
        let follows: Bool =
            switch read.flow {
            case .unbroken: true
            case .gap: false
            case .unknown: read.continues && !isDisorderly(link, at: read.now)
            }
        match(link, follows: follows, at: read.now)
        if isRepetition(read) {
            return forgetCounters(link)
        }
        passTables(read)
        let known = noteCopies(read)
        if known == 0 && !read.continues && read.flow != .unbroken {
            links[link].lastBreak = links[link].read
            if links[link].doubtedFrom == nil, hasBelieved(otherThan: link, at: read.now) {
                links[link].doubtedFrom = links[link].read
            }
        }
        noteOrder(read)
        place(read, bytes, follows: follows)
        if read.isStraddler, count == 1, places[0] >= 0 {
            links[link].straddler = chain.cursor(places[0])
        }
    }

    /// Whether the read comes right behind the link's one before, by the counters of each of its
    /// PIDs. A PID that is new speaks against it.
    private mutating func countersContinue(_ link: Int) -> Bool {
        var continues = true
        for index in 0..<count {
            isNext[index] = false
            let pid = Int(prints[index].pid)
            let last = links[link].counters[pid]
            countersBefore[index] = last
            if prints[index].isNull { continue }
            let isKnown = last & ContentMerge.counterKnown != 0
            if !isKnown || !prints[index].follows(last & 15) { continues = false }
            isNext[index] = isKnown && prints[index].counter == (last &+ 1) & 15
            links[link].counters[pid] = ContentMerge.counterKnown | prints[index].counter
        }
        return continues
    }

    /// Takes back what the read in hand has changed of its link's counters.
    private mutating func forgetCounters(_ link: Int) {
        for index in (0..<count).reversed() {
            links[link].counters[Int(prints[index].pid)] = countersBefore[index]
        }
    }

    // MARK: What is known

    /// Finds the read's packets in the chain: by their bytes, and those that are not alone with
    /// theirs by their neighbours.
    private mutating func match(_ link: Int, follows: Bool, at now: Int64) {
        let sent = line.sent(link, at: now)
        let bit = UInt64(1) << UInt64(link)
        for index in 0..<count {
            let node = chain.find(prints[index])
            guard node >= 0, !chain[node].isTwin else { continue }
            // A table that has come round is no copy of the one before.
            if chain[node].isGiven && chain[node].sent + window < sent { continue }
            if index > 0 && places[index - 1] == node { continue }
            places[index] = node
        }
        var left = follows ? chain.node(links[link].cursor) : ContentMerge.none
        for index in 0..<count {
            if places[index] < 0, left >= 0 {
                let node = chain[left].next
                let next = node >= 0 && chain[node].isJoined ? chain[node].next : ContentMerge.none
                if node >= 0, isSame(node, index, bit), fits(next, index + 1) {
                    places[index] = node
                }
            }
            left = places[index]
        }
        var right = ContentMerge.none
        for index in (0..<count).reversed() {
            if places[index] < 0, right >= 0 {
                let node = chain[right].previous
                let before = node >= 0 ? chain[node].previous : ContentMerge.none
                let isFixed = before >= 0 && chain[before].isJoined
                if node >= 0, isSame(node, index, bit),
                    fits(isFixed ? before : ContentMerge.none, index - 1)
                {
                    places[index] = node
                }
            }
            right = places[index]
        }
    }

    /// Whether the link brought this read before: a datagram that the network doubled. A table that
    /// has come round is no copy of the one before, and is taken out of what is known.
    private mutating func isRepetition(_ read: Read) -> Bool {
        let bit = UInt64(1) << UInt64(read.link)
        var isAllOwn = true
        var isAllNext = true
        var ownCount = 0
        for index in 0..<count where !prints[index].isNull {
            let node = chain.find(prints[index])
            if node >= 0, chain[node].isTwin { continue }
            let isOwn = places[index] >= 0 && chain[places[index]].links & bit != 0
            isAllOwn = isAllOwn && isOwn
            isAllNext = isAllNext && isNext[index]
            ownCount += isOwn ? 1 : 0
        }
        guard ownCount > 0 else { return false }
        if isAllOwn && (!isAllNext || isDisorderly(read.link, at: read.now)) { return true }
        for index in 0..<count
        where places[index] >= 0 && chain[places[index]].links & bit != 0 {
            places[index] = ContentMerge.none
        }
        return false
    }

    /// Tables do not tell the place of a read behind a break: another stream may have the same. The
    /// copies stay where they are, and the rest goes where it belongs.
    private mutating func passTables(_ read: Read) {
        let isBroken = !read.continues && read.flow != .unbroken
        guard isBroken || links[read.link].doubtedFrom != nil else { return }
        var hasTelling = false
        for index in 0..<count where prints[index].isTelling {
            if places[index] >= 0 { return }
            hasTelling = true
        }
        guard hasTelling else { return }
        for index in 0..<count where places[index] >= 0 { places[index] = ContentMerge.passed }
    }

    private func isSame(_ node: Int32, _ index: Int, _ bit: UInt64) -> Bool {
        chain[node].print == prints[index] && chain[node].links & bit == 0
    }

    /// Whether what stands fixed beside a packet is what the read has there.
    private func fits(_ neighbour: Int32, _ index: Int) -> Bool {
        neighbour < 0 || !(0..<count).contains(index) || chain[neighbour].print == prints[index]
    }

    /// Marks what the read has in common with other links; gives how many packets that are.
    private mutating func noteCopies(_ read: Read) -> Int {
        let bit = UInt64(1) << UInt64(read.link)
        var known = 0
        // First all of them: what only one link has brought may be taken out below.
        var isCopy = UInt32(0)
        for index in 0..<count where places[index] >= 0 {
            if prints[index].isTelling { known += 1 }
            if chain[places[index]].links & bit == 0 { isCopy |= 1 << UInt32(index) }
            chain[places[index]].links |= bit
        }
        var isCompared = false
        for index in 0..<count where isCopy >> UInt32(index) & 1 != 0 {
            let node = places[index]
            let (source, isGiven) = (chain[node].source, chain[node].isGiven)
            if isGiven {
                facts[read.link].late += 1
            } else if prints[index].isTelling {
                confirm(source, chain[node].read, at: read.now)
                confirm(read.link, links[read.link].read, at: read.now)
            }
            let time = line.sent(read.link, at: read.now)
            chain[node].time = min(chain[node].time, time)
            guard !isCompared, prints[index].isTelling else { continue }
            isCompared = true
            // What a link that lags behind brought alone before its lag was known stands wrong.
            if !line.isAligned(read.link) {
                let alone = chain.remove(onlyOf: read.link, reads: 0..<Int64.max)
                facts[read.link].setAside += alone
            }
            let move = line.compare(
                read.link, at: read.now, with: source, at: chain[node].arrival)
            if let move { chain.move(source: source, by: move) }
        }
        return known
    }

    private mutating func confirm(_ link: Int, _ read: Int64, at now: Int64) {
        guard read > links[link].confirmed else { return }
        if let from = links[link].doubtedFrom, read >= from {
            // Back from another content, of which nobody else has had anything.
            let back = min(read, links[link].lastBreak)
            if links[link].confirmed < from, back - from > ContentMerge.strayLimit,
                read - back <= ContentMerge.strayLimit
            {
                facts[link].setAside += chain.remove(onlyOf: link, reads: from..<back)
            }
            links[link].doubtedFrom = nil
        }
        links[link].confirmed = read
        links[link].lastConfirmed = now
    }

    // MARK: Who is believed

    func isBelieved(_ link: Int, at now: Int64) -> Bool {
        links[link].doubtedFrom == nil && line.isLive(link, at: now)
    }

    /// Whether what the link brings is part of what is given.
    func isInUse(_ link: Int, at now: Int64) -> Bool {
        guard line.isLive(link, at: now) else { return false }
        return links[link].doubtedFrom == nil || now - links[link].lastConfirmed < window
    }

    func hasBelieved(otherThan link: Int, at now: Int64) -> Bool {
        links.indices.contains { $0 != link && isBelieved($0, at: now) }
    }

    /// Whether only a link brought it that was not believed when it did.
    func isInDoubt(_ node: Int32) -> Bool {
        let source = chain[node].source
        return links[source].doubtedFrom != nil && chain[node].read > links[source].confirmed
            && chain[node].links & ~(1 << UInt64(source)) == 0
    }

    /// Where nobody is believed the first in order is; where two that are believed have had nothing
    /// in common for long, the later in order is not.
    mutating func judge(at now: Int64) {
        var best: Int?
        var isAnyBelieved = false
        for link in links.indices.reversed() where line.isLive(link, at: now) {
            best = link
            guard links[link].doubtedFrom == nil else { continue }
            isAnyBelieved = true
            if now - links[link].lastConfirmed > 2 * window,
                hasBelieved(otherThan: link, at: now)
            {
                links[link].doubtedFrom = links[link].confirmed + 1
            }
        }
        if let best, !isAnyBelieved { links[best].doubtedFrom = nil }
    }

    // MARK: Order of a link

    func isDisorderly(_ link: Int, at now: Int64) -> Bool {
        guard let last = links[link].lastDisorder else { return false }
        return now - last < ContentMerge.disorderMemory
    }

    /// Sees whether datagrams without numbers have changed places, and moves the cursor.
    private mutating func noteOrder(_ read: Read) {
        let head = links[read.link].head
        // A read that came too early left a gap before it.
        links[read.link].head = read.continues ? .none : prints[0]
        guard read.flow == .unknown, !read.continues else { return }
        var isBehind = false
        let cursor = chain.node(links[read.link].cursor)
        if cursor >= 0, let known = (0..<count).first(where: { places[$0] >= 0 }) {
            isBehind = chain[places[known]].sent < chain[cursor].sent
        }
        if let tail = (0..<count).last(where: { prints[$0].pid == head.pid }), !head.isNull {
            isBehind = isBehind || head.counter == (prints[tail].counter &+ 1) & 15
        }
        if isBehind { links[read.link].lastDisorder = read.now }
    }
}
