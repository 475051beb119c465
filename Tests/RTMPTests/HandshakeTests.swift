// The handshake; the digests against Python's hmac and hashlib.

import Testing

@testable import RTMP

@Suite struct HandshakeTests {
    private func answer(to greeting: [UInt8]) -> [UInt8]? {
        var handshake = Handshake(seed: 7)
        var position = 0
        let bytes = [3] + greeting
        guard case .answer(let answer) = handshake.next(bytes.span, from: &position) else {
            return nil
        }
        return answer
    }

    @Test func aPlainGreetingIsEchoed() {
        let greeting = bytes("00000010 00000000") + [UInt8](repeating: 0xAB, count: 1528)
        let answer = self.answer(to: greeting)
        #expect(answer?.count == 1 + 2 * 1536 && answer?.first == 3)
        #expect(answer.map { Array($0[1537...]) } == greeting)
        #expect(answer.map { Array($0[5..<9]) } == [0, 0, 0, 0])
    }

    /// A greeting of a known pattern with the digest that Python computes at each of the two
    /// places, and the key that signs the answer to it.
    static let digests = [
        (
            first: 8, offset: 290,
            digest: "f89f1f7af03c88aada0200583415ae45a083c4505de98ca5dd416f5e7d6b7374",
            key: "76303a3d98e226711f111714b388f596c62da09a8bcd41fbcdf0ae7736aff515"
        ),
        (
            first: 772, offset: 942,
            digest: "800bff09306b5703cdc89a8129090d0416f23e5177138ceb24137523ab8d6dfd",
            key: "454390d40303575335c6c3966ff7298a5cd8e173fe208cb6a57c223599d2f933"
        ),
    ]

    @Test(arguments: digests.indices)
    func aDigestIsFoundAndAnswered(index: Int) throws {
        let known = Self.digests[index]
        var greeting = (0..<1536).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
        greeting.replaceSubrange(4..<8, with: [9, 0, 124, 2])
        let digest = bytes(known.digest)
        greeting.replaceSubrange(known.offset..<(known.offset + 32), with: digest)
        let found = try #require(HandshakeDigest.find(in: greeting))
        #expect(found.digest == digest && found.scheme.placeOffset == known.first)
        let answer = try #require(self.answer(to: greeting))
        let second = Array(answer[1537...])
        #expect(
            SHA256.authentication(of: Array(second.dropLast(32)), key: bytes(known.key))
                == Array(second.suffix(32)))
        // The server's own: signed with its own name, at the place that its bytes tell.
        let own = Array(answer[1..<1537])
        let at = found.scheme.offset(in: own)
        #expect(
            SHA256.authentication(
                of: Array(own[..<at] + own[(at + 32)...]),
                key: Array("Genuine Adobe Flash Media Server 001".utf8))
                == Array(own[at..<(at + 32)]))
        #expect(own[4] != 0)
    }

    @Test func aGreetingWithAVersionAndNoDigestIsEchoed() {
        var greeting = [UInt8](repeating: 0x11, count: 1536)
        greeting[4] = 9
        #expect(answer(to: greeting).map { Array($0[1537...]) } == greeting)
    }
}
