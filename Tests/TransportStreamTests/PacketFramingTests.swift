// Packets out of bytes, whatever the pieces, the spacing and the garbage.

import Testing

@testable import TransportStream

@Suite struct PacketFramingTests {
    struct Outcome: Equatable {
        var packets: [[UInt8]] = []
        var spacing: PacketFraming.Spacing?
        var skipped: Int64 = 0
        var losses: Int64 = 0
        var first: Int64?
    }

    /// Frames `bytes` in pieces whose sizes `piece` gives.
    static func frame(_ bytes: [UInt8], piece: () -> Int) -> Outcome {
        var framing = PacketFraming()
        var outcome = Outcome()
        func take(_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) {
            for number in 0..<count {
                let at = first + number * spacing
                outcome.packets.append((at..<(at + 188)).map { buffer[$0] })
            }
        }
        var at = 0
        while at < bytes.count {
            let end = min(at + max(piece(), 1), bytes.count)
            let part = Array(bytes[at..<end])
            framing.append(part.span) { take($0, $1, $2, $3) }
            outcome.spacing = framing.spacing ?? outcome.spacing
            at = end
        }
        framing.finish { take($0, $1, $2, $3) }
        outcome.spacing = framing.spacing ?? outcome.spacing
        outcome.skipped = framing.skippedBytes
        outcome.losses = framing.syncLosses
        outcome.first = framing.firstPacketPosition
        return outcome
    }

    /// Packets with random insides that hold no sync byte.
    static func packets(_ count: Int, seed: UInt64) -> [[UInt8]] {
        var random = SeededNumbers(seed: seed)
        return (0..<count).map { _ in
            [0x47]
                + (0..<187).map { _ in
                    let byte = UInt8(truncatingIfNeeded: random.next())
                    return byte == 0x47 ? 0x48 : byte
                }
        }
    }

    /// Packets on the wire; `edge` fills time stamps and parity.
    static func stream(
        _ packets: [[UInt8]], _ spacing: PacketFraming.Spacing, edge: UInt8 = 0xEE
    ) -> [UInt8] {
        let edge = [UInt8](repeating: edge, count: spacing.rawValue - 188)
        return packets.flatMap { spacing == .timestamped ? edge + $0 : $0 + edge }
    }

    @Test(arguments: PacketFraming.Spacing.allCases)
    func aCleanStreamInOnePiece(spacing: PacketFraming.Spacing) {
        let packets = Self.packets(40, seed: 1)
        let outcome = Self.frame(Self.stream(packets, spacing)) { .max / 2 }
        #expect(outcome.packets == packets && outcome.spacing == spacing)
        #expect(outcome.losses == 0)
        #expect(outcome.first == (spacing == .timestamped ? 4 : 0))
        #expect(outcome.skipped == (spacing == .timestamped ? 4 : 0))
    }

    @Test(arguments: PacketFraming.Spacing.allCases)
    func anyPieceSizeGivesTheSamePackets(spacing: PacketFraming.Spacing) {
        let packets = Self.packets(30, seed: 2)
        let bytes = Self.stream(packets, spacing)
        for size in Array(1...30) + [183, 187, 188, 189, 191, 192, 193, 203, 204, 205, 1316] {
            #expect(Self.frame(bytes) { size }.packets == packets, "pieces of \(size)")
        }
    }

    /// A byte between packets that looks like a sync byte: time stamps and parity may be anything.
    @Test(arguments: [PacketFraming.Spacing.timestamped, .protected])
    func syncBytesBetweenPacketsAreNoPackets(spacing: PacketFraming.Spacing) {
        let packets = Self.packets(30, seed: 3)
        let bytes = Self.stream(packets, spacing, edge: 0x47)
        // Begin with a packet: what comes before the first one can not be told from one.
        let begin = spacing == .timestamped ? Array(bytes[4...]) : bytes
        // Pieces that end inside, at the edge of, and behind what is between two packets.
        for size in [Int.max / 2, 1000, 600] + Array(376...410) {
            let outcome = Self.frame(begin) { size }
            #expect(outcome.packets == packets, "pieces of \(size)")
            #expect(outcome.losses == 0)
        }
    }

    @Test(arguments: PacketFraming.Spacing.allCases)
    func garbageBeforeAndBetween(spacing: PacketFraming.Spacing) {
        var random = SeededNumbers(seed: 4)
        for _ in 0..<20 {
            let packets = Self.packets(30, seed: random.next())
            let before = [UInt8](repeating: 0x11, count: Int(random.next() % 500))
            let between = [UInt8](repeating: 0x22, count: 1 + Int(random.next() % 150))
            let bytes =
                before + Self.stream(Array(packets[..<15]), spacing) + between
                + Self.stream(Array(packets[15...]), spacing)
            let whole = Self.frame(bytes) { .max / 2 }
            #expect(whole.packets == packets && whole.spacing == spacing && whole.losses == 1)
            #expect(whole.first == Int64(before.count + (spacing == .timestamped ? 4 : 0)))
            #expect(Self.frame(bytes) { 1 + Int(random.next() % 700) } == whole)
        }
    }

