// Worlds that go on for long: hundreds of seams, days across the 33-bit wraps, a month. Packets are
// few, so that virtual days take real seconds.

import SwitchEngine
import TransportStream

extension WorldPlan {
    /// Two encoders on one clock and an operator who can not decide.
    /// - Parameter every: from one switch to the next, nanoseconds.
    public static func manySeams(_ count: Int, every: Int64 = 700_000_000) -> WorldPlan {
        var first = EncoderProfile()
        first.groupLength = 8
        first.depth = 1
        first.framesPerPacket = 4
        first.clockInterval = 80 * StreamTime.ticksPerMillisecond
        first.base = 5_000_000_000
        var second = first
        second.groupLength = 6
        second.depth = 0
        second.samplePhase = 400
        second.framesPerPacket = 3
        second.latency += 30 * StreamTime.ticksPerMillisecond
        var plan = WorldPlan(
            [first, second], duration: 4_000_000_000 + Int64(count) * every)
        plan.configuration.holdBack = 1_000_000_000
        plan.configuration.alignment = .timestamps
        for number in 0..<count {
            plan.commands.append(
                (3_000_000_000 + Int64(number) * every, InputID(number % 2 == 0 ? 1 : 0)))
        }
        return plan
    }

    /// Two encoders of one picture a second and a switch every few hours.
    /// - Parameter hours: virtual time; PTS and PCR wrap every 26.5 hours.
    public static func longRun(hours: Int64, switchEvery: Int64 = 5) -> WorldPlan {
        var first = EncoderProfile()
        first.content.sound = .none
        first.content.frameTicks = StreamTime.ticksPerSecond
        first.groupLength = 3
        first.sizes = .init(intra: 100, predicted: 40, bidirectional: 40)
        first.clockPlace = .own
        first.clockInterval = 400 * StreamTime.ticksPerMillisecond
        first.tableInterval = 5 * StreamTime.ticksPerSecond
        first.decodingDelay = 1_500 * StreamTime.ticksPerMillisecond
        // The first wrap comes within the first minutes.
        first.base = ClockReference.modulus - InputPath.origin - 600 * StreamTime.ticksPerSecond
        var second = first
        second.groupLength = 4
        let hour: Int64 = 3_600_000_000_000
        var plan = WorldPlan([first, second], duration: hours * hour)
        plan.configuration.holdBack = 6_000_000_000
        plan.configuration.plannedWait = 60_000_000_000
        plan.configuration.standstill = 5_000_000_000
        // Packets are rarer than on any real line.
        plan.configuration.detection.silence = Detection.Limit(3_000_000_000)
        plan.configuration.detection.streamLoss = Detection.Limit(5_000_000_000)
        plan.configuration.detection.patMissing = Detection.Limit(15_000_000_000)
        plan.configuration.detection.pmtMissing = Detection.Limit(15_000_000_000)
        for index in plan.inputs.indices { plan.inputs[index].datagramPackets = 1 }
        plan.configuration.alignment = .timestamps
        plan.takesDigest = false
        plan.tick = 500_000_000
        var time = switchEvery * hour
        var target = 1
        while time < plan.duration - hour {
            plan.commands.append((time, InputID(target)))
            target = 1 - target
            time += switchEvery * hour
        }
        return plan
    }

    /// Thirty days.
    public static let month = WorldPlan.longRun(hours: 720)
}
