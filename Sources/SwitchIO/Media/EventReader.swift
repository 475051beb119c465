// The lines that a media process writes. What is no event is passed over.

import Glibc
import MediaJobs

struct EventReader {
    private static let pieceBytes = 16 << 10
    /// Of one tick; more waits.
    private static let mostPieces = 4
    private var line: [UInt8] = []
    private var isTooLong = false

    /// Reads what has come; returns false when the other end is closed.
    @discardableResult
    mutating func read(from descriptor: Int32, _ take: (MediaEvent) -> Void) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: EventReader.pieceBytes) { piece in
            for _ in 0..<EventReader.mostPieces {
                let count = Glibc.read(descriptor, piece.baseAddress, piece.count)
                if count == 0 { return false }
                guard count > 0 else { return errno == EAGAIN || errno == EINTR }
                for byte in piece.prefix(count) { add(byte, take) }
                if count < piece.count { return true }
            }
            return true
        }
    }

    private mutating func add(_ byte: UInt8, _ take: (MediaEvent) -> Void) {
        if byte == UInt8(ascii: "\n") {
            if !isTooLong, let event = MediaLine.event(line) { take(event) }
            line.removeAll(keepingCapacity: true)
            isTooLong = false
        } else if line.count < MediaEvent.mostLineBytes {
            line.append(byte)
        } else {
            isTooLong = true
        }
    }
}