    @Test(arguments: PacketFraming.Spacing.allCases, [5, 7, 28])
    func oneDamagedSyncByteCostsOnePacket(spacing: PacketFraming.Spacing, at place: Int) {
        var packets = Self.packets(30, seed: 5)
        packets[place][0] = 0x46
        let bytes = Self.stream(packets, spacing)
        var kept = packets
        kept.remove(at: place)
        for size in [Int.max / 2, 1, 188, 500] {
            let outcome = Self.frame(bytes) { size }
            #expect(outcome.packets == kept, "pieces of \(size)")
            #expect(outcome.losses == 0)
            let before: Int64 = spacing == .timestamped ? 4 : 0
            #expect(outcome.skipped == before + Int64(spacing.rawValue))
        }
    }

    @Test func twoDamagedSyncBytesLoseTheBorderAndItIsFoundAgain() {
        var packets = Self.packets(30, seed: 6)
        packets[10][0] = 0
        packets[11][0] = 0
        let outcome = Self.frame(Self.stream(packets, .plain)) { 1316 }
        #expect(outcome.packets == Array(packets[..<10] + packets[12...]))
        #expect(outcome.losses == 1 && outcome.skipped == 376)
    }

    @Test func aSpacingMayChange() {
        let packets = Self.packets(40, seed: 7)
        let bytes =
            Self.stream(Array(packets[..<20]), .plain)
            + Self.stream(Array(packets[20...]), .protected)
        let outcome = Self.frame(bytes) { 700 }
        #expect(outcome.packets == packets && outcome.spacing == .protected)
    }

    @Test func fewPacketsAreFoundAtTheEnd() {
        for count in 1...4 {
            let packets = Self.packets(count, seed: 8)
            let outcome = Self.frame([1, 2, 3] + Self.stream(packets, .plain) + [0x47, 1]) { 50 }
            #expect(outcome.packets == packets && outcome.first == 3)
            #expect(outcome.skipped == 5)
        }
        #expect(Self.frame([UInt8](repeating: 0x47, count: 187)) { 10 }.packets.isEmpty)
        #expect(Self.frame([]) { 1 } == Outcome())
    }

    @Test func everyByteIsInAPacketOrCounted() {
        var random = SeededNumbers(seed: 9)
        for round in 0..<60 {
            var bytes = Self.stream(Self.packets(25, seed: random.next()), .plain)
            for _ in 0..<(round % 12) {
                let at = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: at)
                default: bytes.insert(0x47, at: at)
                }
            }
            let whole = Self.frame(bytes) { .max / 2 }
            // A last packet alone may be taken for one with a time stamp or parity around it.
            let uncounted = Int64(bytes.count - whole.packets.count * 188) - whole.skipped
            #expect((0...16).contains(uncounted))
            #expect(whole.packets.allSatisfy { $0[0] == 0x47 })
            #expect(Self.frame(bytes) { 1 + Int(random.next() % 900) } == whole)
        }
    }

    @Test func noBytesHoweverBrokenDoHarm() {
        var random = SeededNumbers(seed: 10)
        for _ in 0..<30 {
            let bytes = (0..<4000).map { _ in
                random.next() % 6 == 0 ? 0x47 : UInt8(truncatingIfNeeded: random.next())
            }
            let outcome = Self.frame(bytes) { 1 + Int(random.next() % 500) }
            #expect(outcome.packets.allSatisfy { $0[0] == 0x47 })
        }
    }

    @Test func thePositionIsThatOfTheStream() {
        var framing = PacketFraming()
        let bytes = Self.stream(Self.packets(20, seed: 11), .plain)
        let (begin, rest) = (Array(bytes[..<2000]), Array(bytes[2000...]))
        framing.append(begin.span) { _, _, _, _ in }
        #expect(framing.position == 1880)
        framing.append(rest.span) { _, _, _, _ in }
        #expect(framing.position == 3760)
    }

    @Test func wholePacketsPassWhereTheyLie() {
        var framing = PacketFraming()
        let packets = Self.packets(30, seed: 5)
        let bytes = Array(Self.stream(packets, .plain))
        // Before the border is known nothing passes.
        let early = framing.passes(bytes.span)
        #expect(!early)
        framing.append(bytes.span) { _, _, _, _ in }
        let position = framing.position
        let whole = framing.passes(bytes.span)
        #expect(whole && framing.position == position + Int64(bytes.count))
        var damaged = bytes
        damaged[17 * 188] = 0
        let part = Array(bytes[..<200])
        let others = [framing.passes(damaged.span), framing.passes(part.span)]
        #expect(others == [false, false])
        #expect(framing.position == position + Int64(bytes.count), "nothing was taken")
        framing.append(part.span) { _, _, count, _ in #expect(count == 1) }
        // Twelve bytes of the next packet wait: the border is not where the bytes begin.
        let late = framing.passes(bytes.span)
        #expect(!late)
    }
}
