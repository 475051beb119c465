// The handshake (RTMP 1.0 §5.2), the server's side.
//
//   C0 (1)   C1 (1536) ------>            C0, S0: the version, 3
//                       <------ S0, S1, S2
//   C2 (1536)  ------>                    C2, S2: the other's C1, S1 again
//
// Encoders that grew up with Flash put a digest into C1 and may want one in S1 and S2; no
// specification tells how, all servers do it the same way. Whoever sends none gets none.

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

    private func answer(to greeting: [UInt8]) -> [UInt8] {
        let filler = noise(Handshake.partBytes * 2)
        var own = [UInt8](repeating: 0, count: 8) + filler[8..<Handshake.partBytes]
        var echo = greeting
        if let found = HandshakeDigest.find(in: greeting) {
            // Any version but 0 says that there is a digest.
            own.replaceSubrange(4..<8, with: [4, 5, 0, 1])
            HandshakeDigest.sign(&own, by: found.scheme)
            echo = Array(filler[Handshake.partBytes...])
            HandshakeDigest.sign(answer: &echo, to: found.digest)
        }
        return [3] + own + echo
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

/// The digest in a part of the handshake: 32 bytes at a place that four other bytes tell.
///
///   scheme   | time, version (8) | 764 bytes of key | 764 bytes of digest |   or the two changed
///   digest   | place (4) | … | HMAC-SHA256 of all bytes but these 32 | … |
enum HandshakeDigest {
    enum Scheme: CaseIterable {
        case digestFirst, keyFirst

        /// Where the four bytes are that tell the place.
        var placeOffset: Int { self == .digestFirst ? 8 : 772 }

        func offset(in part: [UInt8]) -> Int {
            let sum = part[placeOffset..<(placeOffset + 4)].reduce(0) { $0 + Int($1) }
            return placeOffset + 4 + sum % 728
        }
    }

    static let bytes = 32

    private static let clientKey = Array("Genuine Adobe Flash Player 001".utf8)
    private static let serverKey = Array("Genuine Adobe Flash Media Server 001".utf8)
    /// Behind the server's name in the key that signs the answer.
    private static let secondHalf: [UInt8] = [
        0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E,
        0x57, 0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB,
        0x31, 0xAE,
    ]

    /// The digest that a client put into its part; nil where there is none.
    static func find(in part: [UInt8]) -> (scheme: Scheme, digest: [UInt8])? {
        guard part.count == Handshake.partBytes, part[4..<8].contains(where: { $0 != 0 }) else {
            return nil
        }
        for scheme in Scheme.allCases {
            let offset = scheme.offset(in: part)
            let digest = Array(part[offset..<(offset + bytes)])
            if authentication(of: part, without: offset, key: clientKey) == digest {
                return (scheme, digest)
            }
        }
        return nil
    }

    /// Puts the server's digest into its part, which has 1536 bytes.
    static func sign(_ part: inout [UInt8], by scheme: Scheme) {
        let offset = scheme.offset(in: part)
        let digest = authentication(of: part, without: offset, key: serverKey)
        part.replaceSubrange(offset..<(offset + bytes), with: digest)
    }

    /// Signs the answer to a client's digest in its last 32 bytes.
    static func sign(answer part: inout [UInt8], to digest: [UInt8]) {
        let key = SHA256.authentication(of: digest, key: serverKey + secondHalf)
        let body = Array(part.dropLast(bytes))
        part = body + SHA256.authentication(of: body, key: key)
    }

    private static func authentication(
        of part: [UInt8], without offset: Int, key: [UInt8]
    ) -> [UInt8] {
        SHA256.authentication(of: Array(part[..<offset] + part[(offset + bytes)...]), key: key)
    }
}
