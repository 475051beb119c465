// Which bytes of a PES packet go out, and the PES packets that are made of some of them: ADTS
// frames in real packets, through the stream's own track.

import Testing
import TransportStream

@testable import SwitchEngine

/// A track of AAC at 48 kHz: PES packets of several ADTS frames each, in packets of a ring.
private struct SoundStream {
    static let frameBytes = 101
    static let framesPerPES = 6
    static let frameTicks: Int64 = 576_000
    static let firstStamp: Int64 = 90_000

    var track: StreamTrack
    var ring = PacketRing()
    var elementary: [UInt8] = []
    private var counter = ContinuityCounter(15)

    init() {
        track = StreamTrack(
            .init(streamType: 0x0F, pid: PID(0x101), descriptors: []), programDescriptors: [])
    }

    /// 14496-3 §1.A.3: syncword, MPEG-4, LC, 48 kHz, stereo, no CRC.
    static func frame(_ number: Int) -> [UInt8] {
        let head: [UInt8] = [
            0xFF, 0xF1, 0x4C, 0x80, UInt8(frameBytes >> 3), UInt8(frameBytes & 7) << 5 | 0x1F, 0xFC,
        ]
        return head
            + (0..<(frameBytes - 7)).map { UInt8(truncatingIfNeeded: number * 7 + $0) & 0x7F }
    }

    /// - Parameter lost: the packet of this PES packet that does not arrive.
    mutating func addPES(_ number: Int, lost: Int? = nil) {
        let frames = (0..<Self.framesPerPES).flatMap { Self.frame(number * Self.framesPerPES + $0) }
        let stamp = Self.firstStamp + Int64(number * Self.framesPerPES) * 1920
        addPES(of: frames, stamp: stamp, lost: lost)
    }

    /// - Parameter count: packets behind so many have not come yet.
    /// - Parameter clock: the input's time when it comes, 90 kHz ticks.
    mutating func addPES(
        of frames: [UInt8], stamp: Int64, lost: Int? = nil, count packets: Int = .max,
        clock: Int64 = 90_000
    ) {
        let pes =
            PESHeader.bytes(
                streamID: 0xC0, presentation: Timestamp(wrapping: stamp), decoding: nil,
                payloadLength: frames.count, dataAlignment: true) + frames
        var at = 0
        var index = 0
        while at < pes.count {
            let count = min(184, pes.count - at)
            counter = counter.next
            var bytes = [UInt8](repeating: 0, count: 188)
            var span = bytes.mutableSpan
            let payload = PacketWriter.writeHeader(
                pid: PID(0x101), continuity: counter, startsUnit: at == 0, payloadCount: count,
                in: &span, at: 0)
            for offset in 0..<count { bytes[payload + offset] = pes[at + offset] }
            if index != lost && index < packets {
                arrive(bytes, StreamTime(ticks: clock * StreamTime.ticksPerTimestampTick))
            }
            at += count
            index += 1
        }
    }

    /// The next packet has the counter of the one so many before it.
    mutating func turnBackCounter(by packets: UInt8) {
        counter = ContinuityCounter(counter.rawValue &- packets)
    }

    private mutating func arrive(_ bytes: [UInt8], _ clock: StreamTime) {
        guard let header = PacketHeader(bytes.span) else { return }
        let isInterrupted = track.isInterrupted(by: header, bytes.span, at: 0, ring)
        guard track.admits(header, isInterrupted: isInterrupted) else { return }
        let kept = track.take(
            bytes.span, at: 0, header: header, number: ring.end, position: Int64(ring.end),
            clock: clock)
        if var note = kept {
            note.stream = 0
            note.time = Int64(ring.end) * 1000
            ring.append(bytes.span, at: 0, note: note)
            elementary += bytes[Int(note.elementaryOffset)...]
        }
    }

    func cut(from: Int64 = 0, until: Int64 = .max) -> StreamCut {
        StreamCut(slot: 0, stampShift: 0, from: from, until: until)
    }
}

@Suite struct RetentionTests {
    private func describe(_ retention: Retention) -> [Range<Int64>]? {
        switch retention {
        case .whole: nil
        case .nothing: []
        case .parts(let parts): parts
        }
    }

    private func stream(_ count: Int, lost: (pes: Int, packet: Int)? = nil) -> SoundStream {
        var stream = SoundStream()
        for number in 0..<count {
            stream.addPES(number, lost: lost?.pes == number ? lost?.packet : nil)
        }
        return stream
    }

