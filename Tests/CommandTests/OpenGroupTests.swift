// H.264 inputs with open GOPs: they are entered at recovery points, where the picture order count
// goes on from the other encoder's. What the report says of it holds in decoded pictures.

import Foundation
import StreamContent
import Testing

@Suite struct OpenGroupTests {
    /// `ntsc-backup` has one IDR picture, at its begin.
    private static let cast = Cast(pair: .ntsc, first: "main", second: "backup")

    /// To the input with open GOPs and back, from many phases of both (milliseconds): a planned
    /// seam waits until the count rises, so every picture is shown in order and none is missing
    /// untold.
    @Test(arguments: Array(stride(from: 1300, to: 9000, by: 730)))
    func plannedSeamsWaitUntilTheOrderCountRises(_ start: Int) throws {
        let back = start + 13_000
        let rehearsal = try Rehearsal(
            Self.cast.inputs + ["--wait", "6s"],
            events: [
                "\(start)ms:switch:backup", "\(back)ms:switch:main", "34s:drop:backup",
            ])
        let judge = try OutputJudge(rehearsal, pair: Self.cast.pair)
        #expect(judge.report.seams.map(\.reason) == ["operator", "operator"])
        #expect(judge.report.seams.allSatisfy { $0.framesOutOfOrder == 0 })
        #expect(judge.report.output.conformance.sentences == [])
        #expect(judge.complaints + judge.lossComplaints == [])
    }

    /// A failover can not choose: whatever it takes, the report tells what a decoder makes of it,
    /// and the judge sees it from the bytes alone.
    @Test(arguments: Array(stride(from: 5100, to: 16_000, by: 1370)))
    func failoversTellWhereTheOrderCountFalls(_ start: Int) throws {
        let rehearsal = try Rehearsal(
            Self.cast.inputs + ["--hold-back", Self.cast.pair.holdBack],
            events: ["\(start)ms:drop:main"])
        let judge = try OutputJudge(rehearsal, pair: Self.cast.pair)
        #expect(judge.report.seams.count == 1)
        #expect(judge.complaints == [])
        let told = judge.report.seams.filter { $0.framesOutOfOrder > 0 }.count
        let seen = judge.report.output.conformance.brokenLaws.filter {
            $0.name == "orderCountFalls"
        }
        #expect(seen.reduce(0) { $0 + $1.count } <= Int64(told))
        let last = try #require(judge.report.seams.last)
        if last.level == "L3" { #expect(judge.content.jumps.map(\.isSeamless) == [true]) }
    }
}
