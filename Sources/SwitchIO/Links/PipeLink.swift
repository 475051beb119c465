// Standard input as a link: packets as they come.

import Glibc
import SwitchEngine

final class PipeLink: Link {
    private static let pieceBytes = 1 << 16

    let isRTP = false
    private(set) var facts = LinkFacts()
    private let descriptor: Int32
    private var bytes = [UInt8](repeating: 0, count: pieceBytes)

    init(descriptor: Int32 = STDIN_FILENO) {
        self.descriptor = descriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        facts.state = .connected
        facts.connections = 1
    }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        while facts.state == .connected {
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
