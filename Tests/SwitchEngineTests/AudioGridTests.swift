// The grid of sound whose frames last no whole ticks: exact for days, whoever rounds how.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct AudioGridTests {
    private func mark(_ samples: Int32, _ rate: Int32) -> AccessUnitMark {
        var mark = AccessUnitMark(position: 0)
        mark.samples = samples
        mark.sampleRate = rate
        return mark
    }

    /// 1024 samples at 44.1 kHz last 92,160,000 / 44,100 ticks of 90 kHz, about 2089.8.
    private func exact(_ frame: Int64, per denominator: Int64 = 44_100) -> (
        floor: Int64, isWhole: Bool
    ) {
        let product = frame * 92_160_000
        return (product / denominator, product % denominator == 0)
    }

    @Test func framesOfWholeTicksNeedNoGrid() {
        #expect(AudioGrid(origin: 0, mark: mark(1024, 48_000)) == nil)
        #expect(AudioGrid(origin: 0, mark: mark(1152, 48_000)) == nil)
        #expect(AudioGrid(origin: 0, mark: mark(1152, 32_000)) == nil)
        #expect(AudioGrid(origin: 0, mark: mark(0, 44_100)) == nil)
        #expect(AudioGrid(origin: 0, mark: mark(1024, 0)) == nil)
        #expect(AudioGrid(origin: 0, mark: mark(1024, 44_100))?.fits(mark(1024, 44_100)) == true)
        #expect(AudioGrid(origin: 0, mark: mark(1024, 44_100))?.fits(mark(1152, 44_100)) == false)
        #expect(AudioGrid(origin: 0, mark: mark(1152, 44_100)) != nil)
    }

    /// Four days, through the wrap of PTS, with an encoder that rounds down, up or to the nearest.
    @Test(arguments: [Int64(0), 22_050, 44_099])
    func noDriftOverDays(rounding: Int64) throws {
        let start: Int64 = 1_000_000
        var grid = try #require(AudioGrid(origin: start * 300, mark: mark(1024, 44_100)))
        var frame: Int64 = 0
        let end = Int64(4 * 86_400) * 44_100 / 1024
        while frame < end {
            var last: Int64?
            for number in frame..<(frame + 3) {
                let told = (number * 92_160_000 + rounding) / 44_100
                let stamp = grid.stamp(near: (start + told) * 300)
                #expect(stamp == Timestamp(wrapping: start + exact(number).floor))
                if let last {
                    let step = (stamp.ticks - last) & (Timestamp.modulus - 1)
                    #expect(step == 2089 || step == 2090)
                }
                last = stamp.ticks
            }
            frame += 1777
        }
    }

    /// One encoder adds up a rounded duration and strays: the grid follows it in jumps, never far.
    @Test func aStampOffTheGridBeginsItAnew() throws {
        var grid = try #require(AudioGrid(origin: 0, mark: mark(1024, 44_100)))
        #expect(grid.stamp(near: 2090 * 300).ticks == 2089)
        #expect(grid.place(near: 700 * 300) == nil)
        #expect(grid.stamp(near: 700 * 300).ticks == 700)
        #expect(grid.stamp(near: (700 + 2090) * 300).ticks == 2789)
        var time: Int64 = 0
        for _ in 0..<10_000 {
            let stamp = grid.stamp(near: time * 300)
            #expect(abs(stamp.ticks - time) <= 3)
            time += 2090
        }
    }

    @Test func placesBeforeTheOriginAreOnTheGridToo() throws {
        let grid = try #require(AudioGrid(origin: 90_000 * 300, mark: mark(1024, 44_100)))
        for frame in Int64(1)..<40 {
            // Rounded down: 90000 − frame · 2089.8 ticks.
            let exact = 90_000 * 300 - frame * 27_648_000_000 / 44_100
            let place = try #require(grid.place(near: exact))
            #expect(abs(place - exact) <= 1)
        }
    }
}
