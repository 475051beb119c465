// The cutter on real encoders' streams: what its contract says, piece by piece.

import Packaging
import Testing
import TransportStream

@Suite struct StreamCutterTests {
    static let samples = [
        "h264-main", "h264-backup", "hevc-main", "hevc-backup", "mpeg2-main", "mpeg2-ac3-backup",
        "ntsc-main",
    ]

    @Test(arguments: samples)
    func thePiecesOneBehindTheOtherAreTheStreamAgain(_ name: String) throws {
        let stream = try Sample.bytes(name)
        let cut = Cut(stream, CutRule(seconds: 2))
        #expect(cut.pieces.count > 4)
        let before = mediaPIDs(stream)
        let after = packets(cut.pieces.flatMap(\.bytes))
        for (pid, all) in before {
            let kept = after[pid] ?? []
            // The first picture is where a decoder can start; what comes before is left out.
            #expect(kept == Array(all.suffix(kept.count)), "PID \(pid)")
            #expect(kept.count >= all.count - 40, "PID \(pid)")
        }
        // Counters of null packets say nothing.
        for (pid, all) in after where pid != 8191 {
            var last: UInt8?
            for packet in all where packet[3] & 0x10 != 0 {
                if let last { #expect(packet[3] & 15 == (last + 1) & 15, "PID \(pid)") }
                last = packet[3] & 15
            }
        }
    }

    @Test(arguments: samples)
    func aPieceBeginsWithItsTablesAndAWholePicture(_ name: String) throws {
        let stream = try Sample.bytes(name)
        let map = mapPID(stream)
        for piece in Cut(stream, CutRule(seconds: 1)).pieces {
            let pids = stride(from: 0, to: 3 * 188, by: 188).map {
                PacketHeader.pid(piece.bytes.span, at: $0).rawValue
            }
            #expect(pids[0] == 0 && pids[1] == map)
            let head = PacketHeader(piece.bytes.span, at: 376)
            let first = try #require(head)
            #expect(first.startsUnit && first.randomAccess)
            // Each stream begins with the begin of a PES packet.
            for (pid, all) in mediaPIDs(piece.bytes) {
                #expect(all[0][1] & 0x40 != 0, "PID \(pid)")
            }
        }
    }

    @Test(arguments: samples)
    func noPESPacketIsTorn(_ name: String) throws {
        for piece in Cut(try Sample.bytes(name), CutRule(seconds: 1)).pieces.dropLast() {
            for (pid, all) in mediaPIDs(piece.bytes) {
                var lacking = 0
                for packet in all {
                    let head = PacketHeader(packet.span)
                    let header = try #require(head)
                    let start = Int(header.payloadOffset)
                    if header.startsUnit {
                        #expect(lacking == 0, "PID \(pid)")
                        let told = Int(packet[start + 4]) << 8 | Int(packet[start + 5])
                        lacking = told == 0 ? 0 : 6 + told - (188 - start)
                    } else if lacking > 0 {
                        lacking -= 188 - start
                    }
                }
                #expect(lacking <= 0, "PID \(pid)")
            }
        }
    }

    @Test(arguments: samples)
    func durationsAddUpToTheDistanceOfTimeStamps(_ name: String) throws {
        let pieces = Cut(try Sample.bytes(name), CutRule(seconds: 1)).pieces
        for (one, next) in zip(pieces, pieces.dropFirst()) {
            // One of the samples wraps.
            let distance = (next.start.presentation.ticks - one.start.presentation.ticks)
                & ((1 << 33) - 1)
            #expect(one.end?.durationTicks == distance)
            #expect(next.start.isContinuous)
            #expect(one.end?.bytes == Int64(one.bytes.count))
        }
    }

    /// Wraps come every 26.5 hours.
    @Test func aWrapOfTheTimeStampsIsNotSeen() throws {
        var stream = try Sample.bytes("h264-main")
        let plain = Cut(stream, CutRule(seconds: 2)).pieces
        Sample.shift(&stream, by: (1 << 33) - 10 * 90_000)
        let wrapped = Cut(stream, CutRule(seconds: 2))
        #expect(wrapped.pieces.map { $0.end?.durationTicks } == plain.map { $0.end?.durationTicks })
        #expect(wrapped.breaks.isEmpty)
        let stamps = wrapped.pieces.map(\.start.presentation.ticks)
        #expect(stamps != stamps.sorted())
    }

    @Test func soundAloneIsCutAtItsFrames() throws {
        // Without its pictures, and without them in the PMT.
        var stream = try Sample.bytes("h264-main")
        var result: [UInt8] = []
        let map = mapPID(stream)
        let video = try #require(packets(stream).max { $0.value.count < $1.value.count }?.key)
        var assembler = SectionAssembler()
        for offset in stride(from: 0, to: stream.count, by: 188) {
            let head = PacketHeader(stream.span, at: offset)
            let header = try #require(head)
            if header.pid.rawValue == video { continue }
            if header.pid.rawValue == map {
                var map: ProgramMap?
                assembler.append(
                    stream.span, from: offset + Int(header.payloadOffset), to: offset + 188,
                    startsUnit: header.startsUnit
                ) { map = ProgramMap(section: $0) }
                map?.streams.removeAll { $0.pid.rawValue == video }
                var counter = ContinuityCounter(header.continuity.rawValue &- 1)
                let section = try #require(map).sectionBytes()
                SectionPacketizer.append(
                    section.span, pid: header.pid, continuity: &counter, to: &result)
                continue
            }
            result += stream[offset..<(offset + 188)]
        }
        stream = result
        let pieces = Cut(stream, CutRule(seconds: 2)).pieces
        #expect(pieces.count > 5)
        for piece in pieces.dropLast() {
            #expect(piece.seconds >= 1.9 && piece.seconds < 2.4, "\(piece.seconds)")
            #expect(piece.start.isIndependent)
        }
    }

    /// The samples have two seconds between their random access points, or less.
    @Test func noPieceIsLongerThanItsLimit() throws {
        let stream = try Sample.bytes("h264-main")
        let pieces = Cut(stream, CutRule(seconds: 3, limit: 3.5)).pieces
        #expect(pieces.allSatisfy { $0.seconds <= 3.5 })
        let short = Cut(stream, CutRule(seconds: 0.4, limit: 0.5)).pieces
        #expect(short.allSatisfy { $0.seconds <= 0.5 })
        #expect(short.contains { !$0.start.isIndependent })
        #expect(short.contains { $0.start.isIndependent })
    }

    /// A seam brings a random access point early, and the next one comes a whole group behind it.
    @Test func aPieceEndsEarlyWhereTheNextRandomAccessPointComesTooLate() throws {
        let stream = try Sample.bytes("h264-main")
        let whole = Cut(stream, CutRule(seconds: 1)).pieces
        // 0.52 s into the third group of two seconds the stream begins anew, in its own time.
        var second = whole[3...].flatMap(\.bytes)
        let head = whole[0].bytes + whole[1].bytes + whole[2].bytes.prefix(15_040)
        Sample.shift(&second, by: -133_200)
        let cut = Cut(head + second, CutRule(seconds: 2, limit: 2.49999)).pieces
        #expect(cut.allSatisfy { $0.start.isIndependent })
        #expect(cut.allSatisfy { $0.seconds < 2.5 })
    }

    @Test func aHoleInTheTimeLineEndsAPieceWhereThatIsWished() throws {
        var stream = try Sample.bytes("h264-main")
        let whole = Cut(stream, CutRule(seconds: 2)).pieces
        // Ten seconds more from the third piece on, as after a standstill.
        let place = whole[0].bytes.count / 188 + whole[1].bytes.count / 188
        let first = try #require(
            (place - 400..<place + 400).first { number in
                guard let header = PacketHeader(stream.span, at: number * 188),
                    header.randomAccess, header.startsUnit,
                    case .header(let head) = PESHeader.read(
                        stream.span, from: number * 188 + Int(header.payloadOffset),
                        to: number * 188 + 188)
                else { return false }
                return head.presentation == whole[2].start.presentation
            })
        Sample.shift(&stream, by: 900_000, from: first)
        var rule = CutRule(seconds: 3)
        rule.endsAtBreaks = true
        let cut = Cut(stream, rule)
        #expect(cut.breaks.count == 1)
        #expect(abs((cut.breaks.first?.ticks ?? 0) - 900_000) < 7200)
        let behind = cut.pieces.filter { !$0.start.isContinuous }
        #expect(behind.count == 2)
        #expect(
            behind.last?.start.presentation.ticks == whole[2].start.presentation.ticks + 900_000)
        #expect(cut.pieces.allSatisfy { $0.seconds < 6 })
        // A recording goes on, and tells.
        let recorded = Cut(stream, CutRule())
        #expect(recorded.pieces.count == 1 && recorded.breaks == cut.breaks.map { one in
            var one = one
            one.place.piece = 1
            one.place.byteOffset = recorded.breaks.first?.place.byteOffset ?? 0
            return one
        })
        let total = whole.reduce(0) { $0 + $1.seconds }
        #expect(abs(recorded.pieces[0].seconds - total) < 0.2)
    }

    @Test func afterALossThePieceEndsAndTheNextBeginsAtARandomAccessPoint() throws {
        let stream = try Sample.bytes("h264-main")
        var cutter = StreamCutter(CutRule())
        var cut = Cut([], CutRule())
        let half = stream.count / 376 * 188 + 57 * 188
        cutter.take(stream.span.extracting(0..<half), at: 0)
        cutter.interrupt()
        let rest = (half + 188 * 500)..<stream.count
        cutter.take(stream.span.extracting(rest), at: 0)
        cutter.finish()
        cut.take(&cutter)
        #expect(cut.pieces.count == 2)
        #expect(cut.pieces.allSatisfy { $0.end != nil })
        let bytes = cut.pieces[1].bytes
        let head = PacketHeader(bytes.span, at: 376)
        let first = try #require(head)
        #expect(first.startsUnit && first.randomAccess)
        #expect(!cut.pieces[1].start.isContinuous)
    }

    @Test func whatWasThereBeforeIsGoneOnWithWhereTheTimeIs() throws {
        let stream = try Sample.bytes("h264-main")
        let begin = Cut(stream, CutRule()).pieces[0].start.presentation
        for (offset, isContinuous) in [(0, true), (3600, true), (-90_000, false), (90_000, false)] {
            var cutter = StreamCutter(
                CutRule(), continuing: Timestamp(wrapping: begin.ticks + Int64(offset)))
            cutter.take(stream.span, at: 0)
            var cut = Cut([], CutRule())
            cut.take(&cutter)
            #expect(cut.pieces[0].start.isContinuous == isContinuous, "\(offset)")
        }
    }

    @Test func aTimeStampThatIsWaitedForIsToldWithItsPlace() throws {
        let stream = try Sample.bytes("h264-main")
        let pieces = Cut(stream, CutRule(seconds: 2)).pieces
        let stamp = pieces[3].start.presentation
        let cut = Cut(stream, CutRule(seconds: 4)) { $0.await(stamp, id: 7) }
        let place = try #require(cut.passed.first)
        #expect(cut.passed.count == 1 && place.id == 7 && place.place.presentation == stamp)
        let bytes = cut.pieces[place.place.piece - 1].bytes
        let head = PacketHeader(bytes.span, at: Int(place.place.byteOffset))
        let header = try #require(head)
        #expect(header.startsUnit && header.randomAccess)
    }

    @Test func otherStreamsBeginAPiece() throws {
        let one = try Sample.bytes("h264-main"), other = try Sample.bytes("hevc-main")
        let cut = Cut(one + other, CutRule())
        #expect(cut.pieces.count == 2)
        #expect(!cut.pieces[1].start.isContinuous)
    }

    /// A thousand streams that nobody would send.
    @Test func noBytesTrapIt() throws {
        let stream = Array(try Sample.bytes("h264-main").prefix(188 * 900))
        for seed in 0..<1000 {
            var random = Seeded(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
            var bytes = stream
            for _ in 0..<Int.random(in: 1...400, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(
                    in: .min ... .max, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<188, using: &random))
            var rule = CutRule(seconds: 0.2, limit: seed % 2 == 0 ? 0.3 : nil)
            rule.endsAtBreaks = seed % 3 == 0
            let cut = Cut(bytes, rule)
            let total = cut.pieces.reduce(0) { $0 + $1.bytes.count }
            #expect(total <= bytes.count + cut.pieces.count * 30 * 188, "seed \(seed)")
            #expect(cut.pieces.allSatisfy { $0.end != nil }, "seed \(seed)")
        }
    }
}

struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
