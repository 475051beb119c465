// PES headers against bytes set by hand (13818-1 §2.4.3.6), cut off anywhere, and read back.

import Testing

@testable import TransportStream

@Suite struct PESTests {
    private func read(_ bytes: [UInt8], to end: Int? = nil) -> PESHeader? {
        guard case .header(let header) = PESHeader.read(bytes.span, from: 0, to: end ?? bytes.count)
        else { return nil }
        return header
    }

    /// PTS 0x1_2345_6789 and DTS 1 as the standard lays them out, by hand: prefix, 3 bits, marker,
    /// 15 bits, marker, 15 bits, marker.
    static let withBoth: [UInt8] = [
        0, 0, 1, 0xE0, 0x12, 0x34, 0x84, 0xC0, 12,
        0x39, 0x8D, 0x15, 0xCF, 0x13, 0x11, 0x00, 0x01, 0x00, 0x03, 0xFF, 0xFF, 0x47,
    ]

    @Test func aHeaderWithBothStamps() {
        let header = read(Self.withBoth)
        #expect(header?.streamID == 0xE0 && header?.packetLength == 0x1234)
        #expect(header?.headerLength == 21 && header?.payloadLength == 0x1234 - 15)
        #expect(header?.presentation?.ticks == 0x1_2345_6789)
        #expect(header?.decoding?.ticks == 1)
        #expect(header?.dataAlignment == true && header?.isScrambled == false)
    }

    @Test func everyTruncationIsIncompleteUpToTheLastHeaderByte() {
        for end in 0...Self.withBoth.count {
            switch PESHeader.read(Self.withBoth.span, from: 0, to: end) {
            case .incomplete: #expect(end < 21)
            case .header: #expect(end >= 21)
            case .notPES: Issue.record("\(end) bytes of a PES header")
            }
        }
    }

    @Test func whatIsNoPESHeader() {
        let other: [[UInt8]] = [
            [0, 0, 2, 0xE0, 0, 0, 0x80, 0, 0], [1, 0, 1, 0xE0, 0, 0, 0x80, 0, 0],
            [0, 0, 1, 0xBB, 0, 0, 0x80, 0, 0], [0, 0, 1, 0x00, 0, 0, 0x80, 0, 0],
            [0, 0, 1, 0xE0, 0, 0, 0x40, 0, 0], [0, 0, 1, 0xC0, 0, 0, 0x0F, 0, 0],
        ]
        for bytes in other {
            guard case .notPES = PESHeader.read(bytes.span, from: 0, to: bytes.count) else {
                Issue.record("\(bytes) was read")
                continue
            }
        }
        guard case .notPES = PESHeader.read(Self.withBoth.span, from: 0, to: 23),
            case .notPES = PESHeader.read(Self.withBoth.span, from: -1, to: 9)
        else {
            Issue.record("a range outside the bytes was read")
            return
        }
    }

    /// Flags that promise stamps which header_data_length has no room for.
    @Test func stampsThatDoNotFitAreNotRead() {
        for length in 0...12 {
            var bytes: [UInt8] = [0, 0, 1, 0xE0, 0, 0, 0x80, 0xC0, UInt8(length)]
            bytes += [UInt8](repeating: 0xFF, count: length)
            let header = read(bytes)
            #expect(header?.headerLength == 9 + length)
            #expect((header?.presentation != nil) == (length >= 5))
            #expect((header?.decoding != nil) == (length >= 10))
        }
    }

    /// '01' is forbidden: a DTS without a PTS.
    @Test func everyPairOfStampFlags() {
        for flags in UInt8(0)..<4 {
            let bytes: [UInt8] =
                [0, 0, 1, 0xE0, 0, 0, 0x80, flags << 6, 10]
                + [UInt8](repeating: 0x11, count: 10)
            let header = read(bytes)
            #expect((header?.presentation != nil) == (flags >= 2))
            #expect((header?.decoding != nil) == (flags == 3))
        }
    }

    @Test func scramblingAndAlignmentBits() {
        for bit in UInt8(0)..<6 {
            let header = read([0, 0, 1, 0xE0, 0, 0, 0x80 | 1 << bit, 0, 0])
            #expect(header?.isScrambled == (bit == 4 || bit == 5))
            #expect(header?.dataAlignment == (bit == 2))
        }
    }

