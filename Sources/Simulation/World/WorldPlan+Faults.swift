// Which faults a seeded world has, and how much hold-back the physics ask for.

import SwitchEngine
import TransportStream

extension WorldPlan {
    private static let second: Int64 = 1_000_000_000

    mutating func drawFaults(_ chance: inout SeededGenerator) {
        switch kind {
        case .calm:
            configuration.holdBack = chance.happens(perMillion: 300_000)
                ? 0 : Int64(chance.number(3_000)) * 1_000_000
            var time = 4 * WorldPlan.second
            while time < duration - 2 * WorldPlan.second {
                commands.append((time, InputID(chance.number(inputs.count))))
                time += Int64(2_000 + chance.number(4_000)) * 1_000_000
            }
        case .promised:
            let fault = WorldPlan.singleFault(&chance)
            let start = 4 * WorldPlan.second + Int64(chance.number(1_500)) * 1_000_000
            let length = WorldPlan.length(of: fault, &chance)
            inputs[0].episodes = [Episode(fault, from: start, to: start + length)]
            // The better input is there first, so that it is the one on air.
            inputs[0].start = min(inputs[0].start, -WorldPlan.second)
            configuration.holdBack = neededHoldBack(for: fault)
                + Int64(chance.number(1_000)) * 1_000_000
            // What befalls an input when all of them end within the hold-back can not be mended.
            let shortest = start + 500_000_000
            duration = max(duration, shortest + configuration.holdBack + WorldPlan.second)
            let latest = duration - configuration.holdBack - WorldPlan.second
            inputs[0].episodes[0].end = max(min(start + length, latest), shortest)
        case .shallow:
            configuration.holdBack = chance.happens(perMillion: 500_000)
                ? 0 : Int64(chance.number(600)) * 1_000_000
            let fault = WorldPlan.singleFault(&chance)
            let start = 4 * WorldPlan.second + Int64(chance.number(1_500)) * 1_000_000
            inputs[0].episodes = [
                Episode(fault, from: start, to: start + WorldPlan.length(of: fault, &chance))
            ]
        case .storm:
            configuration.holdBack = Int64(chance.number(4_000)) * 1_000_000
            for index in inputs.indices {
                for _ in 0..<(2 + chance.number(4)) {
                    let fault = WorldPlan.anyFault(&chance)
                    let start = Int64(chance.number(Int(duration)))
                    inputs[index].episodes.append(
                        Episode(
                            fault, from: start,
                            to: start + WorldPlan.length(of: fault, &chance)))
                }
            }
            for _ in 0..<chance.number(3) {
                commands.append(
                    (Int64(chance.number(Int(duration))), InputID(chance.number(inputs.count))))
            }
        }
        commands.sort { $0.time < $1.time }
        drawJump()
        drawPolicy()
        drawSenders()
    }

    /// In some worlds the operator holds, the last input is a slate, or a better one is returned to
    /// at once. Drawn apart, as the jumps are.
    private mutating func drawPolicy() {
        var chance = SeededGenerator(seed: seed ^ 0x504F_4C49)
        guard kind == .storm || kind == .shallow, chance.happens(perMillion: 400_000) else {
            return
        }
        if chance.happens(perMillion: 400_000) { configuration.returning = .atOnce }
        if inputs.count > 2, chance.happens(perMillion: 500_000) {
            configuration.inputs[inputs.count - 1].isSlate = true
        }
        guard kind == .storm else { return }
        for _ in 0..<chance.number(3) {
            let time = Int64(chance.number(Int(duration)))
            let input = InputID(chance.number(inputs.count))
            orders.append((time, .hold(input)))
            orders.append((time + Int64(chance.number(4_000)) * 1_000_000, .release))
        }
        for _ in 0..<chance.number(3) {
            let time = Int64(chance.number(Int(duration)))
            let moment = MonotonicInstant(nanoseconds: time + WorldPlan.second)
            orders.append((time, .switchTo(InputID(chance.number(inputs.count)), at: moment)))
        }
    }

