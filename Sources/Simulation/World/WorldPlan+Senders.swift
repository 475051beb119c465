// What some worlds have beside their faults: inputs that differ in their streams, one wrong stamp,
// senders that stall and catch up. Each is drawn apart, from the seed with a number of its own, so
// that all other worlds stay what they were.

import SwitchEngine
import TransportStream

extension WorldPlan {
    private static let second: Int64 = 1_000_000_000

    /// Draws all of it, after everything else.
    mutating func drawSenders() {
        if drawManySeams() { return }
        drawStreams()
        if drawStalls() { return }
        drawBurst()
        drawWrongStamp()
    }

    // MARK: Streams

    /// An input without sound, one with a second language, one of sound alone, and sound that
    /// leaves before the pictures that belong to it.
    private mutating func drawStreams() {
        var chance = SeededGenerator(seed: seed ^ 0x53_5452_4505)
        guard chance.happens(perMillion: 60_000) else { return }
        let hasLanguages = chance.happens(perMillion: 500_000)
        // Of a promised world's inputs none lacks the pictures.
        let canLackPictures = kind == .shallow || kind == .storm
        let lonely = canLackPictures && inputs.count > 1 && chance.happens(perMillion: 200_000)
            ? 1 + chance.number(inputs.count - 1) : nil
        for index in inputs.indices {
            var profile = inputs[index].profile
            if hasLanguages {
                profile.language = "eng"
                profile.secondLanguage = "deu"
            }
            switch chance.number(4) {
            case 0: if index != lonely { profile.content.sound = .none }
            case 1: profile.hasSecondSound = true
            default: break
            }
            if index == lonely { profile.content.picture = .none }
            profile.hasData = chance.happens(perMillion: 400_000)
            let isSoundFirst = chance.happens(perMillion: 500_000)
            let share = Int64(3 + chance.number(6))
            if isSoundFirst {
                let room = profile.decodingDelay - profile.clockInterval
                    - 100 * StreamTime.ticksPerMillisecond
                profile.pictureWait = max(0, room) * share / 10
            }
            inputs[index].profile = profile
        }
        if kind == .promised, let fault = inputs[0].episodes.first?.kind {
            // What is lost must be somewhere else, with all that is beside it: an input that comes
            // back soon, with a hole, is better than a standby that lacks a sound.
            let own = inputs[0].profile
            if !inputs.dropFirst().contains(where: { $0.profile.hasSounds(own) }) {
                inputs[1].profile.content.sound = content.sound
                inputs[1].profile.hasSecondSound = own.hasSecondSound
            }
            // Whose pictures leave later is further behind.
            configuration.holdBack = max(configuration.holdBack, neededHoldBack(for: fault))
        }
    }

    // MARK: One wrong stamp

    /// In storms and where little is promised, one stamp of one input is wrong: at any time, within
    /// its first second, or within the second behind a fault. Where a promise is made it is one of
    /// a standby, well before the fault.
    private mutating func drawWrongStamp() {
        var chance = SeededGenerator(seed: seed ^ 0x57_524F_4E07)
        guard kind != .calm, chance.happens(perMillion: 80_000) else { return }
        let index = kind == .promised
            ? 1 + chance.number(inputs.count - 1) : chance.number(inputs.count)
        var start: Int64 = 0
        let begin = max(0, inputs[index].start)
        let faultEnds = inputs[index].episodes.map(\.end).filter { $0 < duration }
        switch chance.number(3) {
        case 0: start = begin + Int64(chance.number(1_000)) * 1_000_000
        case 1 where !faultEnds.isEmpty:
            start = faultEnds[chance.number(faultEnds.count)]
                + Int64(chance.number(1_000)) * 1_000_000
        default: start = Int64(chance.number(Int(duration / 1_000_000))) * 1_000_000
        }
        if kind == .promised { start = Int64(chance.number(1_500)) * 1_000_000 }
        let stamps = Episode.Stamp.allCases
        let stamp = stamps[chance.number(stamps.count)]
        inputs[index].episodes.append(
            Episode(
                .wrongStamp(stamp, by: WorldPlan.stampError(&chance)), from: start,
                to: start + 2 * WorldPlan.second))
    }

    /// Milliseconds, seconds, hours, half the way around, anything; 27 MHz ticks.
    private static func stampError(_ chance: inout SeededGenerator) -> Int64 {
        let unit = StreamTime.ticksPerMillisecond
        let amount: Int64 = switch chance.number(5) {
        case 0: Int64(1 + chance.number(999)) * unit
        case 1: Int64(1_000 + chance.number(59_000)) * unit
        case 2: Int64(60 + chance.number(12 * 3_600)) * 1_000 * unit
        case 3: ClockReference.modulus / 2 + Int64(chance.number(2_000) - 1_000) * unit
        default: Int64(chance.next() % UInt64(ClockReference.modulus))
        }
        return chance.happens(perMillion: 500_000) ? amount : -amount
    }

    // MARK: Stalls