    private var pesBytes: Int64 { Int64(SoundStream.frameBytes * SoundStream.framesPerPES) }

    @Test func anotherPacketWithTheSameCounterIsNoCopy() {
        var stream = self.stream(1)
        // An encoder that was switched off and on begins with the counter that it ended with.
        stream.addPES(of: SoundStream.frame(6), stamp: 101_520, count: 1)
        stream.turnBackCounter(by: 1)
        stream.addPES(of: SoundStream.frame(7), stamp: 103_440)
        #expect(stream.track.pes.count == 3)
        // The same once more is one.
        stream.turnBackCounter(by: 1)
        stream.addPES(of: SoundStream.frame(7), stamp: 103_440)
        #expect(stream.track.pes.count == 3)
    }

    @Test func framesAreFoundAndTimed() {
        let stream = self.stream(3)
        #expect(stream.track.units.count == 18 && stream.track.pes.count == 3)
        for number in 0..<18 {
            let unit = stream.track.units[number]
            #expect(unit.start == Int64(number * SoundStream.frameBytes))
            #expect(unit.presentation.ticks == (90_000 + Int64(number) * 1920) * 300)
            #expect(!unit.isDamaged && unit.isTimed && !unit.followsGap && !unit.isOpen)
        }
    }

    /// No stamp comes behind it that would tell.
    @Test(arguments: [324_000_000, 45_000, -45_000] as [Int64])
    func theLastStampOfAnInputLeadsNoFrameAway(off: Int64) throws {
        var stream = self.stream(3)
        stream.addPES(
            of: [18, 19, 20].flatMap { SoundStream.frame($0) },
            stamp: SoundStream.firstStamp + 18 * 1920 + off)
        stream.track.endEpoch(.whole)
        for number in 18..<21 {
            let unit = try #require(stream.track.unit(number))
            #expect(unit.presentation.ticks == (90_000 + Int64(number) * 1920) * 300)
        }
        #expect(stream.track.pes.last?.isRestamped == true)
    }

    /// The clock has gone on as far as the stamp: the sound has paused.
    @Test func theLastStampOfAnInputStaysWhereTheClockIs() {
        var stream = self.stream(3)
        let stamp = SoundStream.firstStamp + 18 * 1920 + 1_800_000
        stream.addPES(of: SoundStream.frame(18), stamp: stamp, clock: stamp - 20_000)
        stream.track.endEpoch(.whole)
        #expect(stream.track.unit(18)?.presentation.ticks == stamp * 300)
    }

    @Test func whatLiesInsideTheCutIsWhole() {
        let stream = self.stream(3)
        for number in 0..<3 {
            #expect(describe(stream.track.retention(of: number, stream.cut())) == nil)
        }
        #expect(describe(stream.track.retention(of: 1, stream.cut(from: pesBytes))) == nil)
        #expect(describe(stream.track.retention(of: 1, stream.cut(until: pesBytes * 2))) == nil)
    }

    @Test func whatLiesOutsideIsNothing() {
        let stream = self.stream(3)
        #expect(describe(stream.track.retention(of: 0, stream.cut(from: pesBytes))) == [])
        #expect(describe(stream.track.retention(of: 2, stream.cut(until: pesBytes * 2))) == [])
        #expect(describe(stream.track.retention(of: 1, stream.cut(from: 900, until: 700))) == [])
        #expect(describe(stream.track.retention(of: 1, .closed)) == [])
    }

    @Test func aCutInsideKeepsItsPart() {
        let stream = self.stream(3)
        let size = Int64(SoundStream.frameBytes)
        let cut = stream.cut(from: pesBytes + 2 * size, until: pesBytes + 5 * size)
        let kept = (pesBytes + 2 * size)..<(pesBytes + 5 * size)
        #expect(describe(stream.track.retention(of: 1, cut)) == [kept])
    }

    @Test func framesBeforeTheirTimeDoNotGoOut() {
        let stream = self.stream(2)
        var cut = stream.cut()
        cut.notBefore = StreamTime(ticks: (90_000 + 4 * 1920) * 300)
        let begin = 4 * Int64(SoundStream.frameBytes)
        #expect(describe(stream.track.retention(of: 0, cut)) == [begin..<pesBytes])
        #expect(describe(stream.track.retention(of: 1, cut)) == nil)
    }

