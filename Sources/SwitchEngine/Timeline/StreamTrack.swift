// One elementary stream of one input: its PES packets and access units, as numbered lists that
// point into the packet ring.
//
// Packets go in one by one as they arrive; nothing is decided here. What is wrong with the stream
// (lost packets, cut PES packets) is written down as a fact about a PES packet or a unit.

import TransportStream

struct StreamTrack {
    let description: ProgramMap.Stream
    let language: String?
    private(set) var codec: Codec
    private(set) var detector: AccessUnitDetector
    var pes = Log<PESRecord>(filler: .none)
    var units = Log<Unit>(filler: .none)
    private(set) var frameRate = FrameRate()

    private(set) var continuity = ContinuityWatch()
    var habit = StepHabit()
    var doubtful: Doubt?
    /// From the input's time to that of the last unit whose stamp was not in doubt.
    var usualLead: Int64?
    /// A hole in the sound that the counter does not show, until the PES packet before it has been
    /// looked at.
    var uncountedHole: UncountedHole?
    /// Time stamps that were wrong, and were written anew.
    var strayStamps: Int64 = 0
    /// A DTS has come that is not the PTS, and a picture that is shown before one decoded earlier.
    var hasDecodingStamps = false
    var hasReordering = false
    /// Time stamps that have come on this line, up to three.
    private var stampsOfLine = 0
    /// The first unit of the line with a time stamp, until it is proved.
    var firstOfLine: Int?
    private var marks: [AccessUnitMark] = []
    private var trail = PlaceTrail()
    // What every packet is held against stands here, not in the wide records it belongs to.
    /// Elementary position at which the open PES packet is complete; `.max` where only the next one
    /// tells, or none is open.
    private var completeAt = Int64.max
    /// Elementary position at which the open audio unit ends; `.max` where that is not known.
    private var settledAt = Int64.max
    /// The epoch has ended, and the next packet tells what that did to the open unit.
    private(set) var hasOpenEnd = false
    /// The unit that was open then.
    private(set) var openAtEnd: Int?
    /// Payload is ignored until the next PES packet begins.
    private(set) var awaitsStart = true
    var gapPending = false
    /// The first packet that belongs to a PES packet or unit which may still grow; nil when all is
    /// settled.
    private(set) var firstUnsettledPacket: Int?
    /// The first PES packet of sound in which no frame has been found, while one is searched for.
    var unread: Int?
    /// Host time of the last payload, in 27 MHz ticks.
    var lastPayloadTicks: Int64?
    /// Facts for the operator.
    private(set) var continuityErrors: Int64 = 0
    var damagedUnits: Int64 = 0
    /// Units that must be missing by the times of those around, where the counter tells nothing.
    var holes: Int64 = 0
    var damageCount: Int64 { continuityErrors + damagedUnits + holes }
    private(set) var scrambledPackets: Int64 = 0
    private(set) var unitCount: Int64 = 0
    /// A picture at which a decoder can begin has come, and was not told of yet.
    private var hasNewEntry = false

    init(_ stream: ProgramMap.Stream, programDescriptors: [UInt8]) {
        description = stream
        codec = Codec(stream: stream, programDescriptors: programDescriptors)
        language = Descriptors.language(stream.descriptors)
        isPES = codec.isPES
        detector = AccessUnitDetector(codec: codec)
        marks.reserveCapacity(32)
    }

    @inline(__always)
    var kind: Codec.Kind { codec.kind }

    /// PES packet number `number`; nil where it is forgotten, or was another stream's: a place in
    /// the list of streams is used again when the programme has changed often.
    @inline(__always)
    func record(_ number: Int) -> PESRecord? {
        number >= pes.first && number < pes.end ? pes[number] : nil
    }

    /// Unit number `number`; nil as above.
    @inline(__always)
    func unit(_ number: Int) -> Unit? {
        number >= units.first && number < units.end ? units[number] : nil
    }

    /// Carried in PES packets; in sections else.
    let isPES: Bool

    // MARK: Packets in

