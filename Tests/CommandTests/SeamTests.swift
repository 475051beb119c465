// Seams between the sample pairs, in both directions.

import Foundation
import StreamContent
import Testing

@Suite struct SeamTests {
    /// Three switches at different phases; the input that is not on air then goes, lest its end
    /// or the other's make one more seam.
    @Test(arguments: Cast.all)
    func operatorSwitchLosesOnlyWhatTheReportTells(_ cast: Cast) throws {
        let rehearsal = try Rehearsal(
            cast.inputs + ["--wait", "6s"],
            events: [
                "4.3s:switch:\(cast.second)", "13.77s:switch:\(cast.first)",
                "22.11s:switch:\(cast.second)", "33s:drop:\(cast.first)",
            ])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        #expect(judge.report.seams.map(\.reason) == ["operator", "operator", "operator"])
        #expect(judge.complaints + judge.lossComplaints == [])
    }

    @Test(arguments: SamplePair.all)
    func operatorSwitchWaitsNoLongerThanAllowed(_ pair: SamplePair) throws {
        let cast = Cast(pair: pair, first: "backup", second: "main")
        let rehearsal = try Rehearsal(
            cast.inputs + ["--wait", "2s"],
            events: ["9.5s:switch:main", "20.2s:switch:backup"])
        // A random access point that comes when the wait is over is still waited for.
        #expect(rehearsal.report.seams.filter { $0.reason == "operator" }.count == 2)
        #expect(rehearsal.report.seams.allSatisfy { $0.waited <= 5 })
    }

    /// Three failovers; what was dropped comes back as the next one's standby.
    @Test(arguments: Cast.all)
    func failoverWithHoldBackRepeatsNothing(_ cast: Cast) throws {
        let rehearsal = try Rehearsal(
            cast.inputs + ["--hold-back", cast.pair.holdBack],
            events: [
                "7.3s:drop:\(cast.first)", "9.5s:restore:\(cast.first)",
                "15.94s:drop:\(cast.second)", "18.2s:restore:\(cast.second)",
                "24.61s:drop:\(cast.first)",
            ])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        #expect(judge.report.seams.map(\.reason) == ["silence", "silence", "silence"])
        #expect(judge.complaints + judge.lossComplaints == [])
    }

    /// The picture that was coming when the input went is not all there; when the run ends its time
    /// has passed long ago.
    @Test(arguments: ["7.9s", "8s", "8.1s"])
    func nothingOfAnInputThatIsGoneComesBehindThePause(_ time: String) throws {
        let rehearsal = try Rehearsal(
            ["--input", "main=\(SamplePair.h264.path("main"))"], events: ["\(time):drop:main"])
        let check = try Command.attacca(["check", rehearsal.path])
        #expect(check.status == 0, "\(check.output)")
    }

    @Test(arguments: Cast.all)
    func failoverWithoutHoldBackHasNoTimestampJump(_ cast: Cast) throws {
        let rehearsal = try Rehearsal(
            cast.inputs + ["--hold-back", "0"], events: ["11.3s:drop:\(cast.first)"])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        #expect(judge.report.seams.count == 1)
        #expect(judge.report.seams.allSatisfy { ["L2", "L3"].contains($0.level) })
        #expect(judge.complaints == [])
        let stamps = try Probe.stamps(of: "v:0", in: rehearsal.path).compactMap(\.decoding)
        let steps = zip(stamps, stamps.dropFirst()).map { $1 - $0 }
        // The depths of reordering of two encoders differ by one or two pictures.
        let longest = Int64(3 + OutputJudge.greatestLoss) * cast.pair.pictureTicks
        #expect(steps.filter { $0 <= 0 || $0 > longest } == [])
    }

    @Test(arguments: [SamplePair.h264, .hevc, .mpeg2])
    func lossOnMainLeavesNoDamage(_ pair: SamplePair) throws {
        let cast = Cast(pair: pair, first: "main", second: "backup")
        let rehearsal = try Rehearsal(cast.inputs, events: ["3s:loss:main:2%:7"])
        let judge = try OutputJudge(rehearsal, pair: pair)
        #expect((judge.report.inputs.first?.continuityErrors ?? 0) > 0)
        #expect(judge.report.seams.first?.reason == "damage")
        #expect(judge.complaints + judge.lossComplaints == [])
    }

