// An output into a folder, HLS or a recording, as its channel's loop sees it: bytes with their wall
// times are handed to a thread of its own, and what that can not take in time is lost, here alone.

import Dispatch
import Packaging
import SwitchEngine
import Synchronization

final class StorageOutput: Output {
    /// Bytes that may wait for the disk: 12 seconds of 40 Mbit/s.
    private static let longestQueueBytes = 64 << 20
    /// Bytes handed to the thread at a time, and how long they are waited for: 100 ms.
    private static let chunkBytes = 64 << 10
    private static let longestWait: Int64 = 100_000_000
    /// The thread looks after its disk though nothing comes, 1 s.
    private static let restPause: Int64 = 1_000_000_000

    private struct Shared {
        var waitingBytes = 0
        var facts = StorageFacts()
    }

    private final class Shelf: Sendable {
        let state = Mutex(Shared())
    }

    /// What only the thread touches.
    private final class Desk: @unchecked Sendable {
        // Unchecked: used on `queue` only, where it is made too.
        var writer: StorageWriter?
    }

    private var counted = OutputFacts()
    private let shelf = Shelf()
    private let desk = Desk()
    private let queue: DispatchQueue
    private var chunk = StorageChunk()
    private var lostBytes: Int64 = 0
    private var chunkBegan: Int64 = 0
    private var restedAt: Int64 = 0
    private var isOpen = true

    /// - Throws: where the folder can not be written to now.
    convenience init(_ target: HLSTarget) throws(IOFailure) {
        try Disk.makeFolder(target.folder)
        self.init(label: "attacca.hls") {
            let now = HostClock.wallClock(of: HostClock.now)
            let store = SegmentStore(target, wallClock: now)
            return StorageWriter(store, continuing: store.end)
        }
    }

    /// - Parameter channel: its name, which files have where the target names none.
    convenience init(_ target: RecordTarget, channel: String) throws(IOFailure) {
        try Disk.makeFolder(target.folder)
        self.init(label: "attacca.record") {
            StorageWriter(RecordingStore(target, channel: channel))
        }
    }

    private init(label: String, _ make: @escaping @Sendable () -> StorageWriter) {
        queue = DispatchQueue(label: label)
        // A folder on a slow disk is read there, not here.
        queue.async { [desk] in desk.writer = make() }
    }

    deinit { close() }

    var facts: OutputFacts {
        var facts = counted
        let told = shelf.state.withLock { $0.facts }
        facts.dropped = (told.lostBytes + Int64(SRTSocket.payloadBytes) - 1)
            / Int64(SRTSocket.payloadBytes)
        facts.trouble = told.trouble
        facts.lastError = told.lastError
        return facts
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        guard isOpen else { return }
        let now = HostClock.now
        if chunk.bytes.isEmpty { chunkBegan = now.nanoseconds }
        chunk.times.append((chunk.bytes.count, HostClock.wallClock(of: now)))
        packets.withUnsafeBufferPointer { chunk.bytes.append(contentsOf: $0) }
        counted.datagrams += 1
        counted.bytes += Int64(packets.count)
        if chunk.bytes.count >= StorageOutput.chunkBytes { handOver() }
    }

    func note(_ mark: OutputMark) {
        guard isOpen else { return }
        handOver()
        queue.async { [desk] in desk.writer?.take(mark) }
    }

    func poll(at now: MonotonicInstant) {
        guard isOpen else { return }
        if !chunk.bytes.isEmpty {
            if now.nanoseconds - chunkBegan >= StorageOutput.longestWait { handOver() }
        } else if now.nanoseconds - restedAt >= StorageOutput.restPause {
            restedAt = now.nanoseconds
            let isIdle = shelf.state.withLock { $0.waitingBytes == 0 }
            if isIdle { run { $0.rest() } }
        }
    }

    private func handOver() {
        guard !chunk.bytes.isEmpty else { return }
        var bytes = StorageChunk()
        swap(&bytes, &chunk)
        let count = bytes.bytes.count
        let hasRoom = shelf.state.withLock { state in
            guard state.waitingBytes + count <= StorageOutput.longestQueueBytes else {
                return false
            }
            state.waitingBytes += count
            return true
        }
        guard hasRoom else {
            lostBytes += Int64(count)
            return
        }
        bytes.lostBefore = lostBytes
        lostBytes = 0
        let whole = bytes
        run(releasing: count) { $0.take(whole) }
    }

    /// On the output's thread.
    private func run(
        releasing count: Int = 0, _ body: @escaping @Sendable (inout StorageWriter) -> Void
    ) {
        queue.async { [desk, shelf] in
            guard var writer = desk.writer else { return }
            desk.writer = nil
            body(&writer)
            let facts = writer.facts
            desk.writer = writer
            shelf.state.withLock {
                $0.waitingBytes -= count
                $0.facts = facts
            }
        }
    }

    /// Writes what waits, and ends the piece.
    func close(_ done: @escaping @Sendable () -> Void) {
        guard isOpen else { return queue.async(execute: done) }
        handOver()
        isOpen = false
        run { $0.close() }
        queue.async(execute: done)
    }
}
