// The thread's side of an output into a folder: cuts what it is handed and has it written. What can
// not be written is counted; after a failure it tries again once a second, and goes on at the next
// random access point.

import Packaging
import SwitchEngine
import TransportStream

/// What the loop hands over at a time.
struct StorageChunk: Sendable {
    var bytes: [UInt8] = []
    /// Where in `bytes` each datagram begins, and when it left, nanoseconds since 1970.
    var times: [(offset: Int, wallClock: Int64)] = []
    /// Bytes before it that the queue had no room for.
    var lostBefore: Int64 = 0
}

/// What the thread tells of itself.
struct StorageFacts: Sendable {
    /// What is wrong now; nil where nothing is.
    var trouble: String?
    var lastError: String?
    var lostBytes: Int64 = 0
    var media: MediaFacts?
}

struct StorageWriter {
    /// Between two attempts, and two looks at the disk, nanoseconds.
    private static let pause: Int64 = 1_000_000_000
    /// Seams and standstills ahead that are waited for.
    private static let mostAwaited = 1000

    private enum State {
        case writing
        /// Since when, and what was lost since then.
        case failed(since: Int64, bytes: Int64)
    }

    private var store: any PieceStore
    private var cutter: StreamCutter
    private var state = State.writing
    private(set) var facts = StorageFacts()
    private var lookedAt: Int64 = 0
    private var seams: [Int: RecordingIndex.Seam] = [:]
    private var seamCount = 0
    private var isStandingStill = false

    /// - Parameter end: PTS of where the store's pieces of an earlier run end.
    init(_ store: any PieceStore, continuing end: Timestamp? = nil) {
        self.store = store
        cutter = StreamCutter(store.rule, continuing: end)
    }

    // MARK: What comes

    mutating func take(_ chunk: StorageChunk) {
        if chunk.lostBefore > 0 {
            if case .writing = state { fail(IOFailure("the disk takes too long")) }
            lose(chunk.lostBefore)
        }
        if case .failed = state { recover() }
        guard case .writing = state else { return lose(Int64(chunk.bytes.count)) }
        let bytes = chunk.bytes.span
        for (index, time) in chunk.times.enumerated() {
            let isLast = index + 1 == chunk.times.count
            let end = isLast ? bytes.count : chunk.times[index + 1].offset
            cutter.take(bytes.extracting(time.offset..<end), at: time.wallClock)
        }
        write()
        rest()
    }

    /// What is to be done once a second, though nothing came.
    mutating func rest() {
        guard case .writing = state else { return recover() }
        do throws(IOFailure) { try look() } catch { fail(error) }
    }

    mutating func take(_ mark: OutputMark) {
        switch mark {
        case .seam(let seam, let presentation):
            guard seams.count < StorageWriter.mostAwaited else { return }
            seamCount += 1
            seams[seamCount] = seam
            cutter.await(presentation, id: seamCount)
        case .standstill: isStandingStill = true
        case .damage(let units):
            guard let place = cutter.place else { return }
            store.note(RecordingIndex.Gap(.damage, units: units), at: place)
        }
    }

    mutating func close() {
        cutter.finish()
        write()
        guard case .writing = state else { return }
        do throws(IOFailure) { try store.close() } catch { fail(error) }
    }

    // MARK: What is done

    private mutating func write() {
        guard case .writing = state else { return }
        let (bytes, steps) = cutter.drain()
        var position = 0
        do throws(IOFailure) {
            for step in steps {
                try store.take(step, bytes.span, &position)
                note(step)
            }
            // The first segment says how long the others may be.
            cutter.rule = store.rule
            facts.media = store.media
            facts.lastError = store.remark ?? facts.lastError
        } catch {
            fail(error, unwritten: bytes.count - position)
        }
    }

    private mutating func note(_ step: CutterStep) {
        switch step {
        case .begin, .bytes, .end: break
        case .timeBreak(let found):
            var kind = RecordingIndex.Gap.Kind.hole
            if found.ticks < 0 { kind = .stepBack } else if isStandingStill { kind = .standstill }
            isStandingStill = false
            let seconds = Double(found.ticks) / 90_000
            store.note(RecordingIndex.Gap(kind, seconds: seconds), at: found.place)
        case .passed(let id, let place):
            if let seam = seams.removeValue(forKey: id) { store.note(seam, at: place) }
        }
    }

    private mutating func look() throws(IOFailure) {
        let now = HostClock.now.nanoseconds
        guard now - lookedAt >= StorageWriter.pause else { return }
        lookedAt = now
        try store.look(cutter.elapsedTicks)
    }

    private mutating func lose(_ bytes: Int64) {
        facts.lostBytes += bytes
        if case .failed(let since, let lost) = state {
            state = .failed(since: since, bytes: lost + bytes)
        }
    }

    /// - Parameter unwritten: bytes that were to be written when it happened.
    private mutating func fail(_ error: IOFailure, unwritten: Int = 0) {
        let now = HostClock.now.nanoseconds
        state = .failed(since: now, bytes: 0)
        cutter.interrupt()
        lose(store.abandon() + Int64(unwritten + cutter.drain().bytes.count))
        lookedAt = now
        facts.trouble = error.description
        facts.lastError = error.description
    }

    private mutating func recover() {
        guard case .failed(let since, let bytes) = state else { return }
        let now = HostClock.now.nanoseconds
        guard now - lookedAt >= StorageWriter.pause else { return }
        lookedAt = now
        do throws(IOFailure) {
            try store.recover()
            store.noteLost(bytes, seconds: Double(now - since) / 1e9)
            state = .writing
            facts.trouble = nil
        } catch {
            facts.trouble = error.description
            facts.lastError = error.description
        }
    }
}