    /// In some worlds the first fault is a jump of one of the two clocks alone. Drawn apart, so
    /// that all other worlds stay what they were.
    private mutating func drawJump() {
        var chance = SeededGenerator(seed: seed ^ 0x4A55_4D50)
        guard !inputs[0].episodes.isEmpty, chance.happens(perMillion: 120_000) else { return }
        var ticks = Int64(2_000 + chance.number(60_000)) * StreamTime.ticksPerMillisecond
        if chance.happens(perMillion: 500_000) { ticks = -ticks }
        let stamps = ticks / StreamTime.ticksPerTimestampTick
        inputs[0].episodes[0].kind = chance.happens(perMillion: 500_000)
            ? .clockJump(by: ticks) : .stampJump(by: stamps)
        // The jump back is a second fault, and may come while the way back to the input has been
        // decided: a promise is made for one.
        if kind == .promised { inputs[0].episodes[0].end = 2 * duration }
    }

    /// A fault that can be seen to be one.
    private static func singleFault(_ chance: inout SeededGenerator) -> Episode.Kind {
        switch chance.number(9) {
        case 0, 1: .vanish
        case 2: .loss(perMillion: 20_000)
        case 3: .loss(perMillion: 200_000)
        case 4: .restart(base: nil, movesPIDs: chance.happens(perMillion: 500_000))
        case 5: .videoLoss
        case 6: .audioLoss
        case 7: .clockStall
        default: .reordering(perMillion: 50_000)
        }
    }

    private static func anyFault(_ chance: inout SeededGenerator) -> Episode.Kind {
        switch chance.number(14) {
        case 0: .duplication(perMillion: 100_000)
        case 1: .corruption(perMillion: 100_000)
        case 2: .truncation(perMillion: 50_000)
        case 3: .garbage(perMillion: 50_000)
        case 4: .clog
        case 5:
            .restart(
                base: Int64(chance.next() % UInt64(ClockReference.modulus)),
                movesPIDs: chance.happens(perMillion: 500_000))
        default: singleFault(&chance)
        }
    }

    /// Nanoseconds.
    private static func length(
        of fault: Episode.Kind, _ chance: inout SeededGenerator
    ) -> Int64 {
        switch fault {
        case .clog: Int64(300 + chance.number(1_000)) * 1_000_000
        case .restart: Int64(chance.number(2_000)) * 1_000_000
        default: Int64(1_000 + chance.number(3_000)) * 1_000_000
        }
    }

    /// Hold-back from which on a failover of input 0 loses nothing, nanoseconds: the longest group
    /// of a standby, the time to see the fault, the inputs' distance, and their own graininess.
    public func neededHoldBack(for fault: Episode.Kind) -> Int64 {
        let others = inputs.dropFirst()
        let group = others.map(\.profile.groupTicks).max() ?? 0
        let grain = inputs.map { $0.profile.clockInterval + 2 * content.frameTicks }.max() ?? 0
        let jitter = inputs.map(\.jitter).max() ?? 0
        let ticks = group + grain + distanceTicks
        return ticks.scaled(by: 1_000, over: 27) + detection(of: fault) + jitter + 300_000_000
    }

    /// The most that two inputs are apart: by the arrival of the same content and by their own
    /// decoding delays, 27 MHz ticks.
    var distanceTicks: Int64 {
        var result: Int64 = 0
        for a in inputs {
            for b in inputs {
                let arrival = a.arrivalTicks - b.arrivalTicks
                let lead = a.profile.systemDelay - b.profile.systemDelay
                result = max(result, arrival, lead, arrival - lead)
            }
        }
        return result
    }

    /// How far the stamps of one content are apart, as long as that is taken for true, up to 10 s:
    /// by so much more the one input comes behind the other, 27 MHz ticks.
    var stampDistanceTicks: Int64 {
        guard configuration.alignment != .arrival else { return 0 }
        let half = ClockReference.modulus / 2
        let bases = inputs.map(\.profile.base)
        let distances = bases.flatMap { a in
            bases.map { b in
                let distance = (a - b + 2 * half) % (2 * half)
                return distance > half ? 2 * half - distance : distance
            }
        }
        return distances.filter { $0 < 10 * StreamTime.ticksPerSecond }.max() ?? 0
    }

    private func detection(of fault: Episode.Kind) -> Int64 {
        let limits = configuration.detection
        let limit: Detection.Limit? =
            switch fault {
            case .vanish, .clog, .restart: limits.silence
            case .videoLoss, .audioLoss: limits.streamLoss
            case .clockStall: limits.clockStall
            default: nil
            }
        return limit.map { $0.threshold + $0.trip } ?? 0
    }
}

extension InputPlan {
    /// From the taking of a picture to its arrival, 27 MHz ticks.
    var arrivalTicks: Int64 {
        profile.latency + profile.pictureWait + delay.scaled(by: 27, over: 1_000)
    }
}
