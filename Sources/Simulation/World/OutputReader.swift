// Reads the marks of the synthetic content in an output: which picture and which sound was sent, by
// which encoder, with which time stamps, and whether its bytes are those that the encoder made.
//
// It trusts nothing that the engine says. Time stamps are unwrapped, 90 kHz.

import TransportStream

/// A picture as it stands in the output.
struct SeenPicture {
    /// nil where the mark is gone.
    var mark: ContentMark?
    var presentation: Int64
    var decoding: Int64
    /// Every byte is the encoder's, but for the mark of law 7.
    var isExact: Bool
    /// It has the mark that what was before it is gone.
    var isMarkedBroken: Bool
    var plan: PlannedPicture?
    /// When its last byte came, host nanoseconds. That it was the last is known only when the next
    /// PES packet comes, and that may be seconds later.
    var time: Int64
}

/// An audio frame as it stands in the output.
struct SeenFrame {
    /// Number of the output's sound stream, in the order of the PMT.
    var stream: Int
    var mark: ContentMark?
    /// Where the PES packet has it, or counted on from the frame before.
    var presentation: Int64
    var isExact: Bool
    /// When its PES packet's last byte came, host nanoseconds.
    var time: Int64
}

/// A time_signal, 90 kHz with its adjustment.
struct SeenSplice {
    var presentation: Int64
}

/// What is known of one life of an encoder.
struct LifeFacts {
    var encoder: SyntheticEncoder
    var input: InputPlan
    var pictures: PictureWriter
    var sound: SoundWriter
    var secondSound: SoundWriter

    init(_ encoder: SyntheticEncoder, of input: InputPlan) {
        self.encoder = encoder
        self.input = input
        pictures = PictureWriter(encoder.profile, life: encoder.life)
        sound = SoundWriter(encoder.profile, life: encoder.life)
        secondSound = SoundWriter(
            encoder.profile, life: encoder.life | SoundWriter.secondMark)
    }

    /// The sound that a mark in it names.
    func sound(of mark: ContentMark) -> SoundWriter {
        mark.life & SoundWriter.secondMark == 0 ? sound : secondSound
    }

    /// When the last byte of a picture is here if nothing holds it up, host nanoseconds.
    func arrival(of picture: PlannedPicture) -> Int64 {
        let leaving = encoder.leavingTime(decoded: picture.decodingPlace)
            + encoder.profile.content.frameTicks * 3 / 4
        return input.arrival(of: leaving)
    }
}

struct OutputReader {
    private struct Collector {
        var codec = Codec.otherPES
        /// Number among the sounds.
        var sound = 0
        var bytes: [UInt8] = []
        var isOpen = false
        /// Host time of the last payload, nanoseconds.
        var lastTime: Int64 = 0
        var lastStamp: Int64?
        /// Sound: bytes of a frame that began in the PES packet before, and the next frame's PTS.
        var rest: [UInt8] = []
        var expected: Int64?

        /// The PES packet tells its length, and so much of it has come.
        var isWhole: Bool {
            guard isOpen, bytes.count > 6 else { return false }
            let length = Int(bytes[4]) << 8 | Int(bytes[5])
            return length > 0 && bytes.count >= 6 + length
        }
    }

    private(set) var pictures: [SeenPicture] = []
    private(set) var frames: [SeenFrame] = []
    private(set) var splices: [SeenSplice] = []
    /// Lives by identity.
    var lives: [UInt8: LifeFacts] = [:]
    private(set) var packets: Int64 = 0
    private var association = SectionAssembler()
    private var map = SectionAssembler()
    private var spliceSections = SectionAssembler()
    private var mapPID: PID?
    private var collectorByPID = [Int](repeating: -1, count: PID.count)
    private var collectors: [Collector] = []
    private var splicePID: PID?
    /// The last stamp of any stream, unwrapped.
    private var newestStamp: Int64?
    private let content: SyntheticContent
    private var now: Int64 = 0

    init(_ content: SyntheticContent) { self.content = content }

    /// Forgets what was read.
    mutating func clear() {
        pictures.removeAll(keepingCapacity: true)
        frames.removeAll(keepingCapacity: true)
        splices.removeAll(keepingCapacity: true)
    }

    /// - Parameter time: when they came, host nanoseconds.
    mutating func read(_ bytes: Span<UInt8>, at time: Int64) {
        now = time
        var at = 0
        while at + Packet.size <= bytes.count {
            if let header = PacketHeader(bytes, at: at) { take(bytes, at, header) }
            packets += 1
            at += Packet.size
        }
    }

    /// The output is over: PES packets that tell their length and have come to it are whole. What
    /// else is open may be cut, and nothing is said of it.
    mutating func finish() {
        for index in collectors.indices where collectors[index].isWhole { close(index) }
    }

    private mutating func take(_ bytes: Span<UInt8>, _ at: Int, _ header: PacketHeader) {
        guard header.hasPayload else { return }
        let start = at + Int(header.payloadOffset)
        let end = at + Packet.size
        if header.pid == .pat {
            var found: PID?
            association.append(bytes, from: start, to: end, startsUnit: header.startsUnit) {
                found = ProgramAssociation(section: $0)?.entries.first { $0.program != 0 }?.pid
            }
            mapPID = found ?? mapPID
        } else if header.pid == mapPID {
            var found: ProgramMap?
            map.append(bytes, from: start, to: end, startsUnit: header.startsUnit) {
                found = ProgramMap(section: $0) ?? found
            }
            if let found { set(found) }
        } else if header.pid == splicePID {
            takeSplice(bytes, start, end, header)
        } else {
            let index = collectorByPID[header.pid.index]
            guard index >= 0 else { return }
            if header.startsUnit {
                close(index)
                collectors[index].isOpen = true
            }
            guard collectors[index].isOpen else { return }
            collectors[index].lastTime = now
            bytes.extracting(start..<end).withUnsafeBufferPointer {
                collectors[index].bytes.append(contentsOf: $0)
            }
        }
    }

