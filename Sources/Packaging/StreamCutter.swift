// Cuts a transport stream into pieces, each of which a player or a packager can begin with: HLS
// segments, or the files of a recording.
//
//   piece n     … V V V A V V A a            the picture V* is a random access point; the sound A a
//   piece n+1              V*    V V A …     has begun before it and ends where it began
//
// Contract: every packet leaves once, in the order of its PID, unchanged but for the counters of
// PAT and PMT. A piece begins with both tables, then a unit that a decoder can start at. Each other
// stream goes over to it where its next PES packet begins, so none is torn, and pieces one behind
// the other are the stream again. What comes before the first such unit is left out. Memory holds
// the packets of one picture's head.

import TransportStream

public struct StreamCutter: Sendable {
    /// Packets that are held until a picture's kind is known; headers are shorter.
    private static let mostHeld = 2000
    /// A piece waits so long for the rest of units that it has begun, 1 s.
    private static let longestTail: Int64 = 90_000
    /// Without pictures for so long, 2 s, what is cut is the sound.
    private static let longestLack: Int64 = 180_000
    /// What is off by less than half a second goes on.
    private static let greatestOffset: Int64 = 45_000

    private struct Unit {
        var pid: PID
        var position: Int64
        var stamp: Timestamp
        var decoding: Timestamp
        var wallClock: Int64
        /// Of the stream that is cut by.
        var isReference: Bool
    }

    private struct Open {
        var number: Int
        /// Moved by what the time line lacks, so that what lies between is what is there.
        var begin: Int64
        var bytes: Int64 = 0
    }

    private struct Tail {
        var piece: Open
        var durationTicks: Int64
        var cut: Int64
        var waiting: [PID]
    }

    public var rule: CutRule
    private var tables = PieceTables()
    private var line = PresentationLine()
    /// The stream by whose units it is cut: pictures, or sound where there are none.
    private var reference: PID?
    private var watch: EntryWatch?
    /// Streams with time stamps that count.
    private var timedPIDs: [PID] = []
    /// Where the first of their units came that no piece has.
    private var waitingSince: Int64?
    private var unit: Unit?
    private var held: [UInt8] = []

    private var piece: Open?
    private var tail: Tail?
    private var number = 0
    /// For each PID the piece that its packets go to, and the bytes that its PES packet lacks;
    /// below 0 where only the next one tells.
    private var places = [Int](repeating: 0, count: PID.count)
    private var lacking = [Int](repeating: 0, count: PID.count)

    /// Where what was there before has ended, for a stream that is gone on with.
    private var expected: Timestamp?
    private var hasOtherStreams = false
    private var isBroken = false
    private var lacksPictures = false
    private var found: PresentationLine.Break?
    private var lastEntry: Int64?
    /// Distances of the last random access points. A seam makes one shorter, so the greatest
    /// counts.
    private var intervals: [Int64] = []
    private static let mostIntervals = 4
    private var lastClosed: Int64?
    private var closedInterval: Int64?
    private var awaited: [(id: Int, stamp: Timestamp)] = []
    private var newest = StreamPlace(
        piece: 0, byteOffset: 0, presentation: Timestamp(wrapping: 0), wallClock: 0)

    private var steps: [CutterStep] = []
    private var bytes: [UInt8] = []

    /// - Parameter presentation: where the pieces of an earlier run end.
    public init(_ rule: CutRule, continuing presentation: Timestamp? = nil) {
        self.rule = rule
        expected = presentation
    }

    /// The end of all that came; nil before the first unit.
    public var place: StreamPlace? {
        guard let piece else { return nil }
        var place = newest
        place.piece = piece.number
        place.byteOffset = piece.bytes
        return place
    }

    /// Ticks of 90 kHz that the newest piece has.
    public var elapsedTicks: Int64 { piece.map { max(0, line.end - $0.begin) } ?? 0 }

    // MARK: In and out

    /// Takes whole packets.
    /// - Parameter wallClock: when they came, nanoseconds since 1970.
    public mutating func take(_ packets: Span<UInt8>, at wallClock: Int64) {
        var offset = 0
        while let header = PacketHeader(packets, at: offset) {
            if !header.isMalformed { take(packets, at: offset, header, wallClock) }
            offset += Packet.size
        }
    }

