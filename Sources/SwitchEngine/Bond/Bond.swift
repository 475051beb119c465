// The bond of one input's links: their datagrams in, one stream of bytes out.
//
//     one link     datagram ------------> (RTP: in order) -------------------------> as it came
//     main-backup  datagram ------------> (RTP: in order) --> framed --> the active link's packets
//     merge        datagram, all RTP ---> by sequence number ---------> one skew window later
//                  datagram, any other -> (RTP: in order) --> framed --> by content --> the same
//
// It does no I/O and reads no clock. Bytes are lent to a closure while `receive` or `advance` runs,
// where they lie if that is possible: a link alone costs nothing.
//
// A merge goes by numbers until a link comes without them, or with numbers that are not those of
// the others; it goes by content from then on. What it gives counts as having arrived one skew
// window after its first copy was due, which is when it is given: constant, whatever a link loses,
// and when one dies. A release as soon as a packet is certain would come up to one window earlier,
// and each loss would be jitter to the engine's clock.

import TransportStream

public struct Bond: ~Copyable {
    private enum Way { case alone, mainBackup, sequence, content }

    private struct Link {
        var facts = BondLinkFacts()
        var framing = LinkFraming()
        /// Puts its RTP datagrams in order where they are not merged by number.
        var order: SequenceMerge?
    }

    /// How long a gap in one link's RTP numbers is waited for where no other link fills it, 100 ms.
    static let orderWindow: Int64 = 100_000_000
    public static let linkLimit = 64

    private var links: [Link]
    private var way: Way
    private let window: Int64
    private var backup: MainBackup
    private var sequence: SequenceMerge?
    private var content: ContentMerge?
    private var now: Int64 = 0

    /// - Parameter active: the link that delivers first, where one at a time does.
    public init(links count: Int, plan: BondPlan, active: Int = 0) {
        precondition(count > 0 && count <= Bond.linkLimit)
        links = [Link](repeating: Link(), count: count)
        var rule = MainBackupPlan()
        switch plan {
        case .merge(let skewWindow):
            window = max(1, skewWindow)
            way = count > 1 ? .sequence : .alone
        case .mainBackup(let plan):
            rule = plan
            window = Bond.orderWindow
            way = count > 1 ? .mainBackup : .alone
        }
        backup = MainBackup(rule, links: count, active: active)
        if way == .sequence { sequence = SequenceMerge(links: count, window: window) }
    }

    /// Whether so many links can be added: only to a merge. One that goes away stays behind as one
    /// that is silent.
    public func hasRoom(for count: Int) -> Bool {
        (way == .sequence || way == .content) && links.count + count <= Bond.linkLimit
    }

    /// Gives the number of the new link.
    public mutating func addLink() -> Int {
        precondition(hasRoom(for: 1))
        links.append(Link())
        sequence?.addLink()
        content?.addLink()
        return links.count - 1
    }

    /// The link that delivers, where one at a time does.
    public var active: Int { backup.active }

    /// Whether the driver should have this link connected.
    public func isWanted(_ link: Int) -> Bool { way != .mainBackup || backup.isWanted(link) }

    // MARK: In

    /// Takes a datagram, or a piece of a byte stream, as it came.
    /// - Parameters:
    ///   - isRTP: the datagram begins with an RTP header.
    ///   - give: called, before this returns, with bytes that are ready.
    public mutating func receive(
        _ datagram: Span<UInt8>, isRTP: Bool, from link: Int, at instant: MonotonicInstant,
        _ give: BondOutput
    ) {
        let arrival = instant.nanoseconds
        now = max(now, arrival)
        guard isRTP else {
            links[link].facts.packets += Int64(datagram.count / Packet.size)
            if way == .sequence { beginContent() }
            return take(datagram, link, .unknown, at: arrival, give)
        }
        guard case .success(let header) = RTPHeader.parse(datagram) else { return }
        let payload = datagram.extracting(header.payload)
        links[link].facts.packets += Int64(payload.count / Packet.size)
        if way == .sequence {
            sequence?.receive(header, payload, from: link, at: arrival) { bytes, time, _, _ in
                give(bytes, MonotonicInstant(nanoseconds: time))
            }
            if sequence?.needsContent == true { beginContent() }
            return
        }
        var order = takeOrder(link)
        order.receive(header, payload, from: 0, at: arrival) { bytes, time, _, isUnbroken in
            takeOrdered(bytes, link, isUnbroken, at: time, give)
        }
        links[link].order = order
    }

    /// Moves the link's order out, so that what it gives can be taken by `self`.
    private mutating func takeOrder(_ link: Int) -> SequenceMerge {
        var order: SequenceMerge?
        swap(&order, &links[link].order)
        return order ?? SequenceMerge(links: 1, window: min(Bond.orderWindow, window))
    }

    private mutating func takeOrdered(
        _ bytes: Span<UInt8>, _ link: Int, _ isUnbroken: Bool, at arrival: Int64, _ give: BondOutput
    ) {
        // Half a packet will not be completed.
        if !isUnbroken && way != .alone { links[link].framing.restart() }
        take(bytes, link, isUnbroken ? .unbroken : .gap, at: arrival, give)
    }

