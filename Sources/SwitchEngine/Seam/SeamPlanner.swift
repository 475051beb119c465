// Where to leave one input and enter the other: a pure function of what is known of both.
//
//   outgoing  I B B P B B P B B |P B B P         a cut is clean where every picture before it is
//                               ^                shown before every picture after it
//   incoming          . . . . . I . . . P        an entry is a random access picture with all that
//                                                a decoder needs
//
// Every entry is tried with the best cut for it. The best pair is the one whose contents meet; else
// the one that loses least; else the one that repeats least and keeps the hold-back.

import TransportStream

enum SeamPlanner {
    /// Later than any time on a schedule, with room to add to it.
    private static let never = Int64.max / 4

    /// A hold-back that lacks no more than this, 200 ms, is not filled up.
    private static let refillToleranceTicks: Int64 = 200 * StreamTime.ticksPerMillisecond

    /// What is sent so long before its decoding time that the output's time would stand still for
    /// more than this, 4 s, until it may leave, is not gone to without a hole.
    private static let longestStandTicks: Int64 = 4 * StreamTime.ticksPerSecond

    /// An entry that would put the output further behind than its hold-back by more than this, 4 s,
    /// is not gone to: the output would not come back from there before the next seam, and a newer
    /// entry is on its way (`mayFallBehind`: it is not).
    private static let mostSecondsBehind: Int64 = 4

    static func plan(_ request: SeamRequest) -> SeamOutcome {
        let depth = reorderDepth(request.outgoing)
        let cuts = cleanCuts(request.outgoing, depth: depth, frame: frameTicks(request))
        guard let firstCut = cuts.first else {
            return .none("the outgoing input can not be left cleanly yet")
        }
        let earliest = request.bounds.entryNotBefore ?? .min
        let entries = entries(request.incoming).filter { $0.presentation >= earliest }
        guard !entries.isEmpty else {
            return .none("no sound random access point of the incoming input is kept")
        }
        var best: SeamPlan?
        var reason = "no entry can be sent in time"
        for entry in entries {
            for candidate in candidates(request, cuts, firstCut, entry, depth) {
                switch complete(request, candidate) {
                case .plan(let plan):
                    if plan.expires < request.notExpiringBefore { continue }
                    if best.map({ isBetter(plan, than: $0, request) }) ?? true { best = plan }
                case .none(let why):
                    reason = why
                }
            }
        }
        return best.map(SeamOutcome.plan) ?? .none(reason)
    }

    private static func isBetter(
        _ plan: SeamPlan, than other: SeamPlan, _ request: SeamRequest
    ) -> Bool {
        let distance = plan.presentation - other.presentation
        if request.bounds.prefersNearest, distance.magnitude >= UInt64(frameTicks(request)) {
            return distance < 0
        }
        return plan.cost < other.cost
    }

    /// Whether a place on the output's line is not too early, give or take half a frame.
    private static func isInBounds(_ place: Int64, _ request: SeamRequest) -> Bool {
        guard let notBefore = request.bounds.notBefore else { return true }
        return place >= notBefore - frameTicks(request) / 2
    }

    // MARK: Leaving

    /// A position in decoding order at which the outgoing input may be left.
    struct Cut {
        /// Index of the first picture that does not go out.
        var index: Int
        /// When the last picture before it stops being shown.
        var end: Int64
        /// Pictures that are missing before it because the outgoing input ended among them.
        var holes = 0
    }

    /// All clean cuts that nothing beyond has been sent of.
    static func cleanCuts(_ side: SeamSide, depth: Int, frame: Int64) -> [Cut] {
        var result: [Cut] = []
        let pictures = side.pictures
        guard !pictures.isEmpty else { return [] }
        var leastAfter = [Int64](repeating: .max, count: pictures.count + 1)
        for index in pictures.indices.reversed() {
            leastAfter[index] = min(leastAfter[index + 1], pictures[index].presentation)
        }
        for index in max(side.firstFree, 1)...max(side.limit, side.firstFree, 1)
        where index <= pictures.count {
            let start = max(0, index - SeamSide.context)
            guard let end = contiguousEnd(
                pictures[start..<index], depth: depth, frame: frame)
            else { continue }
            let shownLast = pictures[start..<index].lazy.map(\.presentation).max() ?? .min
            guard leastAfter[index] > shownLast else { continue }
            result.append(Cut(index: index, end: end))
        }
        guard result.isEmpty, side.isOver else { return result }
        return [lastResort(side, depth: depth, frame: frame)]
    }

