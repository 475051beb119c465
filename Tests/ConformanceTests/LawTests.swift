// Each law, broken once: exactly that breach is found. A clean stream has none.

import Conformance
import Testing
import TransportStream

func inspect(_ bytes: [UInt8], program: UInt16? = nil) -> ConformanceReport {
    var inspector = StreamInspector(options: InspectionOptions(program: program))
    inspector.inspect(bytes.span)
    return inspector.finish()
}

@Suite struct LawTests {
    private func names(_ report: ConformanceReport) -> [String] {
        report.brokenLaws.map { "\($0.law) \($0.name) x\($0.count)" }
    }

    private func expect(
        _ stream: TestStream, _ expected: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(names(inspect(stream.bytes())) == expected, sourceLocation: sourceLocation)
    }

    // MARK: - Clean

    @Test func cleanStreamBreaksNothing() {
        let report = inspect(TestStream().bytes())
        #expect(names(report) == [])
        #expect(report.isConformant)
        #expect(report.timingEvents.isEmpty)
        #expect(report.indicators.allSatisfy { $0.count == 0 && $0.notApplicable == nil })
        #expect(report.isConstantRate)
        #expect(report.meanRate == 2_000_000)
        #expect(report.streams.map(\.randomAccessPoints)[0] == 6)
        #expect(report.streams[0].reorderDepth == 1)
        #expect(report.streams[0].frameDurationTicks == 1_080_000)
        #expect(report.streams[0].steps.map(\.ticks) == [3_600])
    }

    @Test func openGroupsAndFractionalRateBreakNothing() {
        expect(TestStream(pictures: 3_000, frameTicks: 900_900, closed: false), [])
    }

    @Test func unevenSampleRateBreaksNothing() {
        expect(TestStream(pictures: 2_000, framesPerPES: 3, audioRate: 44_100), [])
    }

    @Test func wrapOfAllClocksBreaksNothing() {
        // One second before the PCR wraps; PTS and DTS wrap 300 ms before and after it.
        let wrap = ClockReference.modulus
        let report = inspect(TestStream(base: wrap - 27_000_000).bytes())
        #expect(names(report) == [])
        #expect(report.streams[0].firstPTS ?? 0 > Timestamp.modulus - 90_000)
        #expect(report.streams[0].lastPTS ?? .max < 1_000_000)
    }

    @Test func framesAcrossPESPacketsBreakNothing() {
        var stream = TestStream()
        // The first 50 bytes of each PES packet but the first move into the one before it: its
        // PTS is then that of the first frame that begins in it.
        let sound = stream.indices(TestStream.audioPID)
        for (earlier, later) in zip(sound, sound.dropFirst()) {
            let moved = stream.units[later].payload.prefix(50)
            stream.units[earlier].payload += moved
            stream.units[later].payload.removeFirst(50)
        }
        for index in sound.dropFirst() {
            stream.units[index].pts = stream.units[index].pts.map { $0 + 2_160 }
        }
        expect(stream, [])
    }

    @Test func daysWithSeveralWrapsAreOneTimeline() {
        // 55 hours with a PCR every 10 s: two wraps of the 33 bits.
        var bytes: [UInt8] = []
        var counters = (association: ContinuityCounter(15), map: ContinuityCounter(15))
        let table = ProgramAssociation(
            transportStreamID: 1, version: 0, entries: TestStream().entries)
        SectionPacketizer.append(
            table.sectionBytes().span, pid: .pat, continuity: &counters.association, to: &bytes)
        SectionPacketizer.append(
            TestStream.map().sectionBytes().span, pid: TestStream.mapPID,
            continuity: &counters.map, to: &bytes)
        for number in 0..<Int64(20_000) {
            let start = bytes.count
            bytes += [UInt8](repeating: 0, count: 188)
            var span = bytes.mutableSpan
            PacketWriter.writeClockPacket(
                pid: TestStream.clockPID, continuity: ContinuityCounter(0),
                clock: ClockReference(wrapping: number * 270_000_000), in: &span, at: start)
        }
        let report = inspect(bytes)
        let wanted: Int64 = 19_999 * 270_000_000
        #expect(report.durationTicks == wanted)
        #expect(report.clockReferences == 20_000)
        let broken = Set(report.brokenLaws.map(\.name))
        #expect(broken.isDisjoint(with: ["pcrOrder", "pcrJump", "pcrEnd"]))
        #expect(report.isConstantRate)
    }

    // MARK: - Law 1

    /// What comes in a burst at the end of a stream has no time that is known.
    @Test func aTableBehindTheLastClockReferenceIsNotLate() throws {
        var bytes = TestStream().bytes()
        let places = Array(stride(from: 0, to: bytes.count, by: 188))
        let last = try #require(places.last { bytes[$0 + 1] & 0x1F == 0 && bytes[$0 + 2] == 0 })
        var table = Array(bytes[last..<(last + 188)])
        table[3] = table[3] & 0xF0 | (table[3] &+ 1) & 0x0F
        let null = [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0xFF, count: 184)
        for _ in 0..<160 { bytes += null }
        let names = inspect(bytes + table).brokenLaws.map(\.name)
        #expect(!names.contains("patInterval"), "\(names)")
    }

