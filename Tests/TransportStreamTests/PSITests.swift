// PAT and PMT: sections by hand, round trips over their ranges, and lengths that lie.

import Testing

@testable import TransportStream

/// A long section with a right CRC_32 around `body`, by 13818-1 §2.4.4.10 and the shift register of
/// Annex A; shares nothing with the module.
func longSection(
    table: UInt8, identifier: UInt16 = 1, version: UInt8 = 0, current: Bool = true,
    number: UInt8 = 0, last: UInt8 = 0, body: [UInt8], length lie: Int? = nil
) -> [UInt8] {
    let length = lie ?? body.count + 9
    var bytes: [UInt8] = [
        table, 0xB0 | UInt8(length >> 8), UInt8(length & 0xFF), UInt8(identifier >> 8),
        UInt8(identifier & 0xFF), 0xC0 | version << 1 | (current ? 1 : 0), number, last,
    ]
    bytes += body
    var register: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        register ^= UInt32(byte) << 24
        for _ in 0..<8 { register = register << 1 ^ (register >> 31 == 1 ? 0x04C1_1DB7 : 0) }
    }
    return bytes + (0..<4).map { UInt8(truncatingIfNeeded: register >> (24 - 8 * UInt32($0))) }
}

@Suite struct PSITests {
    private func readAssociation(_ section: [UInt8]) -> ProgramAssociation? {
        ProgramAssociation(section: section.span)
    }

    private func readMap(_ section: [UInt8]) -> ProgramMap? { ProgramMap(section: section.span) }

