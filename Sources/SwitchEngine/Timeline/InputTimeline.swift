// One input as it is known so far: its packets on a line of time, its streams as access units.
//
//   packets -> PSI, clock, streams -> ring and logs -> stamped with τ at each PCR
//
// Arrival only stores. The time line consists of epochs: an epoch ends where the input's clock
// jumps, its programme changes, or it comes back after an outage; the seam planner joins epochs
// like any other two streams.

import TransportStream

/// A complete section of a stream that is carried in sections.
struct SectionRecord {
    var stream: Int
    /// Number of the epoch that it came in.
    var epoch: Int
    /// It was complete before this packet of the ring came.
    var beforePacket: Int
    var bytes: [UInt8]
}

struct InputTimeline {
    /// Streams of past programmes are kept while their packets are in the ring; more than this at
    /// once and the oldest is taken.
    static let streamLimit = 64

    var ring = PacketRing()
    var clock = ClockTrack()
    private(set) var program: ProgramTrack
    var streams: [StreamTrack] = []
    var epochs = Log<Epoch>(filler: .none, capacity: 8)
    private(set) var sections = Log<SectionRecord>(
        filler: SectionRecord(stream: 0, epoch: -1, beforePacket: 0, bytes: []))
    var lead = ContentLead()
    var health = InputFacts()

    private var framing = PacketFraming()
    private(set) var position: Int64 = 0
    private var streamByPID = [Int16](repeating: -1, count: PID.count)
    var stampWatch = StampWatch()
    var suspectClock: SuspectClock?
    /// By how much the stamps have jumped against the clock since the line began, 27 MHz ticks.
    var stampJumpTicks: Int64 = 0
    private var assemblers: [Int: SectionAssembler] = [:]
    private var epochCount = 0
    private(set) var arrivals = ArrivalLine()
    private var firstStamp: StreamTime?
    /// The PCR before the newest one, until the packets between them have their times.
    var pendingSample: ClockTrack.Sample?
    var outage = Outage.none
    /// The first packet behind the silence that `outage` is about.
    var outageEnd = 0
    /// The first packet behind the last loss that a counter has shown.
    var lossEnd = 0
    /// When the first PCR of the line came, or of what of it comes behind an outage or a jump.
    var lineBegin: Int64 = 0

    init(program: UInt16?) { self.program = ProgramTrack(wished: program) }

    var epoch: Epoch? { epochs.last }
    /// Number of the newest epoch; -1 before the first.
    var epochNumber: Int { epochCount - 1 }
    var framingFacts: PacketFraming { framing }

    /// The epoch that a packet of the ring belongs to.
    func epoch(holding packet: Int) -> Epoch? {
        let index = epochs.partition { $0.firstPacket > packet } - 1
        return index >= epochs.first && index < epochs.end ? epochs[index] : nil
    }

    /// The first packet behind an epoch; `Int.max` for the newest.
    func end(ofEpoch number: Int) -> Int {
        for index in epochs.indices where epochs[index].number > number {
            return epochs[index].firstPacket
        }
        return .max
    }

    // MARK: Bytes in

    mutating func receive(_ bytes: Span<UInt8>, at arrivalTicks: Int64) {
        // The framing is taken out while it calls back into self.
        var framing = PacketFraming()
        swap(&framing, &self.framing)
        arrivals.begin(at: arrivalTicks)
        framing.append(bytes) { buffer, first, count, spacing in
            takeAll(buffer, first, count, spacing, arrivalTicks)
        }
        swap(&framing, &self.framing)
        arrivals.note(end: ring.end)
    }

    /// The input ends here on purpose: what came is all there is.
    mutating func finish(at arrivalTicks: Int64) {
        var framing = PacketFraming()
        swap(&framing, &self.framing)
        framing.finish { buffer, first, count, spacing in
            takeAll(buffer, first, count, spacing, arrivalTicks)
        }
        swap(&framing, &self.framing)
        for index in streams.indices { streams[index].endEpoch(.whole) }
        stampTail()
    }

    private mutating func takeAll(
        _ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int, _ arrivalTicks: Int64
    ) {
        var offset = first
        var left = count
        while left > 0 {
            let taken = takeRun(buffer, offset, left, spacing, arrivalTicks)
            if taken == 0 { take(buffer, at: offset, arrivalTicks) }
            offset += max(taken, 1) * spacing
            left -= max(taken, 1)
        }
    }