    /// The outgoing input is over and what was sent of it ends in the middle of reordered pictures:
    /// the missing ones are lost whatever follows.
    private static func lastResort(_ side: SeamSide, depth: Int, frame: Int64) -> Cut {
        let index = min(max(side.firstFree, 1), side.pictures.count)
        let sent = side.pictures[..<index].suffix(2 * depth + 4)
            .sorted { $0.presentation < $1.presentation }
        var holes = 0
        for (a, b) in zip(sent, sent.dropFirst()).suffix(depth + 1) {
            let duration = max(a.durationTicks, frame, 1)
            let frames = (b.presentation - a.presentation).roundedDivision(by: duration)
            holes += max(0, Int(frames) - 1)
        }
        let end = sent.last.map { $0.presentation + max($0.durationTicks, frame) }
        return Cut(index: index, end: end ?? side.pictures[0].presentation, holes: holes)
    }

    /// The presentation end of pictures that leave no hole before it; nil where they leave one.
    /// Holes older than the reorder depth are the stream's own.
    private static func contiguousEnd(
        _ pictures: ArraySlice<SeamPicture>, depth: Int, frame: Int64
    ) -> Int64? {
        let shown = pictures.suffix(2 * depth + 4).sorted { $0.presentation < $1.presentation }
        guard let last = shown.last else { return nil }
        let recent = shown.suffix(depth + 2)
        for (a, b) in zip(recent, recent.dropFirst()) {
            let duration = max(a.durationTicks, frame)
            if duration > 0 && b.presentation - a.presentation > duration * 3 / 2 { return nil }
        }
        return last.presentation + (last.durationTicks > 0 ? last.durationTicks : frame)
    }

    /// The most pictures that are decoded after a picture and shown before it: so many can be lost
    /// where the outgoing input has to be left before such a picture.
    static func reorderDepth(_ side: SeamSide) -> Int {
        var depth = 0
        let pictures = side.pictures
        // The times of what is damaged tell nothing.
        for index in pictures.indices where !pictures[index].isDamaged {
            let shown = pictures[index].presentation
            let end = min(pictures.count, index + 17)
            let after = pictures[index..<end].reduce(0) {
                $0 + (!$1.isDamaged && $1.presentation < shown ? 1 : 0)
            }
            depth = max(depth, after)
        }
        return depth
    }

    // MARK: Entering

    /// A random access picture from which on nothing is damaged.
    struct Entry {
        var index: Int
        /// The earliest presentation time of the pictures that go out.
        var presentation: Int64
        var isOpen: Bool
    }

    static func entries(_ side: SeamSide) -> [Entry] {
        let pictures = side.pictures
        // Only what is whole from the entry to the newest picture counts. Pictures that are missing
        // before an entry do no harm to it.
        let damage = pictures.lastIndex { $0.isDamaged } ?? -1
        let gap = pictures.lastIndex { $0.followsGap } ?? -1
        return pictures.indices.compactMap { index in
            let picture = pictures[index]
            guard index > damage, index >= gap, picture.isEntry, picture.isPlausible else {
                return nil
            }
            return entry(at: index, side)
        }
    }

    /// The entry at a random access picture; nil while its leading pictures have not all come.
    private static func entry(at index: Int, _ side: SeamSide) -> Entry? {
        let pictures = side.pictures
        let picture = pictures[index]
        var first = picture.presentation
        var next = index + 1
        // Leading pictures end with the first picture shown after the random access picture.
        while next < pictures.count, pictures[next].presentation < picture.presentation {
            let mustGo = pictures[next].leading == .skipped
                || (picture.randomAccess == .open && pictures[next].leading != .decodable)
            if !mustGo { first = min(first, pictures[next].presentation) }
            next += 1
        }
        guard side.isSoundOnly || next < pictures.count else { return nil }
        return Entry(
            index: index, presentation: first, isOpen: picture.randomAccess == .open)
    }

