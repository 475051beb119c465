// An output into a folder, HLS or a recording, as its channel's loop sees it: bytes with their wall
// times are handed to a thread of its own, and what that can not take in time is lost, here alone.

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

    /// What the thread works with, and what it tells.
    private final class Desk: @unchecked Sendable {
        // Unchecked: used on the thread only, where it is made too.
        var writer: StorageWriter?
        let facts = Mutex(StorageFacts())
    }

    private var counted = OutputFacts()
    private let desk = Desk()
    private let thread: WriterThread
    private var chunk = StorageChunk()
    /// Room for as much as the last one had.
    private var chunkRoom = (bytes: 0, times: 0)
    /// From the monotonic clock to that on the wall, while a chunk lasts.
    private var wallClockOffset: Int64 = 0
    private var lostBytes: Int64 = 0
    private var chunkBegan: Int64 = 0
    private var restedAt: Int64 = 0
    private var isOpen = true

    /// - Throws: where the folder can not be written to now, or there is no attacca-media for what
    ///   it makes.
    convenience init(_ target: HLSTarget) throws(IOFailure) {
        try Disk.makeFolder(target.folder)
        if target.segments == .fmp4 { _ = try MediaBinary.find() }
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
        thread = WriterThread(label, limit: StorageOutput.longestQueueBytes)
        // A folder on a slow disk is read there, not here.
        thread.run { [desk] in desk.writer = make() }
    }

    deinit { close() }

    var facts: OutputFacts {
        var facts = counted
        let told = desk.facts.withLock { $0 }
        facts.dropped = (told.lostBytes + Int64(SRTSocket.payloadBytes) - 1)
            / Int64(SRTSocket.payloadBytes)
        facts.trouble = told.trouble
        facts.lastError = told.lastError
        facts.media = told.media
        return facts
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        guard isOpen else { return }
        let now = HostClock.now
        if chunk.bytes.isEmpty { beginChunk(at: now) }
        chunk.times.append((chunk.bytes.count, now.nanoseconds &+ wallClockOffset))
        packets.withUnsafeBufferPointer { chunk.bytes.append(contentsOf: $0) }
        counted.datagrams += 1
        counted.bytes += Int64(packets.count)
        if chunk.bytes.count >= StorageOutput.chunkBytes { handOver() }
    }

    private func beginChunk(at now: MonotonicInstant) {
        chunkBegan = now.nanoseconds
        wallClockOffset = HostClock.wallClockOffset
        chunk.bytes.reserveCapacity(chunkRoom.bytes)
        chunk.times.reserveCapacity(chunkRoom.times)
    }

    func note(_ mark: OutputMark) {
        guard isOpen else { return }
        handOver()
        thread.run { [desk] in desk.writer?.take(mark) }
    }

    func poll(at now: MonotonicInstant) {
        guard isOpen else { return }
        if !chunk.bytes.isEmpty {
            if now.nanoseconds - chunkBegan >= StorageOutput.longestWait { handOver() }
        } else if now.nanoseconds - restedAt >= StorageOutput.restPause {
            restedAt = now.nanoseconds
            if thread.isIdle { thread.run(work { $0.rest() }) }
        }
    }

    private func handOver() {
        guard !chunk.bytes.isEmpty else { return }
        var whole = StorageChunk()
        swap(&whole, &chunk)
        whole.lostBefore = lostBytes
        let count = whole.bytes.count
        chunkRoom = (count + SRTSocket.payloadBytes, whole.times.count + 1)
        let isTaken = thread.offer(count, work { [whole] in $0.take(whole) })
        lostBytes = isTaken ? 0 : lostBytes + Int64(count)
    }

    /// Something that the writer is to do, and to tell of.
    private func work(
        _ body: @escaping @Sendable (inout StorageWriter) -> Void
    ) -> @Sendable () -> Void {
        { [desk] in
            guard var writer = desk.writer else { return }
            // One owner, or the writing would copy it.
            desk.writer = nil
            body(&writer)
            let facts = writer.facts
            desk.writer = writer
            desk.facts.withLock { $0 = facts }
        }
    }

    /// Writes what waits, and ends the piece.
    func close(_ done: @escaping @Sendable () -> Void) {
        guard isOpen else { return thread.run(done) }
        handOver()
        isOpen = false
        thread.run(work { $0.close() })
        thread.run(done)
    }
}
