// A place on an RTMP port: one stream key, and at most one publisher of it. What the publisher
// brings is made a transport stream on the server's loop, and lies here until the channel's loop
// asks.

import RTMP
import SwitchEngine
import Synchronization
import TransportStream

/// Packets, with the times at which what they were made of came.
struct RTMPBatch: Sendable {
    struct Piece: Sendable {
        /// Where its bytes end in `bytes`.
        var end: Int
        var arrival: MonotonicInstant
    }

    var bytes: [UInt8] = []
    var pieces: [Piece] = []

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        pieces.removeAll(keepingCapacity: true)
    }
}

final class RTMPPlace: Sendable {
    /// Who has brought nothing for so long, 2 s, gives way to another publisher of the key: an
    /// encoder that was cut off is back long before TCP knows that it was gone.
    static let patience: Int64 = 2_000_000_000
    /// Bytes that may wait for the channel's loop, which asks a hundred times a second.
    static let mostBytes = 64 << 20
    /// Lines for the operator that may wait.
    static let mostNotes = 20

    let path: StreamPath

    private struct State {
        /// The connection that publishes.
        var holder: ObjectIdentifier?
        /// When it brought something last, ns.
        var lastHeard: Int64 = 0
        var facts = LinkFacts()
        var batch = RTMPBatch()
        var notes: [String] = []
    }
    private let state = Mutex(State())
    /// Goes on from one publisher to the next, so that counters do. Used by the holder only.
    private let muxer = Mutex(TransportMuxer())

    init(_ path: StreamPath) { self.path = path }

    // MARK: The server's side

    enum Admission {
        case refused
        /// It is the publisher now; whoever was it is not any more.
        case admitted(insteadOf: ObjectIdentifier?)
    }

    /// A connection wishes to publish here.
    func admit(_ connection: ObjectIdentifier, at now: Int64) -> Admission {
        let admission = state.withLock { state in
            let isStale = now - state.lastHeard > RTMPPlace.patience
            guard state.holder == nil || isStale else {
                state.facts.refusals += 1
                return Admission.refused
            }
            defer { state.holder = connection }
            state.lastHeard = now
            state.facts.state = .connected
            state.facts.connections += 1
            state.facts.lastError = nil
            return .admitted(insteadOf: state.holder)
        }
        if case .admitted = admission { muxer.withLock { $0.begin() } }
        return admission
    }

    /// Whether a connection has the place still.
    func isHeld(by connection: ObjectIdentifier) -> Bool {
        state.withLock { $0.holder == connection }
    }

    /// Makes packets of what the holder has brought.
    func take(
        _ messages: [MediaMessage], of publication: inout Publication, at now: MonotonicInstant
    ) {
        muxer.withLock { muxer in
            for message in messages { publication.take(message, into: &muxer) }
            state.withLock { state in
                state.lastHeard = now.nanoseconds
                state.facts.datagrams += Int64(messages.count)
                muxer.drain { packets in
                    guard state.batch.bytes.count + packets.count <= RTMPPlace.mostBytes else {
                        state.facts.lastError = "the channel does not take what comes"
                        return
                    }
                    state.facts.bytes += Int64(packets.count)
                    packets.withUnsafeBufferPointer {
                        state.batch.bytes.append(contentsOf: $0)
                    }
                    state.batch.pieces.append(
                        .init(end: state.batch.bytes.count, arrival: now))
                }
            }
        }
    }

    /// The publisher is gone.
    func vacate(_ connection: ObjectIdentifier, because reason: String?) {
        state.withLock { state in
            guard state.holder == connection else { return }
            state.holder = nil
            state.facts.state = .waiting
            if let reason { state.facts.lastError = reason }
        }
    }

    func countRefusal() { state.withLock { $0.facts.refusals += 1 } }

    /// A line for the operator; never with the key in it.
    func note(_ text: String) {
        state.withLock { state in
            if state.notes.count < RTMPPlace.mostNotes { state.notes.append(text) }
        }
    }

    // MARK: The channel's side

    /// Gives what has come, and takes an empty batch for it.
    func exchange(_ batch: inout RTMPBatch) -> LinkFacts {
        state.withLock { state in
            if !state.batch.pieces.isEmpty { swap(&state.batch, &batch) }
            return state.facts
        }
    }

    func takeNotes() -> [String] {
        state.withLock { state in
            defer { state.notes.removeAll() }
            return state.notes
        }
    }
}
