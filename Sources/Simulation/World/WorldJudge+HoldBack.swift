// The hold-back, measured at the pictures: from when a picture is here if nothing holds it up to
// when the output brings it. Nothing that the engine says is used.
//
//   encoder   picture leaves --- delay ---> here --------- hold-back ---------> output
//                                            `--- excess 0 is at its target ---'

import SwitchEngine
import TransportStream

extension WorldJudge {
    /// How far the hold-back may be off its target where it is asserted, 100 ms, beside what the
    /// inputs' own graininess is.
    private static let tolerance: Int64 = 100_000_000

    /// Notes the hold-back at a random access picture.
    func measure(_ picture: SeenPicture) {
        guard picture.isExact, let mark = picture.mark, let number = picture.plan, number.isEntry,
            let life = reader.lives[mark.life], holdBackErrors.count < journalLimit, !isEnding
        else { return }
        holdBackErrors.append(
            HoldBackError(
                time: picture.time, input: Int(mark.life) / 16,
                excess: picture.time - life.arrival(of: number) - plan.configuration.holdBack))
    }

    /// Where the plan says so, the hold-back is at its target.
    func judgeHoldBack(_ verdict: inout WorldVerdict) {
        for window in plan.holdBackWindows {
            let seen = holdBackErrors.filter {
                window.times.contains($0.time) && ($0.excess > 0 || !window.mayLack)
            }
            let allowed = WorldJudge.tolerance + plan.grain + window.tolerance
            guard let worst = seen.max(by: { abs($0.excess) < abs($1.excess) }),
                abs(worst.excess) > allowed
            else { continue }
            verdict.failures.append(
                "hold-back: \(worst.excess / 1_000_000) ms off its target of "
                    + "\(plan.configuration.holdBack / 1_000_000) ms at "
                    + "\(worst.time / 1_000_000) ms, \(allowed / 1_000_000) ms allowed")
        }
    }

    /// Where nothing was lost on the way nothing is lost on the output. With a standby a silent
    /// input may be left before it is back, for no more than the pictures that are reordered.
    func judgeWholeness(_ verdict: inout WorldVerdict) {
        guard plan.losesNothing else { return }
        let depth = Int64(plan.inputs.map(\.profile.reorderDepth).max() ?? 0)
        let allowed = plan.inputs.count > 1 ? depth : 0
        for seam in verdict.seams
        where seam.level < .l3 && (seam.level < .l2 || seam.framesLost > allowed) {
            verdict.failures.append(
                "nothing is gone: the seam at \(seam.time.nanoseconds / 1_000_000) ms is "
                    + "\(seam.level.rawValue), lost \(seam.framesLost): \(seam.why)")
        }
        for jump in verdict.jumps
        where allowed == 0 || jump.contentStep > 1 + allowed
            || jump.contentStep < 1
        {
            verdict.failures.append(
                "nothing is gone: content goes on by \(jump.contentStep) frames and time by "
                    + "\(jump.excessTicks) ticks too many at PTS \(jump.presentation)")
        }
        for slip in sounds.flatMap(\.slips) {
            verdict.failures.append(
                "nothing is gone: \(slip.contentStep) frames of sound at PTS "
                    + "\(slip.presentation)")
        }
    }
}

extension WorldPlan {
    /// What packets wait for one another and for late wake-ups, nanoseconds: a datagram that is
    /// being filled, pictures that are being sent, jitter, the driver.
    var grain: Int64 {
        let input = inputs.map { input -> Int64 in
            let rate = max(input.profile.packetsPerSecond ?? 100, 1)
            return input.jitter + Int64(input.datagramPackets) * 1_000_000_000 / rate
        }.max() ?? 0
        return input + content.frameTicks.scaled(by: 1_000, over: 27) + driverLag + (tick ?? 0)
    }
}