    // MARK: Pairs

    struct Candidate {
        var cut: Cut
        var entry: Entry
        var kind: SeamCost.Kind
        var shift: Int64
        var framesLost: Int
        var framesRepeated: Int
    }

    /// The ways to pair an entry with a cut: the true one where contents line up, and the step.
    private static func candidates(
        _ request: SeamRequest, _ cuts: [Cut], _ firstCut: Cut, _ entry: Entry, _ depth: Int
    ) -> [Candidate] {
        let frame = frameTicks(request)
        var result: [Candidate] = []
        if let offset = request.contentOffset {
            let content = entry.presentation + offset
            if let cut = cuts.last(where: { $0.end <= content + frame / 2 }) {
                let lost = Int((content - cut.end).roundedDivision(by: frame))
                let place = cut.end + Int64(lost) * frame
                let allowed = request.outgoing.isSoundOnly ? 0 : depth
                if lost <= allowed {
                    result.append(
                        Candidate(
                            cut: cut, entry: entry, kind: lost == 0 ? .meets : .loses,
                            shift: shift(request, to: place, entry),
                            framesLost: lost, framesRepeated: 0))
                }
                result.append(step(request, cut, entry, lost: lost, repeated: 0))
            } else {
                let repeated = Int((firstCut.end - content).roundedDivision(by: frame))
                result.append(step(request, firstCut, entry, lost: 0, repeated: max(repeated, 0)))
            }
        } else if let last = cuts.last {
            let outgoing = request.outgoing
            let isEnding = outgoing.isOver || outgoing.limit < outgoing.pictures.count
            let soonest = cuts.first { isInBounds($0.end + request.outgoingShift, request) }
            var cut = isEnding ? last : soonest ?? firstCut
            if request.isRunaway {
                cut = cuts.last { secondsBehind(request, shift(request, to: $0.end, entry)) == 0 }
                    ?? firstCut
            }
            result.append(step(request, cut, entry, lost: 0, repeated: 0))
            if isEnding, let heard = soundEnd(request, entry),
                let whole = cuts.last(where: { $0.end <= heard }), whole.index < cut.index
            {
                let lost = Int((cut.end - whole.end).roundedDivision(by: frame))
                result.append(step(request, whole, entry, lost: lost, repeated: 0))
            }
        }
        return result
    }

    /// By how many whole seconds the output would run further behind the incoming input than it is
    /// to.
    private static func secondsBehind(_ request: SeamRequest, _ shift: Int64) -> Int64 {
        let surplus = request.incomingNow + shift - request.scheduleNow - request.holdBackTicks
        return max(0, surplus / StreamTime.ticksPerSecond)
    }

    /// By how many whole seconds the newest entry is older than the hold-back: pictures may be
    /// seconds apart, and one is whole when the next has come.
    private static func secondsSinceEntry(_ request: SeamRequest) -> Int64 {
        let newest = request.incoming.pictures.last { $0.isEntry && !$0.isDamaged }?.firstTime
        let age = request.incomingNow - (newest ?? request.incomingNow) - request.holdBackTicks
        return max(0, age / StreamTime.ticksPerSecond)
    }

    /// Where the outgoing pictures would have to end for the sound to go on, on their own line: an
    /// input that is over may have less sound than pictures, and where the other one begins there
    /// is none of its own before.
    private static func soundEnd(_ request: SeamRequest, _ entry: Entry) -> Int64? {
        request.outgoing.sounds.compactMap { sound -> Int64? in
            let last = max(sound.limit - 1, sound.firstFree - 1)
            guard sound.frames.indices.contains(last),
                let other = request.incoming.sounds.first(where: { $0.slot == sound.slot })
            else { return nil }
            // What has just begun may not have brought its sound yet.
            guard let first = other.frames.first(where: { !$0.isDamaged }) ?? other.frames.last
            else { return sound.frames[last].end + sound.nudge }
            let silence = max(0, first.presentation - entry.presentation)
            return sound.frames[last].end + sound.nudge - silence
        }.min()
    }

