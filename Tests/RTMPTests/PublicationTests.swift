// From messages to a transport stream, judged by the checker, which knows the standards only.

import Conformance
import Foundation
import Testing
import TransportStream

@testable import RTMP

/// A muxed publication.
struct Muxed {
    var publication = Publication()
    var muxer = TransportMuxer()
    var bytes: [UInt8] = []

    mutating func take(_ kind: MediaMessage.Kind, _ milliseconds: UInt32, _ payload: [UInt8]) {
        publication.take(
            MediaMessage(kind: kind, milliseconds: milliseconds, payload: payload), into: &muxer)
        drain()
    }

    mutating func drain() {
        muxer.drain { packets in for index in packets.indices { bytes.append(packets[index]) } }
    }

    /// Pictures I B P and sound at 48 kHz, in the order of their times from `start` on.
    /// - Parameter soundBehind: sound comes so many milliseconds after the pictures of its time.
    mutating func play(
        seconds: Int, from start: UInt32 = 0, frame: Int64 = 40_000, hasPictures: Bool = true,
        hasSound: Bool = true, soundBehind: Int64 = 0
    ) {
        var (picture, sound) = (Int64(0), Int64(0))
        while true {
            let (shown, heard) = (picture * frame / 1000, sound * 1024 / 48)
            guard min(shown, heard + soundBehind) < Int64(seconds * 1000) else { return }
            if shown <= heard + soundBehind {
                // I P B P B … P: each P but the last is shown two pictures later.
                let step = picture % 50
                let ahead: Int64 = step == 0 || step == 49 ? 1 : step % 2 == 1 ? 2 : 0
                if hasPictures {
                    take(
                        .video, start &+ UInt32(shown),
                        TestPublisher.picture(
                            isKey: step == 0,
                            composition: Int32((picture + ahead) * frame / 1000 - shown),
                            filler: step == 0 ? 20_000 : 2000))
                }
                picture += 1
            } else {
                if hasSound { take(.audio, start &+ UInt32(heard), TestPublisher.frame()) }
                sound += 1
            }
        }
    }

    var report: ConformanceReport {
        var inspector = StreamInspector()
        inspector.inspect(bytes.span)
        return inspector.finish()
    }

    /// PCRs that are said to have nothing to do with those before.
    var brokenClocks: Int {
        stride(from: 0, to: bytes.count, by: Packet.size).count { at in
            guard let header = PacketHeader(bytes.span, at: at) else { return false }
            return header.clockReference != nil && header.discontinuity
        }
    }

    /// DTS (or PTS) steps of a PID, and its bytes behind the PES headers.
    func units(_ pid: PID) -> [(presentation: Int64, decoding: Int64)] {
        var result: [(Int64, Int64)] = []
        for at in stride(from: 0, to: bytes.count, by: Packet.size) {
            guard let header = PacketHeader(bytes.span, at: at), header.pid == pid,
                header.startsUnit,
                case .header(let pes) = PESHeader.read(
                    bytes.span, from: at + Int(header.payloadOffset), to: at + Packet.size)
            else { continue }
            let presentation = pes.presentation?.ticks ?? -1
            result.append((presentation, pes.decoding?.ticks ?? presentation))
        }
        return result
    }
}

@Suite struct PublicationTests {
    private let video = PID(0x100)
    private let audio = PID(0x101)

    private func begun(_ configuration: [UInt8]? = TestPublisher.configuration25) -> Muxed {
        var muxed = Muxed()
        if let configuration { muxed.take(.video, 0, configuration) }
        muxed.take(.audio, 0, TestPublisher.sound48)
        return muxed
    }

    private func complaints(_ report: ConformanceReport) -> String {
        report.isConformant ? "" : report.table
    }

