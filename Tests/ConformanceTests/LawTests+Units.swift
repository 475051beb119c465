// Laws 4, 6, 7 and 8: the times and the wholeness of access units.

import Conformance
import Testing
import TransportStream

@Suite struct AccessUnitLawTests {
    private func names(_ stream: TestStream) -> [String] {
        inspect(stream.bytes()).brokenLaws.map { "\($0.law) \($0.name) x\($0.count)" }
    }

    // MARK: - Law 4

    @Test func decodingTimeStands() {
        var stream = TestStream()
        let video = stream.indices(TestStream.videoPID)
        // A P picture behind two B pictures: its DTS becomes that of the second one.
        stream.units[video[4]].dts = stream.units[video[3]].pts
        #expect(names(stream) == ["4 dtsOrder x1"])
    }

    @Test func soundStepsOneTickTooFar() {
        var stream = TestStream()
        for index in stream.indices(TestStream.audioPID).dropFirst(10) {
            stream.units[index].pts = stream.units[index].pts.map { $0 + 1 }
        }
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name) == ["audioStep"])
        #expect(report.timingEvents.map(\.deviationTicks) == [1])
    }

    @Test func soundFrameMissing() {
        var stream = TestStream()
        let sound = stream.indices(TestStream.audioPID)
        stream.units[sound[7]].payload.removeFirst(192)
        stream.units[sound[7]].pts = stream.units[sound[7]].pts.map { $0 + 2_160 }
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name) == ["audioStep"])
        #expect(report.timingEvents.map(\.frames) == [1])
    }

    @Test func oneMissingPictureIsToleratedAndListed() {
        var stream = TestStream()
        stream.units.remove(at: stream.indices(TestStream.videoPID)[30])
        let report = inspect(stream.bytes())
        #expect(report.isConformant)
        #expect(report.timingEvents.map(\.frames) == [1])
        #expect(report.timingEvents.map(\.isTolerated) == [true])
    }

    @Test func asManyMissingPicturesAsAreReorderedAreTolerated() {
        var stream = TestStream()
        let video = stream.indices(TestStream.videoPID)
        // Both B pictures between two P pictures: what a seam in front of the P may cost.
        stream.units.removeSubrange(video[38]...video[39])
        let report = inspect(stream.bytes())
        #expect(report.isConformant)
        #expect(report.timingEvents.map(\.frames) == [2])
    }

    @Test func gapBeyondWhatIsReordered() {
        var stream = TestStream()
        let video = stream.indices(TestStream.videoPID)
        // A P picture and both B pictures shown before it.
        for index in video[37...39].reversed() { stream.units.remove(at: index) }
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map { "\($0.law) \($0.name)" } == ["4 videoGap"])
        #expect(report.timingEvents.map(\.frames) == [3])
    }

    @Test func repeatedPicture() {
        var stream = TestStream()
        let video = stream.indices(TestStream.videoPID)
        // The PTS of the second of two B pictures becomes that of the first.
        let first = stream.units[video[38]].pts
        stream.units[video[39]].dts = first.map { $0 + 1 }
        stream.units[video[39]].pts = first.map { $0 + 1 }
        let report = inspect(stream.bytes())
        #expect(report.brokenLaws.map(\.name).contains("videoOverlap"))
    }

    @Test func timelineMovesByAQuarterOfAFrame() {
        var stream = TestStream()
        for index in stream.indices(TestStream.videoPID).dropFirst(36) {
            stream.units[index].pts = stream.units[index].pts.map { $0 + 900 }
            stream.units[index].dts = stream.units[index].dts.map { $0 + 900 }
        }
        #expect(names(stream) == ["4 videoUneven x1"])
    }

    @Test func slowDriftIsFound() {
        var stream = TestStream(pictures: 500)
        for (number, index) in stream.indices(TestStream.videoPID).enumerated() {
            let drift = Int64(number / 50)
            stream.units[index].pts = stream.units[index].pts.map { $0 + drift }
            stream.units[index].dts = stream.units[index].dts.map { $0 + drift }
        }
        let report = inspect(stream.bytes())
        #expect(Set(report.brokenLaws.map(\.name)) == ["videoDrift"])
    }

    @Test func otherFrameRateFromASequenceHeaderOn() {
        var stream = TestStream(pictures: 150)
        let video = stream.indices(TestStream.videoPID)
        stream.units.removeSubrange(video[72]...video[149])
        // 29.97 pictures a second from the 73rd on, which comes one old frame after the 72nd.
        let shift = (73 * 1_080_000 - Int64(900_900)) / 300
        for unit in TestStream(pictures: 60, frameTicks: 900_900).units
        where unit.pid == TestStream.videoPID {
            var unit = unit
            unit.sendTime += shift * 300
            unit.pts = unit.pts.map { $0 + shift }
            unit.dts = unit.dts.map { $0 + shift }
            stream.units.append(unit)
        }
        let report = inspect(stream.bytes())
        #expect(report.isConformant)
        #expect(report.timingEvents.isEmpty)
        #expect(report.streams[0].frameDurationTicks == 900_900)
    }

    // MARK: - Law 6

    @Test func packetLengthLies() {
        var stream = TestStream()
        stream.units[stream.indices(TestStream.audioPID)[5]].lengthError = 10
        #expect(names(stream) == ["6 pesLength x1"])
    }

    @Test func soundFrameCut() {
        var stream = TestStream()
        let victim = stream.indices(TestStream.audioPID)[5]
        stream.units[victim].payload.removeSubrange(300..<350)
        let report = inspect(stream.bytes())
        #expect(Set(report.brokenLaws.map(\.law)).isSubset(of: [4, 6]))
        #expect(report.brokenLaws.contains { $0.name == "frameCut" || $0.name == "strayBytes" })
    }

    @Test func strayBytesBetweenFrames() {
        var stream = TestStream()
        let victim = stream.indices(TestStream.audioPID)[5]
        stream.units[victim].payload.insert(
            contentsOf: [UInt8](repeating: 0x55, count: 20), at: 192)
        #expect(names(stream) == ["6 strayBytes x1"])
    }

    @Test func startCodeCutByThePacket() {
        var stream = TestStream()
        stream.units[stream.indices(TestStream.videoPID)[20]].payload += [0, 0, 1]
        #expect(names(stream).contains("6 startCodeCut x1"))
    }

    // MARK: - Law 7

    @Test func beginsWithoutARandomAccessPoint() {
        var stream = TestStream()
        stream.units.remove(at: stream.indices(TestStream.videoPID)[0])
        #expect(names(stream) == ["7 startsWithoutRAP x1"])
    }

    @Test func leadingPicturesWithoutReferences() {
        var stream = TestStream(closed: false)
        // From the second I picture on: the two B pictures behind it need what is not there.
        stream.units.removeSubrange(0..<10)
        #expect(names(stream) == ["7 leadingPicture x2"])
    }

    @Test func decodableLeadingPicturesAreNoBreach() {
        var stream = TestStream(closed: false)
        stream.units.removeSubrange(0..<10)
        // The same pictures in a closed group need nothing from before.
        let first = stream.indices(TestStream.videoPID)[0]
        stream.units[first].payload = TestStream.picture(2, type: 1, closed: true)
        #expect(names(stream) == [])
    }

    // MARK: - Law 8

    @Test func accessUnitComesTooLate() {
        // A PES packet every 192 ms, so that the late one still comes before the next.
        var stream = TestStream(framesPerPES: 8)
        let victim = stream.indices(TestStream.audioPID)[5]
        stream.units[victim].sendTime += 151 * TestStream.millisecond
        let found = inspect(stream.bytes()).brokenLaws
        #expect(found.map(\.name) == ["lateAccessUnit"])
        #expect(found.map(\.pid) == [TestStream.audioPID])
    }
}
