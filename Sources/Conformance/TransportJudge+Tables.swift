// PAT, CAT and PMT (13818-1 §2.4.4): whether they come, whether they are sound, and what they say
// about the programme that is judged (law 1).

import TransportStream

/// One PID whose sections are put together.
struct SectionWatch: Sendable {
    enum Kind: Sendable { case association, conditionalAccess, programMap, other }
    var pid: PID
    var kind: Kind
    var assembler = SectionAssembler()
    var checksumErrors = 0
    /// For TR 101 290 1.5.
    var lastElapsed: Int64?
}

/// What the tables say of the judged programme.
struct JudgedProgram: Sendable {
    enum Table: Sendable { case association, map }

    /// Programmes of the PAT, sections put together.
    var entries: [ProgramAssociation.Entry] = []
    var associationVersion: UInt8?
    var sectionsSeen: [UInt8] = []
    var associations: Int64 = 0
    var transportStreamID: UInt16?
    /// The programme and its PMT; nil before the PAT.
    var number: UInt16?
    var mapPID: PID?
    var map: ProgramMap?
    /// The bytes of the last PMT: a repeated one needs no reading.
    var mapBytes: [UInt8] = []
    var maps: Int64 = 0
    /// Changes to another set of codecs, which law 1 allows.
    var formatChanges: Int64 = 0
    var clockPID: PID?
    private var associationElapsed: Int64?
    private var mapElapsed: Int64?

    func lastElapsed(of table: Table) -> Int64? {
        table == .association ? associationElapsed : mapElapsed
    }

    mutating func setLastElapsed(_ value: Int64, of table: Table) {
        if table == .association { associationElapsed = value } else { mapElapsed = value }
    }
}

extension TransportJudge {
    /// Begins to put the sections of a PID together.
    mutating func listen(_ pid: PID, _ kind: SectionWatch.Kind) {
        if pids[pid.index].role == .sections {
            let index = Int(pids[pid.index].index)
            if sections[index].kind == .other { sections[index].kind = kind }
            return
        }
        guard pid != .null, sections.count < SizeLimit.sectionPIDs,
            pids[pid.index].role == .none
        else { return }
        pids[pid.index].role = .sections
        pids[pid.index].index = UInt8(sections.count)
        sections.append(SectionWatch(pid: pid, kind: kind))
    }

    /// The next packet of a PID with sections.
    mutating func section(
        _ buffer: Span<UInt8>, at start: Int, _ packet: PacketHeader, watch: Int,
        isContinuous: Bool
    ) {
        if packet.isScrambled {
            // TR 101 290 1.3 and 1.5: these tables are never scrambled.
            switch sections[watch].kind {
            case .association: findings.count(.association, pid: packet.pid)
            case .programMap: findings.count(.programMap, pid: packet.pid)
            case .conditionalAccess, .other: break
            }
            return sections[watch].assembler.reset()
        }
        if !isContinuous { sections[watch].assembler.reset() }
        guard packet.hasPayload else { return }
        // Taken out while it calls back: the callback changes `self`.
        var assembler = SectionAssembler()
        swap(&assembler, &sections[watch].assembler)
        assembler.append(
            buffer, from: start + Int(packet.payloadOffset), to: start + Packet.size,
            startsUnit: packet.startsUnit
        ) { found(section: $0, watch: watch) }
        swap(&assembler, &sections[watch].assembler)
        noteChecksum(watch: watch)
    }

    private mutating func noteChecksum(watch: Int) {
        let errors = sections[watch].assembler.checksumErrors
        guard errors > sections[watch].checksumErrors else { return }
        sections[watch].checksumErrors = errors
        let pid = sections[watch].pid
        findings.count(.checksum, pid: pid)
        if sections[watch].kind == .association || pid == program.mapPID {
            findings.breach(.tableChecksum, pid: pid)
        }
    }

    private mutating func found(section bytes: Span<UInt8>, watch: Int) {
        guard bytes.count > 0 else { return }
        switch sections[watch].kind {
        case .association:
            // TR 101 290 1.3: no other table on PID 0.
            guard bytes[0] == 0x00 else {
                return findings.count(.association, pid: .pat)
            }
            if let table = ProgramAssociation(section: bytes), table.isCurrent {
                association(table)
            }
        case .conditionalAccess:
            // TR 101 290 2.6: no other table on PID 1.
            if bytes[0] == 0x01 {
                totals.hasAccessTable = true
            } else {
                findings.count(.conditionalAccess, pid: sections[watch].pid)
            }
        case .programMap:
            if bytes[0] == 0x02 { mapSection(bytes, watch: watch) }
        case .other: break
        }
    }

    // MARK: - PAT

