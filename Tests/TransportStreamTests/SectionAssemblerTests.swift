// Sections out of packets: spanning, sharing, pointing, damaged; and into packets.

import Testing

@testable import TransportStream

@Suite struct SectionAssemblerTests {
    private struct Piece {
        var payload: [UInt8]
        var startsUnit: Bool
    }

    private func sections(_ pieces: [Piece], errors: Int = 0) -> [[UInt8]] {
        var assembler = SectionAssembler()
        var found: [[UInt8]] = []
        for piece in pieces {
            let bytes = [UInt8](repeating: 0xEE, count: 4) + piece.payload + [0xEE]
            assembler.append(
                bytes.span, from: 4, to: 4 + piece.payload.count, startsUnit: piece.startsUnit
            ) { section in found.append((0..<section.count).map { section[$0] }) }
        }
        #expect(assembler.checksumErrors == errors)
        return found
    }

    private func filled(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0xFF, count: 184 - bytes.count)
    }

    private func long(_ count: Int, _ seed: UInt8 = 0) -> [UInt8] {
        longSection(
            table: 0x42, body: (0..<(count - 12)).map { UInt8(truncatingIfNeeded: $0) ^ seed })
    }

    @Test func oneSectionInOnePacket() {
        let section = long(30)
        #expect(sections([Piece(payload: filled([0] + section), startsUnit: true)]) == [section])
    }

    @Test func severalSectionsInOnePacket() {
        let all = [long(30), long(12, 7), long(100, 9)]
        let payload = filled([0] + all.flatMap(\.self))
        #expect(sections([Piece(payload: payload, startsUnit: true)]) == all)
    }

    /// Every length up to the longest there is, cut into packets by the module's own writer.
    @Test func everyLengthGoesThroughPacketsAndBack() throws {
        var continuity = ContinuityCounter(14)
        for count in [12, 182, 183, 184, 185, 366, 367, 368, 551, 1024, 4096, 4098] {
            let section = long(count)
            var packets: [UInt8] = []
            let before = continuity
            SectionPacketizer.append(
                section.span, pid: PID(0x1ABC), continuity: &continuity, to: &packets)
            #expect(packets.count == SectionPacketizer.packetCount(section: count) * 188)
            var assembler = SectionAssembler()
            var found: [[UInt8]] = []
            var counter = before
            for at in stride(from: 0, to: packets.count, by: 188) {
                counter = counter.next
                let header = try #require(readHeader(packets, at: at))
                #expect(header.pid == PID(0x1ABC) && header.continuity == counter)
                #expect(header.startsUnit == (at == 0) && !header.isMalformed)
                assembler.append(
                    packets.span, from: at + Int(header.payloadOffset), to: at + 188,
                    startsUnit: header.startsUnit
                ) { section in found.append((0..<section.count).map { section[$0] }) }
            }
            #expect(found == [section])
            #expect(counter == continuity)
            #expect(
                packets.suffix((packets.count / 188) * 184 - 1 - count).allSatisfy { $0 == 0xFF })
        }
    }

    /// The tail of one section, then a pointer to the next, at every possible place.
    @Test func theTailBeforeThePointerBelongsToTheSectionBefore() {
        for tail in 1...183 {
            let first = long(183 + tail)
            let second = long(12)
            var pieces = [Piece(payload: [0] + first[..<183], startsUnit: true)]
            let behind = [UInt8(tail)] + first[183...] + second
            pieces.append(
                Piece(payload: Array(filled(Array(behind.prefix(184)))), startsUnit: true))
            if behind.count > 184 {
                pieces.append(Piece(payload: filled(Array(behind[184...])), startsUnit: false))
            }
            #expect(sections(pieces) == [first, second], "tail of \(tail)")
        }
    }

    @Test func nothingBeforeTheFirstPointer() {
        let section = long(40)
        let tail = [UInt8](repeating: 0x42, count: 50)
        #expect(
            sections([
                Piece(payload: filled(tail), startsUnit: false),
                Piece(payload: filled([50] + tail + section), startsUnit: true),
            ]) == [section])
    }

    @Test func aPointerBeyondThePacketForgetsTheSection() {
        let section = long(300)
        let pieces = [
            Piece(payload: [0] + section[..<183], startsUnit: true),
            Piece(payload: filled([184] + section[183...]), startsUnit: true),
            Piece(payload: filled(Array(section[183...])), startsUnit: false),
        ]
        #expect(sections(pieces) == [])
    }

    @Test func aCutSectionIsForgottenWhenTheNextBegins() {
        let next = long(20)
        let pieces = [
            Piece(payload: [0] + long(300)[..<183], startsUnit: true),
            Piece(payload: filled([0] + next), startsUnit: true),
        ]
        #expect(sections(pieces) == [next])
    }

    @Test func resettingForgetsTheHalfSection() {
        let section = long(300)
        var assembler = SectionAssembler()
        var count = 0
        let begin = [0] + section[..<183]
        assembler.append(begin.span, from: 0, to: 184, startsUnit: true) { _ in count += 1 }
        assembler.reset()
        let rest = filled(Array(section[183...]))
        assembler.append(rest.span, from: 0, to: 184, startsUnit: false) { _ in count += 1 }
        #expect(count == 0)
    }

    @Test func everyDamagedBitIsSeenByTheChecksum() {
        let section = long(24)
        let behind = long(12, 3)
        // Bits of the length and of section_syntax_indicator change what a section is at all.
        for bit in 0..<(section.count * 8) where !(8..<9).contains(bit) && !(12..<24).contains(bit)
        {
            var damaged = section
            damaged[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            let payload = filled([0] + damaged + behind)
            #expect(sections([Piece(payload: payload, startsUnit: true)], errors: 1) == [behind])
        }
    }

    @Test func shortSectionsPassWithoutAChecksum() {
        let short: [UInt8] = [0x70, 0x70, 0x05, 1, 2, 3, 4, 5]
        let empty: [UInt8] = [0x72, 0x70, 0x00]
        let payload = filled([0] + short + empty + short)
        #expect(sections([Piece(payload: payload, startsUnit: true)]) == [short, empty, short])
    }

    /// The three bytes up to the length may themselves be split between packets.
    @Test func theHeadMaySpanPackets() {
        for part in 1...2 {
            let first = long(183 - part)
            let second = long(60, 5)
            let begin = [0] + first + second[..<part]
            #expect(
                sections([
                    Piece(payload: begin, startsUnit: true),
                    Piece(payload: filled(Array(second[part...])), startsUnit: false),
                ]) == [first, second])
        }
    }

    @Test func rangesOutsideTheBytesAreIgnored() {
        var assembler = SectionAssembler()
        let bytes = [0] + long(12)
        for (from, to) in [(-1, 5), (5, 5), (0, 14), (20, 30), (9, 3)] {
            assembler.append(bytes.span, from: from, to: to, startsUnit: true) { _ in
                Issue.record("a section out of nothing")
            }
        }
    }

    @Test func noBytesHoweverBrokenDoHarm() {
        var random = SeededNumbers(seed: 47)
        var assembler = SectionAssembler()
        for _ in 0..<5000 {
            var bytes = (0..<184).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            bytes[0] = UInt8(random.next() % 190)
            let start = Int(random.next() % 20)
            assembler.append(
                bytes.span, from: start, to: 184, startsUnit: random.next() % 3 == 0
            ) { section in
                #expect(section.count >= 3 && section.count <= SectionAssembler.sizeLimit)
            }
        }
    }
}