    /// No frame that is not whole goes out, and no whole one is held back.
    @Test(arguments: 0..<4)
    func whereAPacketWasLostWholeFramesGoOut(packet: Int) {
        let stream = self.stream(3, lost: (1, packet))
        var kept: [UInt8] = []
        for number in stream.track.pes.indices {
            switch stream.track.retention(of: number, stream.cut()) {
            case .whole:
                let record = stream.track.pes[number]
                kept += stream.elementary[Int(record.elementaryStart)..<Int(record.elementaryEnd)]
            case .nothing: break
            case .parts(let parts):
                for part in parts {
                    kept += stream.elementary[Int(part.lowerBound)..<Int(part.upperBound)]
                }
            }
        }
        #expect(kept.count % SoundStream.frameBytes == 0)
        let frames = stride(from: 0, to: kept.count, by: SoundStream.frameBytes).map {
            Array(kept[$0..<min($0 + SoundStream.frameBytes, kept.count)])
        }
        let all = (0..<18).map(SoundStream.frame)
        let numbers = frames.compactMap { all.firstIndex(of: $0) }
        #expect(numbers.count == frames.count && numbers == numbers.sorted())
        #expect(Set(numbers).isSuperset(of: Array(0..<6) + Array(12..<18)))
    }

    /// What leaves with a header that tells of all frames must have them all.
    @Test func aPESPacketThatIsLeftBeforeItsEndIsMadeAnew() {
        var stream = self.stream(1)
        let frames = (6..<12).flatMap(SoundStream.frame)
        stream.addPES(of: frames, stamp: 101_520, count: 2)
        let come = pesBytes..<Int64(stream.elementary.count)
        let cut = stream.cut(until: come.upperBound)
        #expect(describe(stream.track.retention(of: 1, cut)) == [come])
        // Going on, it waits for the rest.
        #expect(stream.track.firstUnsettledPacket == stream.track.pes[1].firstPacket)
    }

    @Test func aFrameWhoseRestIsLostDoesNotGoOut() {
        var stream = SoundStream()
        let size = Int64(SoundStream.frameBytes)
        let frames = (0..<4).flatMap(SoundStream.frame)
        stream.addPES(of: Array(frames[..<230]), stamp: 90_000)
        stream.track.lose()
        #expect(stream.track.pes[0].state == .complete)
        #expect(describe(stream.track.retention(of: 0, stream.cut())) == [0..<(2 * size)])
    }

    /// Of sixteen packets that are lost the counter shows none; the silence tells where they were.
    @Test func whatGoesOnBehindALossDoesNotGoOut() {
        var stream = SoundStream()
        let size = Int64(SoundStream.frameBytes)
        stream.addPES(0)
        stream.addPES(1)
        stream.track.spoil(across: 2)
        // Two of its packets had come, with three whole frames.
        #expect(describe(stream.track.retention(of: 0, stream.cut())) == [0..<(3 * size)])
        #expect(stream.track.isDamaged(pes: 0, stream.cut()))
        #expect(describe(stream.track.retention(of: 1, stream.cut())) == nil)
        #expect(!stream.track.isDamaged(pes: 1, stream.cut()))
    }

    /// An encoder that was switched on, or on again, may go on with a frame whose begin never came.
    @Test func theRestOfAFrameThatBeganBeforeTheLineDoesNotGoOut() {
        var stream = SoundStream()
        let size = Int64(SoundStream.frameBytes)
        let frames = (0..<4).flatMap(SoundStream.frame)
        stream.addPES(of: Array(frames[30...]), stamp: 95_760)
        let first = (size - 30)..<(4 * size - 30)
        #expect(describe(stream.track.retention(of: 0, stream.cut())) == [first])
        stream.addPES(1)
        #expect(describe(stream.track.retention(of: 1, stream.cut())) == nil)
        stream.track.endEpoch(.whole)
        stream.addPES(of: Array(frames[40...]), stamp: 190_000)
        let begin = stream.track.pes[2].elementaryStart
        let whole = (begin + size - 40)..<(begin + 4 * size - 40)
        #expect(describe(stream.track.retention(of: 2, stream.cut())) == [whole])
    }

