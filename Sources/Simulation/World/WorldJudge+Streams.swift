// Inputs that do not bring the same streams: what one of them lacks is missing in the output as
// long as it is on air, and no longer. All other laws hold.

import SwitchEngine
import TransportStream

extension WorldJudge {
    /// A stream may end so much before the seam to an input that lacks it, and begin again so much
    /// behind the seam away from it, 90 kHz ticks: a long PES packet of sound, and the pictures up
    /// to a random access point.
    private static let edgeTicks: Int64 = 90_000

    /// Holes in sound and pictures that belong to inputs without them.
    var excusedHoles: Int64 {
        guard plan.streamsDiffer else { return 0 }
        let gaps = sounds.reduce(0) { $0 + $1.gaps.count { isMissingSound($0) } }
        return Int64(gaps + pictures.jumps.count { isMissingPictures($0) })
    }

    /// Whether an input that lacks the sound was on air in the hole before `gap`.
    func isMissingSound(_ gap: ContentJump) -> Bool {
        guard plan.streamsDiffer, gap.excessTicks > 0 else { return false }
        let isSecond = gap.from & SoundWriter.secondMark != 0
        let others = sounds.flatMap(\.runs).filter { $0.life & SoundWriter.secondMark == 0 }
        return (pictures.runs + (isSecond ? others : [])).contains { run in
            guard isInHole(run, before: gap), let profile = profile(of: run.life) else {
                return false
            }
            return profile.content.sound == .none || isSecond && !profile.hasSecondSound
        }
    }

    /// Whether an input without pictures was on air in the hole before `jump`.
    func isMissingPictures(_ jump: ContentJump) -> Bool {
        guard plan.streamsDiffer, jump.excessTicks > 0 else { return false }
        return runsWithoutPictures.contains { isInHole($0, before: jump) }
    }

    /// Where the stamps alone jump in the middle of a PES packet of sound, that packet has two time
    /// lines and goes out on neither: a silence of its length at a seam of the input with itself.
    func isCutPacket(_ seam: SeamRecord) -> Bool {
        guard seam.from == seam.to, seam.reason == .timelineBreak, seam.audioGap > 0 else {
            return false
        }
        let input = plan.inputs[seam.from.index]
        let hasJump = input.episodes.contains {
            if case .stampJump = $0.kind { true } else { false }
        }
        let packet = Int64(input.profile.framesPerPacket) * plan.content.soundFrameTicks
        return hasJump && seam.audioGap <= packet / StreamTime.ticksPerTimestampTick + 1
    }

    /// In a storm: whether an input lost its pictures, and nothing else, in the hole before `jump`,
    /// or where that hole begins and ends some of those that are reordered.
    func isLosingPictures(_ jump: ContentJump) -> Bool {
        guard let input = input(of: jump) else { return false }
        let isEdge = jump.contentStep > 1
            && jump.contentStep <= 1 + Int64(input.profile.reorderDepth)
        guard plan.kind == .storm, isEdge || jump.excessTicks > WorldJudge.edgeTicks else {
            return false
        }
        let length = jump.excessTicks.scaled(by: 100_000, over: 9)
        let first = jump.time - length - plan.configuration.holdBack - 1_000_000_000
        return input.episodes.contains {
            $0.kind == .videoLoss && $0.start < jump.time && $0.end > first
        }
    }

    /// The input that a jump leads to; nil where damaged bytes are taken for a mark.
    private func input(of jump: ContentJump) -> InputPlan? {
        let index = Int(jump.to) / 16
        return plan.inputs.indices.contains(index) ? plan.inputs[index] : nil
    }

    /// In a storm: whether one picture is missing of an input that loses packets. Where those are
    /// sixteen in a row no counter shows it, and a single picture any encoder may drop.
    func isUncounted(_ jump: ContentJump) -> Bool {
        guard plan.kind == .storm, jump.from == jump.to, jump.contentStep == 2 else { return false }
        return (input(of: jump)?.episodes ?? []).contains {
            if case .loss = $0.kind { true } else { false }
        }
    }

    private func isInHole(_ run: ContentRun, before jump: ContentJump) -> Bool {
        run.end > jump.presentation - jump.excessTicks - WorldJudge.edgeTicks
            && run.start < jump.presentation + WorldJudge.edgeTicks
    }

    /// Stretches of inputs that have sound alone.
    var runsWithoutPictures: [ContentRun] {
        guard plan.streamsDiffer else { return [] }
        return sounds.flatMap(\.runs).filter {
            profile(of: $0.life)?.content.picture == SyntheticContent.Picture.none
        }
    }

    private func profile(of life: UInt8) -> EncoderProfile? {
        reader.lives[life & ~SoundWriter.secondMark]?.encoder.profile
    }
}
