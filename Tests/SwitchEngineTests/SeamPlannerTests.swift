// The planner on hand-made pictures. What is shown after a plan is worked out here anew, from the
// pictures alone: it must be every frame once, in order, nothing missing but what the plan says.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct SeamPlannerTests {
    static let frame = SideWriter.frame
    static let ibbp = "I0 P3 B1 B2 P6 B4 B5 P9 B7 B8 P11 B10"
    static let pyramid = "I0 P8 B4 B2 B1 B3 B6 B5 B7 P9"
    static let open = "C2 B0 B1 P5 B3 B4 P8 B6 B7 P11 B9 B10"
    static let plain = "I0 P1 P2 P3 P4 P5 P6 P7"
    static let hevc = "C4 B2r B0r B1r B3d P8 B6 B5 B7"

    /// What a viewer sees: presentation times on the output's line, from both sides.
    private func shown(_ request: SeamRequest, _ plan: SeamPlan) -> [(time: Int64, isNew: Bool)] {
        let entry = plan.incomingFrom
        let pictures = request.incoming.pictures
        var result = request.outgoing.pictures[..<plan.outgoingUntil].map {
            (time: $0.presentation + request.outgoingShift, isNew: false)
        }
        for index in entry..<pictures.count {
            let picture = pictures[index]
            let isLeading = index > entry && picture.presentation < pictures[entry].presentation
            if isLeading,
                picture.leading == .skipped
                    || (pictures[entry].randomAccess == .open && picture.leading == .no)
            {
                continue
            }
            result.append((picture.presentation + plan.shift, true))
        }
        return result
    }

    /// Checks a plan against the laws: clean leaving, no overlap, the hole it names and no other.
    private func judge(_ request: SeamRequest, _ plan: SeamPlan, _ label: Comment = "") {
        let all = shown(request, plan)
        let old = all.filter { !$0.isNew }.map(\.time)
        let new = all.filter(\.isNew).map(\.time)
        guard let lastOld = old.max(), let firstNew = new.min() else {
            Issue.record("one side is empty; \(label)")
            return
        }
        #expect(plan.outgoingUntil >= request.outgoing.firstFree, label)
        #expect(
            plan.outgoingUntil <= max(request.outgoing.limit, request.outgoing.firstFree), label)
        let kept = request.outgoing.pictures[plan.outgoingUntil...]
        #expect(kept.allSatisfy { $0.presentation + request.outgoingShift > lastOld }, label)
        #expect(plan.presentation == firstNew, label)
        #expect(request.incoming.pictures[plan.incomingFrom].isEntry, label)
        #expect(plan.shift % 300 == 0, label)
        let lost = plan.cost.kind == .loses ? plan.cost.framesLost : 0
        #expect(firstNew == lastOld + Int64(1 + lost) * Self.frame, label)
        for times in [old.sorted(), new.sorted()] {
            for (a, b) in zip(times.suffix(8), times.suffix(8).dropFirst()) {
                #expect(b - a == Self.frame, label)
            }
        }
        guard let offset = request.contentOffset,
            plan.cost.kind == .meets || plan.cost.kind == .loses
        else { return }
        #expect(abs(plan.shift - request.outgoingShift - offset) <= Self.frame / 2, label)
    }

    // MARK: Meeting

    @Test(arguments: [ibbp, pyramid, open, plain, hevc])
    func equalEncodersMeetAtTheNextRandomAccessPoint(pattern: String) throws {
        var outgoing = SideWriter()
        var incoming = SideWriter(start: 100 * Self.frame)
        for _ in 0..<6 {
            outgoing.gop(pattern)
            incoming.gop(pattern)
        }
        outgoing.sent(before: 15)
        let request = ask(outgoing.side, incoming.side, offset: -100 * Self.frame)
        let plan = try #require(planned(request))
        judge(request, plan)
        #expect(plan.cost.framesLost == (pattern == Self.open ? 2 : pattern == Self.hevc ? 3 : 0))
        #expect(plan.cost.kind == (plan.cost.framesLost == 0 ? .meets : .loses))
        #expect(plan.shift == -100 * Self.frame)
        #expect(plan.breaksLink == (pattern == Self.open || pattern == Self.hevc))
    }

    @Test func aPictureThatIsHalfAFrameOffIsPutOnTheOutgoingGrid() throws {
        for phase in [Self.frame / 2 - 300, 300, -300, -Self.frame / 2 + 300] {
            var outgoing = SideWriter()
            var incoming = SideWriter(start: phase)
            outgoing.gops(5, Self.plain)
            incoming.gops(5, Self.plain)
            outgoing.sent(before: 10)
            let request = ask(outgoing.side, incoming.side, offset: 0)
            let plan = try #require(planned(request))
            judge(request, plan)
            #expect(plan.cost.kind == .meets && plan.shift == -phase)
        }
    }

    @Test func closedEntriesGoBeforeOpenOnesOfTheSameLoss() throws {
        var outgoing = SideWriter()
        outgoing.gops(6, Self.plain)
        outgoing.sent(before: 4)
        var incoming = SideWriter()
        incoming.gop("I0 P1 P2 P3 P4 P5 P6 P7")
        incoming.gop("C0 P1 P2 P3 P4 P5 P6 P7")
        incoming.gop(Self.plain)
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(request))
        #expect(plan.cost.kind == .meets && !plan.breaksLink && plan.incomingFrom == 16)
        judge(request, plan)
    }

    /// Any structure against any other, any offset, any place: whatever is planned obeys the laws,
    /// and a meeting is found where the pictures allow one.
    @Test func everyPairOfStructuresObeysTheLaws() {
        var random = SeededNumbers(seed: 17)
        let patterns = [Self.ibbp, Self.pyramid, Self.open, Self.plain, Self.hevc]
        var kinds: Set<SeamCost.Kind> = []
        for round in 0..<400 {
            var outgoing = SideWriter(start: Int64(random.below(1000)) * 300, delay: 4)
            var incoming = SideWriter(start: Int64(random.below(1000)) * Self.frame, delay: 4)
            let mine = patterns[random.below(5)]
            let its = patterns[random.below(5)]
            outgoing.gops(3 + random.below(4), mine)
            incoming.gops(2 + random.below(5), its)
            outgoing.sent(before: 1 + random.below(outgoing.side.pictures.count - 1))
            if random.below(3) == 0 { outgoing.damage(random.below(outgoing.side.pictures.count)) }
            outgoing.side.limit = max(outgoing.side.limit, outgoing.side.firstFree)
            let first = incoming.side.pictures[0].decoding
            let offset =
                outgoing.side.pictures[0].decoding - first
                + (Int64(random.below(40)) - 10) * Self.frame
            let request = ask(
                outgoing.side, incoming.side, offset: random.below(5) == 0 ? nil : offset)
            guard let plan = planned(request) else { continue }
            kinds.insert(plan.cost.kind)
            judge(request, plan, "round \(round): \(mine) to \(its)")
            let depth = max(SeamPlanner.reorderDepth(outgoing.side), 1)
            if plan.cost.kind == .loses { #expect((1...depth).contains(plan.cost.framesLost)) }
            if request.contentOffset == nil { #expect(plan.cost.kind == .steps) }
        }
        #expect(kinds == [.meets, .loses, .steps])
    }

    // MARK: Losing, stepping, the last resort

    @Test func withoutACommonTimeTheSeamStepsByOneFrame() throws {
        var outgoing = SideWriter()
        let start: Int64 = 777_777 * 300
        var incoming = SideWriter(start: start)
        outgoing.gops(4, Self.ibbp)
        incoming.gops(4, Self.pyramid)
        outgoing.sent(before: 14)
        var request = ask(outgoing.side, incoming.side, offset: nil)
        request.incomingNow += start
        let plan = try #require(planned(request))
        #expect(plan.cost.kind == .steps && plan.cost.framesLost == 0)
        judge(request, plan)
    }

    @Test func contentThatWasSentAlreadyIsRepeatedAndCounted() throws {
        var outgoing = SideWriter()
        outgoing.gops(5, Self.plain)
        outgoing.sent(before: 38)
        var incoming = SideWriter()
        incoming.gops(4, Self.plain)
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(request))
        // The newest entry shows picture 24; 38 were sent.
        #expect(plan.cost.kind == .steps && plan.cost.framesRepeated == 14)
        #expect(plan.incomingFrom == 24)
        judge(request, plan)
    }

    @Test func anOutgoingInputIsLeftBeforeItsDamage() throws {
        var outgoing = SideWriter()
        outgoing.gops(6, Self.ibbp)
        outgoing.sent(before: 14)
        outgoing.damage(40)
        var incoming = SideWriter()
        incoming.gops(6, Self.ibbp)
        let request = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(request))
        #expect(plan.cost.kind == .meets && plan.outgoingUntil <= 40)
        judge(request, plan)
    }

    @Test func nothingBeforeTheLastDamageIsAnEntry() {
        var incoming = SideWriter()
        incoming.gops(4, Self.plain)
        incoming.damage(18)
        #expect(SeamPlanner.entries(incoming.side).map(\.index) == [24])
        var outgoing = SideWriter()
        outgoing.gops(4, Self.plain)
        outgoing.sent(before: 3)
        incoming.damage(30)
        guard case .none = SeamPlanner.plan(ask(outgoing.side, incoming.side, offset: 0)) else {
            Issue.record("an entry behind which pictures are damaged")
            return
        }
    }

    @Test func anEntryNeedsParameterSetsTimesAndItsLeadingPictures() {
        var writer = SideWriter()
        writer.gops(3, Self.plain)
        writer.gop("C2 B0 B1")
        #expect(SeamPlanner.entries(writer.side).map(\.index) == [0, 8, 16])
        writer.side.pictures[0].hasParameterSets = false
        writer.side.pictures[8].firstTime = nil
        writer.side.pictures[16].isOpen = true
        #expect(SeamPlanner.entries(writer.side).isEmpty)
    }

    @Test func leadingPicturesThatNeedNothingBeginTheEntry() {
        var writer = SideWriter(delay: 4)
        writer.gops(2, "C4 B2d B0d B1d B3d P5")
        writer.gops(2, Self.hevc)
        let base = writer.side.pictures.map(\.decoding)
        let found = SeamPlanner.entries(writer.side)
        #expect(found.map(\.index) == [0, 6, 12, 21])
        #expect(found[1].presentation == base[6] + 4 * Self.frame)
        #expect(found[2].presentation == base[12] + 7 * Self.frame, "the decodable one, place 3")
    }

    @Test func anInputThatEndsAmongReorderedPicturesIsLeftAllTheSame() throws {
        var outgoing = SideWriter()
        outgoing.gop(Self.ibbp)
        outgoing.gop("I0 P3")
        outgoing.sent(before: 14)
        var incoming = SideWriter()
        incoming.gops(4, Self.ibbp)
        let waiting = ask(outgoing.side, incoming.side, offset: 0)
        #expect(planned(waiting) == nil, "more pictures may come")
        outgoing.side.isOver = true
        let over = ask(outgoing.side, incoming.side, offset: 0)
        let plan = try #require(planned(over))
        #expect(plan.outgoingUntil == 14)
        let last = outgoing.side.pictures[13].end
        let firstNew = try #require(shown(over, plan).filter(\.isNew).map(\.time).min())
        #expect(firstNew >= last)
    }

    // MARK: Lateness

    @Test func anEntryThatWouldMissItsDecodingTimeIsNotTaken() throws {
        var outgoing = SideWriter()
        outgoing.gops(4, Self.plain)
        outgoing.sent(before: 3)
        var incoming = SideWriter()
        incoming.gops(4, Self.plain)
        // The clock stands behind the DTS of the entries at 0 and 8, before that at 16.
        let now = incoming.side.pictures[8].decoding + 1
        var request = ask(outgoing.side, incoming.side, offset: 0, now: now)
        request.incomingNow = now + 2 * second
        let plan = try #require(planned(request))
        #expect(plan.incomingFrom == 16 && plan.cost.kind == .meets)
        let first = try #require(incoming.side.pictures[16].firstTime)
        #expect(plan.lateTicks == max(0, now - first))
        judge(request, plan)
    }

    @Test func aHoleOnlyWhereItIsAllowed() throws {
        var outgoing = SideWriter()
        outgoing.gops(2, Self.plain)
        outgoing.sent(before: 16)
        outgoing.side.isOver = true
        var incoming = SideWriter()
        incoming.gops(2, Self.plain)
        let now = 100 * second
        var request = ask(outgoing.side, incoming.side, offset: nil, now: now)
        request.incomingNow = second
        #expect(planned(request) == nil)
        request.mayOpenHole = true
        let plan = try #require(planned(request))
        #expect(plan.cost.kind == .hole)
        let entry = incoming.side.pictures[plan.incomingFrom]
        #expect(entry.decoding + plan.shift >= now)
        #expect((plan.presentation - outgoing.side.pictures[15].end) % Self.frame == 0)
    }

    /// Two inputs alike, ten seconds before their times begin.
    private func behind(offset: Int64?) -> SeamRequest {
        var outgoing = SideWriter()
        outgoing.gops(4, Self.plain)
        outgoing.sent(before: 3)
        var incoming = SideWriter()
        incoming.gops(4, Self.plain)
        return ask(outgoing.side, incoming.side, offset: offset, now: -10 * second)
    }

    @Test func trueTimeIsNotKeptForAnInputFurtherBehindThanTheHoldBack() {
        var request = behind(offset: 0)
        request.incomingNow = -11 * second
        let plan = planned(request)
        #expect(plan?.cost.kind != .meets && plan?.cost.kind != .loses)
    }

    @Test func theOutputDoesNotStandStillForSeconds() {
        var request = behind(offset: nil)
        request.incomingNow = -13 * second
        #expect(planned(request)?.cost.kind == .steps)
        request.incomingNow = -18 * second
        #expect(planned(request) == nil)
    }

    @Test func theOutputIsNotPutBehindByMoreThanItsHoldBackAndFourSeconds() {
        var request = behind(offset: nil)
        // Entries 8 frames apart, the oldest of them 16 frames before where the outgoing one ends.
        request.incomingNow = -4 * second - second / 10
        #expect(planned(request)?.cost.kind == .steps)
        request.incomingNow = -2 * second
        #expect(planned(request) == nil)
        // That the place is far ahead is no reason to: the entries are new.
        request.mayFallBehind = true
        #expect(planned(request) == nil)
    }

    /// Better late than never, by no more than the newest is old.
    @Test func anEntryOfLongAgoIsTakenWhereNoNewerOneCanBeExpected() {
        var request = behind(offset: nil)
        request.mayOpenHole = true
        request.scheduleNow = 0
        request.incomingNow = 8 * second
        #expect(planned(request) == nil)
        request.mayFallBehind = true
        #expect((4...7).contains(planned(request)?.cost.secondsBehind ?? 0))
        request.scheduleNow = -9 * second
        #expect(planned(request) == nil)
    }

    @Test func costsCompareInTheirOrder() {
        func cost(_ kind: SeamCost.Kind, _ gap: Int64, _ lost: Int, _ entry: Int) -> SeamCost {
            SeamCost(
                kind: kind, soundGapTicks: gap, framesLost: lost, framesRepeated: 0, entry: entry,
                holdBackErrorTicks: 0)
        }
        let order = [
            cost(.meets, 0, 0, 0), cost(.meets, 0, 0, 1), cost(.meets, 5, 0, 0),
            cost(.loses, 0, 1, 1), cost(.loses, 0, 2, 0), cost(.steps, 0, 0, 0),
            cost(.hole, 0, 0, 0),
        ]
        for a in order.indices {
            for b in order.indices { #expect((order[a] < order[b]) == (a < b)) }
        }
    }
}
