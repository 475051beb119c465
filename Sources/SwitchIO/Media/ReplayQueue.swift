// What waits for a media process, and behind it what was handed over and is not safe yet: of a
// process that is ended the next one gets that again. Whole packets come in; a pipe takes any
// number of bytes, but what goes at the front are whole packets, since each process has to find
// the begin of one there.

import TransportStream

struct ReplayQueue {
    private var bytes = ByteQueue()
    /// Bytes at the front that were handed over.
    private var handedOver = 0
    /// Of the first byte, counted from what the process got first.
    private var position: Int64 = 0
    /// Nothing is kept of what was handed over.
    private let forgets: Bool

    init(forgets: Bool) { self.forgets = forgets }

    var waiting: Int { bytes.count - handedOver }
    var count: Int { bytes.count }

    /// - Parameter limit: bytes in all, to a packet; what was handed over goes first.
    mutating func append(_ more: Span<UInt8>, limit: Int) {
        bytes.append(more)
        if bytes.count > limit { release(min(handedOver, bytes.count - limit)) }
    }

    /// Lends what waits; how much of it is taken is what the body returns.
    mutating func handOver(_ body: (UnsafeRawBufferPointer) -> Int) {
        handedOver += bytes.lend(from: handedOver, body)
        if forgets { release(handedOver) }
    }

    /// What came before is safe.
    /// - Returns: whether that is more than before.
    @discardableResult
    mutating func release(before place: Int64) -> Bool {
        let before = position
        release(Int(clamping: min(place - position, Int64(handedOver))))
        return position > before
    }

    private mutating func release(_ count: Int) {
        guard count >= Packet.size else { return }
        let whole = count / Packet.size * Packet.size
        bytes.drop(whole)
        handedOver -= whole
        position += Int64(whole)
    }

    /// What was handed over is given up.
    mutating func giveUp() { release(handedOver) }

    /// Another process begins: with all that is kept.
    mutating func beginAgain() {
        handedOver = 0
        position = 0
    }

    mutating func removeAll() {
        bytes.removeAll()
        beginAgain()
    }
}