    /// Judges the counter of the next packet; false when the packet must not be taken.
    /// - Parameter isInterrupted: packets are missing before it (`isInterrupted(by:_:at:_:)`).
    mutating func admits(_ header: PacketHeader, isInterrupted: Bool) -> Bool {
        if isInterrupted {
            continuityErrors += 1
            lose()
            // Whatever it was before: the next one may be a copy of this one.
            continuity = ContinuityWatch()
        }
        if case .duplicate = continuity.judge(header) { return false }
        return true
    }

    /// Bytes of this stream are missing at this point.
    mutating func lose() {
        gapPending = true
        if let last = pes.last, last.state == .open { pes[pes.end - 1].state = .damaged }
        completeAt = .max
        damageOpenUnit()
        hasOpenEnd = false
        giveUpDoubt(isWhole: false)
        awaitsStart = true
        findUnsettled()
        detector.reset()
    }

    /// Takes the payload of packet number `number`.
    /// - Parameter clock: the input's time now, near which time stamps are unwrapped.
    /// - Returns: what is to be noted of the packet, which the caller appends to the ring; nil
    ///   where it is of no use.
    mutating func take(
        _ bytes: Span<UInt8>, at offset: Int, header: PacketHeader, number: Int, position: Int64,
        clock: StreamTime
    ) -> PacketNote? {
        if hasOpenEnd { close(isWhole: header.startsUnit) }
        let end = offset + Packet.size
        var start = offset + Int(header.payloadOffset)
        if header.isScrambled { scrambledPackets += 1 }
        if header.startsUnit {
            guard
                let payload = openPES(
                    bytes, from: start, to: end, header: header, number: number, clock: clock)
            else { return nil }
            start = payload
        } else if awaitsStart {
            return nil
        }
        let place = detector.position
        trail.append(number, at: place)
        // The inside of a scrambled packet can not be read; its PES packet passes as it is.
        if header.isScrambled {
            detector.skip(end - start)
        } else {
            detector.scan(bytes, from: start, to: end, startsPES: header.startsUnit, into: &marks)
        }
        came(upTo: place + Int64(end - start), number: number, clock: clock)
        return PacketNote(
            time: position, pes: pes.end - 1, elementaryPosition: place, stream: -1,
            elementaryOffset: UInt8(start - offset), payloadOffset: header.payloadOffset,
            startsPES: header.startsUnit, hasClock: header.clockReference != nil)
    }

    /// Takes packets in a row, of one PID and plain ones, as long as each goes on with the PES
    /// packet and its counter is the next.
    /// - Parameter position: the input's packets before the first of them.
    /// - Returns: how many it took, and put into the ring.
    mutating func takeRun(
        _ bytes: Span<UInt8>, at first: Int, count: Int, spacing: Int, into ring: inout PacketRing,
        stream: Int16, position: Int64, clock: StreamTime
    ) -> Int {
        guard !awaitsStart else { return 0 }
        let pid = PacketHeader.pid(bytes, at: first)
        let payload = Int64(Packet.size - 4)
        var note = PacketNote(
            time: position, pes: pes.end - 1, elementaryPosition: detector.position,
            stream: stream, elementaryOffset: 4, payloadOffset: 4, startsPES: false,
            hasClock: false)
        var run = (number: ring.end, position: detector.position)
        var offset = first
        var taken = 0
        while taken < count, offset <= bytes.count - Packet.size,
            PacketHeader.isPlain(bytes, at: offset),
            PacketHeader.pid(bytes, at: offset) == pid,
            continuity.advance(to: ContinuityCounter(bytes[offset + 3]))
        {
            note.time += 1
            ring.append(bytes, at: offset, note: note)
            detector.scan(
                bytes, from: offset + 4, to: offset + Packet.size, startsPES: false, into: &marks)
            note.elementaryPosition += payload
            taken += 1
            offset += spacing
            if !marks.isEmpty || note.elementaryPosition >= min(completeAt, settledAt) {
                trail.append(run.number, at: run.position, packets: ring.end - run.number)
                came(upTo: note.elementaryPosition, number: ring.end - 1, clock: clock)
                run = (ring.end, note.elementaryPosition)
            }
        }
        if ring.end > run.number {
            trail.append(run.number, at: run.position, packets: ring.end - run.number)
            came(upTo: note.elementaryPosition, number: ring.end - 1, clock: clock)
        }
        return taken
    }

