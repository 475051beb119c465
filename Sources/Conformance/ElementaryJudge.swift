// One elementary stream of the judged programme: its PES packets (13818-1 §2.4.3.6), its access
// units and their times. What is scrambled is counted and left alone.
//
//   TS packets -> PES packets (length, law 6) -> access units (law 7) -> DTS, PTS (law 4)
//                                                           \-> last byte (law 8), with the clock

import TransportStream

/// Judges one stream. Packets go in, findings come out.
struct ElementaryJudge: Sendable {
    private enum State {
        /// No PES packet has begun that could be read.
        case waiting
        /// The first bytes of a PES header are in `head`.
        case header
        case payload
        /// The payload is not part of the elementary stream, or scrambled.
        case skipped
    }

    let index: Int
    var facts: ElementaryFacts
    /// The PMT that is valid now lists it.
    var isListed = true
    /// For PID_error: packets at the last look, and when it had got some.
    var packetsSeen: Int64 = 0
    var lastSeenElapsed: Int64?
    var isAbsent = false
    /// For PTS_error.
    var lastStampElapsed: Int64?

    private let codec: Codec
    private var state = State.waiting
    private var head: [UInt8] = []
    private var told: Int?
    private var received = 0
    /// Packets of the PES packet were lost or scrambled: its length says nothing.
    private var isDamaged = false
    private var detector: AccessUnitDetector?
    private var marks: [AccessUnitMark] = []
    private var trail = PacketTrail()
    private var stamps = StampQueue()
    private var line = StampLine()
    /// The access unit that still goes on: where it begins, its told length, its DTS.
    private var open: (position: Int64, length: Int64, decoding: Int64?)?
    /// Where the last audio frame ends; nil where that is not known.
    private var audioEnd: Int64?
    private var audio = AudioTimeline()
    private var pictures = PictureJudge()
    /// The last bytes of the payload so far, newest lowest.
    private var lastBytes: UInt32 = .max
    private var endedInStartCode = false

    init(index: Int, stream: ProgramMap.Stream, codec: Codec) {
        self.index = index
        self.codec = codec
        facts = ElementaryFacts(
            pid: stream.pid, streamType: stream.streamType, codec: codec,
            language: Descriptors.language(stream.descriptors))
        if codec.kind != .data {
            detector = AccessUnitDetector(codec: codec)
            marks.reserveCapacity(64)
        }
    }

    /// The next packet of the PID, no duplicate. Sections have no business here.
    mutating func take(
        _ buffer: Span<UInt8>, at start: Int, _ packet: PacketHeader, isContinuous: Bool,
        _ findings: inout Findings
    ) {
        guard codec.isPES else { return }
        if packet.isScrambled {
            facts.scrambledPackets &+= 1
            return lose()
        }
        if !isContinuous { lose() }
        guard packet.hasPayload else { return }
        let from = start + Int(packet.payloadOffset)
        let end = start + Packet.size
        if packet.startsUnit {
            endPES(&findings)
            state = .header
            head.removeAll(keepingCapacity: true)
        }
        switch state {
        case .waiting: break
        case .header: readHeader(buffer, from: from, to: end, packetStart: start, &findings)
        case .payload:
            feed(buffer, from: from, to: end, packetStart: start, startsPES: false, &findings)
        case .skipped: received += end - from
        }
    }

    /// Packets are missing.
    private mutating func lose() {
        isDamaged = true
        detector?.reset()
        pictures.lose()
        open = nil
        audioEnd = nil
        lastBytes = .max
        if case .header = state { state = .waiting }
    }

    // MARK: - PES packets

    private mutating func readHeader(
        _ buffer: Span<UInt8>, from: Int, to end: Int, packetStart: Int, _ findings: inout Findings
    ) {
        let before = head.count
        let reading: PESHeader.Reading
        if before == 0 {
            reading = PESHeader.read(buffer, from: from, to: end)
        } else {
            for index in from..<min(end, from + SizeLimit.pesHeader) { head.append(buffer[index]) }
            reading = PESHeader.read(head.span, from: 0, to: head.count)
        }
        switch reading {
        case .incomplete:
            if before == 0 { for index in from..<end { head.append(buffer[index]) } }
            if head.count > SizeLimit.pesHeader { state = .waiting }
        case .notPES:
            state = .waiting
        case .header(let header):
            begin(header, &findings)
            let payload = min(from + header.headerLength - before, end)
            if case .payload = state {
                feed(
                    buffer, from: payload, to: end, packetStart: packetStart, startsPES: true,
                    &findings)
            } else {
                received += end - payload
            }
        }
    }

    private mutating func begin(_ header: PESHeader, _ findings: inout Findings) {
        facts.pesPackets &+= 1
        told = header.payloadLength
        received = 0
        isDamaged = false
        guard PESHeader.hasOptionalHeader(streamID: header.streamID), !header.isScrambled else {
            if header.isScrambled { facts.scrambledPESPackets &+= 1 }
            state = .skipped
            return
        }
        state = .payload
        var times: Stamps?
        if let presentation = header.presentation {
            let decoding = line.unwrap(header.decoding ?? presentation)
            line.advance(to: decoding)
            let unwrapped = presentation.unwrapped(near: StreamTime(ticks: decoding &* 300)).ticks
            times = Stamps(presentation: unwrapped / 300, decoding: decoding)
            if facts.firstPTS == nil { facts.firstPTS = presentation.ticks }
            facts.lastPTS = presentation.ticks
            findings.schedule(.presentation(stream: index, stamp: presentation.ticks))
        } else {
            facts.pesPacketsWithoutPTS &+= 1
        }
        if detector != nil {
            stamps.add(streamByte: detector?.position ?? 0, stamps: times)
        }
    }

