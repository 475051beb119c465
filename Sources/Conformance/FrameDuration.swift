// How long one picture is shown. Sequence parameters may say so and may lie, time stamps are
// rounded to 90 kHz; so the first steps between pictures decide, and the stated value or a rate
// that is in use sharpens what they say.

import TransportStream

/// The duration of a frame of two fields.
struct FrameDuration: Sendable, Equatable {
    /// 27 MHz.
    var ticks: Int64
    /// `ticks` is the rate itself and no rounded measurement, so drift can be told.
    var isExact: Bool

    /// Rates in use, as frame durations of 27 MHz: 24000/1001, 24, 25, 30000/1001, 30, 50,
    /// 60000/1001, 60, 100, 120000/1001, 120 and the low ones 5, 10, 12, 12.5, 15000/1001, 15, 20.
    private static let usual: [Int64] = [
        1_126_125, 1_125_000, 1_080_000, 900_900, 900_000, 540_000, 450_450, 450_000, 270_000,
        225_225, 225_000, 5_400_000, 2_700_000, 2_250_000, 2_160_000, 1_801_800, 1_800_000,
        1_350_000,
    ]
    /// A mean of some 24 rounded steps is this good, in 27 MHz ticks: a quarter of 1/90,000 s.
    private static let tolerance: Int64 = 75

    /// - Parameter steps: PTS steps of whole frames, 90 kHz, each of one shown picture.
    /// - Parameter stated: the sequence parameters' frame duration, 27 MHz, or 0.
    /// - Parameter unstamped: pictures without PTS among those that the steps were taken from.
    static func decide(steps: [Int64], stated: Int64, unstamped: Int) -> FrameDuration? {
        let forward = steps.filter { $0 > 0 }
        guard !forward.isEmpty else { return stated > 0 ? exact(stated) : nil }
        let group = commonest(forward)
        let mean = (group.reduce(0, &+) &* 300).roundedDivision(by: Int64(group.count))
        if stated > 0 {
            if near(mean, stated) { return exact(stated) }
            // One PTS for several pictures: the step is a multiple of the frame.
            let multiple = mean.roundedDivision(by: stated)
            if multiple > 1, (mean - multiple &* stated).magnitude <= 75 * UInt64(multiple),
                Int64(unstamped) &* 2 >= (multiple - 1) &* Int64(group.count)
            {
                return exact(stated)
            }
        }
        if let usual = usual.first(where: { near(mean, $0) }) { return exact(usual) }
        if group.count * 10 >= forward.count * 6 {
            return FrameDuration(ticks: mean, isExact: mean % 300 == 0)
        }
        let whole = (forward.reduce(0, &+) &* 300).roundedDivision(by: Int64(forward.count))
        if stated > 0, (whole - stated).magnitude <= stated.magnitude / 50 { return exact(stated) }
        return FrameDuration(ticks: mean, isExact: false)
    }

    private static func near(_ a: Int64, _ b: Int64) -> Bool { (a &- b).magnitude <= 75 }

    private static func exact(_ ticks: Int64) -> FrameDuration {
        FrameDuration(ticks: ticks, isExact: usual.contains(ticks) || ticks % 300 == 0)
    }

    /// The largest group of steps that are within one tick of its middle.
    private static func commonest(_ steps: [Int64]) -> [Int64] {
        var best: [Int64] = []
        for candidate in steps {
            let group = steps.filter { $0 == candidate || $0 == candidate &+ 1 }
            if group.count > best.count { best = group }
        }
        return best
    }
}