    /// The open PES packet has come as far as packet `number`; what began or ended in it is noted.
    private mutating func came(upTo position: Int64, number: Int, clock: StreamTime) {
        if !marks.isEmpty { placeMarks(clock: clock) }
        pes.withElement(pes.end - 1) {
            $0.lastPacket = number
            $0.elementaryEnd = position
        }
        if position >= completeAt { completePES() }
        if position >= settledAt { endOpenUnit(at: settledAt) }
        findUnsettled()
    }

    private mutating func findUnsettled() {
        firstUnsettledPacket = doubtfulPacket
        if kind == .audio, let first = findUnread() {
            firstUnsettledPacket = min(firstUnsettledPacket ?? .max, first)
        }
        let unit = units.end - 1
        if !units.isEmpty, units[unit].isOpen {
            // A PES packet of sound can not be cut once it has been begun: its length is told.
            let isBound = kind == .audio && units[unit].pes >= pes.first
            let first = isBound ? pes[units[unit].pes].firstPacket : units[unit].firstPacket
            firstUnsettledPacket = min(firstUnsettledPacket ?? .max, first)
        }
        let record = pes.end - 1
        if !pes.isEmpty, pes[record].state == .open {
            // Video units settle one by one inside a PES packet without a length.
            let settlesByUnit = kind == .video && pes[record].firstUnit >= 0
            if !settlesByUnit {
                firstUnsettledPacket = min(firstUnsettledPacket ?? .max, pes[record].firstPacket)
            }
        }
    }

    /// Begins a PES packet; returns where its payload begins, or nil where there is none.
    private mutating func openPES(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, header: PacketHeader, number: Int,
        clock: StreamTime
    ) -> Int? {
        closePES()
        let reading = header.isScrambled ? nil : PESHeader.read(bytes, from: start, to: end)
        if kind != .data, case .notPES? = reading {
            // Damaged on its way: whatever comes until the next one has no times, and no receiver
            // would take it.
            holes += 1
            lose()
            return nil
        }
        awaitsStart = false
        var record = PESRecord(
            firstPacket: number, lastPacket: number, elementaryStart: detector.position,
            elementaryEnd: detector.position, header: nil)
        var payload = start
        if case .header(let read)? = reading {
            payload = min(start + read.headerLength, end)
            record.header = read
            record.presentation = read.presentation?.unwrapped(near: clock)
            if let presentation = record.presentation {
                record.decoding =
                    read.decoding?.unwrapped(near: presentation) ?? record.presentation
                hasDecodingStamps = hasDecodingStamps || read.decoding != nil
            }
            sniff(bytes, at: payload, to: end)
            if kind == .audio, let presentation = record.presentation,
                habit.isStep(to: presentation, kind: kind)
            {
                detector.doubtRest()
            }
        }
        pes.append(record)
        completeAt = record.header?.payloadLength.map { record.elementaryStart + Int64($0) } ?? .max
        if kind == .data || record.header == nil { beginOpaqueUnit(record) }
        return payload
    }

    /// Streams that say MPEG audio and carry ADTS exist: both have the same sync word, but layer 0
    /// is ADTS only (14496-3 §1.A.2.2, 11172-3 §2.4.2.3).
    private mutating func sniff(_ bytes: Span<UInt8>, at start: Int, to end: Int) {
        guard codec == .mpegAudio, unitCount == 0, start + 2 <= end, bytes[start] == 0xFF,
            bytes[start + 1] & 0xF6 == 0xF0
        else { return }
        codec = .aacADTS
        detector = AccessUnitDetector(codec: codec)
    }

    private mutating func closePES() {
        guard let last = pes.last, last.state == .open else { return }
        if let missing = last.missingBytes, missing > 0 {
            pes[pes.end - 1].state = .damaged
            if kind != .video { damageOpenUnit() }
        } else {
            completePES()
        }
    }

