// Law 9 for SCTE-35: the encoders announce each whole second of their own source time, so on the
// output a splice time must be a whole second of the content there, by the offset between PTS and
// content that the pictures around it have.

import SwitchEngine
import TransportStream

extension WorldJudge {
    /// The pictures that a splice time belongs to may be so far from it, 90 kHz ticks: it is sent
    /// well before its time, and a seam may come between.
    private static let reach: Int64 = 3 * 90_000
    /// The seam's shift is rounded to the picture grid, and contents by arrival meet within a
    /// frame; what belongs to the outgoing input is then that far off the incoming pictures.
    private static let roundingTicks: Int64 = 2
    /// At a seam both inputs may announce the same second; older ones must not come again.
    private static let backStep: Int64 = 90_000 * 3 / 2

    func judgeSplices(_ verdict: inout WorldVerdict) {
        // The world moves the stamps of PES packets only.
        let hasOwnStamps = plan.inputs.flatMap(\.episodes).contains {
            if case .stampJump = $0.kind { true } else { false }
        }
        guard plan.kind != .storm, !hasOwnStamps else { return }
        for splice in splices where !isOnTime(splice) {
            verdict.failures.append(
                "a splice time of \(splice.presentation) is no whole second of the content")
        }
        for (last, next) in zip(splices, splices.dropFirst()) {
            let step = WorldJudge.distance(from: last.presentation, to: next.presentation)
            guard step < -WorldJudge.backStep else { continue }
            verdict.failures.append(
                "the splice time of \(next.presentation) comes after \(last.presentation)")
        }
    }

    /// Around the wrap, 90 kHz ticks.
    static func distance(from: Int64, to: Int64) -> Int64 {
        let distance = (to - from) & (Timestamp.modulus - 1)
        return distance >= Timestamp.modulus / 2 ? distance - Timestamp.modulus : distance
    }

    private func isOnTime(_ splice: SeenSplice) -> Bool {
        let second = SyntheticEncoder.dataTicks / StreamTime.ticksPerTimestampTick
        var hasNeighbour = false
        // Sound is put on the output's grid, up to half a frame off its own time.
        let half = plan.content.soundFrameTicks / 600
        let runs = pictures.runs.map { ($0, WorldJudge.roundingTicks) }
            + runsWithoutPictures.map { ($0, half + WorldJudge.roundingTicks) }
        for (run, tolerance) in runs {
            let time = run.start
                + WorldJudge.distance(from: run.start, to: splice.presentation)
            guard time > run.start - WorldJudge.reach, time < run.end + WorldJudge.reach else {
                continue
            }
            hasNeighbour = true
            let content = time - run.offset
            let off = content - content.roundedDivision(by: second) * second
            if abs(off) <= tolerance { return true }
        }
        return !hasNeighbour
    }
}
