import Foundation

/// Sine and cosine of whole turns, as the formulas of the sample streams are written.
enum Trig {
    static func sine(_ turns: Double) -> Double { sin(2 * .pi * turns) }
    static func cosine(_ turns: Double) -> Double { cos(2 * .pi * turns) }
}

/// A complex spectrum or signal, its two parts apart.
struct ComplexSeries: Sendable {
    var real: [Double]
    var imaginary: [Double]

    init(count: Int) {
        real = [Double](repeating: 0, count: count)
        imaginary = [Double](repeating: 0, count: count)
    }
}

/// The discrete Fourier transform of one length, a power of two.
struct Fourier: Sendable {
    let count: Int
    private let twiddles: ComplexSeries
    private let reversed: [Int]

    init(count: Int) {
        self.count = count
        var twiddles = ComplexSeries(count: count / 2)
        for position in 0..<(count / 2) {
            let turns = -Double(position) / Double(count)
            twiddles.real[position] = Trig.cosine(turns)
            twiddles.imaginary[position] = Trig.sine(turns)
        }
        self.twiddles = twiddles
        var reversed = [Int](repeating: 0, count: count)
        for position in 1..<count {
            let lowest = position % 2 == 1 ? count / 2 : 0
            reversed[position] = reversed[position / 2] / 2 + lowest
        }
        self.reversed = reversed
    }

    func transform(_ input: ComplexSeries) -> ComplexSeries {
        var output = ComplexSeries(count: count)
        for position in 0..<count {
            output.real[position] = input.real[reversed[position]]
            output.imaginary[position] = input.imaginary[reversed[position]]
        }
        output.real.withUnsafeMutableBufferPointer { real in
            output.imaginary.withUnsafeMutableBufferPointer { imaginary in
                var half = 1
                while half < count {
                    pass(real, imaginary, half: half)
                    half *= 2
                }
            }
        }
        return output
    }

    /// One round of butterflies. It works on bare memory, with few accesses, because tests are
    /// mostly run without optimisation, where every access to an array is a call.
    private func pass(
        _ real: UnsafeMutableBufferPointer<Double>,
        _ imaginary: UnsafeMutableBufferPointer<Double>, half: Int
    ) {
        let step = count / (2 * half)
        var offset = 0
        while offset < half {
            let turnReal = twiddles.real[offset * step]
            let turnImaginary = twiddles.imaginary[offset * step]
            var low = offset
            while low < count {
                let high = low + half
                let highReal = real[high]
                let highImaginary = imaginary[high]
                let lowReal = real[low]
                let lowImaginary = imaginary[low]
                let newReal = highReal * turnReal - highImaginary * turnImaginary
                let newImaginary = highReal * turnImaginary + highImaginary * turnReal
                real[high] = lowReal - newReal
                imaginary[high] = lowImaginary - newImaginary
                real[low] = lowReal + newReal
                imaginary[low] = lowImaginary + newImaginary
                low += 2 * half
            }
            offset += 1
        }
    }
}