    private mutating func completePES() {
        completeAt = .max
        pes[pes.end - 1].state = .complete
        if kind == .data, let unit = units.last, unit.isOpen {
            units[units.end - 1].end = pes[pes.end - 1].elementaryEnd
            units[units.end - 1].lastPacket = pes[pes.end - 1].lastPacket
        }
    }

    private mutating func damageOpenUnit() {
        guard let unit = units.last, unit.isOpen, let record = pes.last else { return }
        units[units.end - 1].end = max(record.elementaryEnd, unit.start)
        units[units.end - 1].lastPacket = max(record.lastPacket, unit.firstPacket)
        units[units.end - 1].isDamaged = true
        settledAt = .max
        damagedUnits += 1
    }

    // MARK: Units

    /// A unit for a PES packet whose inside is not known.
    private mutating func beginOpaqueUnit(_ record: PESRecord) {
        guard kind == .data else { return }
        let time = record.presentation ?? StreamTime(ticks: 0)
        var unit = Unit(
            start: record.elementaryStart, firstPacket: record.firstPacket,
            lastPacket: record.firstPacket, pes: pes.end - 1, presentation: time,
            decoding: record.decoding ?? time, isTimed: record.presentation != nil,
            durationTicks: 0, mark: AccessUnitMark(position: record.elementaryStart))
        unit.followsGap = gapPending
        gapPending = false
        pes[pes.end - 1].firstUnit = units.end
        units.append(unit)
        unitCount += 1
    }

    private mutating func placeMarks(clock: StreamTime) {
        for index in marks.indices { place(marks[index], clock: clock) }
        marks.removeAll(keepingCapacity: true)
    }

    /// Whether a picture at which a decoder can begin has come since asked last.
    @inline(__always)
    mutating func takeNewEntry() -> Bool {
        guard hasNewEntry else { return false }
        hasNewEntry = false
        return true
    }

    /// Makes a unit of a mark: ends the one before it, finds its packet and its times.
    private mutating func place(_ mark: AccessUnitMark, clock: StreamTime) {
        endOpenUnit(at: mark.position)
        var number = pes.end - 1
        while number > pes.first && pes[number].elementaryStart > mark.position { number -= 1 }
        let record = pes[number]
        let isFirst = record.firstUnit < 0
        if isFirst { pes[number].firstUnit = units.end }
        if isFirst, kind == .audio, gapPending || stampsOfLine == 0 {
            pes[number].beginsWithRest = mark.position > record.elementaryStart
        }
        let packet = recentPacket(holding: mark.position)
        var unit = Unit(
            start: mark.position, firstPacket: packet, lastPacket: packet, pes: number,
            presentation: clock, decoding: clock, isTimed: false, durationTicks: 0, mark: mark)
        let previous = units.last
        unit.durationTicks = duration(of: mark)
        if isFirst, let presentation = record.presentation {
            unit.presentation = presentation
            unit.decoding = record.decoding ?? presentation
            unit.isTimed = true
            reconcile(&unit, after: previous, number)
        } else if let previous {
            follow(previous, &unit)
        }
        if kind == .video, let previous, unit.isTimed, previous.isTimed, !gapPending,
            unit.mark.field != .secondField
        {
            let fields = previous.isSecondField ? 2 : Int64(max(previous.mark.displayedFields, 1))
            var step = unit.decoding - previous.decoding
            if previous.isSecondField { step += previous.durationTicks }
            frameRate.take(
                step: fields == 2 || mark.field == .firstField ? step : step * 2 / fields,
                stated: mark.statedFrameTicks)
            unit.durationTicks = duration(of: mark)
        }
        watchStep(&unit, isStamped: isFirst && record.presentation != nil, clock: clock)
        if isFirst, record.presentation != nil {
            // The third one proves which of the first two is right.
            if stampsOfLine == 0 { firstOfLine = units.end }
            if stampsOfLine > 1 { firstOfLine = nil }
            stampsOfLine = min(stampsOfLine + 1, 3)
        }
        unit.followsGap = gapPending
        gapPending = false
        units.append(unit)
        unitCount += 1
        if kind == .video && unit.mark.randomAccess != .none { hasNewEntry = true }
        // Sound tells how long a frame is; a picture ends where the next one begins.
        settledAt = kind == .audio && mark.length > 0 ? unit.start + Int64(mark.length) : .max
    }

