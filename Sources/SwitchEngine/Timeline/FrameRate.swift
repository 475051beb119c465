// How long a picture lasts. What a sequence header states is checked against the time stamps:
// encoders state rates that they do not keep.

import TransportStream

/// Finds the frame duration of a video stream from its DTS steps and its own statement.
struct FrameRate {
    /// DTS steps that must agree before they outweigh the stream's statement.
    static let agreement = 3
    /// Time stamps are rounded to 90 kHz, so two steps of one rate differ by up to one tick.
    static let roundingTicks: Int64 = StreamTime.ticksPerTimestampTick

    /// What a stream may state: 5 ms to 2 s.
    static let plausibleTicks: ClosedRange<Int64> = 135_000...54_000_000

    private(set) var ticks: Int64 = 0
    private var lastStep: Int64 = 0
    private var sameSteps = 0

    /// Takes the distance between the decoding times of two frames in a row.
    mutating func take(step: Int64, stated: Int64) {
        guard step > 0, step < StreamTime.ticksPerSecond * 10 else { return }
        if ticks == 0, stated > 0, (stated - step).magnitude <= UInt64(FrameRate.roundingTicks) {
            ticks = stated
        }
        if (step - lastStep).magnitude <= UInt64(FrameRate.roundingTicks) {
            sameSteps += 1
        } else {
            sameSteps = 0
        }
        lastStep = step
        guard sameSteps >= FrameRate.agreement else { return }
        ticks = FrameRate.exact(near: step, stated: stated)
    }

    /// The exact duration that a rounded step stands for.
    private static func exact(near step: Int64, stated: Int64) -> Int64 {
        if stated > 0 && (stated - step).magnitude <= UInt64(roundingTicks) { return stated }
        let known = StatedRate.wellKnown.min {
            ($0 - step).magnitude < ($1 - step).magnitude
        }
        if let known, (known - step).magnitude <= UInt64(roundingTicks) { return known }
        return step
    }
}