    /// Tells (`CutterStep.passed`) where the unit with this time stamp, or the next one, begins.
    public mutating func await(_ stamp: Timestamp, id: Int) { awaited.append((id, stamp)) }

    /// Bytes are missing before the next ones: the piece ends here, the next one begins at a random
    /// access point.
    public mutating func interrupt() {
        settle(.none)
        endPiece()
        watch?.reset()
        for index in lacking.indices { lacking[index] = 0 }
        isBroken = false
    }

    /// Nothing follows.
    public mutating func finish() {
        settle(.none)
        endPiece()
    }

    /// Gives what is to be done, and forgets it.
    public mutating func drain() -> (bytes: [UInt8], steps: [CutterStep]) {
        defer {
            bytes = []
            steps = []
        }
        return (bytes, steps)
    }

    // MARK: A packet

    private mutating func take(
        _ packets: Span<UInt8>, at offset: Int, _ header: PacketHeader, _ wallClock: Int64
    ) {
        newest.wallClock = wallClock
        if header.pid == .null && !rule.keepsNullPackets { return }
        if tables.isTable(header.pid) {
            if tables.take(packets, at: offset, header) { changeStreams() }
        } else if header.hasPayload, header.pid == reference, watch != nil {
            return takePicture(packets, at: offset, header, wallClock)
        } else if header.startsUnit, timedPIDs.contains(header.pid) {
            takeSound(packets, at: offset, header, wallClock)
        }
        if unit == nil {
            place(packets, at: offset, header)
        } else {
            hold(packets, at: offset)
        }
    }

    private mutating func changeStreams() {
        guard let map = tables.map else { return }
        settle(.none)
        let streams = map.streams.map { stream in
            (stream.pid, Codec(stream: stream, programDescriptors: map.descriptors))
        }
        let pictures = streams.first { $0.1.kind == .video }
        let other = streams.first { $0.1.kind == .audio } ?? streams.first { $0.1.isPES }
        watch = pictures.map { EntryWatch(codec: $0.1) }
        reference = (pictures ?? other)?.0
        timedPIDs = streams.filter { $0.1.kind == .audio }.map(\.0)
        if let reference, !timedPIDs.contains(reference) { timedPIDs.append(reference) }
        hasOtherStreams = piece != nil || number > 0
        lastEntry = nil
        intervals = []
        lastClosed = nil
        closedInterval = nil
    }

    private mutating func takePicture(
        _ packets: Span<UInt8>, at offset: Int, _ header: PacketHeader, _ wallClock: Int64
    ) {
        var (start, end) = (offset + Int(header.payloadOffset), offset + Packet.size)
        var verdict = EntryWatch.Verdict.none
        if header.startsUnit {
            settle(.none)
            if case .header(let head) = PESHeader.read(packets, from: start, to: end) {
                start += head.headerLength
                verdict = watch?.begin(packets, from: min(start, end), to: end) ?? .none
                unit = timed(head, header.pid, wallClock)
            } else {
                watch?.reset()
            }
        } else {
            verdict = watch?.goOn(packets, from: start, to: end) ?? .none
        }
        guard unit != nil else { return place(packets, at: offset, header) }
        hold(packets, at: offset)
        if verdict != .open || held.count > StreamCutter.mostHeld * Packet.size {
            settle(verdict)
        }
    }

    /// Takes the time stamps of a PES packet.
    private mutating func timed(
        _ head: PESHeader, _ pid: PID, _ wallClock: Int64
    ) -> Unit? {
        guard let stamp = head.presentation,
            let (position, found) = line.take(head, isReference: pid == reference)
        else { return nil }
        if let found { self.found = found }
        if piece == nil { waitingSince = waitingSince ?? position }
        return Unit(
            pid: pid, position: position, stamp: stamp, decoding: head.decoding ?? stamp,
            wallClock: wallClock, isReference: pid == reference)
    }

    private mutating func takeSound(
        _ packets: Span<UInt8>, at offset: Int, _ header: PacketHeader, _ wallClock: Int64
    ) {
        let start = offset + Int(header.payloadOffset)
        guard case .header(let head) = PESHeader.read(
            packets, from: start, to: offset + Packet.size),
            let sound = timed(head, header.pid, wallClock)
        else { return }
        if sound.isReference { return consider(sound, .entry(isClosed: true)) }
        let pictures = piece == nil ? waitingSince : line.latest ?? piece?.begin
        guard let pictures, sound.position - pictures > StreamCutter.longestLack else { return }
        settle(.none)
        lacksPictures = true
        consider(sound, .entry(isClosed: true))
    }

