// Splice information sections against vectors of others: SCTE 35's own samples and those of
// Comcast/scte35-go with what that library reads in them, and sections out of real streams.

import Foundation
import Testing

@testable import TransportStream

private struct Vectors: Decodable {
    struct Vector: Decodable {
        var name: String
        var hex: String?
    }
    var vectors: [Vector]
}

private struct StreamSection: Decodable {
    var file: String
    var hex: String
    var splice_command_type: Int
    var encrypted: Bool
}

private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
        UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
}

/// The section of that name.
private func vector(_ name: String) throws -> [UInt8] {
    let file = try Samples.read("scte35/comcast_vectors_public.json")
    let all = try JSONDecoder().decode(Vectors.self, from: Data(file))
    return bytes(try #require(all.vectors.first { $0.name == name }?.hex, "no vector \(name)"))
}

private func parse(_ bytes: [UInt8]) -> Result<SpliceInformation, SpliceInformation.Rejection> {
    SpliceInformation.parse(bytes.span)
}

/// CRC_32 bit by bit, 13818-1 Annex A.
private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var register: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        for bit in stride(from: 7, through: 0, by: -1) {
            let feedback = register >> 31 ^ UInt32(byte >> UInt8(bit) & 1)
            register = register << 1 ^ (feedback == 1 ? 0x04C1_1DB7 : 0)
        }
    }
    return register
}

private func withChecksum(_ body: [UInt8]) -> [UInt8] {
    let sum = checksum(body[...])
    return body + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> UInt32($0)) }
}

@Suite struct SCTE35Tests {
    @Test(.needsSamples, arguments: [
        ("Sample 14.1 time_signal - Placement Opportunity Start", 0x07_2BD0_050, 0x4800_008E,
         0x34, 2, 0x1A5_99B0 as UInt64?),
        ("Sample 14.3 time_signal - Placement Opportunity End", 0x07_4629_0A0, 0x4800_008E, 0x35,
         2, nil),
        ("Sample 14.5 time_signal - Program Overlap Start", 0x0A_EBFF_F64, 0x4800_0008, 0x17, 0,
         nil),
        ("Sample 14.7 time_signal - Program End", 0x0A_EF17_C4C, 0x4800_0007, 0x11, 0, nil),
    ] as [(String, UInt64, UInt32, UInt8, UInt8, UInt64?)])
    func timeSignals(
        _ name: String, _ pts: UInt64, _ event: UInt32, _ type: UInt8, _ number: UInt8,
        _ duration: UInt64?
    ) throws {
        let section = try vector(name)
        let info = try parse(section).get()
        #expect(info.command == .timeSignal(pts: pts))
        #expect(info.tier == 0xFFF)
        #expect(info.accessPointType == 3)
        #expect(info.ptsAdjustment == 0)
        #expect(info.controlWordIndex == 255)
        #expect(info.descriptors.count == 1)
        let segmentation = try #require(info.descriptors.first?.segmentation)
        #expect(segmentation.eventID == event)
        #expect(segmentation.typeID == type)
        #expect(segmentation.durationTicks == duration)
        #expect(segmentation.upidType == 8)
        #expect(segmentation.upidRange.count == 8)
        #expect(segmentation.segmentNumber == number)
    }

    @Test(.needsSamples) func insertWithBreakDuration() throws {
        let section = try vector("SpliceInsert With DTMF")
        let info = try parse(section).get()
        guard case .insert(let insert) = info.command else {
            Issue.record("no splice_insert")
            return
        }
        #expect(insert.eventID == 1_073_776_558)
        #expect(insert.isOutOfNetwork)
        #expect(!insert.isImmediate)
        #expect(insert.pts == 3_490_025_771)
        #expect(insert.breakDuration == .init(returnsByItself: true, ticks: 5_400_000))
        #expect(insert.uniqueProgramID == 45)
        #expect(insert.availsExpected == 127)
        #expect(info.descriptors.map { $0.tag } == [1])
        #expect(info.descriptors.map { $0.segmentation == nil } == [true])
    }

