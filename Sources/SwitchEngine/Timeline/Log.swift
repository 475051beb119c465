// A list that grows at the end and is trimmed at the front, and whose elements keep their number
// for ever. In the steady state it allocates nothing.

/// Elements `first ..< end`, by absolute number, in a ring that doubles when it is full.
struct Log<Element> {
    private var storage: [Element]
    private var mask: Int
    private(set) var first = 0
    private(set) var end = 0

    /// - Parameter filler: what empty places hold.
    /// - Parameter capacity: a power of two.
    init(filler: Element, capacity: Int = 64) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0)
        storage = [Element](repeating: filler, count: capacity)
        mask = capacity - 1
    }

    var count: Int { end &- first }
    var isEmpty: Bool { end == first }
    var last: Element? { isEmpty ? nil : self[end &- 1] }
    var indices: Range<Int> { first..<end }

    @inline(__always)
    subscript(number: Int) -> Element {
        _read {
            precondition(number >= first && number < end)
            yield storage[number & mask]
        }
        _modify {
            precondition(number >= first && number < end)
            yield &storage[number & mask]
        }
    }

    /// Lends an element to be read, without a copy of it.
    @inline(__always)
    func lend(_ number: Int, _ body: (borrowing Element) -> Void) {
        precondition(number >= first && number < end)
        let elements = storage.span
        body(elements[number & mask])
    }

    /// Lends an element to be changed.
    @inline(__always)
    mutating func withElement(_ number: Int, _ body: (inout Element) -> Void) {
        precondition(number >= first && number < end)
        body(&storage[number & mask])
    }

    /// Appends and gives the new element's number.
    @discardableResult
    mutating func append(_ element: Element) -> Int {
        if count == storage.count { grow() }
        storage[end & mask] = element
        end &+= 1
        return end &- 1
    }

    /// Forgets all elements before `number`.
    mutating func trim(before number: Int) { first = Swift.max(first, Swift.min(number, end)) }

    /// The first number in the log for which `isBeyond` holds, by binary search; the predicate must
    /// be false up to some element and true from there on.
    func partition(_ isBeyond: (Element) -> Bool) -> Int {
        var low = first
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func grow() {
        var larger = storage
        larger.append(contentsOf: storage)
        let newMask = larger.count - 1
        for number in first..<end { larger[number & newMask] = storage[number & mask] }
        storage = larger
        mask = newMask
    }
}