    /// The shortest way, which nine of ten packets go: those of one stream in a row that are clear,
    /// have nothing but payload and go on with a PES packet. Returns how many there were; 0 where
    /// the first is not such a one.
    @inline(__always)
    private mutating func takeRun(
        _ bytes: Span<UInt8>, _ offset: Int, _ count: Int, _ spacing: Int, _ arrivalTicks: Int64
    ) -> Int {
        guard offset <= bytes.count - Packet.size, PacketHeader.isPlain(bytes, at: offset) else {
            return 0
        }
        let index = Int(streamByPID[PacketHeader.pid(bytes, at: offset).index])
        guard index >= 0, let time = clock.last?.time else { return 0 }
        let taken = streams[index].takeRun(
            bytes, at: offset, count: count, spacing: spacing, into: &ring,
            stream: Int16(truncatingIfNeeded: index), position: position, clock: time)
        guard taken > 0 else { return 0 }
        position += Int64(taken)
        health.packets += Int64(taken)
        health.payloadPackets += Int64(taken)
        health.take(payloadAt: arrivalTicks)
        streams[index].lastPayloadTicks = arrivalTicks
        // What stands before a picture's slice, messages of an encoder for example, may fill many
        // packets.
        if streams[index].takeNewEntry() { health.lastRandomAccessTicks = arrivalTicks }
        return taken
    }

    private mutating func take(_ bytes: Span<UInt8>, at offset: Int, _ arrivalTicks: Int64) {
        position += 1
        guard let header = PacketHeader(bytes, at: offset) else { return }
        health.packets += 1
        if header.transportError || header.isMalformed {
            health.transportErrors += 1
            return
        }
        let pid = header.pid
        if pid == .null { return }
        health.payloadPackets += 1
        health.take(payloadAt: arrivalTicks)
        let index = Int(streamByPID[pid.index])
        let isClock = header.clockReference != nil && pid == epoch?.map.clockPID
        if isClock, let reference = header.clockReference {
            takeClock(reference, at: position, announced: header.discontinuity, arrivalTicks)
        }
        if index >= 0 {
            takeStream(index, bytes, at: offset, header, arrivalTicks)
        } else if pid == .pat {
            let before = program.associationCount
            if program.isInterrupted(byAssociation: header) { noteLoss() }
            program.takeAssociation(bytes, at: offset, header)
            if program.associationCount != before { health.lastAssociationTicks = arrivalTicks }
        } else if pid == program.mapPID {
            let before = program.mapCount
            if program.isInterrupted(byMap: header) { noteLoss() }
            if program.takeMap(bytes, at: offset, header) { beginProgram(arrivalTicks) }
            if program.mapCount != before { health.lastMapTicks = arrivalTicks }
        }
        if isClock { stamp() }
    }

    private mutating func takeStream(
        _ index: Int, _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader,
        _ arrivalTicks: Int64
    ) {
        if outage == .possible, showsLoss(index, bytes, at: offset, header) { beginAgain() }
        let isInterrupted = streams[index].isInterrupted(by: header, bytes, at: offset, ring)
        if isInterrupted { noteLoss(in: index) }
        guard streams[index].admits(header, isInterrupted: isInterrupted), header.hasPayload
        else { return }
        if !streams[index].isPES {
            return takeSections(index, bytes, at: offset, header, arrivalTicks)
        }
        if header.startsUnit { watchStamps(index, bytes, at: offset, header, arrivalTicks) }
        let reference = clock.last?.time ?? firstStamp ?? firstTime(bytes, at: offset, header)
        streams[index].lastPayloadTicks = arrivalTicks
        guard var note = streams[index].take(
            bytes, at: offset, header: header, number: ring.end, position: position,
            clock: reference)
        else { return }
        note.stream = Int16(truncatingIfNeeded: index)
        ring.append(bytes, at: offset, note: note)
        if let hole = streams[index].uncountedHole { judge(hole, ofStream: index) }
        if streams[index].takeNewEntry() { health.lastRandomAccessTicks = arrivalTicks }
    }

    /// Before the first PCR, time stamps are unwrapped near the first of them.
    private mutating func firstTime(
        _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader
    ) -> StreamTime {
        guard header.startsUnit,
            case .header(let pes) = PESHeader.read(
                bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size),
            let stamp = pes.decoding ?? pes.presentation
        else { return StreamTime(ticks: 0) }
        firstStamp = StreamTime(ticks: stamp.ticks * StreamTime.ticksPerTimestampTick)
        return firstStamp ?? StreamTime(ticks: 0)
    }

