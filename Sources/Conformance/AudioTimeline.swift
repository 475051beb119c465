// Law 4 for sound: frame follows frame without a hole. The PTS of a stamped frame is compared with
// an anchor's PTS plus all samples since, as an exact fraction, so rounding does not add up:
//
//   expected = anchor + samples · 90000 / sample rate
//
// Durations that are whole ticks must be met exactly, others within one tick.

import TransportStream

/// Follows the PTS of one audio stream.
struct AudioTimeline: Sendable {
    private struct Anchor: Sendable {
        var presentation: Int64
        var samples: Int64
    }

    private var anchor: Anchor?
    private var sampleRate: Int64 = 0
    private var lastStamp: Int64?
    private(set) var histogram = StepHistogram()
    private(set) var frameSamples: Int64 = 0
    var rate: Int64 { sampleRate }

    /// Where the next frame belongs, 90 kHz unwrapped, rounded down; nil before the first PTS.
    var expected: Int64? {
        guard let anchor, sampleRate > 0 else { return nil }
        return anchor.presentation &+ anchor.samples.scaled(by: 90_000, over: sampleRate)
    }

    /// A frame begins.
    /// - Parameter stamp: its PTS where it has one, 90 kHz unwrapped.
    /// - Returns: how far the PTS is off, in 90 kHz ticks, when that is a breach.
    mutating func add(_ mark: AccessUnitMark, stamp: Int64?) -> Int64? {
        if let stamp {
            if let lastStamp { histogram.add(stamp &- lastStamp) }
            lastStamp = stamp
        }
        guard mark.sampleRate > 0, mark.samples > 0 else {
            anchor = stamp.map { Anchor(presentation: $0, samples: 0) }
            return nil
        }
        if Int64(mark.sampleRate) != sampleRate {
            // Frames of another rate count on from where the last frame ended.
            if let expected { anchor = Anchor(presentation: expected, samples: 0) }
            sampleRate = Int64(mark.sampleRate)
        }
        frameSamples = Int64(mark.samples)
        var deviation: Int64?
        if let stamp {
            deviation = judge(stamp)
            if anchor == nil || deviation != nil {
                anchor = Anchor(presentation: stamp, samples: 0)
            }
        }
        anchor?.samples &+= frameSamples
        keepSmall()
        return deviation
    }

    private func judge(_ stamp: Int64) -> Int64? {
        guard let anchor else { return nil }
        // All in 1/rate of a tick: no rounding.
        let limit = Int64.max / 90_000 / 4
        let ticks = stamp &- anchor.presentation
        guard ticks.magnitude < UInt64(limit / max(sampleRate, 1)), anchor.samples < limit else {
            return ticks
        }
        let off = ticks * sampleRate - anchor.samples * 90_000
        let isWhole = anchor.samples * 90_000 % sampleRate == 0
            && frameSamples * 90_000 % sampleRate == 0
        guard off.magnitude > (isWhole ? 0 : sampleRate.magnitude) else { return nil }
        let rounded = off.roundedDivision(by: sampleRate)
        return rounded == 0 ? (off < 0 ? -1 : 1) : rounded
    }

    /// Whole seconds move from the samples into the anchor, exactly.
    private mutating func keepSmall() {
        guard let current = anchor, sampleRate > 0, current.samples >= sampleRate else { return }
        let seconds = current.samples / sampleRate
        anchor = Anchor(
            presentation: current.presentation &+ seconds &* 90_000,
            samples: current.samples &- seconds &* sampleRate)
    }
}