    @Test func aSeamBeforeTheLossPassesNoDamage() {
        var stream = SoundStream()
        let size = Int64(SoundStream.frameBytes)
        stream.addPES(of: (0..<6).flatMap(SoundStream.frame), stamp: 90_000, lost: 2)
        stream.addPES(1)
        #expect(stream.track.pes[0].state == .damaged)
        // Two packets came, with three whole frames.
        #expect(stream.track.isDamaged(pes: 0, stream.cut()))
        #expect(stream.track.isDamaged(pes: 0, stream.cut(until: 4 * size)))
        #expect(!stream.track.isDamaged(pes: 0, stream.cut(until: 3 * size)))
        #expect(stream.track.isDamaged(pes: 1, stream.cut()))
    }

    @Test func aHoleIsTakenOutOfParts() {
        let parts: [Range<Int64>] = [0..<10, 20..<30]
        #expect(Retention.subtract(3..<5, from: parts) == [0..<3, 5..<10, 20..<30])
        #expect(Retention.subtract(0..<10, from: parts) == [20..<30])
        #expect(Retention.subtract(5..<25, from: parts) == [0..<5, 25..<30])
        #expect(Retention.subtract(10..<20, from: parts) == parts)
        #expect(Retention.subtract(-5..<50, from: parts) == [])
    }

    // MARK: Made anew

    @Test func framesMadeAnewAreTheSameBytesWithTheirOwnTime() throws {
        var stream = self.stream(2)
        stream.addPES(2)
        let size = Int64(SoundStream.frameBytes)
        for (first, end) in [(Int64(0), Int64(1)), (1, 6), (2, 4), (5, 6), (0, 6)] {
            var cut = stream.cut()
            cut.stampShift = 1000
            let part = (pesBytes + first * size)..<(pesBytes + end * size)
            let packets = PESRemaker.packets(
                of: 1, parts: [part], stream: 0, stream.track, ring: stream.ring, cut: cut,
                shift: 300_000)
            var payload: [UInt8] = []
            for (index, packet) in packets.enumerated() {
                let header = try #require(readHeader(packet.bytes))
                // PID and counter are the output's, and are given when it leaves.
                #expect(header.pid == .null && header.startsUnit == (index == 0))
                #expect(!header.isMalformed && header.hasPayload && packet.slot == 0)
                payload += packet.bytes[Int(header.payloadOffset)...]
            }
            let times = packets.map(\.time)
            #expect(times == times.sorted())
            let source = stream.ring.packets(of: 0, stream.track, holding: part).first
            #expect(times.first == source.map { Int64($0) * 1000 + 300_000 })
            guard
                case .header(let header) = PESHeader.read(payload.span, from: 0, to: payload.count)
            else {
                Issue.record("no PES header")
                continue
            }
            let ticks = 90_000 + (6 + first) * 1920 + 1000
            #expect(header.presentation?.ticks == ticks)
            // Where the exact grid is to put its first frame.
            let audio = try #require(packets.first?.audio)
            #expect(audio.place.time == ticks * 300)
            #expect(packets.dropFirst().allSatisfy { $0.audio == nil })
            #expect(header.decoding == nil && header.streamID == 0xC0 && header.dataAlignment)
            let bytes = Array(payload[header.headerLength...])
            #expect(header.payloadLength == bytes.count)
            #expect(bytes == (first..<end).flatMap { SoundStream.frame(6 + Int($0)) })
        }
    }

    /// A seam may be put before what was made ahead, as long as nothing of it has left.
    @Test func whatWasMadeAnewIsTakenBackUnlessItHasBegunToLeave() {
        let stream = self.stream(3)
        let size = Int64(SoundStream.frameBytes)
        let packets = [1, 2].flatMap { number in
            let start = Int64(number) * pesBytes
            return PESRemaker.packets(
                of: number, parts: [(start + size)..<(start + 5 * size)], stream: 0, stream.track,
                ring: stream.ring, cut: stream.cut(), shift: 0)
        }
        let map = ProgramMap(
            program: 1, version: 0, clockPID: PID(0x101), descriptors: [], streams: [])
        var segment = Segment(
            input: 0, epoch: Epoch(number: 0, firstPacket: 0, map: map, streams: [0]), shift: 0,
            cursor: 0, cuts: [stream.cut()], sectionCursor: 0)
        segment.prepared = packets
        segment.preparedCursor = 1
        // Of the first of both one packet has left.
        let isTakenBack = [1, 2].map { segment.withdraw($0, of: 0) }
        #expect(isTakenBack == [false, true])
        let left = segment.prepared[segment.preparedCursor...].map(\.pes)
        #expect(!left.isEmpty && left.allSatisfy { $0 == 1 })
    }
}
