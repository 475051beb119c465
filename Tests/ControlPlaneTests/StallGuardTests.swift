// When a connection counts as stalled, by the test's clock.

import NIOCore
import NIOEmbedded
import Testing

@testable import ControlPlane

@Suite struct StallGuardTests {
    private let channel = EmbeddedChannel(handler: StallGuard(patience: .seconds(20)))

    init() throws {
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    /// Hands over a piece, which is taken when the channel is flushed.
    private func write() { channel.write(ByteBuffer(string: "piece"), promise: nil) }

    private func pass(_ seconds: Int64) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    @Test func whoTakesNothingIsCutOffInTime() {
        write()
        pass(19)
        #expect(channel.isActive)
        pass(2)
        #expect(!channel.isActive)
    }

    @Test func whoTakesALittleNowAndThenIsNot() {
        for _ in 0..<10 {
            write()
            pass(15)
            channel.flush()
            pass(1)
        }
        #expect(channel.isActive)
        write()
        pass(41)
        #expect(!channel.isActive)
    }

    @Test func whoHasNothingToTakeIsNot() {
        write()
        channel.flush()
        pass(100)
        #expect(channel.isActive)
        // Its time begins when there is something.
        write()
        pass(19)
        #expect(channel.isActive)
    }
}
