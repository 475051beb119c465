// Which programme of the input is ours, and what it is made of: PAT and PMT as they come.

import TransportStream

struct ProgramTrack {
    /// The programme wished for; nil takes the first of the PAT that has a PMT PID.
    let wished: UInt16?
    private(set) var transportStreamID: UInt16 = 0
    private(set) var mapPID: PID?
    private(set) var program: UInt16?
    private(set) var map: ProgramMap?
    private(set) var checksumErrors: Int64 = 0
    /// Whole sections of the PAT, and of the programme's PMT, that have come.
    private(set) var associationCount: Int64 = 0
    private(set) var mapCount: Int64 = 0
    /// All programmes of the last PAT, for the operator.
    private(set) var programs: [UInt16] = []

    private var associations = SectionAssembler()
    private var maps = SectionAssembler()
    private var lastAssociation: [UInt8] = []
    private var lastMap: [UInt8] = []
    private var associationCounter = ContinuityWatch()
    private var mapCounter = ContinuityWatch()

    init(wished: UInt16?) { self.wished = wished }

    /// Whether packets must be missing before the next one of PID 0, as its counter tells.
    mutating func isInterrupted(byAssociation header: PacketHeader) -> Bool {
        if case .gap = associationCounter.judge(header) { return true }
        return false
    }

    /// ... before the next one of the PMT's PID.
    mutating func isInterrupted(byMap header: PacketHeader) -> Bool {
        if case .gap = mapCounter.judge(header) { return true }
        return false
    }

    /// Takes a packet of PID 0.
    mutating func takeAssociation(_ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader) {
        guard header.hasPayload, !header.isScrambled else { return }
        var found: ProgramAssociation?
        var assembler = associations
        associations = SectionAssembler()
        assembler.append(
            bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size,
            startsUnit: header.startsUnit
        ) { section in
            associationCount += 1
            // The table repeats ten times a second and hardly ever changes.
            guard !ProgramTrack.equal(section, lastAssociation) else { return }
            lastAssociation = (0..<section.count).map { section[$0] }
            found = ProgramAssociation(section: section) ?? found
        }
        associations = assembler
        guard let found, found.isCurrent else { return }
        transportStreamID = found.transportStreamID
        if found.section == 0 { programs.removeAll() }
        programs += found.entries.map(\.program).filter { $0 != 0 && !programs.contains($0) }
        let entry = found.entries.first {
            $0.program != 0 && (wished == nil || $0.program == wished)
        }
        guard let entry, entry.pid != mapPID || entry.program != program else { return }
        // A later section of the same PAT must not take the programme away from an earlier one.
        if wished == nil, found.section > 0, program != nil { return }
        mapPID = entry.pid
        program = entry.program
        maps.reset()
        mapCounter = ContinuityWatch()
        lastMap = []
    }

    /// Takes a packet of the PMT's PID; true when the programme is made of other things now.
    mutating func takeMap(_ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader) -> Bool {
        guard header.hasPayload, !header.isScrambled else { return false }
        var found: ProgramMap?
        var assembler = maps
        maps = SectionAssembler()
        assembler.append(
            bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size,
            startsUnit: header.startsUnit
        ) { section in
            if ProgramTrack.equal(section, lastMap) {
                mapCount += 1
                return
            }
            guard let map = ProgramMap(section: section), map.program == program, map.isCurrent
            else { return }
            mapCount += 1
            lastMap = (0..<section.count).map { section[$0] }
            found = map
        }
        maps = assembler
        checksumErrors = Int64(assembler.checksumErrors + associations.checksumErrors)
        guard let found else { return false }
        let isSame = map.map { $0.clockPID == found.clockPID && $0.streams == found.streams }
        map = found
        return isSame != true
    }

    private static func equal(_ section: Span<UInt8>, _ bytes: [UInt8]) -> Bool {
        guard section.count == bytes.count else { return false }
        for index in 0..<section.count where section[index] != bytes[index] { return false }
        return true
    }
}