    private mutating func takeSections(
        _ index: Int, _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader,
        _ arrivalTicks: Int64
    ) {
        guard !header.isScrambled else { return }
        var assembler = assemblers[index] ?? SectionAssembler()
        let before = ring.end
        assembler.append(
            bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size,
            startsUnit: header.startsUnit
        ) { section in
            sections.append(
                SectionRecord(
                    stream: index, epoch: epochNumber, beforePacket: before,
                    bytes: (0..<section.count).map { section[$0] }))
        }
        assemblers[index] = assembler
    }

    // MARK: Time

    mutating func takeClock(
        _ reference: ClockReference, at position: Int64, announced: Bool, _ arrivalTicks: Int64
    ) {
        health.lastClockTicks = arrivalTicks
        let verdict = clock.take(
            reference, position: position, arrivalTicks: arrivalTicks, announcedJump: announced,
            near: firstStamp)
        switch verdict {
        case .stale: break
        case .first: lineBegin = arrivalTicks
        case .next(let sample) where !hasStayedBehind:
            // The clock has gone on through the silence as the host's did: nothing was sent late.
            let step = (clock.last?.time ?? sample.time) - sample.time
            if outage == .possible && step > ClockTrack.lazyStepTicks { beginAgain() }
            if outage == .certain { lineBegin = arrivalTicks }
            // Across an outage nothing is linear in packets: the next interval counts.
            pendingSample = outage == .certain ? nil : sample
            outage = .none
            suspectClock = nil
        case .next, .jump:
            if outage == .possible { beginAgain() }
            let clock = SuspectClock(
                reference: reference, position: position, arrivalTicks: arrivalTicks)
            // One that has stood still is no stray one.
            if case .jump = verdict, suspect(clock) { return }
            breakClock(clock)
        }
    }

    /// A new line begins with this PCR.
    mutating func breakClock(_ first: SuspectClock) {
        health.clockJumps += 1
        breakLine(.unknown)
        _ = clock.take(
            first.reference, position: first.position, arrivalTicks: first.arrivalTicks,
            announcedJump: false, near: nil)
        lineBegin = first.arrivalTicks
    }

    /// The stamps of a stream have jumped, the clock goes on: what is open in the others may be
    /// cut.
    mutating func breakEpoch(at stream: Int) {
        guard let epoch else { return }
        closeStamps()
        noteEnd(of: epoch)
        for index in epoch.streams { endStream(index, index == stream ? .whole : .unknown) }
        lead = ContentLead()
        appendEpoch(map: epoch.map, streams: epoch.streams)
    }

    // MARK: Epochs

    /// The programme is new or made of other things: its streams are set up again.
    private mutating func beginProgram(_ arrivalTicks: Int64) {
        guard let map = program.map else { return }
        if epoch != nil {
            health.programChanges += 1
            breakLine(.cut)
        }
        for index in streamByPID.indices { streamByPID[index] = -1 }
        assemblers.removeAll()
        var indices: [Int] = []
        for stream in map.streams where stream.pid != .null && streamByPID[stream.pid.index] < 0 {
            let index = place(for: StreamTrack(stream, programDescriptors: map.descriptors))
            streamByPID[stream.pid.index] = Int16(index)
            indices.append(index)
        }
        appendEpoch(map: map, streams: indices)
    }

    /// Puts a new stream where an old one is no longer needed, or at the end.
    private mutating func place(for track: StreamTrack) -> Int {
        let current = Set(epoch?.streams ?? [])
        for index in streams.indices where !current.contains(index) {
            let lastPacket = streams[index].pes.last?.lastPacket ?? -1
            let isInUse = streamByPID.contains(Int16(index))
            if !isInUse && (lastPacket < ring.first || streams.count >= InputTimeline.streamLimit) {
                streams[index] = track
                return index
            }
        }
        streams.append(track)
        return streams.count - 1
    }

    /// Ends the epoch; the next one begins with the next packet.
    mutating func breakLine(_ end: StreamTrack.EpochEnd) {
        closeStamps()
        if let epoch { noteEnd(of: epoch) }
        for index in epoch?.streams ?? [] { endStream(index, end) }
        clock.restart()
        pendingSample = nil
        outage = .none
        firstStamp = nil
        stampJumpTicks = 0
        suspectClock = nil
        stampWatch.restart()
        lead = ContentLead()
        if let epoch { appendEpoch(map: epoch.map, streams: epoch.streams) }
    }