    /// 27 MHz ticks that a unit is presented for.
    private func duration(of mark: AccessUnitMark) -> Int64 {
        if mark.sampleRate > 0 {
            return Int64(mark.samples) * StreamTime.ticksPerSecond / Int64(mark.sampleRate)
        }
        let isPlausible = FrameRate.plausibleTicks.contains(mark.statedFrameTicks)
        let frame = frameRate.ticks > 0 ? frameRate.ticks : isPlausible ? mark.statedFrameTicks : 0
        return mark.field == .frame ? frame * Int64(mark.displayedFields) / 2 : frame / 2
    }

    private mutating func endOpenUnit(at position: Int64) {
        settledAt = .max
        guard let unit = units.last, unit.isOpen else { return }
        units[units.end - 1].end = max(position, unit.start)
        units[units.end - 1].lastPacket = recentPacket(holding: max(position - 1, unit.start))
    }

    /// The packet that holds an elementary stream position not far behind the newest.
    private func recentPacket(holding position: Int64) -> Int {
        if let number = trail.packet(holding: position) { return number }
        var number = pes.end - 1
        while number > pes.first && pes[number].elementaryStart > position { number -= 1 }
        return pes[number].firstPacket
    }

    // MARK: Ends

    /// What of a stream was open when its time line broke.
    enum EpochEnd {
        /// It is known to be all.
        case whole
        /// The rest of it never comes.
        case cut
        /// The stream's next packet tells: it goes on in the middle of it, or begins another.
        case unknown
    }

    /// The time line breaks here, or the input ends.
    mutating func endEpoch(_ end: EpochEnd) {
        giveUpDoubt(isWhole: end == .whole)
        gapPending = false
        stampsOfLine = 0
        firstOfLine = nil
        frameRate = FrameRate()
        habit.restart()
        awaitsStart = true
        hasOpenEnd = end == .unknown
        openAtEnd = hasOpenEnd && units.last?.isOpen == true ? units.end - 1 : nil
        if end == .unknown { findUnsettled() } else { close(isWhole: end == .whole) }
    }

    /// Another stream shows that packets are missing where the epoch ended: what was open then is
    /// not known to be whole, unless its PES packet tells its length.
    mutating func doubtEnd() {
        if hasOpenEnd { return close(isWhole: false) }
        guard let number = openAtEnd, let unit = unit(number), !unit.isDamaged,
            let record = record(unit.pes), record.missingBytes == nil
        else { return }
        units[number].isDamaged = true
        pes[unit.pes].state = .damaged
        damagedUnits += 1
    }

    /// Ends what is open at the end of an epoch.
    private mutating func close(isWhole: Bool) {
        hasOpenEnd = false
        if isWhole {
            detector.finish(into: &marks)
            if !marks.isEmpty { placeMarks(clock: units.last?.decoding ?? StreamTime(ticks: 0)) }
        }
        if let last = pes.last, last.state == .open {
            let whole = isWhole && (last.missingBytes ?? 0) <= 0
            if whole { completePES() } else { pes[pes.end - 1].state = .damaged }
        }
        completeAt = .max
        if isWhole, kind == .video, let record = pes.last, record.state != .damaged {
            endOpenUnit(at: detector.position)
        } else {
            damageOpenUnit()
        }
        giveUpDoubt(isWhole: isWhole)
        findUnsettled()
        detector.reset()
        stampsOfLine = 0
        firstOfLine = nil
        habit.restart()
    }

    /// Forgets what lies in packets before `number`.
    mutating func trim(before number: Int) {
        while pes.count > 1, pes[pes.first].lastPacket < number,
            pes[pes.first].state != .open
        {
            pes.trim(before: pes.first + 1)
        }
        while units.count > 1, units[units.first].lastPacket < number,
            !units[units.first].isOpen
        {
            units.trim(before: units.first + 1)
        }
    }
}