    @Test func picturesAndSoundMakeAStreamWithoutAFault() {
        var muxed = begun()
        muxed.play(seconds: 10)
        #expect(complaints(muxed.report) == "")
        let pictures = muxed.units(video)
        #expect(pictures.count == 250)
        #expect(zip(pictures, pictures.dropFirst()).allSatisfy { $1.1 - $0.1 == 3600 })
        #expect(pictures.allSatisfy { ($0.presentation - $0.decoding) % 3600 == 0 })
        let frames = muxed.units(audio)
        #expect(frames.count == 469)
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $1.0 - $0.0 == 1920 })
        // Both began at 0, and nothing was moved against each other.
        #expect(pictures.first?.decoding == frames.first?.presentation)
    }

    @Test func aRateOfThreeDecimalsIsExact() {
        var muxed = begun(TestPublisher.configuration2997)
        muxed.play(seconds: 10, frame: 33_366)
        #expect(complaints(muxed.report) == "")
        let pictures = muxed.units(video)
        #expect(zip(pictures, pictures.dropFirst()).allSatisfy { $1.1 - $0.1 == 3003 })
    }

    @Test(arguments: [true, false])
    func aPublisherOfOnlyPicturesOrOnlySoundMakesAStream(hasPictures: Bool) {
        var muxed = Muxed()
        if hasPictures { muxed.take(.video, 0, TestPublisher.configuration25) } else {
            muxed.take(.audio, 0, TestPublisher.sound48)
        }
        muxed.play(seconds: 8, hasPictures: hasPictures, hasSound: !hasPictures)
        #expect(complaints(muxed.report) == "")
        #expect(muxed.units(hasPictures ? video : audio).count == (hasPictures ? 200 : 375))
    }

    @Test func sequencesBeginWithADelimiterAndTheirParameterSets() {
        var muxed = begun()
        muxed.play(seconds: 3)
        var starts: [[UInt8]] = []
        for at in stride(from: 0, to: muxed.bytes.count, by: Packet.size) {
            guard let header = PacketHeader(muxed.bytes.span, at: at), header.pid == video,
                header.startsUnit
            else { continue }
            let payload = at + Int(header.payloadOffset)
            let stream = payload + 9 + Int(muxed.bytes[payload + 8])
            starts.append(Array(muxed.bytes[stream..<min(stream + 44, at + Packet.size)]))
            #expect(header.randomAccess == (starts.count % 50 == 1))
        }
        let delimiter = bytes("00000001 09f0")
        let key = delimiter + [0, 0, 0, 1] + TestPublisher.sequenceSet25 + [0, 0, 0, 1]
            + TestPublisher.pictureSet + bytes("00000001 65")
        for (index, start) in starts.enumerated() {
            let wanted = index % 50 == 0 ? key : delimiter + bytes("00000001 41 9a84")
            #expect(start.starts(with: wanted), "picture \(index): \(hex(start))")
        }
    }

    @Test func timesGoOnWhereThirtyTwoBitsEnd() {
        var muxed = begun()
        muxed.play(seconds: 10, from: UInt32.max - 4999)
        #expect(complaints(muxed.report) == "")
        #expect(muxed.units(video).count == 250)
    }

    @Test func anEncoderThatBeginsAgainBreaksTheLineOnce() {
        var muxed = begun()
        muxed.play(seconds: 5, from: 3_600_000)
        let first = muxed.bytes.count
        muxed.play(seconds: 5, from: 0)
        let clocks = stride(from: 0, to: muxed.bytes.count, by: Packet.size).compactMap {
            at -> (at: Int, clock: Int64, isBroken: Bool)? in
            guard let header = PacketHeader(muxed.bytes.span, at: at),
                let clock = header.clockReference
            else { return nil }
            return (at, clock.ticks, header.discontinuity)
        }
        let steps = zip(clocks, clocks.dropFirst()).filter { $1.clock < $0.clock }
        #expect(steps.count == 1)
        #expect(steps.first.map { $0.1.at >= first && $0.1.isBroken } == true)
        #expect(clocks.filter(\.isBroken).count == 1)
        // Everything else is as it has to be: counters go on.
        let counters = muxed.report.table.split(separator: "\n").filter {
            $0.contains("Continuity_count_error")
        }
        #expect(counters.allSatisfy { $0.contains(" 0") }, "\(counters)")
    }

    @Test func anotherPublisherGoesOnWithTheCounters() {
        var muxed = begun()
        muxed.play(seconds: 3)
        muxed.muxer.begin()
        muxed.publication = Publication()
        muxed.take(.video, 0, TestPublisher.configuration25)
        muxed.take(.audio, 0, TestPublisher.sound48)
        muxed.play(seconds: 3)
        let line = muxed.report.table.split(separator: "\n").first {
            $0.contains("Continuity_count_error")
        }
        #expect(line?.split(separator: " ").last == "0")
        #expect(muxed.units(video).count == 150)
    }

    /// Sound 400 ms behind the pictures on the wire, as of an encoder that buffers it.
    @Test(arguments: [400, 1200])
    func soundThatComesLateIsThereInTime(milliseconds: Int) {
        var muxed = begun()
        var late: [(UInt32, [UInt8])] = []
        for index in 0..<500 {
            let time = UInt32(index * 40)
            muxed.take(.video, time, TestPublisher.picture(isKey: index % 50 == 0))
            late.append((time, TestPublisher.frame(index % 7 + 100)))
            late.append((time + 21, TestPublisher.frame()))
            while let first = late.first, first.0 + UInt32(milliseconds) <= time {
                muxed.take(.audio, first.0, first.1)
                late.removeFirst()
            }
        }
        #expect(muxed.publication.takeComplaints() == [])
        let early = muxed.report.table
        #expect(!early.contains("lateUnit"), "\(early)")
    }

    @Test(arguments: [1600, 2000, 2900])
    func soundFarBehindThePicturesGoesOnTheAirWithoutABreak(milliseconds: Int64) {
        var muxed = begun()
        muxed.play(seconds: 20, soundBehind: milliseconds)
        #expect(muxed.publication.takeComplaints() == [])
        #expect(muxed.brokenClocks == 0)
        let table = muxed.report.table
        #expect(!table.contains("lateUnit"), "\(table)")
        let (pictures, frames) = (muxed.units(video), muxed.units(audio))
        #expect(pictures.count == 500)
        #expect(frames.count == (Int(20_000 - milliseconds) * 48 + 1023) / 1024)
        // The stamps of the pictures make one step when the sound is there, and no other.
        let steps = zip(pictures, pictures.dropFirst()).map { $1.decoding - $0.decoding }
        #expect(steps.count { $0 != 3600 } == 1, "\(steps)")
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $1.0 - $0.0 == 1920 })
    }

    @Test(arguments: [5000, -12_000])
    func soundOfAnotherTimeIsLeftOutAndTheLineIsThePictures(behind: Int64) {
        var muxed = begun()
        // Told apart by its time only, whichever comes first.
        for index in 0..<500 {
            muxed.take(
                .video, UInt32(20_000 + index * 40), TestPublisher.picture(isKey: index % 50 == 0))
            muxed.take(
                .audio, UInt32(20_000 + Int64(index * 40) - behind), TestPublisher.frame())
        }
        #expect(
            muxed.publication.takeComplaints() == [
                "sound far from the pictures' time (3 s behind, 10 s ahead) is left out"
            ])
        #expect(muxed.brokenClocks == 0)
        let pictures = muxed.units(video)
        #expect(pictures.count == 500 && muxed.units(audio).isEmpty)
        #expect(zip(pictures, pictures.dropFirst()).allSatisfy { $1.1 - $0.1 == 3600 })
    }

    @Test func anEncoderThatBeginsAgainBeforeItsSoundDoesBreaksTheLineOnce() {
        var muxed = begun()
        // When it is sent, and what it says: sound is 2 s behind when the pictures begin again.
        var sent: [(at: Int, kind: MediaMessage.Kind, says: Int)] = []
        for (start, says) in [(0, 60_000), (6000, 0)] {
            for index in 0..<150 {
                sent.append((start + index * 40, .video, says + index * 40))
                sent.append((start + index * 40 + 2001, .audio, says + index * 40))
            }
        }
        for message in sent.sorted(by: { $0.at < $1.at }) {
            let isVideo = message.kind == .video
            muxed.take(
                message.kind, UInt32(message.says),
                isVideo ? TestPublisher.picture(isKey: message.says % 2000 == 0)
                    : TestPublisher.frame())
        }
        #expect(muxed.brokenClocks == 1)
        #expect(muxed.units(video).count == 300)
        #expect(
            muxed.publication.takeComplaints() == [
                "sound far from the pictures' time (3 s behind, 10 s ahead) is left out"
            ])
    }

    @Test func slicesInMessagesOfTheirOwnAreOnePicture() {
        var muxed = begun()
        for index in 0..<100 {
            let isKey = index % 25 == 0
            muxed.take(.video, UInt32(index * 40), TestPublisher.picture(isKey: isKey))
            // first_mb_in_slice 1: 010…
            let slice = bytes(isKey ? "1701000000" : "2701000000")
                + bytes(isKey ? "00000004 65 40 84 00" : "00000004 41 40 84 00")
            muxed.take(.video, UInt32(index * 40), slice)
            muxed.take(.audio, UInt32(index * 40), TestPublisher.frame())
        }
        #expect(muxed.units(video).count == 100)
        #expect(muxed.report.table.contains("0x100  H.264"))
    }

    /// Enhanced RTMP; the parameter sets are x265's.
    @Test func picturesOfHEVCGoOnTheAirAsTheyAre() {
        let head = bytes("01 01 60000000 900000000000 1e f000 fc fd f8 f8 0000 0f 03")
        let sets = bytes(
            """
            20 0001 0018 40010c01ffff01600000030090000003000003001e959809
            21 0001 0029 42010101600000030090000003000003001ea02083165959ae4caf01680800000300
            0800000300c840 22 0001 0007 4401c173d08927
            """)
        var muxed = Muxed()
        muxed.take(.video, 0, bytes("90 68766331") + head + sets)
        muxed.take(.audio, 0, TestPublisher.sound48)
        for index in 0..<100 {
            let isKey = index % 25 == 0
            // IDR_W_RADL, TRAIL_R: first_slice_segment_in_pic_flag is set in both.
            let unit = bytes(isKey ? "2601 af1c" : "0201 d0") + [UInt8](repeating: 0x5A, count: 200)
            var tag = bytes(isKey ? "91 68766331 000000" : "a3 68766331")
            tag.append(bigEndian: UInt32(unit.count), count: 4)
            muxed.take(.video, UInt32(index * 40), tag + unit)
            muxed.take(.audio, UInt32(index * 40), TestPublisher.frame())
        }
        let table = muxed.report.table.split(separator: "\n").first { $0.hasPrefix("0x100") }
        let row = String(table ?? "")
        #expect(row.contains("HEVC") && row.contains(" 100  "), "\(row)")
        let pictures = muxed.units(video)
        let steps = zip(pictures, pictures.dropFirst()).map { $1.decoding - $0.decoding }
        #expect(steps.count == 99 && steps.allSatisfy { $0 == 3600 })
        // A delimiter, then VPS, SPS and PPS before each IDR picture.
        let begin = hex(bytes("00000001 460150 00000001 40010c01"))
        #expect(hex(muxed.bytes).components(separatedBy: begin).count == 5)
    }

    @Test func whatCanNotGoOnTheAirIsToldOnce() {
        var muxed = Muxed()
        for index in 0..<50 {
            muxed.take(.video, UInt32(index), bytes("22 00 00"))
            muxed.take(.audio, UInt32(index), bytes("2f ff fb"))
        }
        #expect(
            muxed.publication.takeComplaints() == [
                "Sorenson H.263 is not taken: H.264 or HEVC is expected",
                "MP3 is not taken: AAC is expected",
            ])
        #expect(muxed.publication.takeComplaints() == [])
        #expect(muxed.bytes.isEmpty)
    }
}
