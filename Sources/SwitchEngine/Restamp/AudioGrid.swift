// Where the frames of an output's sound belong, exactly.
//
// A frame of 1024 samples at 44.1 kHz lasts 2089.8 ticks of 90 kHz, and every encoder rounds its
// time stamps in its own way. Added up over seams that would be drift; so the stamps of such a
// stream are put on one grid, each rounded once. They move by a tick at most.

import TransportStream

struct AudioGrid {
    /// Stamps further from the grid than this are not rounding: the grid begins anew there. The
    /// outgoing encoder's rounding, the incoming one's and the seam's add up to three ticks of
    /// 90 kHz, in 27 MHz ticks.
    static let toleranceTicks: Int64 = 900

    private var origin: Int64
    private let samples: Int64
    private let rate: Int64

    /// - Returns: nil where frames last whole ticks, which need no grid.
    init?(origin: Int64, mark: AccessUnitMark) {
        guard mark.samples > 0, mark.sampleRate > 0,
            Int64(mark.samples) * 90_000 % Int64(mark.sampleRate) != 0
        else { return nil }
        self.origin = origin
        samples = Int64(mark.samples)
        rate = Int64(mark.sampleRate)
    }

    func fits(_ mark: AccessUnitMark) -> Bool {
        Int64(mark.samples) == samples && Int64(mark.sampleRate) == rate
    }

    /// The grid's stamp for a frame that is presented at about `time`, 27 MHz ticks.
    mutating func stamp(near time: Int64) -> Timestamp {
        if let place = place(near: time) { return Timestamp(StreamTime(ticks: place)) }
        origin = time
        return Timestamp(StreamTime(ticks: time))
    }

    /// The place on the grid nearest to `time`, 27 MHz ticks; nil where that is off by more than
    /// rounding.
    func place(near time: Int64) -> Int64? {
        let place = origin + wholeFrames(nearest: time - origin)
        return abs(place - time) <= AudioGrid.toleranceTicks ? place : nil
    }

    /// How long the number of whole frames lasts that comes nearest to `ticks` of 27 MHz.
    func wholeFrames(nearest ticks: Int64) -> Int64 {
        let perThousand = samples * StreamTime.ticksPerSecond / 1000
        let frame = ticks.scaled(by: rate, over: perThousand)
        // In thousandths of a frame, to round to the nearest.
        let number = frame.roundedDivision(by: 1000)
        return number.scaled(by: samples * StreamTime.ticksPerSecond, over: rate)
    }
}
