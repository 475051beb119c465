// RTP datagrams in the order of their numbers: one link's, or several links' that number alike
// (SMPTE ST 2022-7).
//
// Datagrams stand in a ring by their number, which is taken off its 16 bits. Of one link the next
// one goes at once, and a gap is given up when the window is over. Of several, each leaves one
// window after it was sent (SkewLine), whoever brought it first. Numbers of a sender that begins
// anew go on behind the old ones.

import TransportStream

struct SequenceMerge {
    /// What is given: payload, arrival, the link, and whether nothing is missing before it.
    typealias Output = (Span<UInt8>, Int64, Int, Bool) -> Void

    private struct Slot {
        var number: Int64 = -1
        var isHeld = false
        var hash: UInt64 = 0
        var arrival: Int64 = 0
        var sent: Int64 = 0
        var links: UInt64 = 0
        var source = 0
        var block = 0
        var packets: Int64 { Int64(bytes / Packet.size) }
        var bytes = 0
    }

    private struct Link {
        /// Its newest datagram had its place.
        var fits = false
        /// Since when it does not, while others do.
        var strangeSince: Int64?
        /// Datagrams in a row that were not what another link has under the same number.
        var mismatches = 0
        /// The last number under which it brought what another link has.
        var lastCommon: Int64?
        /// Where another sequence begins, if the next datagram goes on from it. Kept over a
        /// silence: of a slow sender each datagram comes after one.
        var candidate: (source: UInt32, number: RTPSequenceNumber, arrival: Int64)?
        var candidateBytes: [UInt8] = []

        /// After a silence.
        mutating func rejoin() {
            (fits, strangeSince, mismatches, lastCommon) = (false, nil, 0, nil)
        }
    }

    /// A datagram of 1316 bytes at 100 Mbit/s, nanoseconds.
    private static let leastDatagram: Int64 = 105_000
    /// Numbers kept free before another sequence, for datagrams that its first one overtook.
    private static let spare: Int64 = 64
    /// How long the second datagram of another sequence is waited for, 5 s.
    private static let candidateLimit: Int64 = 5_000_000_000
    /// Datagrams in a row that show that the links do not number alike.
    private static let mismatchLimit = 32

    let window: Int64
    /// Numbers around the newest that are believed; a jump beyond is another sequence. A power of
    /// two that holds 100 Mbit/s in the window, at most half of what 16 bits tell.
    private let reach: Int
    /// Bytes held at most, two windows; the oldest go early then.
    private let heldLimit: Int
    private let isMerge: Bool
    private var line: SkewLine
    private var links: [Link]
    private(set) var facts: [BondLinkFacts]
    private var slots: [Slot] = []
    private var blocks: [[UInt8]] = []
    private var freeBlocks: [Int] = []
    private var heldBytes = 0
    private var heldCount = 0
    private var source: UInt32?
    /// The newest number, and what it is on the wire.
    private var newest: (number: Int64, wire: RTPSequenceNumber) = (0, RTPSequenceNumber(0))
    private var next: Int64 = 0
    private var lastNumber: Int64 = -1
    private var lastArrival: Int64 = .min
    /// The numbers do not tell: the links have to be merged by content.
    private(set) var needsContent = false

    init(links count: Int, window: Int64) {
        self.window = window
        let wanted = Int(clamping: window / SequenceMerge.leastDatagram)
        reach = wanted <= 8192 ? 8192 : 16_384
        heldLimit = max(32 << 20, 2 * min(wanted, reach) * 1316)
        isMerge = count > 1
        line = SkewLine(links: count, window: window)
        links = [Link](repeating: Link(), count: count)
        facts = [BondLinkFacts](repeating: BondLinkFacts(), count: count)
    }

    mutating func addLink() {
        line.addLink()
        links.append(Link())
        facts.append(BondLinkFacts())
    }

    private func place(_ number: Int64) -> Int {
        Int(truncatingIfNeeded: number) & (2 * reach - 1)
    }

    func isInUse(_ link: Int, at now: Int64) -> Bool {
        links[link].fits && line.isLive(link, at: now)
    }

    // MARK: In