    private mutating func hold(_ packets: Span<UInt8>, at offset: Int) {
        packets.extracting(offset..<(offset + Packet.size)).withUnsafeBufferPointer {
            held.append(contentsOf: $0)
        }
    }

    /// The kind of the picture at hand is known: what was held goes its way.
    private mutating func settle(_ verdict: EntryWatch.Verdict) {
        guard let unit else { return }
        self.unit = nil
        consider(unit, verdict)
        var packets: [UInt8] = []
        swap(&packets, &held)
        var offset = 0
        while let header = PacketHeader(packets.span, at: offset) {
            place(packets.span, at: offset, header)
            offset += Packet.size
        }
        packets.removeAll(keepingCapacity: true)
        swap(&packets, &held)
    }

    // MARK: Where to cut

    private mutating func consider(_ unit: Unit, _ verdict: EntryWatch.Verdict) {
        if let found {
            piece?.begin += found.ticks
            isBroken = rule.endsAtBreaks
        }
        if let tail, unit.position - tail.cut > StreamCutter.longestTail { endTail() }
        if isCut(unit, verdict) { cut(unit, verdict) }
        if unit.isReference, case .entry(let isClosed) = verdict {
            if let lastEntry, unit.position > lastEntry {
                intervals = intervals.suffix(StreamCutter.mostIntervals - 1)
                    + [unit.position - lastEntry]
            }
            lastEntry = unit.position
            if isClosed {
                closedInterval = lastClosed.map { unit.position - $0 }
                lastClosed = unit.position
            }
        }
        guard let piece else { return }
        newest.presentation = unit.stamp
        let place = StreamPlace(
            piece: piece.number, byteOffset: piece.bytes, presentation: unit.stamp,
            wallClock: unit.wallClock)
        if let found {
            steps.append(
                .timeBreak(
                    TimeBreak(
                        place: place, presentationBefore: Timestamp(wrapping: found.end),
                        ticks: found.ticks)))
            self.found = nil
        }
        guard !awaited.isEmpty else { return }
        awaited.removeAll { id, stamp in
            let isPast = line.position(of: stamp) <= unit.position + line.unitTicks / 2
            if isPast { steps.append(.passed(id: id, place)) }
            return isPast
        }
    }

    private func isCut(_ unit: Unit, _ verdict: EntryWatch.Verdict) -> Bool {
        guard tables.areKnown else { return false }
        guard let piece else {
            if case .entry = verdict { return true } else { return false }
        }
        let elapsed = unit.position - piece.begin
        guard case .entry(let isClosed) = verdict else {
            // Pictures are reordered by a few.
            guard let limit = rule.limit, unit.isReference else { return false }
            return elapsed > 0 && elapsed + 4 * line.unitTicks > limit
        }
        let isBack = lacksPictures && unit.isReference
        if isBroken || hasOtherStreams || isBack { return true }
        if let most = rule.bytes, piece.bytes >= most { return true }
        guard let target = rule.target else { return false }
        if elapsed + line.unitTicks / 2 >= target {
            return isClosed || !isClosedNear(unit, piece.begin, rule.limit ?? target * 3 / 2)
        }
        // The one before the target, where the next one comes too late.
        guard let limit = rule.limit, let lastEntry, let usual = intervals.max(), elapsed > 0
        else { return false }
        if elapsed + usual + line.unitTicks > limit { return true }
        // One that comes early is another encoder's, as a rule, and the next one may be far.
        let isEarly = unit.position - lastEntry + 2 * line.unitTicks < usual
        return isEarly && elapsed >= target / 8
    }

    /// Whether a point is to come soon at which a decoder needs nothing of before.
    private func isClosedNear(_ unit: Unit, _ begin: Int64, _ limit: Int64) -> Bool {
        guard let lastClosed, let closedInterval else { return false }
        let next = lastClosed + closedInterval
        return next > unit.position && next - begin <= limit
    }

