// What is written into packets, read back by hand-made positions or over the whole range; what is
// not written stays as it was.

import Testing

@testable import TransportStream

@Suite struct PacketWritingTests {
    /// Values that touch each bit of a range alone, its ends, and a spread in between.
    static let clocks: [Int64] = {
        var result: [Int64] = [0, 1, 299, 300, 511, ClockReference.modulus - 1]
        result += (0..<33).flatMap { [(1 << $0) * 300, (1 << $0) * 300 + 299] }
        result += (0..<9).map { 1 << $0 }
        var random = SeededNumbers(seed: 21)
        result += (0..<2000).map { _ in Int64(random.next() >> 1) % ClockReference.modulus }
        return result
    }()

    @Test func aClockIsReadBackAndNothingElseChanges() {
        for filler: UInt8 in [0x00, 0xFF, 0xA5] {
            let before = packet([0x47, 0x01, 0x00, 0x30, 30, 0x10], filler: filler)
            for ticks in Self.clocks {
                var bytes = before
                var span = bytes.mutableSpan
                PacketWriter.setClock(ClockReference(wrapping: ticks), in: &span, at: 0)
                #expect(readHeader(bytes)?.clockReference?.ticks == ticks)
                #expect(bytes[10] & 0x7E == 0x7E, "reserved bits are ones")
                #expect(bytes[..<6] == before[..<6] && bytes[12...] == before[12...])
            }
        }
    }

    /// 0x1_2345_6789 · 300 + 0x12B, laid out by hand: 33 bits, six ones, nine bits.
    @Test func aClockLiesAsTheStandardDrawsIt() {
        var bytes = packet([0x47, 0x01, 0x00, 0x20, 183, 0x10])
        var span = bytes.mutableSpan
        let clock = ClockReference(wrapping: 0x1_2345_6789 * 300 + 0x12B)
        PacketWriter.setClock(clock, in: &span, at: 0)
        #expect(Array(bytes[6..<12]) == [0x91, 0xA2, 0xB3, 0xC4, 0xFF, 0x2B])
    }

