// Milliseconds back on the grids that they were made on: the exact times are those of the rates,
// not of the code.

import Testing

@testable import TransportStream

private let millisecond = StreamTime.ticksPerMillisecond

/// Whole milliseconds, as muxers cut or round them.
private func rounded(_ ticks: Int64, down: Bool) -> Int64 {
    (ticks + (down ? 0 : millisecond / 2)) / millisecond * millisecond
}

@Suite struct StampGridTests {
    /// Frames a second as numerator and denominator, and the frame in 27 MHz ticks.
    static let rates: [Int64] = [1_126_125, 1_080_000, 900_900, 900_000, 540_000, 450_450]

    @Test(arguments: rates, [true, false])
    func pictureTimesAreExactForHoursWhateverTheRounding(frame: Int64, down: Bool) {
        var grid = StampGrid()
        grid.setStep(ticks: frame)
        // Five hours, every seventh second of them.
        let start = rounded(333 * frame / 10, down: down)
        let first = grid.place(start)
        for index in stride(from: Int64(1), to: 18_000 * 27_000_000 / frame, by: 1)
        where index < 3000 || index % 4099 < 20 {
            let made = 333 * frame / 10 + index * frame
            let found = grid.place(rounded(made, down: down))
            #expect(found == first + index * frame)
            if found != first + index * frame { return }
        }
    }

    @Test func presentationTimesStandOnTheSameGrid() {
        var grid = StampGrid()
        grid.setStep(ticks: 900_900)
        let first = grid.place(33 * millisecond)
        #expect(grid.nearest(100 * millisecond) == first + 2 * 900_900)
        // Between two places: as it is.
        #expect(grid.nearest(117 * millisecond) == 117 * millisecond)
    }

    @Test func missingPicturesLeaveTheirPlacesFree() {
        var grid = StampGrid()
        grid.setStep(ticks: 900_900)
        let first = grid.place(0)
        #expect(grid.place(33 * millisecond) == first + 900_900)
        #expect(grid.place(200 * millisecond) == first + 6 * 900_900)
    }

    @Test func timesOffTheGridAreTakenAsTheyAreAndAlwaysRise() {
        var grid = StampGrid()
        grid.setStep(ticks: 1_080_000)
        _ = grid.place(0)
        // Half a step off.
        #expect(grid.place(60 * millisecond) == 60 * millisecond)
        #expect(grid.place(100 * millisecond) == 100 * millisecond)
        #expect(grid.place(100 * millisecond) == 100 * millisecond + 300)
        #expect(grid.place(20 * millisecond) == 100 * millisecond + 600)
        var plain = StampGrid()
        #expect(plain.place(17) == 17 && plain.place(1000) == 1000 && plain.place(5) == 1300)
    }

    @Test(arguments: [48_000, 44_100, 32_000] as [Int64], [true, false])
    func soundGoesOnSampleBySample(rate: Int64, down: Bool) {
        var grid = SoundGrid()
        grid.setStep(ticks: 1024 * 27_000_000, over: rate)
        for index in Int64(0)..<100_000 {
            let made = index * 1024 * 27_000_000 / rate
            let found = grid.place(rounded(made, down: down))
            #expect(found == made)
            if found != made { return }
        }
    }

    @Test func soundThatComesInBurstsOrJittersIsNotMoved() {
        var grid = SoundGrid()
        grid.setStep(ticks: 1024 * 27_000_000, over: 48_000)
        var random = SeededNumbers(seed: 3)
        for index in Int64(0)..<3000 {
            // Three frames with the time of the first, up to 6 ms off.
            let sent = index / 3 * 3 * 576_000 + Int64(random.next() % 12) * millisecond
                - 6 * millisecond
            #expect(grid.place(index == 0 ? 0 : sent) == index * 576_000)
        }
    }

    @Test func missingSoundIsAHoleOfWholeFrames() {
        var grid = SoundGrid()
        grid.setStep(ticks: 1024 * 27_000_000, over: 48_000)
        let times = [0, 64, 85].map { grid.place($0 * millisecond) }
        #expect(times == [0, 3 * 576_000, 4 * 576_000])
    }

    @Test func moreFramesThanTimeLoseOneNowAndThen() {
        var grid = SoundGrid()
        grid.setStep(ticks: 1024 * 27_000_000, over: 48_000)
        // The first two frames have one time, as of an encoder whose sound began before 0.
        var left: [Int64] = []
        var last: Int64 = -576_000
        for index in Int64(0)..<500 {
            let sent = max(0, index - 1) * 64 / 3 * millisecond
            guard let time = grid.place(sent) else {
                left.append(index)
                continue
            }
            #expect(time == last + 576_000)
            last = time
        }
        #expect(left.count == 1 && left[0] < 60)
        #expect(abs(last - 498 * 576_000) <= millisecond)
    }

    @Test func aRateIsGuessedOfTheSteps() {
        for (frame, known) in [(900_900, 900_900), (900_000, 900_000), (1_000_000, 0)] as [(
            Int64, Int64
        )] {
            var guess = RateGuess()
            for index in Int64(0)...64 { guess.take(rounded(index * frame, down: true)) }
            #expect(guess.ticks == known)
        }
    }

    /// The sets of x264 and x265 at 25 and 30000/1001 frames a second.
    @Test func statedRatesAreThoseOfTheEncoders() {
        func bytes(_ hex: String) -> [UInt8] {
            let digits = hex.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count - 1, by: 2).map {
                UInt8(digits[$0] << 4 | digits[$0 + 1])
            }
        }
        let x264 = bytes("6742c00ada11ec0440000003004000000c83c489a8")
        let slow = bytes("6742c00ada11ec04400000fa40003a9803c489a8")
        let x265 = bytes(
            "42010101600000030090000003000003001ea02083165959ae4caf016808000003000800000300c84022")
        #expect(StatedRate.frameTicks(.h264, parameterSets: [[0x68], x264]) == 1_080_000)
        #expect(StatedRate.frameTicks(.h264, parameterSets: [slow]) == 900_900)
        #expect(StatedRate.frameTicks(.hevc, parameterSets: [x265]) == 1_080_000)
        #expect(StatedRate.frameTicks(.h264, parameterSets: [[], [0x67]]) == 0)
        #expect(StatedRate.exactTicks(framesPerSecond: 29.97) == 900_900)
        #expect(StatedRate.exactTicks(framesPerSecond: 30) == 900_000)
        #expect(StatedRate.exactTicks(framesPerSecond: 23.976) == 1_126_125)
        #expect(StatedRate.exactTicks(framesPerSecond: 15) == 1_800_000)
        #expect(StatedRate.exactTicks(framesPerSecond: .nan) == 0)
    }
}
