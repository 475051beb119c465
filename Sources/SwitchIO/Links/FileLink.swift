// A recording as a link: its packets come when its own clock says. Looped, its second pass comes
// when its first is over for a viewer; that its time line begins anew there is a seam like any
// other, and the engine's business.

import Glibc
import SwitchEngine

final class FileLink: Link {
    let isRTP = false
    private(set) var facts = LinkFacts()
    private var descriptor: Int32
    private let isLooped: Bool
    private let length: LoopLength?
    private let path: String
    private var reader = PacedReader(program: nil)
    /// When the recording's time 0 is.
    private var start: MonotonicInstant?
    /// Recording time of the newest packet given, ns.
    private var latest: Int64 = 0
    private var hasGiven = false

    init(path: String, isLooped: Bool) throws(IOFailure) {
        self.path = path
        self.isLooped = isLooped
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("'\(path)'") }
        length = isLooped ? LoopLength(of: descriptor) : nil
        facts.state = .connected
        facts.connections = 1
    }

    /// From where the descriptor stands.
    init(standardInput: Int32) throws(IOFailure) {
        path = "standard input"
        isLooped = false
        length = nil
        descriptor = fcntl(standardInput, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .system(path) }
        facts.state = .connected
        facts.connections = 1
    }

    /// A file that nobody else has; it is closed with the link.
    init(looping descriptor: Int32, named path: String) {
        self.path = path
        self.descriptor = descriptor
        isLooped = true
        length = LoopLength(of: descriptor)
        facts.state = .connected
        facts.connections = 1
    }

    deinit { close() }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        guard descriptor >= 0 else { return }
        let start = start ?? now
        self.start = start
        // What is left when the next pass begins still has times of its own.
        let isOver = passLength.map { now - start >= $0 } ?? false
        let limit = isOver ? .max : (now - start + 1).scaled(by: 27, over: 1000)
        while true {
            while reader.needsBytes { read() }
            guard let next = reader.nextTime else {
                // What is over before its length is known waits for that.
                if isLooped, hasGiven, case .awaited? = length?.answer { return }
                if begin(after: passLength ?? latest) { return poll(at: now, take) }
                return
            }
            guard next < limit, let batch = reader.take(before: limit) else { return }
            latest = batch.time.scaled(by: 1000, over: 27)
            hasGiven = true
            facts.datagrams += 1
            facts.bytes += Int64(batch.range.count)
            let instant = isOver ? start + latest : min(start + latest, now)
            take(reader.bytes.span.extracting(batch.range), instant)
        }
    }

    /// When the next pass begins, from the begin of this one, ns; nil for behind the last packet,
    /// where nothing better is known (yet).
    private var passLength: Int64? {
        if case .found(let length)? = length?.answer { return length }
        return nil
    }

    /// Begins again, or ends. Returns true when there is more.
    /// - Parameter length: of this pass, ns.
    private func begin(after length: Int64) -> Bool {
        guard isLooped, hasGiven, let start else {
            close()
            return false
        }
        lseek(descriptor, 0, SEEK_SET)
        reader = PacedReader(program: nil)
        hasGiven = false
        self.start = start + length
        latest = 0
        return true
    }

    private func read() {
        reader.read { buffer, places in
            buffer.withUnsafeMutableBytes { bytes in
                let room = UnsafeMutableRawBufferPointer(rebasing: bytes[places])
                var count = -1
                repeat {
                    count = Glibc.read(descriptor, room.baseAddress, room.count)
                } while count < 0 && errno == EINTR
                if count < 0 { facts.lastError = IOFailure.system("'\(path)'").description }
                return max(count, 0)
            }
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
        facts.state = .ended
    }
}