    private mutating func take(
        _ bytes: Span<UInt8>, _ link: Int, _ flow: ContentMerge.Flow, at arrival: Int64,
        _ give: BondOutput
    ) {
        switch way {
        case .alone: give(bytes, MonotonicInstant(nanoseconds: arrival))
        case .mainBackup: deliver(bytes, link, at: arrival, give)
        case .sequence, .content:
            links[link].framing.frame(bytes) { bytes, first, count, stride, straddles in
                content?.take(
                    bytes, first: first, count: count, stride: stride, from: link, flow: flow,
                    straddles: straddles, at: arrival)
            }
        }
    }

    private mutating func deliver(
        _ bytes: Span<UInt8>, _ link: Int, at arrival: Int64, _ give: BondOutput
    ) {
        let isActive = link == backup.active
        var payloadBytes = backup.isMeasuring ? 0 : bytes.count
        let isMeasuring = backup.isMeasuring
        var packets = 0
        links[link].framing.frame(bytes) { bytes, first, count, stride, _ in
            packets += count
            if isMeasuring { payloadBytes += Bond.payloadBytes(bytes, first, count, stride) }
            guard isActive else { return }
            Bond.give(bytes, first, count, stride, MonotonicInstant(nanoseconds: arrival), give)
        }
        if !isActive { links[link].facts.setAside += Int64(packets) }
        backup.note(link, payloadBytes: payloadBytes, at: now)
    }

    private static func payloadBytes(
        _ bytes: Span<UInt8>, _ first: Int, _ count: Int, _ stride: Int
    ) -> Int {
        var sum = 0
        for number in 0..<count {
            let at = first + number * stride
            if bytes[at + 1] & 0x1F != 0x1F || bytes[at + 2] != 0xFF { sum += Packet.size }
        }
        return sum
    }

    private static func give(
        _ bytes: Span<UInt8>, _ first: Int, _ count: Int, _ stride: Int,
        _ arrival: MonotonicInstant, _ give: BondOutput
    ) {
        if stride == Packet.size {
            return give(bytes.extracting(first..<first + count * stride), arrival)
        }
        for number in 0..<count {
            let start = first + number * stride
            give(bytes.extracting(start..<start + Packet.size), arrival)
        }
    }

    /// Goes over to a merge by content; what is held by number is put there.
    private mutating func beginContent() {
        var content = ContentMerge(links: links.count, window: window)
        var old: SequenceMerge?
        swap(&old, &sequence)
        way = .content
        old?.flush { bytes, arrival, link, isUnbroken in
            if !isUnbroken { links[link].framing.restart() }
            links[link].framing.frame(bytes) { bytes, first, count, stride, _ in
                content.take(
                    bytes, first: first, count: count, stride: stride, from: link, flow: .gap,
                    straddles: false, at: arrival)
            }
        }
        for link in links.indices { links[link].facts += old?.facts[link] ?? BondLinkFacts() }
        self.content = content
    }

    // MARK: Time

    /// Does what is due at `instant`: to be called when all that has come has been taken.
    public mutating func advance(to instant: MonotonicInstant, _ give: BondOutput) {
        now = max(now, instant.nanoseconds)
        let now = self.now
        if way == .mainBackup { backup.advance(to: now) }
        sequence?.release(at: now) { bytes, time, _, _ in
            give(bytes, MonotonicInstant(nanoseconds: time))
        }
        for link in links.indices where links[link].order != nil {
            var order = takeOrder(link)
            order.release(at: now) { bytes, time, _, isUnbroken in
                takeOrdered(bytes, link, isUnbroken, at: time, give)
            }
            links[link].order = order
        }
        content?.release(at: now, give)
    }

    /// Nothing more comes: all that is held goes.
    public mutating func finish(at instant: MonotonicInstant, _ give: BondOutput) {
        now = max(now, instant.nanoseconds)
        sequence?.flush { bytes, _, _, _ in give(bytes, instant) }
        for link in links.indices where links[link].order != nil {
            var order = takeOrder(link)
            order.flush { bytes, time, _, isUnbroken in
                takeOrdered(bytes, link, isUnbroken, at: time, give)
            }
            links[link].order = order
        }
        content?.flush(at: now, give)
    }

    // MARK: What is told

    /// Counters of a link.
    public func facts(of link: Int) -> BondLinkFacts {
        var facts = links[link].facts
        if var order = links[link].order?.facts[0] {
            // In a merge the other links tell what this one lost.
            if way == .content { order.lost = 0 }
            facts += order
        }
        if let sequence { facts += sequence.facts[link] }
        if let content { facts += content.facts[link] }
        facts.isInUse =
            switch way {
            case .alone: true
            case .mainBackup: backup.active == link
            case .sequence: sequence?.isInUse(link, at: now) ?? false
            case .content: content?.isInUse(link, at: now) ?? false
            }
        return facts
    }
}

extension BondLinkFacts {
    static func += (sum: inout Self, more: Self) {
        sum.packets += more.packets
        sum.lost += more.lost
        sum.late += more.late
        sum.setAside += more.setAside
        sum.mismatched += more.mismatched
    }
}
