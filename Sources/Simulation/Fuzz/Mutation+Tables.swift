// Mutations of PAT and PMT. The sections keep a right CRC where the mutation is about what they
// say; with a wrong one they would only be thrown away.

import TransportStream

extension Mutation {
    func changeTables(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        let first = mutant.count * place / 1_000_000
        switch kind {
        case .flipSection: flipSections(&mutant, from: first, &chance)
        case .sectionLength: breakLengths(&mutant, &chance)
        case .changePAT: changePAT(&mutant, from: first, &chance)
        case .moveMap:
            guard let old = mutant.map?.pid else { return }
            let new = PID(UInt16(0x20 + chance.number(0x1FD0)))
            mutant.rewriteSections(of: .pat, from: first) { section in
                guard var table = ProgramAssociation(section: section.span) else { return section }
                for index in table.entries.indices where table.entries[index].pid == old {
                    table.entries[index].pid = new
                }
                return table.sectionBytes()
            }
            for packet in first..<mutant.count where mutant.pid(packet) == old {
                var span = mutant.bytes.mutableSpan
                PacketWriter.setPID(new, in: &span, at: packet * Packet.size)
            }
        default:
            let bumps = chance.happens(perMillion: 500_000)
            let draw = chance
            mutant.rewriteMaps(from: first) { map in
                // All sections are changed alike.
                var chance = draw
                if bumps { map.version = (map.version + 1) & 0x1F }
                change(&map, &chance)
            }
        }
    }

    private func change(_ map: inout ProgramMap, _ chance: inout SeededGenerator) {
        let index = chance.number(map.streams.count)
        switch kind {
        case .streamType:
            guard !map.streams.isEmpty else { return }
            let known: [UInt8] = [
                0x02, 0x03, 0x04, 0x06, 0x0F, 0x11, 0x1B, 0x24, 0x81, 0x86, 0x87,
            ]
            map.streams[index].streamType = chance.happens(perMillion: 700_000)
                ? known[chance.number(known.count)] : UInt8(truncatingIfNeeded: chance.next())
        case .addStream:
            // One that never comes, or one that is there twice.
            for _ in 0...chance.number(4) {
                let pid = PID(UInt16(0x20 + chance.number(0x1FD0)))
                var stream = map.streams.isEmpty
                    ? ProgramMap.Stream(streamType: 0x0F, pid: pid, descriptors: [])
                    : map.streams[index]
                if chance.happens(perMillion: 700_000) { stream.pid = pid }
                map.streams.insert(stream, at: chance.number(map.streams.count + 1))
            }
        case .unlistStream: if !map.streams.isEmpty { map.streams.remove(at: index) }
        case .reorderStreams: map.streams.shuffle(using: &chance)
        case .clockPID:
            let pids = map.streams.map(\.pid) + [.null, PID(UInt16(chance.number(8192)))]
            map.clockPID = pids[chance.number(pids.count)]
        case .descriptors:
            guard !map.streams.isEmpty else { return }
            let length = chance.number(60)
            map.streams[index].descriptors = (0..<length).map { _ in
                UInt8(truncatingIfNeeded: chance.next())
            }
        default: map.version = UInt8(chance.number(32))
        }
    }

    private func changePAT(
        _ mutant: inout Mutant, from first: Int, _ chance: inout SeededGenerator
    ) {
        let draw = chance
        mutant.rewriteSections(of: .pat, from: first) { section in
            guard var table = ProgramAssociation(section: section.span) else { return section }
            var chance = draw
            table.version = (table.version + UInt8(chance.number(2))) & 0x1F
            let entry = ProgramAssociation.Entry(
                program: UInt16(chance.number(65_536)), pid: PID(UInt16(chance.number(8192))))
            switch chance.number(4) {
            case 0: table.entries.insert(entry, at: chance.number(table.entries.count + 1))
            case 1: table.entries.removeAll()
            case 2: table.entries = table.entries.map { .init(program: entry.program, pid: $0.pid) }
            default: table.transportStreamID = entry.program
            }
            return table.sectionBytes()
        }
    }

    /// Bytes of sections are changed, and the CRC made right again.
    private func flipSections(
        _ mutant: inout Mutant, from first: Int, _ chance: inout SeededGenerator
    ) {
        let pid = chance.happens(perMillion: 700_000) ? mutant.map?.pid ?? .pat : .pat
        let flips = 1 + chance.number(3)
        let isEachItsOwn = chance.happens(perMillion: 300_000)
        var draw = chance
        mutant.rewriteSections(of: pid, from: first) { section in
            var changed = section
            var chance = draw
            if isEachItsOwn { _ = draw.next() }
            guard changed.count > 8 else { return section }
            for _ in 0..<flips {
                let place = 3 + chance.number(changed.count - 7)
                changed[place] ^= UInt8(1 << chance.number(8))
            }
            return Mutant.withRightChecksum(changed)
        }
    }

    /// section_length or pointer_field says more than there is.
    private func breakLengths(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        let map = mutant.map?.pid
        let packets = mutant.packets { packet in
            let pid = mutant.pid(packet)
            guard pid == .pat || pid == map, let header = mutant.header(packet) else {
                return false
            }
            return header.startsUnit && header.payloadOffset < 180
        }
        for packet in run(of: packets) {
            let start = mutant.offset(packet) + Int(mutant.header(packet)?.payloadOffset ?? 4)
            if chance.happens(perMillion: 300_000) {
                mutant.bytes[start] = UInt8(truncatingIfNeeded: chance.next())
            } else {
                mutant.bytes[start + 2] |= 0x0F
                mutant.bytes[start + 3] = UInt8(truncatingIfNeeded: chance.next())
            }
        }
    }
}

extension Mutant {
    /// Changes all PMTs of the first programme from a packet on.
    mutating func rewriteMaps(from first: Int, _ change: (inout ProgramMap) -> Void) {
        guard let pid = map?.pid else { return }
        rewriteSections(of: pid, from: first) { section in
            guard var map = ProgramMap(section: section.span) else { return section }
            change(&map)
            return map.sectionBytes()
        }
    }

    /// Puts other sections in the place of those of a PID, from a packet on. Their packets count on
    /// from where they were.
    mutating func rewriteSections(of pid: PID, from first: Int, _ change: ([UInt8]) -> [UInt8]) {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var assembler = SectionAssembler()
        var continuity: ContinuityCounter?
        for packet in 0..<count {
            guard packet >= first, self.pid(packet) == pid, let header = header(packet),
                header.hasPayload, !header.isMalformed
            else {
                result += bytes[offset(packet)..<offset(packet + 1)]
                continue
            }
            var counter = continuity ?? ContinuityCounter(header.continuity.rawValue &- 1)
            var sections: [[UInt8]] = []
            assembler.append(
                bytes.span, from: offset(packet) + Int(header.payloadOffset),
                to: offset(packet + 1), startsUnit: header.startsUnit
            ) { section in
                sections.append((0..<section.count).map { section[$0] })
            }
            for section in sections {
                SectionPacketizer.append(
                    change(section).span, pid: pid, continuity: &counter, to: &result)
            }
            continuity = counter
        }
        bytes = result
    }

    static func withRightChecksum(_ section: [UInt8]) -> [UInt8] {
        var section = section
        let end = section.count - 4
        guard end > 0 else { return section }
        let crc = CRC32MPEG.checksum(section.span, from: 0, to: end)
        for index in 0..<4 {
            section[end + index] = UInt8(truncatingIfNeeded: crc >> UInt32(24 - 8 * index))
        }
        return section
    }
}
