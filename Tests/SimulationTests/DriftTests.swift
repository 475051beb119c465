// Encoders whose clocks are off the host's, in opposite directions: what a viewer sees stays
// as far behind the camera as it was.

import SwitchEngine
import Testing
import TransportStream

@testable import Simulation

@Suite struct DriftTests {
    /// From the camera to the output, at times of the run, in nanoseconds of the host.
    private struct Delay {
        var life: UInt8
        var time: Int64
        var delay: Int64
    }

    private func delays(_ plan: WorldPlan) -> (delays: [Delay], verdict: WorldVerdict) {
        var world = World(plan)
        var delays: [Delay] = []
        while world.step() {
            // Reordered pictures are sent at other distances from the camera, and of a picture a
            // second every other one stands elsewhere between two PCRs that are 0.4 s apart.
            guard let seen = world.judge.pictures.last, let mark = seen.mark,
                seen.plan?.isEntry == true, mark.content % 2 == 0,
                seen.time >= (delays.last?.time ?? 0) + 60_000_000_000
            else { continue }
            // The content's numbers are the encoder's own time, and that runs slow or fast.
            let input = plan.inputs[Int(mark.life / 16)]
            let own = mark.content * input.profile.content.frameTicks - InputPath.origin
            let taken = (own + own.scaled(by: input.drift, over: 1_000_000_000))
                .scaled(by: 1000, over: 27)
            delays.append(Delay(life: mark.life, time: seen.time, delay: seen.time - taken))
        }
        return (delays, world.finish())
    }

    /// ±50 ppm is what the standard allows and more; twice as much shows twice as well.
    @Test func theHoldBackIsConstantForAnHour() throws {
        var plan = WorldPlan.longRun(hours: 1)
        plan.configuration.alignment = .arrival
        plan.commands = [(1_800_000_000_000, InputID(1))]
        plan.inputs[0].drift = 100_000
        plan.inputs[1].drift = -100_000
        for index in plan.inputs.indices { plan.inputs[index].jitter = 40_000_000 }
        plan.tick = 50_000_000
        let (delays, verdict) = delays(plan)
        #expect(verdict.isSound, "\(verdict.failures.prefix(3))")
        #expect(verdict.seams.count == 1)
        for life in Set(delays.map(\.life)) {
            // The first minutes of a stay are those in which the clock is learned.
            let stay = delays.filter { $0.life == life }
            let begin = try #require(stay.first).time
            let settled = stay.filter { $0.time > begin + 300_000_000_000 }.map(\.delay)
            let (least, most) = try (#require(settled.min()), #require(settled.max()))
            #expect(settled.count > 20)
            // 100 ppm of 25 minutes are 150 ms; the driver's tick is 50 ms, and what is seen of the
            // time is no finer.
            #expect(most - least <= 60_000_000, "life \(life): \(least) to \(most)")
        }
    }
}
