// The counters of TR 101 290, each raised by the damage that it is for, and the honest answers to
// streams that have nothing to judge.

import Conformance
import Testing
import TransportStream

@Suite struct IndicatorTests {
    /// The counters that are not 0, but for those named.
    private func raised(
        _ report: ConformanceReport, but ignored: Set<Indicator> = []
    ) -> [Indicator: Int64] {
        var result: [Indicator: Int64] = [:]
        for entry in report.indicators where entry.count > 0 && !ignored.contains(entry.indicator) {
            result[entry.indicator] = entry.count
        }
        return result
    }

    @Test func oneWrongSyncByte() {
        var bytes = TestStream().bytes()
        let victim = packetOffsets(bytes, .null)[20]
        bytes[victim] = 0x48
        let report = inspect(bytes)
        #expect(raised(report) == [.syncByte: 1])
        #expect(report.garbageBytes == 188)
        #expect(report.isConformant)
    }

    @Test func garbageEndsTheSynchronisation() {
        var bytes = TestStream().bytes()
        let place = packetOffsets(bytes, .null)[20]
        bytes.insert(contentsOf: [UInt8](repeating: 0x11, count: 50), at: place)
        let report = inspect(bytes)
        #expect(raised(report) == [.syncLoss: 1])
        #expect(report.garbageBytes == 50)
        let first = report.indicators.first { $0.indicator == .syncLoss }?.first
        #expect(first?.byteOffset == Int64(place + 50))
    }

    @Test func transportErrorSaysNothingElse() {
        var bytes = TestStream().bytes()
        bytes[packetOffsets(bytes, .null)[20] + 1] |= 0x80
        #expect(raised(inspect(bytes)) == [.transportError: 1])
    }

    @Test func foreignTableOnPIDZero() {
        var bytes = TestStream().bytes()
        let victim = packetOffsets(bytes, .pat)[5]
        var map = TestStream.map().sectionBytes()
        map += [UInt8](repeating: 0xFF, count: 183 - map.count)
        bytes.replaceSubrange((victim + 5)..<(victim + 188), with: map)
        #expect(raised(inspect(bytes)) == [.association: 1])
    }

    @Test func lateTables() {
        var stream = TestStream()
        stream.associationInterval = 700 * TestStream.millisecond
        let report = inspect(stream.bytes())
        #expect(raised(report) == [.association: 4])
    }

    @Test func pidFallsSilent() {
        var stream = TestStream(pictures: 250)
        let start = stream.base + 2 * 27_000_000
        stream.units.removeAll { $0.pid == TestStream.audioPID && $0.sendTime > start }
        let report = inspect(stream.bytes())
        #expect(raised(report) == [.absentPID: 1])
        let entry = report.indicators.first { $0.indicator == .absentPID }
        #expect(entry?.pid == TestStream.audioPID)
        let seconds = (entry?.first?.elapsedTicks ?? 0) / 27_000_000
        #expect(seconds >= 6 && seconds <= 7)
    }

    @Test func silenceLimitIsAChoice() {
        var stream = TestStream(pictures: 250)
        let start = stream.base + 2 * 27_000_000
        stream.units.removeAll { $0.pid == TestStream.audioPID && $0.sendTime > start }
        var inspector = StreamInspector(
            options: InspectionOptions(absenceLimitMilliseconds: 20_000))
        inspector.inspect(stream.bytes().span)
        #expect(inspector.finish().count(.absentPID) == 0)
    }

    @Test func rarePTS() {
        // 35 frames of 24 ms in one PES packet.
        let report = inspect(TestStream(pictures: 150, framesPerPES: 35).bytes())
        #expect(report.count(.presentation) >= 5)
    }

    @Test func clockJumpWithoutIndicator() {
        var stream = TestStream()
        stream.clockError = { $0 < 27_000_000 ? 0 : -50 * 27_000 }
        #expect(inspect(stream.bytes()).count(.clockDiscontinuity) == 1)
    }

    @Test func announcedClockJump() {
        var stream = TestStream()
        stream.clockError = { $0 < 27_000_000 ? 0 : -50 * 27_000 }
        var bytes = stream.bytes()
        for offset in packetOffsets(bytes, TestStream.clockPID) { bytes[offset + 5] |= 0x80 }
        let report = inspect(bytes)
        #expect(report.count(.clockDiscontinuity) == 0)
        #expect(report.brokenLaws.contains { $0.name == "discontinuityIndicator" })
    }

    @Test func scrambledWithoutAccessTable() {
        var bytes = TestStream().bytes()
        for offset in packetOffsets(bytes, TestStream.audioPID) { bytes[offset + 3] |= 0x80 }
        let report = inspect(bytes)
        #expect(raised(report) == [.conditionalAccess: 1])
        #expect(report.isConformant)
        #expect(report.streams[1].accessUnits == 0)
        #expect(report.streams[1].scrambledPackets == report.streams[1].packets)
    }

    // MARK: - Nothing to judge

    @Test func emptyInput() {
        let report = inspect([])
        #expect(report.packets == 0)
        #expect(report.brokenLaws.map(\.name) == ["noPAT"])
        #expect(report.packetSize == nil)
    }

    @Test func nothingButNullPackets() {
        var bytes = [UInt8](repeating: 0, count: 188 * 20)
        var span = bytes.mutableSpan
        for index in 0..<20 { PacketWriter.writeNull(in: &span, at: index * 188) }
        let report = inspect(bytes)
        #expect(report.nullPackets == 20)
        #expect(report.brokenLaws.map(\.name) == ["noPAT"])
    }

    @Test func programThatIsNotThere() {
        let report = inspect(TestStream().bytes(), program: 7)
        #expect(report.program == nil)
        #expect(report.brokenLaws.map(\.name) == ["noPMT"])
    }

    @Test func chosenProgram() {
        var stream = TestStream()
        stream.entries.insert(.init(program: 9, pid: PID(0x300)), at: 0)
        #expect(inspect(stream.bytes()).program == 9)
        let report = inspect(stream.bytes(), program: 1)
        #expect(report.program == 1)
        #expect(report.brokenLaws.map(\.name) == ["programCount"])
    }

    @Test func other204And192BytePacketsJudgeTheSame() {
        let plain = TestStream().bytes()
        for (front, back) in [(4, 0), (0, 16)] {
            var wide: [UInt8] = []
            for start in stride(from: 0, to: plain.count, by: 188) {
                wide += [UInt8](repeating: 0x12, count: front) + plain[start..<(start + 188)]
                wide += [UInt8](repeating: 0x34, count: back)
            }
            let report = inspect(wide)
            #expect(report.packetSize == 188 + front + back)
            #expect(report.isConformant)
            #expect(report.meanRate == 2_000_000)
        }
    }
}