    /// Table 2-21: these stream_ids carry bytes right behind the length.
    @Test func streamsWithoutAnOptionalHeader() {
        let plain: Set<UInt8> = [0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF]
        for id in UInt8(0xBC)...0xFF {
            let header = read([0, 0, 1, id, 0, 9, 0x80, 0, 3, 0xFF, 0xFF, 0xFF])
            #expect(header?.headerLength == (plain.contains(id) ? 6 : 12))
            #expect(header?.payloadLength == (plain.contains(id) ? 9 : 3))
        }
    }

    @Test func aLengthShorterThanTheHeaderLeavesNoPayload() {
        #expect(read([0, 0, 1, 0xC0, 0, 2, 0x80, 0, 3, 1, 1, 1])?.payloadLength == 0)
        #expect(read([0, 0, 1, 0xC0, 0, 0, 0x80, 0, 3, 1, 1, 1])?.payloadLength == nil)
    }

    // MARK: Stamps

    static let stamps: [Int64] = {
        var random = SeededNumbers(seed: 31)
        return [0, Timestamp.modulus - 1] + (0..<33).map { 1 << $0 }
            + (0..<500).map { _ in Int64(random.next() >> 31) }
    }()

    @Test func aStampIsReadBackAndItsPrefixStays() {
        for ticks in Self.stamps {
            for filler: UInt8 in [0x00, 0xFF] {
                var bytes = [UInt8](repeating: filler, count: 7)
                var span = bytes.mutableSpan
                PESHeader.write(Timestamp(wrapping: ticks), in: &span, at: 1)
                #expect(PESHeader.timestamp(bytes.span, at: 1).ticks == ticks)
                #expect(bytes[1] & 0xF0 == filler & 0xF0)
                #expect(bytes[1] & 1 == 1 && bytes[3] & 1 == 1 && bytes[5] & 1 == 1, "markers")
                #expect(bytes[0] == filler && bytes[6] == filler)
            }
        }
    }

    @Test func shiftingMovesBothStampsAroundTheWrap() throws {
        for shift in [Int64(0), 1, -1, 90_000, -90_000, 1 << 33, .max, .min] {
            for ticks in Self.stamps.prefix(40) {
                var bytes = PESHeader.bytes(
                    streamID: 0xE0, presentation: Timestamp(wrapping: ticks + 7200),
                    decoding: Timestamp(wrapping: ticks), payloadLength: 10, dataAlignment: true)
                let before = try #require(read(bytes))
                var span = bytes.mutableSpan
                PESHeader.shift(by: shift, in: &span, at: 0, header: before)
                let after = try #require(read(bytes))
                #expect(after.presentation == Timestamp(wrapping: ticks &+ 7200 &+ shift))
                #expect(after.decoding == Timestamp(wrapping: ticks &+ shift))
                #expect(bytes[9] >> 4 == 3 && bytes[14] >> 4 == 1)
            }
        }
    }

    @Test func shiftingAHeaderWithoutStampsChangesNothing() throws {
        var bytes: [UInt8] = [0, 0, 1, 0xBD, 0, 9, 0x80, 0, 5, 1, 2, 3, 4, 5, 9]
        let before = bytes
        let header = try #require(read(bytes))
        var span = bytes.mutableSpan
        PESHeader.shift(by: 12_345, in: &span, at: 0, header: header)
        #expect(bytes == before)
    }

    // MARK: Making headers

    @Test func headersMadeAreReadBack() throws {
        let stamps: [Int64?] = [nil, 0, 5, Timestamp.modulus - 1]
        for presentation in stamps {
            for decoding in stamps {
                for length in [nil, 0, 1, 1000, 65_522, 65_533, 65_536, 1_000_000] {
                    let bytes = PESHeader.bytes(
                        streamID: 0xC3, presentation: presentation.map(Timestamp.init(wrapping:)),
                        decoding: decoding.map(Timestamp.init(wrapping:)), payloadLength: length,
                        dataAlignment: length == 0)
                    let header = try #require(read(bytes))
                    #expect(header.headerLength == bytes.count && header.streamID == 0xC3)
                    #expect(header.presentation?.ticks == presentation)
                    let both = presentation != nil && decoding != presentation
                    #expect(header.decoding?.ticks == (both ? decoding : nil))
                    #expect(header.dataAlignment == (length == 0))
                    let told = length.flatMap { $0 + bytes.count - 6 <= 65_535 ? $0 : nil }
                    #expect(header.payloadLength == told)
                    #expect(bytes[7] & 0x3F == 0 && !header.isScrambled)
                }
            }
        }
    }
}
