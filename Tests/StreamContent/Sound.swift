import Foundation

/// The content time that the sound tells at one moment.
public struct SoundReading: Sendable, Equatable {
    /// The middle of the measured stretch, in seconds from the first decoded sample.
    public let position: Double
    /// When that moment is presented, in seconds on the file's own time base.
    public let presentation: Double
    /// Seconds since the content began, plus `Sound.slateBase` in the slate; nil when the stretch
    /// (32 ms) does not hold the three tones of the sample streams, for instance in silence.
    public let content: Double?
    /// Whose sound it is; nil when `content` is.
    public let encoder: EncoderIdentity?
}

/// The decoded sound of a file, in mono, and what it says about the content's time.
public struct Sound: Sendable {
    /// What the slate's sound counts from, in seconds, to set it apart from all other content.
    public static let slateBase = 40.0
    /// Samples per second after decoding; the highest tone of the sample streams is 6.2 kHz.
    static let rate = 16_000.0

    /// A stretch of samples whose presentation times follow from the first one's.
    struct Stretch: Sendable {
        let firstSample: Int
        /// Presentation time of the first sample in seconds.
        let presentation: Double
    }

    let samples: [Int16]
    /// In order of `firstSample`.
    let stretches: [Stretch]
    private let meter = ToneMeter()

    init(samples: [Int16], stretches: [Stretch]) {
        self.samples = samples
        self.stretches = stretches
    }

    /// Length in seconds, counted in samples.
    public var duration: Double { Double(samples.count) / Self.rate }

    /// Readings at regular steps through the decoded samples.
    ///
    /// - Parameter step: seconds from one reading to the next.
    public func readings(every step: Double = 0.040) -> [SoundReading] {
        let window = ToneMeter.window
        let advance = max(1, Int((step * Self.rate).rounded()))
        return stride(from: 0, through: samples.count - window, by: advance).map { start in
            let middle = Double(start) + Double(window - 1) / 2
            let found = meter.measure(samples[start..<(start + window)])
            return SoundReading(
                position: middle / Self.rate, presentation: presentation(ofSample: middle),
                content: found?.time, encoder: found?.encoder)
        }
    }

    /// The content time heard at a presentation time, or nil when no sound is there or it cannot
    /// be read.
    ///
    /// - Parameter presentation: seconds on the file's own time base.
    public func contentTime(at presentation: Double) -> Double? {
        guard let stretch = stretches.last(where: { $0.presentation <= presentation }) else {
            return nil
        }
        let sample =
            Double(stretch.firstSample) + (presentation - stretch.presentation) * Self.rate
        let start = Int((sample - Double(ToneMeter.window - 1) / 2).rounded())
        guard start >= 0, start + ToneMeter.window <= samples.count else { return nil }
        let middle = Double(start) + Double(ToneMeter.window - 1) / 2
        let slip = sample - middle
        // A hole in the timestamps is not in the samples, so the sample must really be here.
        guard abs(self.presentation(ofSample: sample) - presentation) < 0.001 else { return nil }
        let found = meter.measure(samples[start..<(start + ToneMeter.window)])
        return found.map { $0.time + slip / Self.rate }
    }

    /// Presentation time, in seconds, of a place between the samples.
    func presentation(ofSample sample: Double) -> Double {
        var low = 0
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if Double(stretches[middle].firstSample) <= sample {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low > 0 else { return sample / Self.rate }
        let stretch = stretches[low - 1]
        return stretch.presentation + (sample - Double(stretch.firstSample)) / Self.rate
    }
}

/// Finds the three tones of the sample streams and reads the time from their frequencies.
///
/// The slow tone is at `300 + 30 t` Hz. The early and the late sweep are at `2000 + 1800 u` and
/// `4400 + 1800 v` Hz, with `u` and `v` the fractions of `t` and of `t + 0.5`. Whichever sweep is
/// farther from its jump tells the time; the slow tone tells which second it is. The slow tone is
/// as strong as the sweeps in the main stream and the slate, and half as strong in the backup.
///
/// A window in which two different sounds meet gives either's time, none, or, seldom, a false one:
/// only readings 32 ms apart or more are sure to show the two sides of a cut.
struct ToneMeter: Sendable {
    /// Length of the measured stretch in samples (32 ms).
    static let window = 512