    private mutating func association(_ table: ProgramAssociation) {
        if table.section == 0 { findings.schedule(.association) }
        program.associations &+= 1
        program.transportStreamID = table.transportStreamID
        if program.associationVersion != table.version {
            program.associationVersion = table.version
            program.sectionsSeen.removeAll(keepingCapacity: true)
            program.entries.removeAll(keepingCapacity: true)
        }
        guard !program.sectionsSeen.contains(table.section) else {
            // The same version again; a change that hides in it is seen by its programme.
            let entries = table.entries.filter { $0.program != 0 }
            if table.lastSection == 0, entries != program.entries {
                program.entries = entries
                associationChanged()
            }
            return
        }
        program.sectionsSeen.append(table.section)
        let room = max(SizeLimit.programs - program.entries.count, 0)
        program.entries += table.entries.filter { $0.program != 0 }.prefix(room)
        if program.sectionsSeen.count > Int(table.lastSection) { associationChanged() }
    }

    /// A whole new PAT.
    private mutating func associationChanged() {
        if program.entries.count != 1 {
            findings.breach(.programCount, pid: .pat, value: Int64(program.entries.count))
        }
        for entry in program.entries { listen(entry.pid, .programMap) }
        let wanted = program.number ?? options.program
        let same = program.entries.first { $0.program == wanted }
        // An asked-for programme that is not there is not replaced by another one.
        guard let entry = same ?? (options.program == nil ? program.entries.first : nil) else {
            return
        }
        if let number = program.number, number != entry.program {
            findings.breach(.programChanged, pid: .pat, value: Int64(entry.program))
        } else if let mapPID = program.mapPID, mapPID != entry.pid {
            findings.breach(.mapPIDChanged, pid: .pat, value: Int64(entry.pid.rawValue))
        }
        program.number = entry.program
        program.mapPID = entry.pid
    }

    // MARK: - PMT

    private mutating func mapSection(_ bytes: Span<UInt8>, watch: Int) {
        findings.schedule(.programMap(watch))
        guard sections[watch].pid == program.mapPID, bytes.count >= 12 else { return }
        guard UInt16(bytes[3]) << 8 | UInt16(bytes[4]) == program.number else { return }
        // Only what is valid now: current_next_indicator.
        guard bytes[5] & 1 != 0 else { return }
        findings.schedule(.judgedProgramMap)
        program.maps &+= 1
        guard !isLastMap(bytes) else { return }
        program.mapBytes.removeAll(keepingCapacity: true)
        for index in 0..<bytes.count { program.mapBytes.append(bytes[index]) }
        guard let map = ProgramMap(section: bytes) else { return }
        let before = program.map
        program.map = map
        if let before { judge(map, after: before) }
        follow(map)
        if before == nil { replayEarlyClocks() }
    }

    private func isLastMap(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count == program.mapBytes.count else { return false }
        for index in 0..<bytes.count where bytes[index] != program.mapBytes[index] { return false }
        return true
    }

    /// Law 1: what may change from one PMT to the next.
    private mutating func judge(_ map: ProgramMap, after before: ProgramMap) {
        guard codecs(of: map) == codecs(of: before) else {
            program.formatChanges &+= 1
            return
        }
        let pid = program.mapPID
        if map.clockPID != before.clockPID {
            findings.breach(.clockPIDChanged, pid: pid, value: Int64(map.clockPID.rawValue))
        } else if map.streams.map(\.pid).sorted() != before.streams.map(\.pid).sorted() {
            findings.breach(.streamPIDChanged, pid: pid)
        } else if map.version != before.version {
            findings.breach(.mapVersionChanged, pid: pid, value: Int64(map.version))
        } else {
            findings.breach(.mapContentChanged, pid: pid)
        }
    }

    /// The codecs in any order.
    private func codecs(of map: ProgramMap) -> [Int] {
        map.streams.map { $0.format(within: map.descriptors) }.sorted()
    }

    /// Follows the streams of a new PMT and no longer those that it does not list.
    private mutating func follow(_ map: ProgramMap) {
        program.clockPID = map.clockPID == .null ? nil : map.clockPID
        for index in streams.indices {
            let pid = streams[index].facts.pid
            let isSame = map.streams.contains {
                $0.pid == pid && $0.streamType == streams[index].facts.streamType
            }
            if streams[index].isListed && !isSame {
                streams[index].isListed = false
                if pids[pid.index].role == .stream { pids[pid.index].role = .none }
            }
        }
        for stream in map.streams {
            guard pids[stream.pid.index].role == .none, stream.pid != .null else { continue }
            guard streams.count < SizeLimit.streams else { return }
            let codec = Codec(stream: stream, programDescriptors: map.descriptors)
            pids[stream.pid.index].role = .stream
            pids[stream.pid.index].index = UInt8(streams.count)
            streams.append(ElementaryJudge(index: streams.count, stream: stream, codec: codec))
        }
    }
}