    private mutating func cut(_ unit: Unit, _ verdict: EntryWatch.Verdict) {
        endTail()
        number += 1
        var isContinuous = !hasOtherStreams && !isBroken
        if let old = piece {
            let streams = tables.map?.streams.map(\.pid) ?? []
            tail = Tail(
                piece: old, durationTicks: max(0, unit.position - old.begin), cut: unit.position,
                waiting: streams.filter {
                    $0 != unit.pid && places[$0.index] == old.number && lacking[$0.index] != 0
                })
        } else if let expected {
            var offset = (unit.stamp.ticks &- expected.ticks) & (Timestamp.modulus - 1)
            offset = min(offset, Timestamp.modulus - offset)
            isContinuous = isContinuous && offset <= StreamCutter.greatestOffset
        } else {
            isContinuous = false
        }
        piece = Open(number: number, begin: unit.position)
        waitingSince = nil
        steps.append(
            .begin(
                PieceStart(
                    number: number, presentation: unit.stamp, decoding: unit.decoding,
                    wallClock: unit.wallClock,
                    isIndependent: verdict == .entry(isClosed: true), isContinuous: isContinuous)))
        hasOtherStreams = false
        isBroken = false
        if unit.isReference { lacksPictures = false }
        let before = bytes.count
        tables.append(to: &bytes)
        note(bytes.count - before, isNewest: true)
        if tail?.waiting.isEmpty == true { endTail() }
    }

    // MARK: Where a packet goes

    private mutating func place(
        _ packets: Span<UInt8>, at offset: Int, _ header: PacketHeader
    ) {
        guard let piece else { return }
        let index = header.pid.index
        if tables.isTable(header.pid) {
            tables.append(packets, at: offset, header, to: &bytes)
            return note(Packet.size, isNewest: true)
        }
        let starts = header.startsUnit && header.hasPayload
        let isTail = tail.map { places[index] == $0.piece.number } == true
            && lacking[index] != 0 && !starts
        if !isTail && places[index] != piece.number {
            places[index] = piece.number
            leaveTail(header.pid)
        }
        packets.extracting(offset..<(offset + Packet.size)).withUnsafeBufferPointer {
            bytes.append(contentsOf: $0)
        }
        note(Packet.size, isNewest: !isTail)
        count(packets, at: offset, header, starts)
        if isTail && lacking[index] == 0 { leaveTail(header.pid) }
    }

    /// Counts what the PES packet at hand lacks.
    private mutating func count(
        _ packets: Span<UInt8>, at offset: Int, _ header: PacketHeader, _ starts: Bool
    ) {
        let index = header.pid.index
        let start = offset + Int(header.payloadOffset)
        let payload = Packet.size - Int(header.payloadOffset)
        if starts {
            lacking[index] = 0
            if case .header(let head) = PESHeader.read(
                packets, from: start, to: offset + Packet.size)
            {
                lacking[index] = head.packetLength == 0
                    ? -1 : max(0, 6 + head.packetLength - payload)
            }
        } else if lacking[index] > 0 {
            lacking[index] = max(0, lacking[index] - payload)
        }
    }

    private mutating func leaveTail(_ pid: PID) {
        guard tail != nil else { return }
        tail?.waiting.removeAll { $0 == pid }
        if tail?.waiting.isEmpty == true { endTail() }
    }

    private mutating func note(_ count: Int, isNewest: Bool) {
        if isNewest {
            piece?.bytes += Int64(count)
        } else {
            tail?.piece.bytes += Int64(count)
        }
        if case .bytes(let before, isNewest)? = steps.last {
            steps[steps.count - 1] = .bytes(before + count, isNewest: isNewest)
        } else {
            steps.append(.bytes(count, isNewest: isNewest))
        }
    }

    private mutating func endTail() {
        guard let ended = tail else { return }
        tail = nil
        steps.append(
            .end(
                PieceEnd(
                    number: ended.piece.number, durationTicks: ended.durationTicks,
                    bytes: ended.piece.bytes)))
    }

    private mutating func endPiece() {
        endTail()
        guard let ended = piece else { return }
        piece = nil
        expected = Timestamp(wrapping: line.end)
        steps.append(
            .end(
                PieceEnd(
                    number: ended.number, durationTicks: max(0, line.end - ended.begin),
                    bytes: ended.bytes)))
    }
}
