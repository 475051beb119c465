// The handshake (RTMP 1.0 §5.2), the server's side.
//
//   C0 (1)   C1 (1536) ------>            C0, S0: the version, 3
//                       <------ S0, S1, S2
//   C2 (1536)  ------>                    C2, S2: the other's C1, S1 again
//
// This is the handshake that the specification has, and ffmpeg, GStreamer and OBS are content with
// it. Flash's players had another one, with digests in C1, S1 and S2, which no specification tells:
// who sends such a digest is answered like all others, and publishers do not ask for more.

struct Handshake {
    static let partBytes = 1536

    enum Step {
        case needsMore
        /// What to send.
        case answer([UInt8])
        case done
        case fault(ProtocolFault)
    }

    private enum State {
        case version
        case greeting([UInt8])
        case echo(bytesLeft: Int)
    }

    private var state = State.version
    private let seed: UInt64

    /// - Parameter seed: fills what is to be random; nothing depends on it.
    init(seed: UInt64) { self.seed = seed }

    /// Takes bytes up to the next step.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) -> Step {
        while position < bytes.count {
            switch state {
            case .version:
                let version = bytes[position]
                // 6 would be RTMPE; anything else is another protocol that came to this port.
                guard version == 3 else { return .fault(.notRTMP(firstByte: version)) }
                position += 1
                state = .greeting([])
            case .greeting(var part):
                state = .version
                let count = min(Handshake.partBytes - part.count, bytes.count - position)
                for index in position..<(position + count) { part.append(bytes[index]) }
                position += count
                guard part.count == Handshake.partBytes else {
                    state = .greeting(part)
                    return .needsMore
                }
                state = .echo(bytesLeft: Handshake.partBytes)
                return .answer(answer(to: part))
            case .echo(let left):
                // Encoders that send anything here are understood by all servers.
                let count = min(left, bytes.count - position)
                position += count
                state = .echo(bytesLeft: left - count)
                if left == count { return .done }
            }
        }
        return .needsMore
    }

    /// S0, S1 and S2.
    private func answer(to greeting: [UInt8]) -> [UInt8] {
        // Time and version of S1: a version other than 0 would say that there is a digest.
        [3] + [UInt8](repeating: 0, count: 8) + noise(Handshake.partBytes - 8) + greeting
    }

    private func noise(_ count: Int) -> [UInt8] {
        var state = seed | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }
}