    private let fourier = Fourier(count: window)
    private let taper: [Double]
    /// The taper turned backwards at the sweeps' pace, which makes a steady tone of each of them.
    private let stilled: ComplexSeries
    private let taperSum: Double
    private let taperPower: Double

    init() {
        var taper: [Double] = []
        var stilled = ComplexSeries(count: Self.window)
        for position in 0..<Self.window {
            let weight = 0.5 - 0.5 * Trig.cosine((Double(position) + 0.5) / Double(Self.window))
            let time = (Double(position) - Double(Self.window - 1) / 2) / Sound.rate
            let turns = -900 * time * time
            taper.append(weight)
            stilled.real[position] = weight * Trig.cosine(turns)
            stilled.imaginary[position] = weight * Trig.sine(turns)
        }
        self.taper = taper
        self.stilled = stilled
        taperSum = taper.reduce(0, +)
        taperPower = taper.reduce(0) { $0 + $1 * $1 }
    }

    /// A tone in Hz and its amplitude, of 1 at full scale.
    private struct Tone {
        let frequency: Double
        let amplitude: Double
    }

    /// The content time, in seconds, in the middle of `window` samples, and whose sound it is; nil
    /// when the tones are not there.
    func measure(_ samples: ArraySlice<Int16>) -> (time: Double, encoder: EncoderIdentity)? {
        var plain = ComplexSeries(count: Self.window)
        var turned = ComplexSeries(count: Self.window)
        var energy = 0.0
        for (position, sample) in samples.enumerated() {
            let value = Double(sample) / 32_768
            plain.real[position] = value * taper[position]
            turned.real[position] = value * stilled.real[position]
            turned.imaginary[position] = value * stilled.imaginary[position]
            energy += plain.real[position] * plain.real[position]
        }
        let power = energy / taperPower
        guard power > 1e-4,
            let slow = peak(fourier.transform(plain), from: 220, to: 1_750, power: power)
        else { return nil }
        let rough = (slow.frequency - 300) / 30
        let fraction = rough - rough.rounded(.down)
        let useEarly = fraction >= 0.25 && fraction < 0.75
        let spectrum = fourier.transform(turned)
        let base = useEarly ? 2_000.0 : 4_400.0
        guard let sweep = peak(spectrum, from: base - 40, to: base + 1_840, power: power) else {
            return nil
        }
        let fine = (sweep.frequency - base) / 1_800 - (useEarly ? 0 : 0.5)
        let time = fine + (rough - fine).rounded()
        guard abs(time - rough) < 0.2 else { return nil }
        if time > Sound.slateBase - 0.1 { return (time, .slate) }
        return (time, slow.amplitude > 0.72 * sweep.amplitude ? .main : .backup)
    }

    /// The strongest tone in a band of Hz, when it holds a fair share of `power`.
    private func peak(
        _ spectrum: ComplexSeries, from low: Double, to high: Double, power: Double
    ) -> Tone? {
        let spacing = Sound.rate / Double(Self.window)
        var best = 0
        var bestEnergy = 0.0
        for bin in Int(low / spacing)...Int(high / spacing) {
            let energy = Self.energy(spectrum, bin)
            if energy > bestEnergy {
                best = bin
                bestEnergy = energy
            }
        }
        let amplitude = 2 * bestEnergy.squareRoot() / taperSum
        guard best > 0, amplitude * amplitude / 2 > 0.04 * power else { return nil }
        // A parabola through three logarithms fits the main lobe of this taper well.
        let before = log(Self.energy(spectrum, best - 1) + 1e-30)
        let at = log(bestEnergy + 1e-30)
        let after = log(Self.energy(spectrum, best + 1) + 1e-30)
        let curvature = before - 2 * at + after
        let shift = curvature < 0 ? 0.5 * (before - after) / curvature : 0
        // Between two bins the taper shows less of the amplitude than there is.
        let shown =
            abs(shift) < 0.001
            ? 1 : Trig.sine(shift / 2) / (.pi * shift * (1 - shift * shift))
        return Tone(
            frequency: (Double(best) + shift) * spacing, amplitude: amplitude / shown)
    }

    private static func energy(_ spectrum: ComplexSeries, _ bin: Int) -> Double {
        let real = spectrum.real[bin]
        let imaginary = spectrum.imaginary[bin]
        return real * real + imaginary * imaginary
    }
}
