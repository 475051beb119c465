// Packet headers against bytes set by hand from 13818-1 §2.4.3.2 and §2.4.3.4, and the continuity
// counter against the rules of §2.4.3.3 and TSDuck's verdicts.

import Foundation
import Testing

@testable import TransportStream

/// 188 bytes with this beginning.
func packet(_ head: [UInt8], filler: UInt8 = 0xAA) -> [UInt8] {
    head + [UInt8](repeating: filler, count: 188 - head.count)
}

/// Spans do not go into the macros of the test library.
func readHeader(_ bytes: [UInt8], at offset: Int = 0) -> PacketHeader? {
    PacketHeader(bytes.span, at: offset)
}

@Suite struct PacketTests {
    // MARK: Header

    @Test func everyHeaderBitTellsItsOwnFact() throws {
        for bit in 8..<32 {
            var head: [UInt8] = [0x47, 0, 0, 0]
            head[bit / 8] |= 0x80 >> UInt8(bit % 8)
            // An adaptation field of no flags, should the bit be the one that announces it.
            let bytes = packet(head + [1, 0])
            let header = try #require(readHeader(bytes))
            #expect(header.transportError == (bit == 8))
            #expect(header.startsUnit == (bit == 9))
            #expect(header.pid == PID((11..<24).contains(bit) ? 0x1000 >> UInt16(bit - 11) : 0))
            #expect(header.isScrambled == (bit == 24 || bit == 25))
            #expect(header.hasAdaptationField == (bit == 26))
            #expect(header.hasPayload == (bit == 27))
            let counter: UInt8 = bit >= 28 ? 8 >> UInt8(bit - 28) : 0
            #expect(header.continuity == ContinuityCounter(counter))
            #expect(header.payloadOffset == (bit == 27 ? 4 : 188))
            #expect(!header.isMalformed && header.clockReference == nil)
            #expect(!header.discontinuity && !header.randomAccess && !header.hasSplicingPoint)
        }
    }

    @Test func everyBitOfTheSyncByteCounts() throws {
        for bit in 0..<8 {
            let bytes = packet([0x47 ^ 1 << UInt8(bit), 0, 0, 0x10])
            #expect(try #require(readHeader(bytes)).isMalformed)
        }
    }

    @Test func allBitsSet() throws {
        let header = try #require(readHeader(packet([0x47, 0xFF, 0xFF, 0xFF, 0x07, 0xFF])))
        #expect(header.transportError && header.startsUnit && header.isScrambled)
        #expect(header.pid == .null && header.continuity.rawValue == 15)
        #expect(header.hasAdaptationField && header.hasPayload)
        #expect(header.discontinuity && header.randomAccess && header.hasSplicingPoint)
        #expect(header.clockReference != nil && header.payloadOffset == 12)
    }