    /// splice_command_length 0xFFF, stuffing before the CRC.
    @Test(.needsSamples) func insertWithoutStatedLength() throws {
        let section = try vector("Alignment Stuffing without Encryption")
        let info = try parse(section).get()
        guard case .insert(let insert) = info.command else {
            Issue.record("no splice_insert")
            return
        }
        #expect(insert.eventID == 1_644_171_239)
        #expect(insert.isImmediate)
        #expect(insert.pts == nil)
        #expect(insert.uniqueProgramID == 9)
    }

    @Test(.needsSamples) func severalSegmentations() throws {
        let section = try vector("UPID with Valid ASCII Invalid UTF8")
        let info = try parse(section).get()
        #expect(info.command == .timeSignal(pts: 7_337_557_610))
        #expect(info.ptsAdjustment == 5940)
        let found = info.descriptors.compactMap { $0.segmentation }
        #expect(
            found.map { $0.eventID } == [
                1_074_667_968, 1_074_668_380, 1_074_668_000, 1_074_667_978, 1_074_667_990,
            ])
        #expect(found.map { $0.durationTicks } == [nil, nil, nil, 5_412_012, 5_412_012])
        #expect(found.map { $0.typeID } == [0x23, 0x11, 0x10, 0x22, 0x05])
        #expect(found.map { $0.segmentNumber }.last == 6)
        #expect(found.map { $0.segmentsExpected }.last == 255)
    }

    @Test(.needsSamples) func severalIdentifiersInOne() throws {
        let section = try vector("Multiple SegmentationUPIDs")
        let info = try parse(section).get()
        #expect(info.command == .timeSignal(pts: 4_294_967_296))
        let segmentation = try #require(info.descriptors.first?.segmentation)
        #expect(segmentation.eventID == 2)
        #expect(segmentation.upidType == 0x0D)
        #expect(segmentation.segmentNumber == 1)
        #expect(segmentation.segmentsExpected == 3)
    }

    @Test(.needsSamples) func heartbeat() throws {
        let section = try vector("Splice Null - Heartbeat")
        #expect(try parse(section).get().command == .null)
        let old = try parse(bytes("FC301100000000000000FFFFFF0000004F253396")).get()
        #expect(old.command == .null)
        #expect(old.descriptors.isEmpty)
    }

    @Test(.needsSamples) func sectionsOfRealStreams() throws {
        let file = try Samples.read("scte35/from_samples_public.json")
        for section in try JSONDecoder().decode([StreamSection].self, from: Data(file)) {
            let info = try parse(bytes(section.hex)).get()
            #expect(Int(info.commandType) == section.splice_command_type)
            #expect(info.isEncrypted == section.encrypted)
        }
        // Decode of mpeg2_scte35_3sections.ts: event 100, breaks of 200000 and 300000 ticks.
        let info = try parse(
            bytes("fc302000000000000000fff00f05000000647fcffe00030d40000100000000e09a7262")).get()
        guard case .insert(let insert) = info.command else {
            Issue.record("no splice_insert")
            return
        }
        #expect(insert.eventID == 100)
        #expect(insert.isOutOfNetwork)
        #expect(insert.pts == 200_000)
        #expect(insert.breakDuration == nil)
    }

    @Test(.needsSamples) func whatIsNoSectionIsRejected() throws {
        let section = try vector("SpliceInsert Time Specified With Invalid Component Count")
        let good = try vector("Splice Null - Heartbeat")
        #expect(parse(section) == .failure(.tableID(0x16)))
        #expect(parse([]) == .failure(.tooShort))
        #expect(parse(Array(good.dropLast())) == .failure(.tooShort))
        for bit in 0..<good.count * 8 {
            var damaged = good
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            var span = damaged.mutableSpan
            #expect(!SpliceInformation.rewrite(ptsAdjustmentAdding: 1, in: &span))
            if case .success = parse(damaged) { Issue.record("bit \(bit)") }
        }
    }

    @Test(.needsSamples, arguments: [
        (0, 90_000, 90_000), (5940, -5941, 0x1_FFFF_FFFF), (0x1_FFFF_FFFF, 1, 0),
        (1, 0x2_0000_0000, 1), (0x1_0000_0000, 0x0_FFFF_FFFF, 0x1_FFFF_FFFF),
        (7, Int64.min, 7), (7, Int64.max, 6),
    ] as [(UInt64, Int64, UInt64)])
    func adjustmentIsAddedModulo33Bits(_ before: UInt64, _ added: Int64, _ after: UInt64) throws {
        let section = try vector("SpliceInsert With DTMF")
        var body = Array(section.dropLast(4))
        body[4] = body[4] & 0xFE | UInt8(before >> 32)
        for index in 0..<4 {
            body[5 + index] = UInt8(truncatingIfNeeded: before >> UInt64(24 - 8 * index))
        }
        let start = withChecksum(body)
        var moved = start + [0xFF, 0xFF]
        var span = moved.mutableSpan
        #expect(SpliceInformation.rewrite(ptsAdjustmentAdding: added, in: &span))
        let info = try parse(moved).get()
        #expect(info.ptsAdjustment == after)
        #expect(info.command == (try parse(start).get().command))
        #expect(checksum(moved[..<start.count]) == 0)
        // Nothing but the field and the CRC, and nothing behind the section.
        for index in 0..<moved.count where !(4..<9).contains(index) {
            if !(start.count - 4..<start.count).contains(index) {
                #expect(moved[index] == (start + [0xFF, 0xFF])[index])
            }
        }
        #expect(moved[4] & 0xFE == start[4] & 0xFE)
    }

    /// Encrypted: the adjustment is in the clear, the command is not read.
    @Test(.needsSamples) func encryptedSectionsAreMovedUnread() throws {
        let plain = try vector("Sample 14.1 time_signal - Placement Opportunity Start")
        var body = Array(plain.dropLast(4))
        body[4] = 0x80 | 2 << 1
        for index in 13..<body.count { body[index] ^= 0xA7 }
        var section = withChecksum(body)
        var span = section.mutableSpan
        #expect(SpliceInformation.rewrite(ptsAdjustmentAdding: 12345, in: &span))
        let info = try parse(section).get()
        #expect(info.isEncrypted)
        #expect(info.encryptionAlgorithm == 2)
        #expect(info.command == .encrypted)
        #expect(info.ptsAdjustment == 12345)
        #expect(Array(section[9..<section.count - 4]) == Array(body[9...]))
    }

    @Test func otherCommandsAreRecognised() throws {
        func command(_ type: UInt8, _ payload: [UInt8]) throws -> SpliceInformation.Command {
            let length = UInt8(payload.count)
            let body =
                [0xFC, 0x30, 17 + length, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, length, type] + payload
                + [0, 0]
            return try parse(withChecksum(body)).get().command
        }
        #expect(try command(4, [0]) == .schedule)
        #expect(try command(7, []) == .bandwidthReservation)
        #expect(
            try command(0xFF, [0x43, 0x55, 0x45, 0x49, 9])
                == .privateCommand(identifier: 0x4355_4549))
        #expect(try command(6, [0x7F]) == .timeSignal(pts: nil))
        #expect(try command(0x20, [1, 2]) == .other(0x20))
        #expect(throws: SpliceInformation.Rejection.command) { try command(5, [0, 0, 0]) }
        // A cancelled event, and one for two components.
        guard case .insert(let cancelled) = try command(5, [0, 0, 0, 9, 0xFF]) else { return }
        #expect(cancelled.isCancelled && cancelled.eventID == 9)
        let components: [UInt8] = [
            0, 0, 0, 8, 0x7F, 0x8F, 2, 1, 0xFE, 0, 0, 0, 1, 2, 0x7F, 0, 5, 1, 2,
        ]
        guard case .insert(let split) = try command(5, components) else { return }
        #expect(split.pts == nil && split.uniqueProgramID == 5 && split.availsExpected == 2)
    }

    @Test func noiseDoesNoHarm() {
        for seed in UInt64(1)...500 {
            var random = SeededNumbers(seed: seed)
            let length = Int(random.next() % 60)
            var body: [UInt8] = [0xFC, 0x30, UInt8(11 + length + 4), 0, 0, 0, 0, 0, 0, 0, 0xFF]
            body += [0xFF, 0xFF, [0, 4, 5, 6, 7, 0xFF][Int(random.next() % 6)]]
            while body.count < length + 14 {
                let byte = UInt8(truncatingIfNeeded: random.next())
                body.append(random.next() % 2 == 0 ? byte : byte & 0x8F)
            }
            _ = parse(withChecksum(body))
        }
    }
}
