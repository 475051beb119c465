// Standard input that has much to give.

import Foundation
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct PipeTests {
    /// One that always has more does not hold the other links, nor memory.
    @Test func aPollTakesNoMoreThanItsShare() throws {
        let descriptor = open("/dev/zero", O_RDONLY)
        defer { Foundation.close(descriptor) }
        let link = try PipeLink.standardInput(descriptor)
        var count = 0
        link.poll(at: HostClock.now) { bytes, _ in
            count += bytes.count
            if count > 100_000_000 { link.close() }
        }
        #expect(count > 0 && count <= 32 * 65_536)
        #expect(link.isConnected)
    }

    @Test func aFileIsPacedByItsOwnClock() throws {
        let descriptor = open(Studio.sample("h264-main.ts"), O_RDONLY)
        defer { Foundation.close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, 0, SEEK_SET)
        let link = try PipeLink.standardInput(descriptor)
        var count = 0
        let start = HostClock.now
        link.poll(at: start) { bytes, _ in count += bytes.count }
        #expect(count < size / 10)
        link.poll(at: start + 3_600_000_000_000) { bytes, _ in count += bytes.count }
        #expect(count == size && link.facts.state == .ended)
    }
}