    /// The PES packet before the one that begins now is over.
    private mutating func endPES(_ findings: inout Findings) {
        switch state {
        case .waiting, .header: return
        case .payload, .skipped: break
        }
        if let told, !isDamaged, told != received {
            findings.breach(.pesLength, pid: facts.pid, value: Int64(received - told))
        }
        // 00 00 01 and then another PES packet that begins with a start code: a unit without its
        // first byte.
        endedInStartCode = codec.kind == .video && lastBytes & 0xFF_FFFF == 1 && !isDamaged
    }

    // MARK: - Elementary stream

    private mutating func feed(
        _ buffer: Span<UInt8>, from: Int, to end: Int, packetStart: Int, startsPES: Bool,
        _ findings: inout Findings
    ) {
        guard from < end || startsPES else { return }
        received += end - from
        guard let streamByte = detector?.position else { return }
        if from < end {
            var position = findings.here
            position.inside = Int64(from - packetStart)
            trail.add(streamByte: streamByte, at: position)
            if endedInStartCode {
                if end - from >= 3, buffer[from] == 0, buffer[from + 1] == 0,
                    buffer[from + 2] <= 1
                {
                    findings.breach(.startCodeCut, pid: facts.pid)
                }
                endedInStartCode = false
            }
            for index in max(from, end - 3)..<end {
                lastBytes = lastBytes << 8 | UInt32(buffer[index])
            }
        }
        marks.removeAll(keepingCapacity: true)
        detector?.scan(buffer, from: from, to: end, startsPES: startsPES, into: &marks)
        for index in marks.indices { unit(marks[index], &findings) }
    }

    private mutating func unit(_ mark: AccessUnitMark, _ findings: inout Findings) {
        close(before: mark.position, &findings)
        let times = stamps.take(for: mark.position)
        let place = trail.position(of: mark.position) ?? findings.here
        facts.accessUnits &+= 1
        if times == nil { facts.unitsWithoutPTS &+= 1 }
        var decoding: Int64?
        if codec.kind == .video {
            decoding = pictures.take(mark, times, at: place, pid: facts.pid, &findings)
        } else {
            decoding = frame(mark, times, at: place, &findings)
        }
        open = (mark.position, Int64(mark.length), decoding)
    }

    /// The access unit that was open ends before this byte of the stream.
    private mutating func close(before next: Int64, _ findings: inout Findings) {
        guard let unit = open else { return }
        open = nil
        let end = unit.length > 0 ? min(next, unit.position &+ unit.length) : next
        guard let decoding = unit.decoding, end > unit.position,
            let position = trail.position(of: end &- 1)
        else { return }
        findings.schedule(.unitEnd(stream: index, decoding: decoding), at: position)
    }

    /// An audio frame: law 6 by its length, law 4 by its PTS. Returns its DTS.
    private mutating func frame(
        _ mark: AccessUnitMark, _ times: Stamps?, at place: Position, _ findings: inout Findings
    ) -> Int64? {
        if let audioEnd, audioEnd != mark.position {
            let bytes = mark.position &- audioEnd
            findings.breach(
                bytes < 0 ? .unitCut : .strayBytes, pid: facts.pid,
                value: bytes < 0 ? 0 &- bytes : bytes, at: place)
        }
        audioEnd = mark.length > 0 ? mark.position &+ Int64(mark.length) : nil
        facts.frames &+= 1
        facts.randomAccessPoints &+= mark.randomAccess == .none ? 0 : 1
        let expected = audio.expected
        if let off = audio.add(mark, stamp: times?.presentation) {
            let duration = Int64(mark.samples).scaled(
                by: 90_000, over: max(Int64(mark.sampleRate), 1))
            findings.breach(.audioStep, pid: facts.pid, value: off, at: place)
            findings.timing(
                TimingEvent(
                    kind: off > 0 ? .gap : .overlap, pid: facts.pid,
                    place: findings.place(place),
                    pts: Timestamp(wrapping: times?.presentation ?? 0).ticks, deviationTicks: off,
                    frames: off.roundedDivision(by: max(duration, 1)), isTolerated: false))
        }
        return times?.decoding ?? expected
    }

    // MARK: - End

    mutating func finish(_ findings: inout Findings) {
        marks.removeAll(keepingCapacity: true)
        detector?.finish(into: &marks)
        for index in marks.indices { unit(marks[index], &findings) }
        if let end = detector?.position { close(before: end, &findings) }
        pictures.finish(pid: facts.pid, &findings)
        facts.stampsWithoutUnit = stamps.unused
        facts.sampleRate = audio.rate
        facts.frameSamples = audio.frameSamples
        if codec.kind == .video {
            pictures.tell(&facts)
        } else {
            facts.steps = audio.histogram.steps.map(PTSStep.init)
            facts.otherSteps = audio.histogram.others
            facts.greatestRAPDistance = facts.randomAccessPoints > 1 ? 1 : 0
            if audio.rate > 0 {
                facts.frameDurationTicks = audio.frameSamples.scaled(
                    by: 27_000_000, over: audio.rate)
            }
        }
    }
}
