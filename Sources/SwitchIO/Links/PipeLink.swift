// Standard input as a link: packets as they come. A file there is paced by its own clock, as any
// file is.

import Glibc
import SwitchEngine

final class PipeLink: Link {
    private static let pieceBytes = 1 << 16
    /// Pieces of one poll; what is left waits for the next tick.
    private static let mostPieces = 32

    let isRTP = false
    private(set) var facts = LinkFacts()
    private let descriptor: Int32
    private var bytes = [UInt8](repeating: 0, count: pieceBytes)

    private init(descriptor: Int32) {
        self.descriptor = descriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        facts.state = .connected
        facts.connections = 1
    }

    static func open(_ descriptor: Int32 = STDIN_FILENO) throws(IOFailure) -> any Link {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return PipeLink(descriptor: descriptor)
        }
        return try FileLink(standardInput: descriptor)
    }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        for _ in 0..<PipeLink.mostPieces where facts.state == .connected {
            let count = read(descriptor, &bytes, bytes.count)
            if count > 0 {
                facts.datagrams += 1
                facts.bytes += Int64(count)
                take(bytes.span.extracting(0..<count), now)
            } else if count == 0 {
                facts.state = .ended
            } else if errno != EINTR {
                if errno != EAGAIN {
                    facts.lastError = IOFailure.system("standard input").description
                }
                return
            }
        }
    }

    func close() { facts.state = .ended }
}
