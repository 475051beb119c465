// The packets of a merge by content in the order of the source, as far as it is known:
//
//     given (history)        held
//     a = b = c = d = e   |  h = i = j  |  m = n       = joined: side by side in one datagram
//                     lastGiven                        | open: something may belong between
//
// A doubly linked list, because what one link lost is put between by another; and a table from a
// packet's hash to its place. Packets that are all alike (null packets; tables that have come
// round) are in no table: their neighbours tell their place.

import TransportStream

struct PacketChain {
    struct Node {
        var print = PacketPrint.none
        /// When the first copy came, host nanoseconds, and by which link, in which of its reads.
        var arrival: Int64 = 0
        var source = 0
        var read: Int64 = 0
        /// When it would have come (SkewLine); never falls along the chain.
        var sent: Int64 = 0
        /// The same of the packet alone, by the copy that came earliest for its link.
        var time: Int64 = 0
        /// Links that brought it, bit by number.
        var links: UInt64 = 0
        var previous: Int32 = PacketChain.none
        var next: Int32 = PacketChain.none
        /// Tells a node from one that stood at its index before.
        var generation: UInt32 = 0
        var isJoined = false
        var isGiven = false
        var isIndexed = false
        /// Another packet of the chain has the same bytes.
        var isTwin = false
    }

    /// A node that may be gone by now.
    struct Cursor {
        fileprivate var node: Int32
        fileprivate var generation: UInt32
    }

    static let none: Int32 = -1
    /// Packets that are known at most, history and held, of 300 bytes each.
    private let limit: Int

    private var nodes: [Node]
    private var bytes: [UInt8] = [UInt8](repeating: 0, count: Packet.size)
    private var free: [Int32] = []
    private var table = [Int32](repeating: none, count: 1024)
    private var indexed = 0
    private(set) var first: Int32 = 0
    private(set) var last: Int32 = 0
    private(set) var lastGiven: Int32 = 0

    init(limit: Int) {
        self.limit = limit
        // The first node stands for what was before the beginning.
        var origin = Node()
        origin.isGiven = true
        nodes = [origin]
    }

    func hasRoom(for count: Int) -> Bool { nodes.count - free.count + count <= limit }
    /// The first that is held, or `none`.
    var head: Int32 { self[lastGiven].next }

    @inline(__always)
    subscript(node: Int32) -> Node {
        get { nodes[Int(node)] }
        _modify { yield &nodes[Int(node)] }
    }

    func cursor(_ node: Int32) -> Cursor { Cursor(node: node, generation: self[node].generation) }

    func node(_ cursor: Cursor?) -> Int32 {
        guard let cursor, self[cursor.node].generation == cursor.generation else {
            return PacketChain.none
        }
        return cursor.node
    }

    // MARK: Order

    /// Whether something can be put between this node and the next.
    func isOpen(after node: Int32) -> Bool {
        !self[node].isJoined && (node == lastGiven || !self[node].isGiven)
    }

    /// The last node of the joined run that `node` is in.
    func endOfRun(_ node: Int32) -> Int32 {
        var end = node
        while self[end].isJoined, self[end].next >= 0 { end = self[end].next }
        return end
    }

    func beginOfRun(_ node: Int32) -> Int32 {
        var begin = node
        while self[begin].previous >= 0, self[self[begin].previous].isJoined {
            begin = self[begin].previous
        }
        return begin
    }

    /// Puts the packet at `offset` behind `node`.
    mutating func insert(
        after node: Int32, _ new: Node, _ source: Span<UInt8>, at offset: Int
    ) -> Int32 {
        let index: Int32
        if let old = free.popLast() {
            index = old
        } else {
            index = Int32(nodes.count)
            nodes.append(Node())
            bytes.append(contentsOf: repeatElement(0, count: Packet.size))
        }
        let generation = self[index].generation
        self[index] = new
        self[index].generation = generation
        Bytes.copy(
            source, from: offset, count: Packet.size, to: &bytes, at: Int(index) * Packet.size)
        link(index, index, after: node)
        if !new.print.isNull { enter(index) }
        settle(index, index)
        return index
    }

    /// Puts the run that begins at `begin` behind `node`; false where the chain forbids it.
    mutating func moveRun(_ begin: Int32, after node: Int32) -> Bool {
        guard begin != node, node >= 0, isOpen(after: node), !self[begin].isGiven,
            self[begin].previous >= 0, !self[self[begin].previous].isJoined
        else { return false }
        var end = begin
        while self[end].isJoined, self[end].next >= 0 {
            if end == node { return false }
            end = self[end].next
        }
        if end == node { return false }
        let before = self[begin].previous
        let behind = self[end].next
        self[before].next = behind
        if behind >= 0 { self[behind].previous = before } else { last = before }
        link(begin, end, after: node)
        settle(begin, end)
        return true
    }

