// A file or a pipe out. Writing may wait for a disk or a reader, so a thread of its own does it;
// what it can not take in time is dropped here, whole packets, and counted.

import Glibc
import Synchronization

final class FileOutput: Output {
    /// Bytes that may wait for the disk: four seconds of 40 Mbit/s.
    private static let longestQueueBytes = 20 << 20
    /// Bytes handed to the thread at a time.
    private static let pieceBytes = 64 << 10

    private var counted = OutputFacts()
    private let thread = WriterThread("attacca.file", limit: FileOutput.longestQueueBytes)
    private let shelf = Shelf()
    private let descriptor: Int32
    private let isOwned: Bool
    private var piece: [UInt8] = []
    private var isOpen = true

    private final class Shelf: Sendable {
        let error = Mutex<String?>(nil)
    }

    convenience init(path: String) throws(IOFailure) {
        // A pipe without a reader would be waited for, and the loop with it.
        let descriptor = open(
            path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw errno == ENXIO
                ? IOFailure("'\(path)': nobody reads this pipe") : .system("'\(path)'")
        }
        // The thread that writes may wait.
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
        self.init(descriptor: descriptor, isOwned: true)
    }

    init(descriptor: Int32, isOwned: Bool) {
        self.descriptor = descriptor
        self.isOwned = isOwned
        piece.reserveCapacity(FileOutput.pieceBytes + 2000)
    }

    deinit { close() }

    var facts: OutputFacts {
        var facts = counted
        facts.lastError = shelf.error.withLock { $0 }
        return facts
    }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        guard isOpen else { return }
        packets.withUnsafeBufferPointer { piece.append(contentsOf: $0) }
        counted.datagrams += 1
        counted.bytes += Int64(packets.count)
        if piece.count >= FileOutput.pieceBytes { handOver() }
    }

    private func handOver() {
        let bytes = piece
        piece.removeAll(keepingCapacity: true)
        let (shelf, descriptor) = (shelf, descriptor)
        let isTaken = thread.offer(bytes.count) {
            guard Disk.write(bytes.span, to: descriptor) < bytes.count else { return }
            let error = IOFailure.system("write").description
            shelf.error.withLock { $0 = error }
        }
        if !isTaken { counted.dropped += Int64(bytes.count / SRTSocket.payloadBytes) }
    }

    /// Writes what waits, then closes, behind the caller's back.
    func close(_ done: @escaping @Sendable () -> Void) {
        guard isOpen else { return thread.run(done) }
        isOpen = false
        if !piece.isEmpty { handOver() }
        let (descriptor, isOwned) = (descriptor, isOwned)
        thread.run {
            if isOwned { Glibc.close(descriptor) }
            done()
        }
    }
}
