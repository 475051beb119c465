// Times of sound put back on its samples. Sound has no frame rate that could be wrong: frame
// follows frame, and what the times on the wire say beside that is rounding, or how the source sent
// them.
//
//   on the wire   0    21   43   43   85   107      milliseconds, some of several frames at once
//   here          0  21.3 42.7  64  85.3 106.7      sample by sample
//
// Only what the times say again and again is believed: where frames are missing, places are left
// free; where there are more frames than time, one is left out now and then.

public struct SoundGrid: Sendable {
    /// So many frames in a row are ahead of their times before one is left out.
    static let patience = 48
    /// A source sends so many frames with one time, as it is seen; more is a step back.
    static let mostAhead: Int64 = 8

    private var stepTicks: Int64 = 0
    private var divisor: Int64 = 1
    private var origin: Int64?
    private var next: Int64 = 0
    private var framesAhead = 0

    public init() {}

    /// A frame lasts `ticks` / `divisor` of 27 MHz; both > 0.
    public mutating func setStep(ticks: Int64, over divisor: Int64) {
        guard ticks != stepTicks || divisor != self.divisor else { return }
        // Frames of another length go on where those of before have ended.
        origin = origin.map { $0 &+ distance(to: next) }
        next = 0
        stepTicks = ticks
        self.divisor = max(divisor, 1)
    }

    /// Nothing that comes has to do with what came.
    public mutating func forget() {
        origin = nil
        next = 0
        framesAhead = 0
    }

    /// The time of the next frame; nil where it is to be left out.
    public mutating func place(_ rough: Int64) -> Int64? {
        let origin = self.origin ?? rough
        self.origin = origin
        guard stepTicks > 0 else { return rough }
        let step = max(stepTicks / divisor, 1)
        let error = rough &- origin &- distance(to: next)
        if error < -step * SoundGrid.mostAhead { return nil }
        if error > step * 3 / 5 {
            next = (rough &- origin &+ step / 2).scaled(by: divisor, over: stepTicks)
        }
        framesAhead = error < -step * 3 / 4 ? framesAhead + 1 : 0
        if framesAhead > SoundGrid.patience {
            framesAhead = 0
            return nil
        }
        defer { next += 1 }
        return origin &+ distance(to: next)
    }

    private func distance(to place: Int64) -> Int64 { place.scaled(by: stepTicks, over: divisor) }
}