    /// A sender that stands still and then sends all that it has, up to three times, shorter than
    /// the hold-back: nothing is lost on the way, so nothing may be lost. With standbys or without.
    private mutating func drawStalls() -> Bool {
        var chance = SeededGenerator(seed: seed ^ 0x5354_414C)
        guard kind == .promised, chance.happens(perMillion: 100_000) else { return false }
        if chance.happens(perMillion: 500_000) {
            inputs = [inputs[0]]
            configuration.inputs = [configuration.inputs[0]]
        }
        var time = 4 * WorldPlan.second + Int64(chance.number(1_500)) * 1_000_000
        var longest: Int64 = 0
        var episodes: [Episode] = []
        for _ in 0..<(1 + chance.number(3)) {
            let length = Int64(1 + chance.number(19_000)) * 100_000
            longest = max(longest, length)
            episodes.append(Episode(.clog, from: time, to: time + length))
            time += length + 3 * WorldPlan.second + Int64(chance.number(1_000)) * 1_000_000
        }
        inputs[0].episodes = episodes
        configuration.holdBack = neededHoldBack(for: .clog) + longest
            + Int64(chance.number(1_000)) * 1_000_000
        duration = time + configuration.holdBack
        // A way back that takes too long may lose pictures, and that is no fault of the stall.
        configuration.returning = .never
        losesNothing = true
        // From a second behind each stall to the next. Others on air may be nearer or further.
        let tolerance = distanceTicks.scaled(by: 1_000, over: 27)
        let ends = [3 * WorldPlan.second] + episodes.map(\.end)
        let starts = episodes.map(\.start) + [duration - configuration.holdBack]
        for (end, start) in zip(ends, starts) where end + WorldPlan.second < start {
            holdBackWindows.append(
                HoldBackWindow((end + WorldPlan.second)..<start, tolerance: tolerance))
        }
        return true
    }

    // MARK: Many seams

    /// Seam after seam, by restarts, jumps, outages and an operator, some with long groups; then
    /// quiet, in which the operator goes to and fro. The hold-back does not creep.
    private mutating func drawManySeams() -> Bool {
        var chance = SeededGenerator(seed: seed ^ 0x43_5245_4504)
        guard kind == .shallow, chance.happens(perMillion: 30_000) else { return false }
        configuration.holdBack = Int64(1_000 + chance.number(2_000)) * 1_000_000
        configuration.returning = .never
        configuration.plannedWait = WorldPlan.second
        // An encoder that restarts has a clock of its own.
        configuration.alignment = chance.happens(perMillion: 500_000) ? .auto : .arrival
        commands = []
        let isLong = chance.happens(perMillion: 300_000)
        for index in inputs.indices {
            inputs[index].start = -WorldPlan.second
            inputs[index].episodes = []
            if isLong { inputs[index].profile.groupLength *= 2 + chance.number(4) }
        }
        if chance.happens(perMillion: 400_000) {
            inputs = [inputs[0]]
            configuration.inputs = [configuration.inputs[0]]
        }
        var time = 4 * WorldPlan.second
        for _ in 0..<(6 + chance.number(9)) {
            time += drawSeam(at: time, &chance) + configuration.holdBack / 2
                + Int64(500 + chance.number(2_000)) * 1_000_000
        }
        for number in 0..<4 {
            time += configuration.holdBack + 2 * WorldPlan.second
            commands.append((time, InputID(number % inputs.count)))
        }
        let settled = time + configuration.holdBack + 2 * WorldPlan.second
        duration = settled + configuration.holdBack + 3 * WorldPlan.second
        // What the place of a seam is chosen by: entries, and their picture order, up to a second.
        let group = max(inputs.map(\.profile.groupTicks).max() ?? 0, StreamTime.ticksPerSecond)
        holdBackWindows = [
            HoldBackWindow(
                settled..<(duration - configuration.holdBack),
                tolerance: (distanceTicks + stampDistanceTicks + group).scaled(by: 1_000, over: 27),
                mayLack: true)
        ]
        return true
    }

    /// Something that makes a seam; gives how long it lasts, nanoseconds.
    private mutating func drawSeam(at time: Int64, _ chance: inout SeededGenerator) -> Int64 {
        let index = chance.number(inputs.count)
        let jump = Int64(2_000 + chance.number(60_000)) * StreamTime.ticksPerMillisecond
        let (kind, length): (Episode.Kind, Int64) = switch chance.number(inputs.count > 1 ? 6 : 4) {
        case 0: (
            .restart(
                base: Int64(chance.next() % UInt64(ClockReference.modulus)),
                movesPIDs: chance.happens(perMillion: 500_000)),
            Int64(chance.number(1_500)))
        case 1: (.stampJump(by: jump / StreamTime.ticksPerTimestampTick), 1_500)
        case 2: (.vanish, Int64(300 + chance.number(700)))
        case 3: (.vanish, Int64(1_000 + chance.number(4_000)))
        default: (.clog, 0)
        }
        if kind == .clog {
            commands.append((time, InputID(index)))
            return 0
        }
        inputs[index].episodes.append(Episode(kind, from: time, to: time + length * 1_000_000))
        return length * 1_000_000
    }

    // MARK: Bursts

    /// A sender that gives at once what it has buffered, up to two seconds, when it is connected:
    /// at the begin, and where a connection comes back.
    private mutating func drawBurst() {
        var chance = SeededGenerator(seed: seed ^ 0x4255_5253)
        guard chance.happens(perMillion: 60_000) else { return }
        let index = chance.number(inputs.count)
        let length = Int64(1 + chance.number(2_000)) * 1_000_000
        let connected = Int64(chance.number(800)) * 1_000_000
        inputs[index].start = connected - length
        inputs[index].episodes.append(
            Episode(.clog, from: connected - length - WorldPlan.second, to: connected))
        for number in inputs[index].episodes.indices {
            let episode = inputs[index].episodes[number]
            guard episode.kind == .vanish, episode.end - episode.start > length else { continue }
            inputs[index].episodes[number].end = episode.end - length
            inputs[index].episodes.append(
                Episode(.clog, from: episode.end - length, to: episode.end))
        }
    }
}