    /// One byte of a PES header: all counters go on, and no receiver finds the frames behind it.
    @Test(arguments: [SamplePair.h264, .hevc, .mpeg2])
    func soundBehindADamagedHeaderIsGoneAround(_ pair: SamplePair) throws {
        let workspace = try Workspace()
        let damaged = workspace.path("damaged.ts")
        var stream = try Data(contentsOf: URL(fileURLWithPath: pair.path("main")))
        // 13818-1 §2.4.3.2, §2.4.3.6: behind the adaptation field of a packet that begins a PES
        // packet are a start code and a stream_id, here of sound.
        let names = stride(from: 0, to: stream.count, by: 188).compactMap { packet -> Int? in
            let fieldLength = stream[packet + 3] & 0x20 == 0 ? 0 : 1 + Int(stream[packet + 4])
            let payload = packet + 4 + fieldLength
            guard stream[packet + 1] & 0x40 != 0, payload + 4 <= packet + 188,
                Array(stream[payload..<(payload + 3)]) == [0, 0, 1]
            else { return nil }
            return stream[payload + 3] & 0xE0 == 0xC0 ? payload + 3 : nil
        }
        stream[try #require(names.dropFirst(40).first)] ^= 0x5A
        try stream.write(to: URL(fileURLWithPath: damaged))
        let rehearsal = try Rehearsal(
            ["--input", "main=\(damaged)", "--input", "backup=\(pair.path("backup"))",
             "--hold-back", pair.holdBack])
        let report = rehearsal.report
        #expect(report.seams.map(\.reason) == ["damage"])
        #expect(report.seams.allSatisfy { $0.audioGap == 0 })
        #expect(report.output.conformance.sentences == [])
    }

    @Test func returnsAfterProvenHealth() throws {
        let cast = Cast(pair: .h264, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            cast.inputs + ["--return", "3s"],
            events: ["3s:drop:main", "8s:restore:main", "33s:drop:backup"])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        #expect(judge.report.seams.map(\.reason) == ["silence", "return"])
        #expect(judge.report.seams.map(\.to) == ["backup", "main"])
        #expect((judge.report.seams.last?.time ?? 0) >= 11)
        #expect(judge.complaints + judge.lossComplaints == [])
    }

    /// The slate lasts 3.84 s; behind its end only tables and clocks go on.
    @Test func slateTakesOverWhenAllElseIsGone() throws {
        let cast = Cast(pair: .h264, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            cast.inputs + ["--input", "slate=\(Repository.sample("slate"))@10s"],
            events: ["9s:drop:main", "11s:drop:backup"])
        #expect(rehearsal.outcome.status == 0)
        #expect(rehearsal.report.seams.map(\.to) == ["backup", "slate"])
        #expect(rehearsal.report.output.conformance.sentences == [])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        let content = judge.content
        #expect(content.unreadablePositions == [])
        #expect(content.damagedPositions() == [])
        #expect(judge.messageComplaints + judge.soundTimeComplaints == [])
        #expect(judge.pictureTimeComplaints == [])
        #expect(content.runs.map(\.encoder) == [.main, .backup, .slate])
        #expect(content.runs.last?.indices.upperBound == 95)
    }

    /// The last packets of sound are never whole, and before its begin the slate has none.
    @Test(arguments: ["8.9s", "9.1s"])
    func slateThatIsEnteredAtItsBeginLeavesNoHoleInTheSound(_ time: String) throws {
        let rehearsal = try Rehearsal(
            [
                "--input", "main=\(SamplePair.h264.path("main"))",
                "--input", "slate=\(Repository.sample("slate"))@9s", "--slate", "slate",
                "--hold-back", "1s",
            ],
            events: ["\(time):drop:main"])
        let report = rehearsal.report
        #expect(report.seams.first?.to == "slate" && report.seams.first?.audioGap == 0)
        #expect(report.seams.allSatisfy { $0.framesLost <= 12 })
        #expect(report.output.conformance.sentences == [])
    }

    /// Whatever its place on the list; it is left as soon as another input is there.
    @Test func slateIsLeftForTheFirstThatIsBack() throws {
        let cast = Cast(pair: .h264, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            ["--input", "slate=\(Repository.sample("slate"))@10s", "--slate", "slate"]
                + cast.inputs,
            events: ["9s:drop:main", "10s:drop:backup", "10.4s:restore:backup"])
        #expect(rehearsal.outcome.status == 0)
        #expect(rehearsal.report.seams.map(\.to).prefix(1) == ["backup"])
        #expect(rehearsal.report.seams.last?.to == "backup")
        #expect(rehearsal.report.output.conformance.sentences == [])
    }

    @Test func heldInputStaysThroughItsOutage() throws {
        let cast = Cast(pair: .h264, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            cast.inputs,
            events: ["5s:hold:main", "9s:drop:main", "14s:restore:main", "33s:drop:backup"])
        #expect(rehearsal.report.seams.map(\.to) == ["main"])
        #expect(rehearsal.outcome.output.contains("hold      main"))
        #expect(rehearsal.outcome.output.contains("standstill"))
    }

    /// A PCR dates what came before it.
    @Test func anOutputThatFallsSilentEndsWithAPCR() throws {
        let rehearsal = try Rehearsal(
            ["--input", "main=\(SamplePair.h264.path("main"))", "--hold-back", "2s"]
                + ["--standstill", "silence"], events: ["9s:drop:main"])
        #expect(rehearsal.outcome.output.contains("standstill: no input brings packets; nothing"))
        let output = try #require(FileManager.default.contents(atPath: rehearsal.path))
        let last = [UInt8](output.suffix(188))
        // adaptation_field_control and PCR_flag
        #expect(last.count == 188 && last[3] & 0x20 != 0 && last[4] > 0 && last[5] & 0x10 != 0)
    }

    @Test func scheduledSwitchIsMade() throws {
        let cast = Cast(pair: .h264, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            cast.inputs + ["--return", "now"],
            events: ["15s:schedule:backup", "33s:drop:main"])
        let judge = try OutputJudge(rehearsal, pair: cast.pair)
        #expect(judge.report.seams.map(\.reason) == ["schedule"])
        #expect(judge.complaints + judge.lossComplaints == [])
    }
}
