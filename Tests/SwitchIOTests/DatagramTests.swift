// Datagrams that leave together come as those that they are.

import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct DatagramTests {
    private func packets(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count * 188).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
    }

    /// Sends datagrams of so many packets at once, and gives what comes.
    private func exchange(_ counts: [Int], isRTP: Bool) throws -> [[UInt8]] {
        let address = try Studio.loopback(Studio.freePort(), isRTP: isRTP)
        let link = try DatagramLink(address)
        let output = try DatagramOutput(address, synchronizationSource: 0x0102_0304)
        for (number, count) in counts.enumerated() {
            output.send(
                packets(number, count).span,
                DueDatagram(
                    sequence: UInt16(truncatingIfNeeded: 65_535 + number),
                    timestamp: UInt32(number)))
        }
        output.flush()
        #expect(output.facts.datagrams == Int64(counts.count) && output.facts.dropped == 0)
        var came: [[UInt8]] = []
        link.poll(at: HostClock.now) { bytes, _ in
            came.append(bytes.withUnsafeBufferPointer { Array($0) })
        }
        #expect(link.facts.datagrams == Int64(came.count))
        return came
    }

    @Test(arguments: [[7, 7], [7, 7, 7, 3], [7], [3], [3, 7, 7], Array(repeating: 7, count: 40)])
    func whatLeavesTogetherComesAsItIs(counts: [Int]) throws {
        let came = try exchange(counts, isRTP: false)
        #expect(came == counts.enumerated().map { packets($0.offset, $0.element) })
    }

    /// The kernel stamped it by the clock of before.
    @Test(arguments: [Int64(3_600_000_000_000), -3_600_000_000_000])
    func aStepOfTheClockOnTheWallMovesNoArrival(step: Int64) throws {
        let address = try Studio.loopback(Studio.freePort())
        let link = try DatagramLink(address)
        let output = try DatagramOutput(address, synchronizationSource: 1)
        let before = HostClock.now
        link.poll(at: before) { _, _ in Issue.record("nothing was sent") }
        output.send(packets(0, 7).span, DueDatagram(sequence: 0, timestamp: 0))
        output.flush()
        let now = HostClock.now
        var arrivals: [Int64] = []
        link.poll(at: now, wallClockOffset: HostClock.wallClockOffset + step) {
            arrivals.append($1.nanoseconds)
        }
        #expect(arrivals.count == 1)
        #expect(arrivals.allSatisfy { $0 >= before.nanoseconds && $0 <= now.nanoseconds })
    }

    @Test func eachDatagramHasItsOwnHeader() throws {
        let came = try exchange([7, 7, 2], isRTP: true)
        // RFC 3550 §5.1: version 2; payload type 33; sequence, time stamp, source.
        #expect(came.map { Array($0.prefix(12)) } == [
            [0x80, 33, 255, 255, 0, 0, 0, 0, 1, 2, 3, 4],
            [0x80, 33, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4],
            [0x80, 33, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4],
        ])
        #expect(came.map { Array($0.dropFirst(12)) } == [(0, 7), (1, 7), (2, 2)].map(packets))
    }
}
