// The single judgements of `WorldJudge`, by law.

import Conformance
import SwitchEngine
import TransportStream

extension WorldJudge {
    /// Host nanoseconds between something and the event that tells of it.
    private static let tellingTime: Int64 = 2_500_000_000

    // MARK: Laws 1, 2, 3 and, where nothing was damaged, 4, 6, 7, 8

    func judgeSyntax(_ verdict: inout WorldVerdict) {
        let report = verdict.report
        let clean: [Indicator] = [
            .syncLoss, .syncByte, .association, .continuity, .programMap, .transportError,
            .checksum, .clockRepetition, .clockDiscontinuity,
        ]
        for indicator in clean where report.count(indicator) > 0 {
            verdict.failures.append("\(indicator.name) \(report.count(indicator)) times")
        }
        let isMarred = verdict.damageTold > 0 || hasHole(verdict)
        let holes = excusedHoles
            + Int64(verdict.seams.count { isCutPacket($0) || $0.audioGap > 0 && lacksHoldBack })
        for breach in report.brokenLaws {
            let isAlways = breach.law <= 3
            let isStrict = plan.kind == .calm || plan.kind == .promised
            let isJudged = plan.kind == .shallow && !isMarred
            // A seam may lose pictures where no promise is made; `judgeJumps` wants them told.
            if breach.name == "videoGap" && plan.kind == .shallow { continue }
            if breach.name == "lateAccessUnit" && lacksTimeForJump { continue }
            // What an input does not bring is missing as long as it is on air.
            if ["audioStep", "videoGap", "videoUneven"].contains(breach.name)
                && breach.count <= holes
            {
                continue
            }
            // Which recovery point there is, is not the planner's choice; that it falls is told.
            let fallsTold = verdict.seams.count { $0.framesOutOfOrder > 0 }
            if breach.name == "orderCountFalls" && breach.count <= fallsTold { continue }
            if isAlways || isStrict || isJudged {
                verdict.failures.append(
                    "law \(breach.law) \(breach.name): \(breach.sentence), \(breach.count) times,"
                        + " first at \(seconds(breach.first.elapsedTicks)) s")
            }
        }
        if plan.kind != .storm && verdict.packets == 0 { verdict.failures.append("no output") }
    }

    /// What a jump of a PCR means is told by the stamps behind it; who holds back less than that
    /// takes sends what comes meanwhile late.
    private var lacksTimeForJump: Bool {
        plan.kind == .shallow && plan.configuration.holdBack < 500_000_000
            && plan.inputs.flatMap(\.episodes).contains {
                if case .clockJump = $0.kind { true } else { false }
            }
    }

    /// A calm world's operator may want an input that comes further behind than is held back: what
    /// the output has sent of the one on air is not there of it yet.
    private var lacksHoldBack: Bool {
        plan.kind == .calm
            && plan.configuration.holdBack < plan.distanceTicks.scaled(by: 1_000, over: 27)
    }