    /// Duration of an outgoing frame, 27 MHz ticks; 40 ms where nothing tells it.
    private static func frameTicks(_ request: SeamRequest) -> Int64 {
        if request.outgoing.frameTicks > 0 { return request.outgoing.frameTicks }
        return request.incoming.frameTicks > 0 ? request.incoming.frameTicks : 1_080_000
    }

    private static func step(
        _ request: SeamRequest, _ cut: Cut, _ entry: Entry, lost: Int, repeated: Int
    ) -> Candidate {
        Candidate(
            cut: cut, entry: entry, kind: .steps,
            shift: shift(request, to: cut.end, entry),
            framesLost: lost, framesRepeated: repeated)
    }

    /// What moves an entry to a place on the outgoing line. Where frames last no whole ticks both
    /// sides' stamps are rounded; the exact grids are joined then, so that nothing adds up over
    /// seams.
    private static func shift(_ request: SeamRequest, to place: Int64, _ entry: Entry) -> Int64 {
        var target = place + request.outgoingShift
        var from = entry.presentation
        if let origin = request.pictureOrigin,
            let offset = request.incoming.gridOffset(of: entry.presentation)
        {
            let frame = frameTicks(request)
            let exact = origin + (target - origin).roundedDivision(by: frame) * frame
            if abs(exact - target) <= 2 * StreamTime.ticksPerTimestampTick {
                target = exact
                from += offset
            }
        }
        return onGrid(target - from)
    }

    /// Shifts are whole 90 kHz ticks, so that PTS, DTS and PCR move alike.
    private static func onGrid(_ ticks: Int64) -> Int64 {
        ticks.roundedDivision(by: StreamTime.ticksPerTimestampTick)
            * StreamTime.ticksPerTimestampTick
    }

    // MARK: Completing