    @Test func everyAdaptationFlagTellsItsOwnFact() throws {
        for bit in 0..<8 {
            let flag: UInt8 = 1 << UInt8(bit)
            let header = try #require(
                readHeader(packet([0x47, 0, 0, 0x30, 20, flag], filler: 0)))
            #expect(header.discontinuity == (bit == 7))
            #expect(header.randomAccess == (bit == 6))
            #expect((header.clockReference != nil) == (bit == 4))
            #expect(header.hasSplicingPoint == (bit == 2))
        }
    }

    @Test func valuesTakeTheirBitsOnly() {
        #expect(PID(0xFFFF) == .null && PID(0xE000) == .pat && PID(0x3FFF).index == 8191)
        #expect(
            ContinuityCounter(0xFF).rawValue == 15 && ContinuityCounter(0x1F).next.rawValue == 0)
        #expect(PID(1) < PID(2) && !(PID(2) < PID(1)))
        for value in UInt8(0)..<16 {
            #expect(ContinuityCounter(value).next.rawValue == (value + 1) % 16)
        }
    }

    // MARK: Adaptation field

    @Test func everyAdaptationLengthAndTheLies() throws {
        for length in 0...255 {
            for control: UInt8 in [0x20, 0x30] {
                let bytes = packet([0x47, 0x01, 0x23, control, UInt8(length), 0xD0])
                let header = try #require(readHeader(bytes))
                let fits = length <= 183
                #expect(header.isMalformed == !fits)
                let hasPayload = fits && control == 0x30
                #expect(header.payloadOffset == UInt8(hasPayload ? 5 + length : 188))
                #expect(header.discontinuity == (fits && length >= 1))
                #expect((header.clockReference != nil) == (fits && length >= 7))
            }
        }
    }

    @Test func onlyWholePacketsAreRead() {
        let bytes = packet([0x47, 0, 0, 0x10]) + packet([0x47, 0x1F, 0xFF, 0x10])
        #expect(readHeader(bytes, at: 188)?.pid == .null)
        #expect(readHeader(bytes, at: 189) == nil)
        #expect(readHeader(bytes, at: -1) == nil)
        #expect(readHeader(Array(bytes[..<187])) == nil)
        #expect(readHeader([UInt8]()) == nil)
    }

    /// 42 bits by hand: base 33, reserved 6, extension 9.
    @Test func everyClockBitHasItsWeight() throws {
        for bit in 0..<48 {
            var field = [UInt8](repeating: 0, count: 6)
            field[bit / 8] |= 0x80 >> UInt8(bit % 8)
            let bytes = packet([0x47, 0, 0, 0x20, 183, 0x10] + field)
            let expected: Int64 =
                bit < 33 ? (1 << (32 - Int64(bit))) * 300 : bit < 39 ? 0 : 1 << (47 - Int64(bit))
            #expect(readHeader(bytes)?.clockReference?.ticks == expected)
        }
    }

    // MARK: Continuity

    private func judge(
        _ watch: inout ContinuityWatch, _ counter: UInt8, payload: Bool = true,
        announced: Bool = false, startsUnit: Bool = false, stuffing: UInt8 = 1
    ) -> String {
        let control: UInt8 = (payload ? 0x30 : 0x20) | counter & 15
        let length: UInt8 = payload ? stuffing : 183
        let head = [0x47, startsUnit ? 0x40 : 0, 0x64, control, length, announced ? 0x80 : 0]
        let bytes = packet(head, filler: 0xFF)
        guard let header = readHeader(bytes) else { return "unreadable" }
        switch watch.judge(header) {
        case .continuous: return "continuous"
        case .duplicate: return "duplicate"
        case .gap(let announced): return announced ? "announced" : "gap"
        }
    }

    @Test func countingOnIsContinuousFromAnyStart() {
        for start in UInt8(0)..<16 {
            var watch = ContinuityWatch()
            for step in UInt8(0)..<40 { #expect(judge(&watch, start &+ step) == "continuous") }
        }
    }

    @Test func everyOtherStepIsAGap() {
        for step in UInt8(2)..<16 {
            var watch = ContinuityWatch()
            _ = judge(&watch, 3)
            #expect(judge(&watch, 3 + step) == "gap")
            #expect(judge(&watch, 4 + step) == "continuous")
        }
    }

    @Test func aPacketMayComeTwiceNotThreeTimes() {
        var watch = ContinuityWatch()
        #expect(judge(&watch, 5) == "continuous")
        #expect(judge(&watch, 5) == "duplicate")
        #expect(judge(&watch, 5) == "gap")
        #expect(judge(&watch, 6) == "continuous")
        #expect(judge(&watch, 6) == "duplicate")
        #expect(judge(&watch, 7) == "continuous")
    }

    @Test func aPacketThatIsMadeOtherwiseIsNoDuplicate() {
        var watch = ContinuityWatch()
        #expect(judge(&watch, 5) == "continuous")
        #expect(judge(&watch, 5, startsUnit: true) == "gap")
        #expect(judge(&watch, 5, startsUnit: true) == "duplicate")
        #expect(judge(&watch, 6) == "continuous")
        #expect(judge(&watch, 6, stuffing: 9) == "gap")
    }

    @Test func packetsWithoutPayloadDoNotCount() {
        var watch = ContinuityWatch()
        #expect(judge(&watch, 9) == "continuous")
        #expect(judge(&watch, 9, payload: false) == "continuous")
        #expect(judge(&watch, 9, payload: false) == "continuous")
        #expect(judge(&watch, 10) == "continuous")
        #expect(judge(&watch, 11, payload: false) == "gap")
        #expect(judge(&watch, 12) == "continuous")
        // What follows a packet without payload and has its counter is no second copy.
        #expect(judge(&watch, 12, payload: false) == "continuous")
        #expect(judge(&watch, 12) == "gap")
    }

    private func advance(_ watch: inout ContinuityWatch, _ counter: UInt8) -> Bool {
        watch.advance(to: ContinuityCounter(counter))
    }

    @Test func advancingTakesTheNextCounterOnly() {
        var watch = ContinuityWatch()
        #expect(!advance(&watch, 4), "nothing came before")
        _ = judge(&watch, 15)
        #expect(!advance(&watch, 15) && !advance(&watch, 1))
        #expect(advance(&watch, 0) && !advance(&watch, 0))
        #expect(judge(&watch, 0) == "gap", "what is made otherwise is no copy of it")
        #expect(advance(&watch, 1))
        let copy = packet([0x47, 0, 0x64, 0x11], filler: 0xFF)
        if let header = readHeader(copy), case .duplicate = watch.judge(header) {
        } else {
            Issue.record("the same packet a second time is a duplicate")
        }
    }

    @Test func anAnnouncedGapIsNoError() {
        var watch = ContinuityWatch()
        #expect(judge(&watch, 1, announced: true) == "continuous")
        #expect(judge(&watch, 9, announced: true) == "announced")
        #expect(judge(&watch, 10, announced: true) == "continuous")
        #expect(judge(&watch, 10, announced: true) == "announced")
        #expect(judge(&watch, 3, payload: false, announced: true) == "announced")
        #expect(judge(&watch, 4) == "continuous")
    }

    /// TSDuck: "packet index: 4, PID: 0x00D2 (210), missing 3 packets", in the oracle's log.
    @Test(.needsSamples, arguments: [
        ("cc_oracle_missing3_missing7", "test-024.tsp.1.log"),
        ("cc_oracle_dups_gap_afonly", "test-041.tsfixcc.1.log"),
    ])
    func gapsWhereTSDuckSeesThem(name: String, log: String) throws {
        let file = try Samples.read("ts/\(name).ts")
        let text = try Samples.read("oracle/\(name)/\(log)")
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let expected = lines.compactMap { line -> Int? in
            guard let range = line.range(of: "packet index: ") else { return nil }
            return Int(
                line[range.upperBound...].prefix { $0.isNumber || $0 == "," }
                    .filter(\.isNumber))
        }
        var watches: [PID: ContinuityWatch] = [:]
        var found: [Int] = []
        for index in 0..<(file.count / 188) {
            let header = try #require(readHeader(file, at: index * 188))
            if case .gap(announced: false) = watches[header.pid, default: .init()].judge(header) {
                found.append(index)
            }
        }
        #expect(!expected.isEmpty && found == expected)
    }
}
