// PAT and PMT: which streams the programme has, and the tables that each piece begins with. Their
// continuity counters are ours, since each piece has a copy more than the stream had; one piece
// behind the other still counts without a gap.

import TransportStream

struct PieceTables {
    private(set) var map: ProgramMap?
    private(set) var mapPID: PID?
    private var association: [UInt8] = []
    private var mapSection: [UInt8] = []
    private var associationAssembler = SectionAssembler()
    private var mapAssembler = SectionAssembler()
    private var associationCounter = ContinuityCounter(15)
    private var mapCounter = ContinuityCounter(15)

    func isTable(_ pid: PID) -> Bool { pid == .pat || pid == mapPID }

    /// Reads a packet of a table.
    /// - Returns: whether the programme has other streams now.
    mutating func take(_ packet: Span<UInt8>, at offset: Int, _ header: PacketHeader) -> Bool {
        let (start, end) = (offset + Int(header.payloadOffset), offset + Packet.size)
        var sections: [[UInt8]] = []
        func keep(_ section: Span<UInt8>) {
            sections.append(section.withUnsafeBufferPointer { Array($0) })
        }
        if header.pid == .pat {
            associationAssembler.append(
                packet, from: start, to: end, startsUnit: header.startsUnit, keep)
            for section in sections { takeAssociation(section) }
            return false
        }
        mapAssembler.append(packet, from: start, to: end, startsUnit: header.startsUnit, keep)
        return sections.reduce(false) { takeMap($1) || $0 }
    }

    private mutating func takeAssociation(_ section: [UInt8]) {
        guard let table = ProgramAssociation(section: section.span), table.isCurrent,
            let entry = table.entries.first(where: { $0.program != 0 })
        else { return }
        association = section
        if mapPID != entry.pid {
            mapPID = entry.pid
            mapAssembler.reset()
        }
    }

    private mutating func takeMap(_ section: [UInt8]) -> Bool {
        guard let table = ProgramMap(section: section.span), table.isCurrent else { return false }
        mapSection = section
        defer { map = table }
        return table.streams != map?.streams || table.descriptors != map?.descriptors
    }

    /// Whether a piece can begin.
    var areKnown: Bool { map != nil }

    /// Appends a packet of a table, counted anew.
    mutating func append(
        _ packet: Span<UInt8>, at offset: Int, _ header: PacketHeader, to bytes: inout [UInt8]
    ) {
        let begin = bytes.count
        packet.extracting(offset..<(offset + Packet.size)).withUnsafeBufferPointer {
            bytes.append(contentsOf: $0)
        }
        let isAssociation = header.pid == .pat
        var counter = isAssociation ? associationCounter : mapCounter
        if header.hasPayload { counter = counter.next }
        if isAssociation { associationCounter = counter } else { mapCounter = counter }
        var span = bytes.mutableSpan
        PacketWriter.setContinuity(counter, in: &span, at: begin)
    }

    /// Appends both tables, whole.
    mutating func append(to bytes: inout [UInt8]) {
        let (association, mapSection) = (association, mapSection)
        SectionPacketizer.append(
            association.span, pid: .pat, continuity: &associationCounter, to: &bytes)
        guard let mapPID else { return }
        SectionPacketizer.append(
            mapSection.span, pid: mapPID, continuity: &mapCounter, to: &bytes)
    }
}