    @Test func anAssociationByHand() throws {
        let section = longSection(
            table: 0, identifier: 0xABCD, version: 21, current: false, number: 3, last: 9,
            body: [0x00, 0x00, 0xE0, 0x10, 0xFF, 0xFF, 0xFF, 0xFE])
        let table = try #require(readAssociation(section))
        #expect(table.transportStreamID == 0xABCD && table.version == 21 && !table.isCurrent)
        #expect(table.section == 3 && table.lastSection == 9)
        #expect(
            table.entries == [
                .init(program: 0, pid: PID(0x10)), .init(program: 0xFFFF, pid: PID(0x1FFE)),
            ])
    }

    @Test func associationsAreReadBack() throws {
        for count in [0, 1, 2, 40, 250] {
            for version in UInt8(0)..<32 {
                let entries = (0..<count).map { (index: Int) -> ProgramAssociation.Entry in
                    let pid = PID(UInt16(0x1FFE - index))
                    return .init(program: UInt16(index * 257 + 1), pid: pid)
                }
                let table = ProgramAssociation(
                    transportStreamID: UInt16(version) << 11, version: version, entries: entries)
                let section = table.sectionBytes()
                #expect(readAssociation(section) == table)
                var body: [UInt8] = []
                for entry in entries {
                    body += [UInt8(entry.program >> 8), UInt8(entry.program & 0xFF)]
                    body += [0xE0 | UInt8(entry.pid.rawValue >> 8)]
                    body += [UInt8(entry.pid.rawValue & 0xFF)]
                }
                let byHand = longSection(
                    table: 0, identifier: UInt16(version) << 11, version: version, body: body)
                #expect(section == byHand)
            }
        }
    }

    @Test func aMapByHand() throws {
        let body: [UInt8] = [
            0xFF, 0xFF, 0xF0, 0x03, 0x05, 0x01, 0x99,  // no PCR, one descriptor
            0x1B, 0xE1, 0x00, 0xF0, 0x00,
            0x06, 0xFF, 0xFE, 0xF0, 0x06, 0x0A, 0x04, 0x65, 0x6E, 0x67, 0x00,
        ]
        let section = longSection(table: 2, identifier: 0x1234, version: 31, body: body)
        let map = try #require(readMap(section))
        #expect(map.program == 0x1234 && map.version == 31 && map.isCurrent)
        #expect(map.clockPID == .null && map.descriptors == [0x05, 0x01, 0x99])
        let english: [UInt8] = [0x0A, 4, 0x65, 0x6E, 0x67, 0]
        let streams: [ProgramMap.Stream] = [
            .init(streamType: 0x1B, pid: PID(0x100), descriptors: []),
            .init(streamType: 6, pid: PID(0x1FFE), descriptors: english),
        ]
        #expect(map.streams == streams)
        #expect(map.sectionBytes() == section)
    }

    @Test func mapsAreReadBack() {
        var random = SeededNumbers(seed: 41)
        func bytes(_ limit: UInt64) -> [UInt8] {
            (0..<random.next() % limit).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        func pid() -> PID { PID(UInt16(random.next() % 8192)) }
        for _ in 0..<300 {
            var map = ProgramMap(
                program: UInt16(truncatingIfNeeded: random.next()),
                version: UInt8(random.next() % 32), clockPID: pid(), descriptors: bytes(80),
                streams: [])
            for _ in 0..<random.next() % 12 {
                let type = UInt8(truncatingIfNeeded: random.next())
                map.streams.append(.init(streamType: type, pid: pid(), descriptors: bytes(60)))
            }
            #expect(readMap(map.sectionBytes()) == map)
        }
    }

    /// The longest descriptor loop that a PMT can hold.
    @Test func longLoopsKeepTheirLength() {
        let descriptors = [UInt8](repeating: 7, count: 1003)
        let map = ProgramMap(
            program: 1, version: 0, clockPID: PID(0x100), descriptors: [],
            streams: [.init(streamType: 2, pid: PID(0x100), descriptors: descriptors)])
        #expect(map.sectionBytes().count == 1024)
        #expect(readMap(map.sectionBytes()) == map)
    }

    // MARK: Lies

    @Test func onlyTheTableItIs() {
        let body: [UInt8] = [0xE1, 0x00, 0xF0, 0x00]
        for table in UInt8(0)...255 {
            let section = longSection(table: table, body: body)
            #expect((readAssociation(section) != nil) == (table == 0))
            #expect((readMap(section) != nil) == (table == 2))
        }
    }

    @Test func aSectionLengthThatLies() {
        let body: [UInt8] = [0xE1, 0x00, 0xF0, 0x00]
        for length in 0...4095 {
            let section = longSection(table: 2, body: body, length: length)
            // 9 bytes of head and CRC and the 4 of a PMT without streams; not beyond the bytes.
            #expect((readMap(section) != nil) == (length == 13), "\(length)")
        }
    }

    @Test func loopLengthsThatLie() {
        for length in 0...1023 {
            let high = 0xF0 | UInt8(length >> 8)
            let low = UInt8(length & 0xFF)
            let program = longSection(
                table: 2, body: [0xE1, 0, high, low] + [UInt8](repeating: 0, count: 4))
            #expect((readMap(program) != nil) == (length <= 4))
            let stream = longSection(
                table: 2, body: [0xE1, 0, 0xF0, 0, 0x1B, 0xE1, 0, high, low, 1, 2, 3])
            #expect((readMap(stream) != nil) == (length <= 3))
        }
    }

    @Test func shortSectionsAreNoTables() {
        var section = longSection(table: 0, body: [0, 1, 0xE1, 0])
        section[1] &= 0x7F
        #expect(readAssociation(section) == nil)
        for count in 0..<section.count {
            let part = Array(longSection(table: 0, body: [0, 1, 0xE1, 0])[..<count])
            #expect(readAssociation(part) == nil)
        }
    }

    @Test func noBytesHoweverBrokenDoHarm() {
        var random = SeededNumbers(seed: 43)
        for _ in 0..<20_000 {
            var bytes = (0..<Int(random.next() % 64)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            if bytes.count > 2 {
                bytes[0] = random.next() % 2 == 0 ? 0 : 2
                bytes[1] = 0xB0
            }
            let entries = readAssociation(bytes)?.entries.count ?? 0
            let streams = readMap(bytes)?.streams.count ?? 0
            #expect(entries * 4 <= bytes.count && streams * 5 <= bytes.count)
        }
    }
}
