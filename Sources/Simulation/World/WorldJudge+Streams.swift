// Inputs that do not bring the same streams: what one of them lacks is missing in the output as long
// as it is on air, and no longer. All other laws hold.

import SwitchEngine
import TransportStream

extension WorldJudge {
    /// A stream may end so much before the seam to an input that lacks it, and begin again so much
    /// behind the seam away from it, 90 kHz ticks: a group of pictures or a long PES packet of
    /// sound, and what a seam may lose.
    private static let edgeTicks: Int64 = 2 * 90_000

    /// Holes in sound and pictures that belong to inputs without them.
    var excusedHoles: Int64 {
        guard plan.streamsDiffer else { return 0 }
        let gaps = sounds.reduce(0) { $0 + $1.gaps.count { isExcused($0) } }
        return Int64(gaps + pictures.jumps.count { isExcused($0) })
    }

    /// Whether an input that lacks the stream was on air in the hole before `jump`.
    func isExcused(_ jump: ContentJump) -> Bool {
        guard plan.streamsDiffer, jump.excessTicks > 0 else { return false }
        let start = jump.presentation - jump.excessTicks - WorldJudge.edgeTicks
        let end = jump.presentation + WorldJudge.edgeTicks
        func isNear(_ run: ContentRun) -> Bool { run.end > start && run.start < end }
        func profile(_ life: UInt8) -> EncoderProfile? {
            reader.lives[life & ~SoundWriter.secondMark]?.encoder.profile
        }
        let isSecond = jump.from & SoundWriter.secondMark != 0
        let lacksSound = pictures.runs.contains { run in
            guard isNear(run), let profile = profile(run.life) else { return false }
            return profile.content.sound == .none || isSecond && !profile.hasSecondSound
        }
        let lacksPictures = sounds.contains { sound in
            sound.runs.contains { run in
                guard isNear(run), let profile = profile(run.life) else { return false }
                return profile.content.picture == .none
            }
        }
        return lacksSound || lacksPictures
    }
}