    private mutating func link(_ begin: Int32, _ end: Int32, after node: Int32) {
        let next = self[node].next
        self[begin].previous = node
        self[end].next = next
        self[node].next = begin
        if next >= 0 { self[next].previous = end } else { last = end }
    }

    /// What is due takes along what stands before it.
    private mutating func settle(_ begin: Int32, _ end: Int32) {
        let next = self[end].next
        var sent = next >= 0 ? self[next].sent : Int64.max
        var node = end
        var isInside = true
        while node >= 0, !self[node].isGiven {
            if !isInside && self[node].sent <= sent { return }
            sent = min(sent, self[node].sent)
            self[node].sent = sent
            if node == begin { isInside = false }
            node = self[node].previous
        }
    }

    /// Moves the times of what `source` was the first to bring.
    mutating func move(source: Int, by nanoseconds: Int64) {
        var node = head
        while node >= 0 {
            if self[node].source == source {
                self[node].sent += nanoseconds
                self[node].time += nanoseconds
            }
            node = self[node].next
        }
        node = last
        var sent = Int64.max
        while node >= 0, !self[node].isGiven {
            sent = min(sent, self[node].sent)
            self[node].sent = sent
            node = self[node].previous
        }
    }

    // MARK: Out

    /// The first held packet is given, appended to `output`.
    mutating func give(to output: inout [UInt8]) {
        let node = head
        guard node >= 0 else { return }
        Bytes.append(bytes, from: Int(node) * Packet.size, count: Packet.size, to: &output)
        self[node].isGiven = true
        lastGiven = node
    }

    /// Takes a held packet out.
    mutating func remove(_ node: Int32) {
        guard node >= 0, !self[node].isGiven else { return }
        let (before, behind) = (self[node].previous, self[node].next)
        self[before].isJoined = false
        self[before].next = behind
        if behind >= 0 { self[behind].previous = before } else { last = before }
        forget(node)
    }

    /// Takes out what `source` alone has brought, in some of its reads; gives how many.
    mutating func remove(onlyOf source: Int, reads: Range<Int64>) -> Int64 {
        var count: Int64 = 0
        var node = head
        while node >= 0 {
            let next = self[node].next
            if self[node].links == 1 << UInt64(source), reads.contains(self[node].read) {
                remove(node)
                count += 1
            }
            node = next
        }
        return count
    }

    /// Forgets the oldest packet of the history; never the last given one.
    mutating func trimFirst() {
        let node = first
        guard node != lastGiven else { return }
        first = self[node].next
        self[first].previous = PacketChain.none
        forget(node)
    }

    private mutating func forget(_ node: Int32) {
        if self[node].isIndexed { leave(node) }
        self[node].generation &+= 1
        free.append(node)
    }

    // MARK: The table. Open addressing; what is taken out closes up.

    /// The newest node with these bytes, or `none`.
    @inline(__always)
    func find(_ print: PacketPrint) -> Int32 {
        guard !print.isNull else { return PacketChain.none }
        return table[slot(of: print.hash)]
    }

    /// Where the hash stands in the table, or would.
    private func slot(of hash: UInt64) -> Int {
        let mask = table.count &- 1
        var at = Int(truncatingIfNeeded: hash) & mask
        while table[at] >= 0, self[table[at]].print.hash != hash { at = (at &+ 1) & mask }
        return at
    }

    private mutating func enter(_ node: Int32) {
        if indexed * 2 >= table.count { growTable() }
        let at = slot(of: self[node].print.hash)
        if table[at] >= 0 {
            // What has been given is out of reach, and the newer one is alone.
            self[table[at]].isIndexed = false
            self[table[at]].isTwin = true
            self[node].isTwin = !self[table[at]].isGiven
        } else {
            indexed += 1
        }
        table[at] = node
        self[node].isIndexed = true
    }

    private mutating func growTable() {
        let old = table
        table = [Int32](repeating: PacketChain.none, count: old.count * 2)
        for node in old where node >= 0 { table[slot(of: self[node].print.hash)] = node }
    }

    private mutating func leave(_ node: Int32) {
        let mask = table.count &- 1
        var hole = slot(of: self[node].print.hash)
        self[node].isIndexed = false
        indexed -= 1
        var at = (hole &+ 1) & mask
        while table[at] >= 0 {
            let home = Int(truncatingIfNeeded: self[table[at]].print.hash) & mask
            // It may move up unless its home lies behind the hole.
            if (at &- home) & mask >= (at &- hole) & mask {
                table[hole] = table[at]
                hole = at
            }
            at = (at &+ 1) & mask
        }
        table[hole] = PacketChain.none
    }
}