    @Test func everyPIDAndCounterIsWrittenAndTheirNeighboursStay() {
        for filler: UInt8 in [0x00, 0xFF] {
            var bytes = packet([0x47, filler, filler, filler], filler: filler)
            let before = bytes
            for value in UInt16(0)..<8192 {
                var span = bytes.mutableSpan
                PacketWriter.setPID(PID(value), in: &span, at: 0)
                PacketWriter.setContinuity(ContinuityCounter(UInt8(value & 15)), in: &span, at: 0)
                let header = readHeader(bytes)
                #expect(
                    header?.pid == PID(value) && header?.continuity.rawValue == UInt8(value & 15))
                #expect(bytes[1] & 0xE0 == filler & 0xE0 && bytes[3] & 0xF0 == filler & 0xF0)
            }
            #expect(bytes[4...] == before[4...] && bytes[0] == 0x47)
        }
    }

    @Test func removingAClockKeepsOtherFieldsAndPayload() {
        // PCR, OPCR, splice_countdown, private data (4 bytes), an empty extension, two of stuffing
        let behind: [UInt8] = [1, 2, 3, 4, 5, 6, 0x7F, 4, 10, 11, 12, 13, 1, 0x1F, 0xFF, 0xFF]
        let clock: [UInt8] = [9, 9, 9, 9, 0xFF, 9]
        let length = 1 + clock.count + behind.count
        let head: [UInt8] = [0x47, 0x41, 0x00, 0x3A, UInt8(length), 0xFF] + clock + behind
        var bytes = packet(head, filler: 0x5A)
        let before = bytes
        var span = bytes.mutableSpan
        PacketWriter.removeClock(in: &span, at: 0)
        let end = 5 + length
        #expect(bytes[..<5] == before[..<5] && bytes[5] == 0xEF)
        #expect(Array(bytes[6..<(6 + behind.count)]) == behind)
        #expect(bytes[(6 + behind.count)..<end].allSatisfy { $0 == 0xFF })
        #expect(bytes[end...] == before[end...])
        let header = readHeader(bytes)
        #expect(header?.clockReference == nil && header?.payloadOffset == UInt8(end))
    }

    @Test func removingAClockFromEveryLength() {
        for length in 0...255 {
            var bytes = packet([0x47, 0, 0, 0x20, UInt8(length), 0x90], filler: 0x11)
            let before = bytes
            var span = bytes.mutableSpan
            PacketWriter.removeClock(in: &span, at: 0)
            #expect(bytes.count == 188 && bytes[4] == UInt8(length))
            if length < 7 {
                #expect(bytes == before)
            } else {
                let end = min(5 + length, 188)
                #expect(bytes[5] == 0x80)
                #expect(bytes[(end - 6)..<end].allSatisfy { $0 == 0xFF })
                #expect(bytes[6..<(end - 6)].allSatisfy { $0 == 0x11 })
                #expect(bytes[end...] == before[end...])
            }
        }
    }

    @Test func everyPayloadSizeHasItsHeader() throws {
        for count in 1...184 {
            for randomAccess in [false, true] where !randomAccess || count <= 182 {
                var bytes = [UInt8](repeating: 0xCC, count: 190)
                var span = bytes.mutableSpan
                let at = PacketWriter.writeHeader(
                    pid: PID(0x1ABC), continuity: ContinuityCounter(11), startsUnit: count % 2 == 0,
                    randomAccess: randomAccess, payloadCount: count, in: &span, at: 1)
                #expect(at == 1 + 188 - count)
                let header = try #require(readHeader(bytes, at: 1))
                #expect(!header.isMalformed && header.hasPayload)
                #expect(header.pid == PID(0x1ABC) && header.continuity.rawValue == 11)
                #expect(header.startsUnit == (count % 2 == 0))
                #expect(header.randomAccess == randomAccess)
                #expect(header.hasAdaptationField == (count < 184))
                #expect(!header.isScrambled && !header.transportError && !header.discontinuity)
                #expect(Int(header.payloadOffset) == 188 - count)
                if count < 182 {
                    #expect(bytes[7..<at].allSatisfy { $0 == 0xFF }, "stuffing")
                }
                #expect(bytes[0] == 0xCC && bytes[at...].allSatisfy { $0 == 0xCC })
            }
        }
    }

    /// 13818-1 table 2-6, by hand: a PCR of base 1 and extension 2.
    @Test func aFirstPacketSaysAllOfItsUnit() {
        var bytes = [UInt8](repeating: 0xCC, count: 188)
        var span = bytes.mutableSpan
        let at = PacketWriter.writeHeader(
            pid: PID(0x100), continuity: ContinuityCounter(5), startsUnit: true, randomAccess: true,
            clock: ClockReference(wrapping: 302), isBroken: true, payloadCount: 172, in: &span,
            at: 0)
        let head: [UInt8] = [
            0x47, 0x41, 0x00, 0x35, 11, 0xD0, 0, 0, 0, 0, 0xFE, 2, 0xFF, 0xFF, 0xFF, 0xFF,
        ]
        #expect(at == 16 && Array(bytes[..<16]) == head)
        #expect(bytes[16...].allSatisfy { $0 == 0xCC })
    }

    @Test func aClockPacketHasNothingElse() throws {
        var bytes = [UInt8](repeating: 0, count: 188 * 2)
        var span = bytes.mutableSpan
        PacketWriter.writeClockPacket(
            pid: PID(0x1F0F), continuity: ContinuityCounter(7),
            clock: ClockReference(wrapping: 123_456_789),
            in: &span, at: 188)
        let header = try #require(readHeader(bytes, at: 188))
        #expect(!header.isMalformed && !header.hasPayload && header.payloadOffset == 188)
        #expect(header.pid == PID(0x1F0F) && header.continuity.rawValue == 7)
        #expect(header.clockReference?.ticks == 123_456_789)
        #expect(!header.discontinuity && !header.randomAccess && !header.startsUnit)
        #expect(bytes[192] == 183 && bytes[193] == 0x10)
        #expect(bytes[200...].allSatisfy { $0 == 0xFF } && bytes[..<188].allSatisfy { $0 == 0 })
    }

    @Test func aNullPacketIsOne() {
        var bytes = [UInt8](repeating: 0, count: 188)
        var span = bytes.mutableSpan
        PacketWriter.writeNull(in: &span, at: 0)
        let header = readHeader(bytes)
        #expect(header?.pid == .null && header?.hasPayload == true)
        #expect(header?.hasAdaptationField == false && header?.startsUnit == false)
        #expect(header?.isMalformed == false && header?.isScrambled == false)
    }
}
