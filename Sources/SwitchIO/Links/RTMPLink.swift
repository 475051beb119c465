// RTMP in: a publisher's place on a port. The server makes packets of what comes; here they are
// taken over, with the times at which it came.

import SwitchEngine

final class RTMPLink: Link {
    let isRTP = false
    private(set) var facts = LinkFacts()
    private var port: (server: RTMPServer, place: RTMPPlace)?
    private var batch = RTMPBatch()

    /// - Throws: a port that is taken, a key that another link has, a certificate that is none.
    init(_ address: RTMPAddress) throws(IOFailure) {
        port = try RTMPServer.place(for: address)
    }

    deinit { close() }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        guard let port else { return }
        facts = port.place.exchange(&batch)
        var start = 0
        for piece in batch.pieces {
            take(batch.bytes.span.extracting(start..<piece.end), piece.arrival)
            start = piece.end
        }
        batch.clear()
    }

    func takeNotes() -> [String] { port?.place.takeNotes() ?? [] }

    func close() {
        if let port { port.server.leave(port.place) }
        port = nil
        facts.state = .ended
    }
}