    @Test func lateAssociation() {
        var stream = TestStream()
        stream.associationInterval = 120 * TestStream.millisecond
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name) == ["patInterval"])
        #expect(report.count(.association) == 0)
    }

    @Test func veryLateProgramMap() {
        var stream = TestStream()
        stream.mapInterval = 600 * TestStream.millisecond
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name) == ["pmtInterval"])
        #expect(report.count(.programMap) > 0)
    }

    @Test func twoPrograms() {
        var stream = TestStream()
        stream.entries.append(.init(program: 2, pid: PID(0x200)))
        expect(stream, ["1 programCount x1"])
    }

    @Test func mapVersionMovesForTheSameCodecs() {
        var stream = TestStream()
        stream.maps.append((27_000_000, TestStream.map(version: 1)))
        expect(stream, ["1 pmtVersionChanged x1"])
    }

    @Test func mapChangesWithoutVersion() {
        var stream = TestStream()
        var map = TestStream.map()
        map.streams[1].descriptors = [0x0A, 4, 0x64, 0x65, 0x75, 0]
        stream.maps.append((27_000_000, map))
        expect(stream, ["1 pmtContentChanged x1"])
    }

    @Test func otherCodecsAreNoBreach() {
        var stream = TestStream()
        let text = ProgramMap.Stream(streamType: 0x06, pid: PID(0x130), descriptors: [])
        stream.maps.append((27_000_000, TestStream.map(version: 1, extra: [text])))
        let report = inspect(stream.bytes())
        #expect(names(report) == [])
        #expect(report.formatChanges == 1)
    }

    @Test func clockMovesToAnotherPID() {
        var stream = TestStream()
        stream.maps.append((27_000_000, TestStream.map(version: 1, clock: PID(0x102))))
        let found = inspect(stream.bytes()).brokenLaws.map(\.name)
        #expect(found.contains("pcrPIDChanged"))
        // PCRs on the new PID before the PMT that names it do not count yet.
        #expect(Set(found).subtracting(["pcrPIDChanged", "pcrInterval"]).isEmpty)
    }

    @Test func streamMovesToAnotherPID() {
        var stream = TestStream()
        stream.maps.append((27_000_000, TestStream.map(version: 1, audio: PID(0x121))))
        expect(stream, ["1 streamPIDChanged x1"])
    }

    @Test func wrongChecksum() {
        var bytes = TestStream().bytes()
        let offsets = packetOffsets(bytes, TestStream.mapPID)
        bytes[offsets[5] + 15] ^= 0x10
        let report = inspect(bytes)
        // The damaged one does not count as sent: 160 ms without a PMT.
        #expect(names(report) == ["1 psiCRC x1", "1 pmtInterval x1"])
        #expect(report.count(.checksum) == 1)
    }

    // MARK: - Law 2

    @Test func missingPacket() {
        var bytes = TestStream().bytes()
        let offsets = packetOffsets(bytes, TestStream.videoPID)
        // The middle of a picture, in whose place comes a null packet.
        let victim = offsets[101]
        #expect(bytes[victim + 1] & 0x40 == 0)
        bytes[victim + 1] = 0x1F
        bytes[victim + 2] = 0xFF
        let report = inspect(bytes)
        #expect(names(report) == ["2 continuity x1"])
        #expect(report.count(.continuity) == 1)
        #expect(report.brokenLaws.first?.pid == TestStream.videoPID)
        #expect(report.brokenLaws.first?.first.byteOffset == Int64(offsets[102]))
    }

    @Test func discontinuityIndicator() {
        var bytes = TestStream().bytes()
        bytes[packetOffsets(bytes, TestStream.clockPID)[10] + 5] |= 0x80
        #expect(names(inspect(bytes)) == ["2 discontinuityIndicator x1"])
    }

    @Test func legalDuplicateIsNoBreach() throws {
        var bytes = TestStream().bytes()
        let victim = packetOffsets(bytes, TestStream.videoPID)[101]
        let null = try #require(packetOffsets(bytes, .null).first { $0 > victim })
        // The copy goes into the very next slot; what was there moves on, over a null packet.
        let copy = Array(bytes[victim..<(victim + 188)])
        let moved = Array(bytes[(victim + 188)..<null])
        bytes.replaceSubrange((victim + 188)..<(null + 188), with: copy + moved)
        let report = inspect(bytes)
        #expect(report.duplicatePackets == 1)
        #expect(report.count(.continuity) == 0)
        #expect(report.brokenLaws.map(\.law) == [])
    }

    // MARK: - Law 3

    @Test func lazyClock() {
        var stream = TestStream()
        stream.clockInterval = 60 * TestStream.millisecond
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name) == ["pcrInterval"])
        #expect(report.count(.clockRepetitionDVB) > 40)
        #expect(report.count(.clockRepetition) == 0)
    }

    @Test func clockGoesBack() {
        var stream = TestStream()
        stream.clockError = { $0 < 27_000_000 ? 0 : -50 * 27_000 }
        expect(stream, ["3 pcrOrder x1"])
    }

    @Test func clockJumps() {
        var stream = TestStream(lead: 900)
        for index in stream.indices(TestStream.audioPID) {
            stream.units[index].pts = stream.units[index].pts.map { $0 + 63_000 }
        }
        stream.clockError = { $0 < 27_000_000 ? 0 : 600 * 27_000 }
        expect(stream, ["3 pcrJump x1"])
    }

    @Test func noClock() {
        var stream = TestStream()
        stream.maps = [(0, TestStream.map(clock: PID(0x1FFF)))]
        expect(stream, ["3 noPCR x1"])
    }

    @Test func inaccurateClock() {
        var stream = TestStream()
        // 27 ticks are 1,000 ns: one PCR in five.
        stream.clockError = { ($0 / TestStream.slotTicks) % 5 == 0 ? 27 : 0 }
        let report = inspect(stream.bytes())
        #expect(report.isConstantRate)
        #expect(report.count(.clockAccuracy) > 0)
        #expect(report.worstClockErrorNanoseconds ?? 0 >= 700)
    }
}
