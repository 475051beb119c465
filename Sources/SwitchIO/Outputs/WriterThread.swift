// A thread of an output's own, which may wait for a disk or a reader. What is handed to it is done
// in order; what it has not come to yet is bounded, by the bytes that wait.

import Dispatch
import Synchronization

final class WriterThread: Sendable {
    private let queue: DispatchQueue
    private let limit: Int
    private let waiting = Atomic<Int>(0)

    /// - Parameter limit: bytes that may wait.
    init(_ label: String, limit: Int) {
        queue = DispatchQueue(label: label)
        self.limit = limit
    }

    var isIdle: Bool { waiting.load(ordering: .acquiring) == 0 }

    /// Has something done with so many bytes; called by one thread.
    /// - Returns: false where there is no room for them. Then it is not done.
    func offer(_ bytes: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
        guard waiting.load(ordering: .acquiring) + bytes <= limit else { return false }
        waiting.add(bytes, ordering: .relaxed)
        queue.async {
            body()
            self.waiting.subtract(bytes, ordering: .releasing)
        }
        return true
    }

    /// Has something done that holds no bytes, and be it the last.
    func run(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
