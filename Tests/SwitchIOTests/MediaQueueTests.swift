// What waits for a media process: whole units, within bounds, and again for the next one.

import MediaJobs
import Testing

@testable import SwitchIO

@Suite struct MediaQueueTests {
    private func packet(_ pid: Int, _ number: UInt8, starts: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xFF, count: 188)
        bytes[0] = 0x47
        bytes[1] = UInt8(pid >> 8) | (starts ? 0x40 : 0)
        bytes[2] = UInt8(pid & 0xFF)
        bytes[3] = 0x10
        bytes[4] = number
        return bytes
    }

    /// Units of four packets of two streams, one after the other, into a queue that nobody empties
    /// for a while: of each unit all packets are there, or none.
    @Test func aUnitIsLetInWholeOrNotAtAll() {
        var gate = PacketGate()
        var fill = 0
        var units: [UInt8: Int] = [:]
        let limit = 100 * 188
        for unit in 0..<250 {
            // It takes nothing, then all.
            if unit == 120 { fill = 0 }
            for part in 0..<4 {
                for pid in [256, 257] {
                    let number = UInt8(truncatingIfNeeded: unit)
                    let bytes = packet(pid, number, starts: part == 0)
                    gate.pass(bytes.span, fill: fill, limit: limit) {
                        fill += $0.count
                        units[$0[4], default: 0] += 1
                    }
                }
            }
            #expect(fill <= limit)
            if unit > 120 { fill = max(fill - 8 * 188, 0) }
        }
        #expect(units.values.allSatisfy { $0 == 4 || $0 == 8 })
        #expect(gate.refused > 0 && units[119] == nil && units[249] == 8)
    }

    /// After a time in which nothing was taken: a stream's packets, those of a clock that has a PID
    /// of its own, and null packets, which are no loss.
    @Test func aGateThatOpensAgainLetsAllIn() {
        var gate = PacketGate()
        var clock = packet(300, 0, starts: false)
        clock[3] = 0x20
        let null = packet(0x1FFF, 0, starts: false)
        let datagram = packet(256, 0, starts: true) + clock + packet(257, 0, starts: true) + null
        func pass(_ bytes: [UInt8], fill: Int) -> [Int] {
            var pieces: [Int] = []
            gate.pass(bytes.span, fill: fill, limit: 18_800) { pieces.append($0.count) }
            return pieces
        }
        for _ in 0..<10 { #expect(pass(datagram, fill: 18_800) == []) }
        let refused = gate.refused
        #expect(refused == 30)
        // Streams and clock; then all of it at once, without a look at each packet.
        #expect(pass(datagram, fill: 0) == [188, 188, 188])
        #expect(pass(datagram, fill: 0) == [4 * 188])
        #expect(gate.refused == refused)
    }

    /// A stream that was shut out and does not come again.
    @Test func aStreamThatHasGoneHoldsNobodyUp() {
        var gate = PacketGate()
        let (gone, there) = (packet(256, 0, starts: true), packet(257, 0, starts: true))
        gate.pass(gone.span, fill: 18_800, limit: 18_800) { _ in }
        var pieces: [Int] = []
        for _ in 0..<200 {
            gate.pass((there + there).span, fill: 0, limit: 18_800) { pieces.append($0.count) }
        }
        #expect(pieces.last == 2 * 188 && pieces.reduce(0, +) == 400 * 188)
    }

    /// Whole packets, of a number each.
    private func append(_ numbers: [UInt8], to queue: inout ReplayQueue, limit: Int = 100) {
        let bytes = numbers.flatMap { [UInt8](repeating: $0, count: 188) }
        queue.append(bytes.span, limit: limit * 188)
    }

    /// Takes as many packets and bytes.
    private func hand(_ queue: inout ReplayQueue, _ count: Int, and more: Int = 0) -> [UInt8] {
        var got: [UInt8] = []
        queue.handOver { bytes in
            got = Array(bytes.prefix(count * 188 + more))
            return got.count
        }
        return stride(from: 0, to: got.count, by: 188).map { got[$0] }
    }

    @Test func whatIsNotSafeComesAgain() {
        var queue = ReplayQueue(forgets: false)
        append(Array(0..<10), to: &queue)
        #expect(hand(&queue, 6) == [0, 1, 2, 3, 4, 5])
        queue.release(before: 4 * 188)
        queue.beginAgain()
        #expect(hand(&queue, 100) == [4, 5, 6, 7, 8, 9])
        // Places are counted from what this process got first.
        queue.release(before: 2 * 188)
        queue.beginAgain()
        #expect(hand(&queue, 100) == [6, 7, 8, 9])
        // One that claims more than it has got is not believed.
        append([10, 11], to: &queue)
        queue.release(before: .max)
        #expect(hand(&queue, 100) == [10, 11])
    }

    @Test func whatWasHandedOverGoesWhereThereIsNoRoom() {
        var queue = ReplayQueue(forgets: false)
        append(Array(0..<10), to: &queue, limit: 12)
        #expect(hand(&queue, 5) == [0, 1, 2, 3, 4])
        append(Array(10..<16), to: &queue, limit: 12)
        #expect(queue.count == 12 * 188 && queue.waiting == 11 * 188)
    }

    /// A pipe takes bytes in pages, and a queue may hold a number of bytes that is round in twos:
    /// a process begins with a packet nevertheless.
    @Test func whatEveryProcessGetsFirstIsTheBeginOfAPacket() {
        func isBegun(_ queue: inout ReplayQueue) -> Bool {
            queue.beginAgain()
            var first: [UInt8] = []
            queue.handOver { bytes in
                first = Array(bytes.prefix(188))
                return 0
            }
            return first.count == 188 && Set(first).count == 1
        }
        var queue = ReplayQueue(forgets: false)
        append(Array(0..<10), to: &queue)
        #expect(hand(&queue, 5, and: 50) == [0, 1, 2, 3, 4, 5])
        // No room for all of it.
        queue.append([UInt8](repeating: 10, count: 188).span, limit: 8 * 188 + 100)
        #expect(isBegun(&queue) && queue.count <= 9 * 188)
        #expect(hand(&queue, 3, and: 50).count == 4)
        queue.release(before: 3 * 188 + 20)
        #expect(isBegun(&queue))
        #expect(hand(&queue, 1, and: 50).count == 2)
        queue.giveUp()
        #expect(isBegun(&queue))
        var forgetful = ReplayQueue(forgets: true)
        append(Array(0..<10), to: &forgetful)
        #expect(hand(&forgetful, 5, and: 50) == [0, 1, 2, 3, 4, 5])
        #expect(forgetful.waiting == 5 * 188 - 50)
        #expect(isBegun(&forgetful))
    }

    @Test func aServerGetsNothingTwice() {
        var queue = ReplayQueue(forgets: true)
        append(Array(0..<10), to: &queue)
        #expect(hand(&queue, 6).count == 6)
        queue.beginAgain()
        #expect(hand(&queue, 100) == [6, 7, 8, 9])
    }

    /// The process that reads other people's bytes may say anything.
    @Test(arguments: [Int64.min, -1, 1 << 61, .max])
    func whatNoJobCanHaveComeToIsNoEvent(_ number: Int64) throws {
        let events: [MediaEvent] = [
            .safe(position: number), .passed(bytes: number, nanoseconds: 1),
            .passed(bytes: 1, nanoseconds: number), .beat(packets: number, bytes: 0),
        ]
        for event in events {
            let line = try #require(MediaLine.encode(event))
            #expect(MediaLine.event(line.dropLast()) == nil)
        }
        let line = try #require(MediaLine.encode(MediaEvent.safe(position: 1 << 60)))
        #expect(MediaLine.event(line.dropLast()) == .safe(position: 1 << 60))
    }
}
