// Law 7 for H.264: picture order counts against PTS, on marks by hand and on a stream of ffmpeg's.

import Foundation
import Testing
import TransportStream

@testable import Conformance

@Suite struct OrderJudgeTests {
    /// A picture: its pic_order_cnt_lsb of 4 bits, its PTS in frames.
    private func picture(
        _ lsb: UInt16, _ access: RandomAccess = .none, isReference: Bool = true
    ) -> AccessUnitMark {
        var mark = AccessUnitMark(position: 0)
        mark.randomAccess = access
        mark.isReference = isReference
        mark.order.kind = .coded
        mark.order.isIDR = access == .closed
        mark.order.countBits = 4
        mark.order.countLSB = lsb
        return mark
    }

    /// What is said of each picture of I0 P3 B1 B2 P6 B4 B5 and of a recovery point at `place`.
    private func fall(lsb: UInt16, place: Int64 = 7, isLossy: Bool = false) -> Int64 {
        var judge = OrderJudge()
        let before: [(UInt16, Int64, Bool)] = [
            (0, 0, true), (6, 3, true), (2, 1, false), (4, 2, false), (12, 6, true),
            (8, 4, false), (10, 5, false),
        ]
        for (index, value) in before.enumerated() {
            let mark = picture(value.0, index == 0 ? .closed : .none, isReference: value.2)
            #expect(judge.take(mark, presentation: value.1 * 3600) == 0)
        }
        if isLossy { judge.lose() }
        return judge.take(picture(lsb, .open), presentation: place * 3600)
    }

    @Test func aRecoveryPointAboveAllBeforeItIsInOrder() {
        #expect(fall(lsb: 14) == 0)
        // 2 and 4 are 18 and 20 there: 10 or 8 below 12 is more than, or exactly, half of 16.
        #expect(fall(lsb: 2) == 0)
        #expect(fall(lsb: 4) == 0)
    }

    @Test func aRecoveryPointBelowThemIsNot() {
        #expect(fall(lsb: 6) == 7)
        #expect(fall(lsb: 12) == 1, "the same count twice")
    }

    @Test func whatIsShownEarlierMayCountLess() { #expect(fall(lsb: 11, place: 5) == 0) }

    @Test func nothingIsSaidBehindALoss() { #expect(fall(lsb: 6, isLossy: true) == 0) }

    @Test func nothingIsSaidWhereCountsAndStampsDisagreeAnyway() {
        var judge = OrderJudge()
        _ = judge.take(picture(0, .closed), presentation: 0)
        _ = judge.take(picture(7), presentation: 3600)
        _ = judge.take(picture(5), presentation: 7200)
        #expect(judge.take(picture(2, .open), presentation: 10_800) == 0)
    }

    @Test func otherCodecsAndOrdersAreLeftAlone() {
        var judge = OrderJudge()
        for kind in [PictureOrder.Kind.unknown, .cyclic, .decoding] {
            var mark = picture(3, .open)
            mark.order.kind = kind
            #expect(judge.take(mark, presentation: 3600) == 0)
        }
    }

    /// One IDR picture, then recovery points, whose counts wrap many times.
    @Test(.enabled(if: FFmpeg.path != nil, "ffmpeg is not there"))
    func anUncutStreamOfOpenGroupsBreaksNothing() throws {
        let bytes = try FFmpeg.stream(
            FFmpeg.content(rate: "25", sampleRate: 48_000) + [
                "-c:v", "libx264", "-preset", "veryfast", "-x264-params",
                "keyint=20:min-keyint=20:scenecut=0:open-gop=1:bframes=3:b-adapt=0", "-c:a", "aac",
            ] + FFmpeg.steady)
        let report = inspect(bytes)
        #expect(report.brokenLaws.map(\.sentence) == [])
        #expect((report.streams.first?.randomAccessPoints ?? 0) > 3)
    }
}
