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
        for breach in report.brokenLaws {
            let isAlways = breach.law <= 3
            let isStrict = plan.kind == .calm || plan.kind == .promised
            let isJudged = plan.kind == .shallow && !isMarred
            // A seam may lose pictures where no promise is made; `judgeJumps` wants them told.
            if breach.name == "videoGap" && plan.kind == .shallow { continue }
            if isAlways || isStrict || isJudged {
                verdict.failures.append(
                    "law \(breach.law) \(breach.name): \(breach.sentence), \(breach.count) times,"
                        + " first at \(seconds(breach.first.elapsedTicks)) s")
            }
        }
        if plan.kind != .storm && verdict.packets == 0 { verdict.failures.append("no output") }
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
        verdict.events.contains { event in
            switch event {
            case .damagePassed(_, _, let at): abs(at.nanoseconds - time) < WorldJudge.tellingTime
            default: false
            }
        }
    }

    // MARK: Laws 6, 7 and 9

    func judgeUnits(_ verdict: inout WorldVerdict) {
        guard !plan.altersBytes else { return }
        for fault in verdict.unitFaults {
            switch fault.kind {
            case .unmarked, .wronglyMarked, .strayLeading, .wrongStart:
                if plan.kind == .storm { continue }
            case .unrecognised, .altered, .noReference:
                let isPromised = plan.kind == .calm || plan.kind == .promised
                if !isPromised && isTold(fault.time, verdict) { continue }
            }
            verdict.failures.append(
                "a unit at PTS \(fault.presentation): \(fault.kind.rawValue)")
        }
    }

    // MARK: Laws 4 and 10: pictures

    func judgeJumps(_ verdict: inout WorldVerdict) {
        var seen = Set<Int>()
        for jump in verdict.jumps {
            guard let (number, seam) = seam(at: jump, verdict) else {
                if plan.altersBytes || isTold(jump.time, verdict) { continue }
                verdict.failures.append(
                    "untold: content goes on by \(jump.contentStep) frames and time by "
                        + "\(jump.excessTicks) ticks too many at PTS \(jump.presentation), "
                        + "from \(jump.from) to \(jump.to)")
                continue
            }
            seen.insert(number)
            if plan.kind == .storm { continue }
            judge(jump, seam, &verdict)
        }
        for (number, seam) in verdict.seams.enumerated() where !seen.contains(number) {
            guard plan.sharesClock, seam.alignment == .timestamps, plan.kind != .storm,
                seam.framesLost + seam.framesRepeated > 0, verdict.damageTold == 0
            else { continue }
            verdict.failures.append(
                "a seam at \(seam.time.nanoseconds / 1_000_000) ms tells of \(seam.framesLost) lost"
                    + " and \(seam.framesRepeated) repeated pictures, but there are none")
        }
    }

    private func seam(
        at jump: ContentJump, _ verdict: WorldVerdict
    ) -> (Int, SeamRecord)? {
        for (number, seam) in verdict.seams.enumerated() {
            let distance = (jump.presentation - seam.presentation.ticks) & (Timestamp.modulus - 1)
            if distance <= 3 || distance >= Timestamp.modulus - 3 { return (number, seam) }
        }
        return nil
    }

    private func judge(_ jump: ContentJump, _ seam: SeamRecord, _ verdict: inout WorldVerdict) {
        let place = "the seam at \(seam.time.nanoseconds / 1_000_000) ms"
        let frame = plan.content.frameTicks.roundedDivision(by: 300)
        if seam.level >= .l2 && seam.framesRepeated == 0 {
            // A true seam leaves the last picture on screen for what is lost; a step leaves none.
            let shown = Int64(seam.framesLost) * frame
            let isTrue = abs(jump.excessTicks - shown) <= 1 + Int64(seam.framesLost)
            if !isTrue && abs(jump.excessTicks) > 1 {
                verdict.failures.append(
                    "\(place): PTS step is \(jump.excessTicks) ticks more than a frame")
            }
        }
        guard plan.sharesClock, seam.alignment == .timestamps else { return }
        // Pictures that the outgoing input itself had lost are damage, told or not promised.
        if isTold(jump.time, verdict) { return }
        let told = Int64(seam.framesLost - seam.framesRepeated) + 1
        if told != jump.contentStep {
            verdict.failures.append(
                "\(place) tells of \(seam.framesLost) lost and \(seam.framesRepeated) repeated,"
                    + " the marks go on by \(jump.contentStep)")
        }
    }

    // MARK: Laws 4, 5, 6 and 10: sound

    func judgeSound(_ verdict: inout WorldVerdict) {
        guard plan.kind != .storm else { return }
        for gap in sound.gaps where !isTold(gap.time, verdict) {
            let isRecorded = verdict.seams.contains { seam in
                seam.audioGap != 0 && abs(seam.audioGap - gap.excessTicks) <= 4
            }
            if isRecorded && plan.kind == .shallow { continue }
            verdict.failures.append(
                "the sound's PTS is \(gap.excessTicks) ticks off at \(gap.presentation)"
                    + (isRecorded ? "" : ", untold"))
        }
        for slip in sound.slips where !isTold(slip.time, verdict) {
            // A seam of an input with itself steps in content.
            let isSeam = verdict.seams.contains { seam in
                let distance = (slip.presentation - seam.presentation.ticks)
                    & (Timestamp.modulus - 1)
                return distance < 90_000 || distance > Timestamp.modulus - 90_000
            }
            if isSeam { continue }
            verdict.failures.append(
                "untold: \(slip.contentStep) frames of sound at PTS \(slip.presentation)")
        }
        let half = plan.content.soundFrameTicks / 600 + 6
        if verdict.lipSyncError > half {
            verdict.failures.append(
                "law 5: sound is \(verdict.lipSyncError) ticks off its picture, \(half) allowed")
        }
    }

    // MARK: L3

    func judgePromise(_ verdict: inout WorldVerdict) {
        guard plan.kind == .promised else { return }
        for event in verdict.events {
            switch event {
            case .damagePassed(_, let units, let at):
                verdict.failures.append(
                    "\(units) damaged units went out at \(at.nanoseconds / 1_000_000) ms")
            case .standstill(let at):
                verdict.failures.append("standstill at \(at.nanoseconds / 1_000_000) ms")
            default: break
            }
        }
        for seam in verdict.seams where seam.level < .l2 {
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
