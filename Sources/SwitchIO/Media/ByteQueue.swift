// Bytes that wait, in order: put in at the end, taken from the front.

import Glibc

struct ByteQueue {
    private var bytes: [UInt8] = []
    private var first = 0

    var count: Int { bytes.count - first }

    mutating func append(_ more: Span<UInt8>) {
        more.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    /// Lends what waits; how much of it is taken is what the body returns.
    mutating func take(_ body: (UnsafeRawBufferPointer) -> Int) {
        drop(lend(from: 0, body))
    }

    /// Lends what waits from a place on.
    /// - Returns: what the body returns, within what there is.
    func lend(from place: Int, _ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        let count = self.count - place
        guard count > 0 else { return 0 }
        let taken = bytes.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[(first + place)...]))
        }
        return min(max(taken, 0), count)
    }

    mutating func drop(_ count: Int) {
        first += min(count, self.count)
        if first == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            first = 0
        } else if first > bytes.count / 2 {
            bytes.removeSubrange(..<first)
            first = 0
        }
    }

    mutating func removeAll() { drop(count) }
}