    /// Works out times and sound of a pair, or why it can not be.
    private static func complete(_ request: SeamRequest, _ pair: Candidate) -> SeamOutcome {
        var pair = pair
        let incoming = request.incoming.pictures
        guard isInBounds(pair.entry.presentation + pair.shift, request) else {
            return .none("the time of the switch has not come")
        }
        if request.outgoing.isSoundOnly, !request.incoming.isSoundOnly,
            let end = request.before.picturesEnd,
            pair.entry.presentation + pair.shift < end - StreamTime.ticksPerTimestampTick
        {
            return .none("pictures of the input before are still on their way")
        }
        let late = lateness(request, pair)
        let delay = max(late.shortfall, refill(request, pair))
        if delay > 0 {
            guard request.mayOpenHole, pair.kind != .meets, pair.kind != .loses else {
                return .none("an entry would come after its decoding time")
            }
            let frame = frameTicks(request)
            let frames = (delay + frame - 1) / frame
            // Placed anew, not moved: two roundings would leave the picture grid.
            pair.shift = shift(request, to: pair.cut.end + frames * frame, pair.entry)
            pair.kind = .hole
        }
        var sounds: [SoundPlan] = []
        let place = pair.entry.presentation + pair.shift
        for sound in request.outgoing.sounds {
            let other = request.incoming.sounds.first { $0.slot == sound.slot }
            sounds.append(SoundPlanner.plan(sound, other, request, shift: pair.shift, place: place))
        }
        for sound in request.incoming.sounds
        where !request.outgoing.sounds.contains(where: { $0.slot == sound.slot }) {
            let free = max(place, request.before.soundEnds[sound.slot] ?? place)
            sounds.append(SoundPlanner.enter(sound, shift: pair.shift, place: free))
        }
        let gap = sounds.map { abs($0.gapTicks) }.max() ?? 0
        let holdBack = request.incomingNow + pair.shift - request.scheduleNow
        let isTrue = pair.kind == .meets || pair.kind == .loses
        let outgoing = request.outgoing.pictures
        let shownBefore = request.outgoing.isSoundOnly
            ? request.before.pictures[...] : outgoing.prefix(pair.cut.index)
        let fallen = picturesOutOfOrder(shownBefore, request.incoming, from: pair.entry.index)
        let isWhole = pair.cut.holes == 0 && fallen == 0
        let ended = sounds.count { $0.outgoingStream != nil && $0.incomingStream == nil }
        let endsPictures = request.incoming.isSoundOnly && !request.outgoing.isSoundOnly
        let cost = SeamCost(
            endsPictures: endsPictures,
            endsSound: ended > 0 && !sounds.contains { $0.incomingStream != nil },
            kind: pair.kind == .meets && !isWhole ? .loses : pair.kind,
            streamsLost: ended + (endsPictures ? 1 : 0), soundGapTicks: gap,
            framesLost: pair.framesLost + pair.cut.holes,
            framesRepeated: pair.framesRepeated, framesOutOfOrder: fallen,
            entry: pair.entry.isOpen ? 1 : 0,
            secondsBehind: isTrue ? 0 : secondsBehind(request, pair.shift),
            holdBackErrorTicks: isTrue ? 0 : abs(holdBack - request.holdBackTicks))
        // True time is of no use where the incoming input has nothing to send for it.
        if holdBack < (isTrue ? 0 : -longestStandTicks) {
            return .none("the incoming input is further behind than the hold-back")
        }
        let excused = request.mayFallBehind ? secondsSinceEntry(request) : 0
        if cost.secondsBehind - excused >= mostSecondsBehind {
            return .none("the newest random access point is too long ago")
        }
        let firstOut = pair.cut.index < outgoing.count
            ? outgoing[pair.cut.index].units.lowerBound
            : outgoing[pair.cut.index - 1].units.upperBound
        let entryTime = (incoming[pair.entry.index].firstTime ?? never) + pair.shift
        let leaveTime = request.outgoingShift
            + ((pair.cut.index < outgoing.count
                ? outgoing[pair.cut.index].firstTime : outgoing.last?.lastTime) ?? never)
        // Audio has a place of its own, which may come before that of the pictures.
        let heard = sounds.filter { $0.outgoingStream != nil && $0.incomingStream != nil }
            .compactMap { sound in
                sound.begin.map {
                    min($0 - SoundPlanner.marginTicks(request), sound.leaveTime ?? never)
                }
            }.min() ?? never
        return .plan(
            SeamPlan(
                outgoingUntil: firstOut,
                incomingFrom: incoming[pair.entry.index].units.lowerBound,
                shift: pair.shift, sounds: sounds, presentation: place, cost: cost,
                breaksLink: pair.entry.isOpen,
                expires: min(
                    leaveTime, max(entryTime, request.scheduleNow),
                    max(heard, request.scheduleNow)),
                lateTicks: max(0, late.ticks), holdBackTicks: holdBack))
    }

    /// How much later than its place an entry is put to give the output its hold-back again. Where
    /// it has run dry nothing is won by an entry that leaves it without: the next late packet would
    /// be the next hole. It fills as at the begin.
    private static func refill(_ request: SeamRequest, _ pair: Candidate) -> Int64 {
        guard request.isDry, pair.kind == .steps else { return 0 }
        let holdBack = request.incomingNow + pair.shift - request.scheduleNow
        let missing = request.holdBackTicks - holdBack
        // A hole for a little more of it is not worth its while.
        return missing > max(refillToleranceTicks, request.holdBackTicks / 4) ? missing : 0
    }

    /// How far the first packet is behind the schedule, and by how much some picture would miss its
    /// decoding time if everything late went out at the highest rate. What the input itself sends
    /// behind its decoding time (segments of HLS whose PCR is the DTS) is not the seam's doing.
    private static func lateness(
        _ request: SeamRequest, _ pair: Candidate
    ) -> (ticks: Int64, shortfall: Int64) {
        let pictures = request.incoming.pictures
        let first = (pictures[pair.entry.index].firstTime ?? never) + pair.shift
        let late = request.scheduleNow - first
        var shortfall: Int64 = 0
        var sent = request.scheduleNow
        for index in pair.entry.index..<pictures.count {
            let picture = pictures[index]
            guard let last = picture.lastTime else { break }
            sent = max(sent + Int64(picture.packetCount) * request.packetTicks, last + pair.shift)
            shortfall = max(shortfall, sent - (max(picture.decoding, last) + pair.shift))
            if last + pair.shift > request.scheduleNow + late { break }
        }
        return (late, shortfall)
    }
}
