// Standard input, or a named pipe, as a link: packets as they come. A file on standard input is
// paced by its own clock, as any file is.

import Glibc
import SwitchEngine

final class PipeLink: Link {
    private static let pieceBytes = 1 << 16
    /// Pieces of one poll; what is left waits for the next tick.
    private static let mostPieces = 32

    let isRTP = false
    private(set) var facts = LinkFacts()
    private let descriptor: Int32
    /// Of a named pipe: for messages, and because it is ours to close.
    private let path: String?
    private var bytes = [UInt8](repeating: 0, count: pieceBytes)

    private init(descriptor: Int32) {
        self.descriptor = descriptor
        path = nil
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        facts.state = .connected
        facts.connections = 1
    }

    /// Standard input, or what stands in for it.
    static func standardInput(_ descriptor: Int32 = STDIN_FILENO) throws(IOFailure) -> any Link {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return PipeLink(descriptor: descriptor)
        }
        return try FileLink(standardInput: descriptor)
    }

    /// Nil where there is no pipe. One is never waited for, neither here nor on reading.
    init?(path: String) throws(IOFailure) {
        var kind = stat()
        guard stat(path, &kind) == 0, kind.st_mode & S_IFMT == S_IFIFO else { return nil }
        descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("'\(path)'") }
        self.path = path
        facts.state = .connected
        facts.connections = 1
    }

    deinit { close() }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        for _ in 0..<PipeLink.mostPieces where facts.state == .connected {
            let count = read(descriptor, &bytes, bytes.count)
            if count > 0 {
                facts.datagrams += 1
                facts.bytes += Int64(count)
                take(bytes.span.extracting(0..<count), now)
            } else if count == 0 {
                // Who is to write may not have come yet.
                if path != nil && facts.bytes == 0 { return }
                close()
            } else if errno != EINTR {
                if errno != EAGAIN {
                    facts.lastError = IOFailure.system(name).description
                }
                return
            }
        }
    }

    private var name: String { path.map { "'\($0)'" } ?? "standard input" }

    func close() {
        if path != nil && facts.state != .ended { Glibc.close(descriptor) }
        facts.state = .ended
    }
}