    mutating func receive(
        _ header: RTPHeader, _ payload: Span<UInt8>, from link: Int, at now: Int64, _ give: Output
    ) {
        if line.arrive(link, at: now) { links[link].rejoin() }
        if source == nil { begin(header.synchronizationSource, header.sequenceNumber) }
        let distance = header.sequenceNumber.distance(from: newest.wire)
        guard header.synchronizationSource == source, abs(distance) < reach else {
            return other(header, payload, link, at: now, give)
        }
        let number = newest.number + Int64(distance)
        if isFarBehind(number, payload, link, at: now) {
            return other(header, payload, link, at: now, give)
        }
        links[link].fits = true
        links[link].strangeSince = nil
        links[link].candidate = nil
        take(number, header.sequenceNumber, payload, link, at: now, give)
    }

    /// Whether it may be of a sender that has begun anew under the same name, or whose numbers a
    /// stray datagram has outrun.
    private func isFarBehind(
        _ number: Int64, _ payload: Span<UInt8>, _ link: Int, at now: Int64
    ) -> Bool {
        guard number < next - SequenceMerge.spare else { return false }
        guard isMerge, !slots.isEmpty else { return true }
        // A link that is late by more than the window, and brings what all others lost.
        if let last = links[link].lastCommon, abs(number - last) < SequenceMerge.spare {
            return false
        }
        let slot = slots[place(number)]
        if slot.number != number { return true }
        return slot.hash != SequenceMerge.hash(payload) && !hasLead(otherThan: link, at: now)
    }

    private mutating func take(
        _ number: Int64, _ wire: RTPSequenceNumber, _ payload: Span<UInt8>, _ link: Int,
        at now: Int64, _ give: Output
    ) {
        if number > newest.number { newest = (number, wire) }
        if !isMerge && heldCount == 0 && number == next {
            return pass(payload, at: now, link, give)
        }
        if slots.isEmpty {
            slots = [Slot](repeating: Slot(), count: 2 * reach)
        }
        if slots[place(number)].number == number { return again(number, payload, link, at: now) }
        guard number >= next else {
            facts[link].late += Int64(payload.count / Packet.size)
            return
        }
        // The ring is for so many numbers.
        while number - next >= 2 * Int64(reach) {
            if let first = firstHeld(), first <= number - Int64(reach) {
                giveHeld(first, at: min(now, slots[place(first)].sent + window), give)
            } else {
                next = number - Int64(reach)
            }
        }
        hold(number, payload, link, at: now)
        if !isMerge || heldBytes > heldLimit { release(at: now, give) }
    }

    private mutating func begin(_ source: UInt32, _ first: RTPSequenceNumber) {
        self.source = source
        let number = newest.number + SequenceMerge.spare
        newest = (number, first)
        if !isMerge || next == 0 { next = number }
    }

    private mutating func hold(
        _ number: Int64, _ payload: Span<UInt8>, _ link: Int, at now: Int64
    ) {
        let block = freeBlocks.popLast() ?? blocks.count
        if block == blocks.count { blocks.append([]) }
        payload.withUnsafeBufferPointer { blocks[block].append(contentsOf: $0) }
        heldBytes += payload.count
        heldCount += 1
        slots[place(number)] = Slot(
            number: number, isHeld: true, hash: isMerge ? SequenceMerge.hash(payload) : 0,
            arrival: now, sent: line.sent(link, at: now), links: 1 << UInt64(link), source: link,
            block: block, bytes: payload.count)
        settle(number)
    }

    /// What is due takes along what stands before it.
    private mutating func settle(_ number: Int64) {
        var later = number + 1
        while later <= newest.number {
            if isHeld(later) {
                slots[place(number)].sent = min(slots[place(number)].sent, slots[place(later)].sent)
                break
            }
            later += 1
        }
        let sent = slots[place(number)].sent
        var earlier = number - 1
        while earlier >= next {
            if isHeld(earlier) {
                if slots[place(earlier)].sent <= sent { break }
                slots[place(earlier)].sent = sent
            }
            earlier -= 1
        }
    }

    private func isHeld(_ number: Int64) -> Bool {
        slots[place(number)].number == number && slots[place(number)].isHeld
    }

    /// A number that was brought already.
    private mutating func again(
        _ number: Int64, _ payload: Span<UInt8>, _ link: Int, at now: Int64
    ) {
        guard isMerge else { return }
        let slot = slots[place(number)]
        guard SequenceMerge.hash(payload) == slot.hash else {
            facts[link].mismatched += Int64(payload.count / Packet.size)
            links[link].mismatches += 1
            if links[link].mismatches >= SequenceMerge.mismatchLimit { needsContent = true }
            return
        }
        links[link].mismatches = 0
        links[link].lastCommon = number
        guard slot.links >> UInt64(link) & 1 == 0 else { return }
        slots[place(number)].links |= 1 << UInt64(link)
        if !slot.isHeld { facts[link].late += Int64(payload.count / Packet.size) }
        let move = line.compare(link, at: now, with: slot.source, at: slot.arrival)
        guard let move else { return }
        for index in slots.indices where slots[index].source == slot.source {
            slots[index].sent += move
        }
    }