    mutating func appendEpoch(map: ProgramMap, streams: [Int]) {
        let next = Epoch(
            number: epochCount, firstPacket: ring.end, map: map, streams: streams)
        // Nothing came in the epoch before: it never was.
        if let last = epochs.last, last.firstPacket == ring.end {
            epochs[epochs.end - 1] = next
        } else {
            epochs.append(next)
        }
        epochCount += 1
    }

    // MARK: Health

    /// Everything of the input that was ever damaged, as one number that only grows.
    var damage: Int64 {
        mutating get {
            var sum = health.transportErrors + health.clockJumps
            for index in streams.indices {
                sum += streams[index].damageCount
            }
            return sum
        }
    }

    /// Whether sound or pictures of the programme have come and come no more.
    mutating func hasLostStream(at ticks: Int64, limit: Int64) -> Bool {
        guard masterStream != nil, !epochs.isEmpty else { return false }
        for stream in epochs[epochs.end - 1].streams
        where streams[stream].kind != .data && streams[stream].unitCount > 1 {
            let last = streams[stream].lastPayloadTicks ?? health.connectedTicks
            if ticks - last > limit { return true }
        }
        return false
    }

    /// Whether sound or pictures that the PMT names have never come.
    var lacksStream: Bool {
        mutating get {
            guard !epochs.isEmpty else { return false }
            return epochs[epochs.end - 1].streams.contains {
                streams[$0].kind != .data && streams[$0].unitCount == 0
                    && streams[$0].lastPayloadTicks == nil
            }
        }
    }

    /// Continuity errors and scrambled packets of sound and pictures, as numbers that only grow
    /// while the programme stays what it is.
    var errorCounts: (continuity: Int64, scrambled: Int64) {
        mutating get {
            var sum: (continuity: Int64, scrambled: Int64) = (0, 0)
            for index in streams.indices where streams[index].kind != .data {
                sum.continuity += streams[index].continuityErrors
                sum.scrambled += streams[index].scrambledPackets
            }
            return sum
        }
    }

    /// Whether the stream that seams are made on is one of pictures.
    var hasPictures: Bool {
        mutating get { masterStream.map { streams[$0].kind == .video } ?? false }
    }

    // MARK: The stream that leads

    /// The stream that seams are made on: the first video with pictures, else the first sound.
    var masterStream: Int? {
        guard let epoch else { return nil }
        return masterStream(of: epoch)
    }

    func masterStream(of epoch: Epoch) -> Int? {
        let video = epoch.streams.first {
            streams[$0].kind == .video && streams[$0].unitCount > 0
        }
        return video
            ?? epoch.streams.first { streams[$0].kind == .audio && streams[$0].unitCount > 0 }
    }

    /// How the content of an epoch stands to the host's time.
    func alignmentSide(of epoch: Epoch) -> AlignmentSide {
        for index in epochs.indices where epochs[index].number == epoch.number {
            if let known = epochs[index].alignment { return known }
        }
        // It is forgotten, and what is known now is of another line.
        guard epoch.number == epochNumber else {
            return AlignmentSide(presentationToHost: nil, reorderTicks: 0, frameTicks: 0)
        }
        var toHost: Int64?
        if let offset = clock.hostOffset, let lead = lead.presentationToTransport {
            toHost = offset &+ lead
        }
        return AlignmentSide(
            presentationToHost: toHost, reorderTicks: lead.reorderTicks,
            frameTicks: masterStream(of: epoch).map { streams[$0].frameRate.ticks } ?? 0,
            stampJumpTicks: stampJumpTicks)
    }

    /// The kept packet of a stream that holds an elementary stream position; nil for none.
    func packet(of stream: Int, holding position: Int64) -> Int? {
        ring.packets(of: stream, streams[stream], holding: position..<(position + 1)).first
    }

    // MARK: Memory

    /// Forgets packets that came before `ticks`, but none from `needed` on.
    mutating func trim(arrivedBefore ticks: Int64, needed: Int) {
        guard let packet = arrivals.trim(before: ticks) else { return }
        let limit = min(packet, needed, ring.stamped)
        guard limit > ring.first else { return }
        ring.trim(before: limit)
        for index in streams.indices { streams[index].trim(before: limit) }
        while epochs.count > 1, epochs[epochs.first + 1].firstPacket <= limit {
            epochs.trim(before: epochs.first + 1)
        }
        while !sections.isEmpty, sections[sections.first].beforePacket < limit {
            sections[sections.first].bytes = []
            sections.trim(before: sections.first + 1)
        }
    }
}
