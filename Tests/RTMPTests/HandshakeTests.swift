// The handshake, as RTMP 1.0 §5.2 has it.

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

    /// As ffmpeg sends one: a version of Flash's, and a digest (its place and its value by Python's
    /// hmac) that nobody looks at.
    @Test func aGreetingWithADigestIsEchoedToo() {
        var greeting = (0..<1536).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
        greeting.replaceSubrange(4..<8, with: [9, 0, 124, 2])
        greeting.replaceSubrange(
            290..<322,
            with: bytes("f89f1f7af03c88aada0200583415ae45a083c4505de98ca5dd416f5e7d6b7374"))
        let answer = self.answer(to: greeting)
        #expect(answer.map { Array($0[1537...]) } == greeting)
        // S1 promises no digest.
        #expect(answer.map { Array($0[5..<9]) } == [0, 0, 0, 0])
    }

    @Test func aGreetingWithAVersionAndNoDigestIsEchoed() {
        var greeting = [UInt8](repeating: 0x11, count: 1536)
        greeting[4] = 9
        #expect(answer(to: greeting).map { Array($0[1537...]) } == greeting)
    }
}