    private mutating func set(_ map: ProgramMap) {
        for stream in map.streams where collectorByPID[stream.pid.index] < 0 {
            let codec = Codec(stream: stream, programDescriptors: map.descriptors)
            if codec == .scte35 {
                splicePID = stream.pid
            } else if codec.kind != .data {
                collectorByPID[stream.pid.index] = collectors.count
                let sounds = collectors.count { $0.codec.kind == .audio }
                collectors.append(Collector(codec: codec, sound: sounds))
            }
        }
    }

    private mutating func takeSplice(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ header: PacketHeader
    ) {
        var found: Int64?
        spliceSections.append(bytes, from: start, to: end, startsUnit: header.startsUnit) {
            guard case .success(let splice) = SpliceInformation.parse($0),
                case .timeSignal(let time?) = splice.command
            else { return }
            found = Int64(time &+ splice.ptsAdjustment) & (Timestamp.modulus - 1)
        }
        if let found { splices.append(SeenSplice(presentation: found)) }
    }

    // MARK: PES packets

    private mutating func close(_ index: Int) {
        guard collectors[index].isOpen else { return }
        collectors[index].isOpen = false
        var bytes: [UInt8] = []
        swap(&bytes, &collectors[index].bytes)
        guard case .header(let header) = PESHeader.read(bytes.span, from: 0, to: bytes.count) else {
            return
        }
        if collectors[index].codec.kind == .video {
            takePicture(index, bytes, header)
        } else {
            takeSound(index, bytes, header)
        }
    }

    private mutating func unwrap(_ stamp: Timestamp, _ index: Int) -> Int64 {
        let modulus = Timestamp.modulus
        // All streams are on one line, also where one of them begins behind the wrap.
        guard let last = collectors[index].lastStamp ?? newestStamp else {
            newestStamp = stamp.ticks
            collectors[index].lastStamp = stamp.ticks
            return stamp.ticks
        }
        var distance = (stamp.ticks - last) % modulus
        if distance >= modulus / 2 { distance -= modulus }
        if distance < -modulus / 2 { distance += modulus }
        collectors[index].lastStamp = last + distance
        newestStamp = last + distance
        return last + distance
    }

    private mutating func takePicture(_ index: Int, _ bytes: [UInt8], _ header: PESHeader) {
        guard let stamp = header.presentation else { return }
        let decoding = unwrap(header.decoding ?? stamp, index)
        let ahead = (stamp.ticks - (header.decoding ?? stamp).ticks) & (Timestamp.modulus - 1)
        var picture = SeenPicture(
            mark: ContentMark.find(in: bytes, from: header.headerLength, to: bytes.count),
            presentation: decoding + ahead, decoding: decoding, isExact: false,
            isMarkedBroken: false, time: collectors[index].lastTime)
        if let mark = picture.mark, let life = lives[mark.life],
            let number = life.encoder.pattern.decodingNumber(of: mark.content)
        {
            let plan = life.encoder.pattern.picture(decoded: number)
            picture.plan = plan
            let unit = bytes[header.headerLength...]
            picture.isExact = unit.elementsEqual(life.pictures.bytes(of: plan))
            if !picture.isExact && plan.isOpenEntry {
                picture.isMarkedBroken = unit.elementsEqual(
                    life.pictures.bytes(of: plan, isBroken: true))
                picture.isExact = picture.isMarkedBroken
            }
        }
        pictures.append(picture)
    }

    private mutating func takeSound(_ index: Int, _ bytes: [UInt8], _ header: PESHeader) {
        var start = 0
        let rest = collectors[index].rest.count
        let payload = collectors[index].rest + bytes[header.headerLength...]
        collectors[index].rest = []
        var stamp = header.presentation.map { unwrap($0, index) }
        while start < payload.count {
            guard let length = SoundWriter.length(payload, at: start) else {
                if payload.count - start < 7 {
                    collectors[index].rest = Array(payload[start...])
                    if start >= rest, let stamp { collectors[index].expected = stamp }
                    return
                }
                frames.append(
                    SeenFrame(
                        stream: collectors[index].sound, mark: nil,
                        presentation: collectors[index].expected ?? 0, isExact: false,
                        time: collectors[index].lastTime))
                return
            }
            guard start + length <= payload.count else {
                collectors[index].rest = Array(payload[start...])
                // The frame begins in this packet, so the packet's PTS is that of it.
                if start >= rest, let stamp { collectors[index].expected = stamp }
                return
            }
            var presentation = collectors[index].expected ?? 0
            if start >= rest, let first = stamp {
                presentation = first
                stamp = nil
            }
            takeFrame(index, Array(payload[start..<(start + length)]), presentation)
            start += length
        }
    }

    private mutating func takeFrame(_ index: Int, _ bytes: [UInt8], _ presentation: Int64) {
        let mark = ContentMark.find(in: bytes, from: 4, to: bytes.count)
        let isExact = mark.map { mark in
            lives[mark.life & ~SoundWriter.secondMark]?.sound(of: mark)
                .bytes(ofSample: mark.content) == bytes
        }
        frames.append(
            SeenFrame(
                stream: collectors[index].sound, mark: mark, presentation: presentation,
                isExact: isExact ?? false, time: collectors[index].lastTime))
        collectors[index].expected = presentation
            + (content.soundFrameTicks + 150) / StreamTime.ticksPerTimestampTick
    }
}