    private func seconds(_ ticks: Int64?) -> String {
        guard let ticks else { return "?" }
        let milliseconds = ticks / StreamTime.ticksPerMillisecond
        let rest = String(abs(milliseconds % 1_000))
        return "\(milliseconds / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }

    private func hasHole(_ verdict: WorldVerdict) -> Bool {
        verdict.seams.contains { $0.level < .l2 } || verdict.events.contains {
            if case .standstill = $0 { true } else { false }
        }
    }

    /// Whether the engine told of damage near a moment of the output.
    private func isTold(_ time: Int64, _ verdict: WorldVerdict) -> Bool {
        (verdict.events + verdict.toldWhileEnding).contains { event in
            switch event {
            case .damagePassed(_, let units, let data, let at):
                units > data && abs(at.nanoseconds - time) < WorldJudge.tellingTime
            default: false
            }
        }
    }

    // MARK: Laws 6, 7 and 9

    func judgeUnits(_ verdict: inout WorldVerdict) {
        guard !plan.altersBytes else { return }
        for fault in verdict.unitFaults {
            switch fault.kind {
            case .wronglyMarked:
                if plan.kind == .storm { continue }
            case .wrongStart where plan.kind == .storm: continue
            case .unrecognised, .altered, .noReference, .unmarked, .strayLeading, .wrongStart:
                // Where pictures are lost without a seam there is nothing to mark.
                let isPromised = plan.kind == .calm || plan.kind == .promised
                if !isPromised && isTold(fault.time, verdict) { continue }
            }
            verdict.failures.append(
                "a unit at PTS \(fault.presentation): \(fault.kind.rawValue)")
        }
    }

    // MARK: Laws 4 and 10: pictures

    /// Every jump belongs to a seam that says so, or to damage that was told. Where the outgoing
    /// input died among reordered pictures, those that never came are missing just before the seam
    /// and are part of what it tells.
    func judgeJumps(_ verdict: inout WorldVerdict) {
        var bySeam: [Int: [ContentJump]] = [:]
        for jump in verdict.jumps {
            if isMissingPictures(jump) || isLosingPictures(jump) || isUncounted(jump) { continue }
            if let number = seam(of: jump, verdict) {
                bySeam[number, default: []].append(jump)
            } else if !plan.altersBytes && !isTold(jump.time, verdict) {
                verdict.failures.append(
                    "untold: content goes on by \(jump.contentStep) frames and time by "
                        + "\(jump.excessTicks) ticks too many at PTS \(jump.presentation), "
                        + "from \(jump.from) to \(jump.to)")
            }
        }
        guard plan.kind != .storm else { return }
        for (number, seam) in verdict.seams.enumerated() {
            judge(bySeam[number] ?? [], seam, &verdict)
        }
    }

    /// Number of the seam that a jump belongs to.
    private func seam(of jump: ContentJump, _ verdict: WorldVerdict) -> Int? {
        let exact = verdict.seams.firstIndex { isAt($0, jump) }
        if let exact { return exact }
        let frame = plan.content.frameTicks.roundedDivision(by: 300)
        guard jump.from == jump.to, jump.contentStep > 1, !isTold(jump.time, verdict) else {
            return nil
        }
        return verdict.seams.firstIndex { seam in
            // Where the output's clock had run on there is a hole between the last picture of the
            // outgoing input and the seam.
            let own = verdict.jumps.first { isAt(seam, $0) }
            let reach = 20 * frame + max(own?.excessTicks ?? 0, 0)
            return (0...reach).contains(distance(from: jump, to: seam))
                && seam.from.index == Int(jump.from) / 16
        }
    }

    /// 90 kHz ticks.
    private func distance(from jump: ContentJump, to seam: SeamRecord) -> Int64 {
        WorldJudge.distance(from: jump.presentation, to: seam.presentation.ticks)
    }

    /// Whether a jump is the place of a seam.
    private func isAt(_ seam: SeamRecord, _ jump: ContentJump) -> Bool {
        abs(distance(from: jump, to: seam)) <= 3
    }

    private func judge(
        _ jumps: [ContentJump], _ seam: SeamRecord, _ verdict: inout WorldVerdict
    ) {
        let place = "the seam at \(seam.time.nanoseconds / 1_000_000) ms"
        let frame = plan.content.frameTicks.roundedDivision(by: 300)
        let lost = Int64(seam.framesLost)
        let leavesPictures = plan.inputs[seam.from.index].profile.content.picture != .none
        for jump in jumps where seam.level >= .l2 && leavesPictures && !isTold(jump.time, verdict) {
            // What is lost leaves the last picture on screen, or time goes on by one frame.
            let isWithin = jump.excessTicks >= -1 && jump.excessTicks <= lost * (frame + 1) + 1
            let rest = abs(jump.excessTicks) % frame
            if isWithin && min(rest, frame - rest) <= 1 + lost { continue }
            verdict.failures.append(
                "\(place): PTS step is \(jump.excessTicks) ticks more than a frame")
        }
        // Damage that went out near it is told by its own event, and what an input without pictures
        // leaves out is not counted.
        let isMarred = verdict.damageTold > 0 || verdict.jumps.contains(where: isMissingPictures)
        let hasPictures = [seam.from, seam.to].allSatisfy {
            plan.inputs[$0.index].profile.content.picture != .none
        }
        guard plan.sharesClock, seam.alignment == .timestamps, !isMarred, hasPictures else {
            return
        }
        // What is decided as the pictures end may have nothing to show any more.
        let last = verdict.seams.first {
            $0.time > seam.time && plan.inputs[$0.to.index].profile.content.picture == .none
        }
        let end = last?.time.nanoseconds ?? plan.duration
        if jumps.isEmpty && seam.time.nanoseconds > end - 1_000_000_000 { return }
        let marks = jumps.reduce(Int64(0)) { $0 + $1.contentStep - 1 }
        guard marks != lost - Int64(seam.framesRepeated) else { return }
        verdict.failures.append(
            "\(place) tells of \(seam.framesLost) lost and \(seam.framesRepeated) repeated,"
                + " the marks go on by \(marks) too many")
    }

    // MARK: Laws 4, 5, 6 and 10: sound

    func judgeSound(_ verdict: inout WorldVerdict) {
        guard plan.kind != .storm else { return }
        for sound in sounds { judge(sound, &verdict) }
        let half = plan.content.soundFrameTicks / 600 + 6
        if verdict.lipSyncError > half {
            verdict.failures.append(
                "law 5: sound is \(verdict.lipSyncError) ticks off its picture, \(half) allowed")
        }
    }

    /// The first time stamp of all sound may be the wrong one: nothing before it tells, and what is
    /// held back is less than the PES packet up to the next one. It goes out as it is. Where it was
    /// too late, what goes out no more behind it is told.
    func isUnproven(
        _ run: ContentRun, by error: Int64, _ sound: SoundJournal, _ verdict: WorldVerdict
    ) -> Bool {
        let number = Int(run.life & ~SoundWriter.secondMark) / 16
        guard plan.kind == .shallow, plan.inputs.indices.contains(number),
            sound.runs.count > 1, run.start == sound.runs[0].start,
            let gap = sound.gaps.first, gap.presentation == sound.runs[1].start,
            isTold(gap.time, verdict)
        else { return false }
        let input = plan.inputs[number]
        let frame = plan.content.soundFrameTicks
        let packet = Int64(input.profile.framesPerPacket) * frame
        let isShort = (run.end - run.start) * 300 < packet
        guard isShort, plan.configuration.holdBack < packet.scaled(by: 1_000, over: 27) else {
            return false
        }
        return input.episodes.contains {
            guard case .wrongStamp(.audioPresentation, let ticks) = $0.kind else { return false }
            return abs(error * 300 - ticks) <= frame / 2
        }
    }

    private func judge(_ sound: SoundJournal, _ verdict: inout WorldVerdict) {
        // In all worlds the inputs' first sounds are of one language, and the second of another.
        if sound.counts.first > 0 && sound.counts.second > 0 {
            verdict.failures.append(
                "law 1: \(sound.counts.first) frames of the first sound and "
                    + "\(sound.counts.second) of the second are on one PID")
        }
        for gap in sound.gaps where !isTold(gap.time, verdict) && !isMissingSound(gap) {
            let isRecorded = isRecorded(gap, verdict)
            let isCut = verdict.seams.contains {
                isCutPacket($0) && abs($0.audioGap - gap.excessTicks) <= 4
            }
            if isCut || isRecorded && (plan.kind == .shallow || lacksHoldBack) { continue }
            verdict.failures.append(
                "the sound's PTS is \(gap.excessTicks) ticks off at \(gap.presentation)"
                    + (isRecorded ? "" : ", untold"))
        }
        for slip in sound.slips where !isTold(slip.time, verdict) {
            // A seam of an input with itself steps in content.
            if verdict.seams.contains(where: { isNear(slip, $0, verdict) }) { continue }
            verdict.failures.append(
                "untold: \(slip.contentStep) frames of sound at PTS \(slip.presentation)")
        }
    }

    /// Whether a seam tells of a silence. Of several sounds it tells the longest one.
    private func isRecorded(_ gap: ContentJump, _ verdict: WorldVerdict) -> Bool {
        let alike = sounds.flatMap(\.gaps).filter { other in
            other.excessTicks >= gap.excessTicks && gap.excessTicks > 0
                && other.presentation > gap.presentation - gap.excessTicks
                && gap.presentation > other.presentation - other.excessTicks
        }
        return verdict.seams.contains { seam in
            seam.audioGap != 0 && (alike + [gap]).contains {
                abs(seam.audioGap - $0.excessTicks) <= 4
            }
        }
    }

    /// Whether a step of the sound's content belongs to a seam. Where there is a hole in sound or
    /// pictures, the sound may begin in it, before the pictures.
    private func isNear(
        _ slip: ContentJump, _ seam: SeamRecord, _ verdict: WorldVerdict
    ) -> Bool {
        let own = verdict.jumps.first { isAt(seam, $0) }
        let reach = 90_000 + max(abs(seam.audioGap), own?.excessTicks ?? 0)
        return abs(distance(from: slip, to: seam)) < reach
    }

    // MARK: L3

    func judgePromise(_ verdict: inout WorldVerdict) {
        guard plan.kind == .promised else { return }
        for event in verdict.events {
            switch event {
            // For data alone no input is left.
            case .damagePassed(_, let units, let data, let at) where units > data:
                verdict.failures.append(
                    "\(units) damaged units went out at \(at.nanoseconds / 1_000_000) ms")
            case .standstill(let at):
                verdict.failures.append("standstill at \(at.nanoseconds / 1_000_000) ms")
            default: break
            }
        }
        for seam in verdict.seams where seam.level < .l2 && !isCutPacket(seam) {
            verdict.failures.append(
                "the seam at \(seam.time.nanoseconds / 1_000_000) ms is \(seam.level.rawValue): "
                    + seam.why)
        }
        for jump in verdict.jumps {
            let depth = Int64(reader.lives[jump.from]?.encoder.profile.reorderDepth ?? 0)
            if jump.contentStep >= 1 && jump.contentStep <= 1 + depth { continue }
            verdict.failures.append(
                "promise: content goes on by \(jump.contentStep) frames at PTS "
                    + "\(jump.presentation), the depth is \(depth)")
        }
    }
}