    // MARK: Another sequence

    private func hasLead(otherThan link: Int, at now: Int64) -> Bool {
        links.indices.contains { $0 != link && isInUse($0, at: now) }
    }

    /// RFC 3550 A.1: two in a row make another sequence; one is a stray.
    private mutating func other(
        _ header: RTPHeader, _ payload: Span<UInt8>, _ link: Int, at now: Int64, _ give: Output
    ) {
        links[link].fits = false
        if hasLead(otherThan: link, at: now) {
            facts[link].setAside += Int64(payload.count / Packet.size)
            let since = links[link].strangeSince ?? now
            links[link].strangeSince = since
            // A sender that begins anew does so on the other links within one window.
            if now - since > 2 * window { needsContent = true }
            return
        }
        if let first = links[link].candidate, first.source == header.synchronizationSource,
            first.number.next == header.sequenceNumber,
            now - first.arrival <= SequenceMerge.candidateLimit
        {
            if !isMerge { flush(give) }
            begin(first.source, first.number)
            links[link].candidate = nil
            links[link].fits = true
            let bytes = links[link].candidateBytes
            take(newest.number, first.number, bytes.span, link, at: first.arrival, give)
            take(newest.number + 1, header.sequenceNumber, payload, link, at: now, give)
            return
        }
        links[link].candidate = (header.synchronizationSource, header.sequenceNumber, now)
        links[link].candidateBytes.removeAll(keepingCapacity: true)
        payload.withUnsafeBufferPointer { links[link].candidateBytes.append(contentsOf: $0) }
    }

    // MARK: Out

    private mutating func pass(
        _ payload: Span<UInt8>, at arrival: Int64, _ link: Int, _ give: Output
    ) {
        let isUnbroken = next == lastNumber + 1
        lastNumber = next
        next += 1
        lastArrival = max(lastArrival, arrival)
        if payload.count > 0 { give(payload, lastArrival, link, isUnbroken) }
    }

    /// Gives what is due.
    mutating func release(at now: Int64, _ give: Output) {
        while let number = firstHeld() {
            let slot = slots[place(number)]
            let due = !isMerge && number == next ? slot.sent : slot.sent + window
            guard due <= now || heldBytes > heldLimit else { return }
            giveHeld(number, at: isMerge ? min(due, now) : slot.arrival, give)
        }
    }

    /// Gives everything that is held, with its own arrival.
    mutating func flush(_ give: Output) {
        while let number = firstHeld() {
            giveHeld(number, at: slots[place(number)].arrival, give)
        }
    }

    private mutating func giveHeld(_ number: Int64, at arrival: Int64, _ give: Output) {
        let slot = slots[place(number)]
        if !isMerge { facts[slot.source].lost += slot.packets * (number - next) }
        for link in links.indices
        where slot.links >> UInt64(link) & 1 == 0 && links[link].fits
            && line.isAround(slot.arrival, link)
        {
            facts[link].lost += slot.packets
        }
        next = number
        var bytes: [UInt8] = []
        swap(&bytes, &blocks[slot.block])
        heldBytes -= bytes.count
        heldCount -= 1
        slots[place(number)].isHeld = false
        pass(bytes.span, at: arrival, slot.source, give)
        bytes.removeAll(keepingCapacity: true)
        swap(&bytes, &blocks[slot.block])
        freeBlocks.append(slot.block)
    }

    private func firstHeld() -> Int64? {
        guard heldCount > 0 else { return nil }
        var number = next
        while number <= newest.number {
            if isHeld(number) { return number }
            number += 1
        }
        return nil
    }

    /// Of all bytes, by words.
    private static func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var all = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var at = 0
        while at + 8 <= bytes.count {
            all = mixed(all, bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
            at += 8
        }
        while at < bytes.count {
            all = mixed(all, UInt64(bytes[at]))
            at += 1
        }
        return all
    }

    @inline(__always)
    private static func mixed(_ all: UInt64, _ word: UInt64) -> UInt64 {
        let product = (all ^ word) &* 0xBF58_476D_1CE4_E5B9
        return product ^ product >> 29
    }
}
