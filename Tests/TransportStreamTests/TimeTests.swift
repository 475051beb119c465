// Time and its wrap: 33 bits at 90 kHz, 2^33 · 300 at 27 MHz, in both directions.

import Testing

@testable import TransportStream

@Suite struct TimeTests {
    static let clockWrap: Int64 = 8_589_934_592 * 300
    static let stampWrap: Int64 = 8_589_934_592

    static let stampRows: [(Int64, Int64)] = [
        (0, 0), (1, 1), (8_589_934_591, 8_589_934_591), (8_589_934_592, 0),
        (8_589_934_593, 1), (-1, 8_589_934_591), (-8_589_934_592, 0),
        (-8_589_934_593, 8_589_934_591),
        (Int64.max, 8_589_934_591), (Int64.min, 0),
    ]
    static let clockRows: [(Int64, Int64)] = [
        (0, 0), (299, 299), (300, 300), (clockWrap - 1, clockWrap - 1), (clockWrap, 0),
        (clockWrap + 7, 7), (-1, clockWrap - 1), (-clockWrap, 0), (-clockWrap - 1, clockWrap - 1),
        // 2^63 mod (2^33 · 300): 2^63 = 2^33 · 2^30, and 2^30 mod 300 = 124.
        (Int64.min, clockWrap - 124 * stampWrap), (Int64.max, 124 * stampWrap - 1),
    ]
    static let pointRows: [(Int64, Int64)] = [
        (0, 0), (299, 0), (300, 1), (-1, stampWrap - 1), (-300, stampWrap - 1),
        (-301, stampWrap - 2), (clockWrap - 1, stampWrap - 1), (clockWrap, 0),
    ]
    static let divisionRows: [(Int64, Int64, Int64, Int64)] = [
        (0, 1, 0, 0), (1, 2, 0, 1), (-1, 2, -1, 0), (-2, 2, -1, -1),
        (-3, 2, -2, -1), (3, 2, 1, 2), (4, 3, 1, 1), (5, 3, 1, 2), (-4, 3, -2, -1), (-5, 3, -2, -2),
        (299, 300, 0, 1), (149, 300, 0, 0), (150, 300, 0, 1), (-150, 300, -1, 0),
        (-151, 300, -1, -1),
        (.max, 1, .max, .max), (.min, 1, .min, .min), (.min, 2, .min / 2, .min / 2),
        (.min, .max, -2, -1),
    ]
    static let scaleRows: [(Int64, Int64, Int64, Int64)] = [
        (1000, 27, 1000, 27), (37, 27, 1000, 0), (38, 27, 1000, 1),
        (-1, 27, 1000, -1), (-1000, 27, 1000, -27), (-1001, 27, 1000, -28),
        (9_000_000_000_000_000_000, 27, 1000, 243_000_000_000_000_000),
        (.max, 1000, 27, .max), (.min, 1000, 27, .min), (.max, -1000, 27, .min),
        (.min, -1000, 27, .max), (.max, .max, .max, .max), (.min, .max, .max, .min),
        (0, .min, 5, 0),
        (.max, 1, 4, .max / 4), (.min, 1, 4, .min / 4), (1 << 40, 1 << 40, 1 << 20, 1 << 60),
    ]
    static let smallRows: [(Int64, Int64, Int64, Int64)] = [
        (5, 3, 1, 15), (37_800, 1 << 20, 1, 37_800 << 20),
        (-5, 1, 1, -5), (-5, 1, 2, -3), (-5, 1, 3, -2), (5, -1, 2, -3), (5, 1, 2, 2), (0, 7, 1, 0),
        (0, -7, 2, 0), (.max, 1, 1, .max), (.min, 1, 1, .min), (.max, 1, 2, .max / 2),
        (.max, 4, 5, 7_378_697_629_483_820_645),
    ]

    // MARK: Wire values

    @Test(arguments: stampRows)
    func timestampTakesThirtyThreeBits(given: Int64, ticks: Int64) {
        #expect(Timestamp(wrapping: given).ticks == ticks)
    }

    @Test(arguments: clockRows)
    func clockReferenceTakesItsModulus(given: Int64, ticks: Int64) {
        #expect(ClockReference(wrapping: given).ticks == ticks)
    }

    @Test(arguments: pointRows)
    func aPointBecomesItsStampRoundedDown(ticks: Int64, stamp: Int64) {
        #expect(Timestamp(StreamTime(ticks: ticks)).ticks == stamp)
    }

    // MARK: Unwrapping

    /// Around many wraps in both directions, up to half a modulus away: the point comes back.
    @Test func nearestPointIsFoundOnBothSidesOfTheWrap() {
        let distances: [Int64] = [
            0, 1, 299, 300, 27_000_000, Self.clockWrap / 2 - 300, -1, -300, -27_000_000,
            -(Self.clockWrap / 2 - 300),
        ]
        for wrap in [Int64(-3), -1, 0, 1, 2, 1000, 3_000_000] {
            for offset in [Int64(-600), -300, 0, 300, 123_456_000] {
                let reference = StreamTime(ticks: wrap * Self.clockWrap + offset)
                for distance in distances {
                    let point = reference + distance
                    #expect(ClockReference(point).unwrapped(near: reference) == point)
                    let whole = StreamTime(ticks: point.ticks.flooredDivision(by: 300) * 300)
                    #expect(Timestamp(point).unwrapped(near: reference) == whole)
                }
            }
        }
    }

    /// Exactly half a modulus away both points are equally near; it must be one of them.
    @Test func halfAModulusIsNeverFurtherThanHalf() {
        for ticks in [Int64(0), 5, -5, Self.clockWrap - 1] {
            let reference = StreamTime(ticks: ticks)
            let far = ClockReference(wrapping: ticks + Self.clockWrap / 2)
            let point = far.unwrapped(near: reference)
            #expect(abs(point - reference) == Self.clockWrap / 2)
            #expect(ClockReference(point) == far)
        }
    }

    @Test func stampsCountOnThroughTheWrap() {
        var time = StreamTime(ticks: (Self.stampWrap - 5000) * 300)
        for step in 0..<10 {
            let stamp = Timestamp(wrapping: Self.stampWrap - 5000 + Int64(step) * 1000)
            time = stamp.unwrapped(near: time)
            #expect(time.ticks == (Self.stampWrap - 5000 + Int64(step) * 1000) * 300)
        }
        for step in (0..<10).reversed() {
            let stamp = Timestamp(wrapping: Self.stampWrap - 5000 + Int64(step) * 1000)
            time = stamp.unwrapped(near: time)
            #expect(time.ticks == (Self.stampWrap - 5000 + Int64(step) * 1000) * 300)
        }
    }

    // MARK: Division

    @Test(arguments: divisionRows)
    func divisionRoundsAsItSays(value: Int64, by: Int64, down: Int64, nearest: Int64) {
        #expect(value.flooredDivision(by: by) == down)
        #expect(value.roundedDivision(by: by) == nearest)
    }

    @Test func divisionAgreesWithItsDefinition() {
        for value in Int64(-1000)...1000 {
            for divisor in Int64(1)...25 {
                let down = value.flooredDivision(by: divisor)
                #expect(down * divisor <= value && value < (down + 1) * divisor)
                let near = value.roundedDivision(by: divisor)
                let distance = 2 * (value - near * divisor)
                #expect(-divisor <= distance && distance < divisor)
            }
        }
    }

    // MARK: Scaling

    @Test(arguments: scaleRows)
    func scalingGoesThroughTheFullProduct(
        value: Int64, by numerator: Int64, over denominator: Int64, result: Int64
    ) {
        #expect(value.scaled(by: numerator, over: denominator) == result)
    }

    @Test(arguments: smallRows)
    func scalingOverSmallDenominators(
        value: Int64, by numerator: Int64, over denominator: Int64, result: Int64
    ) {
        #expect(value.scaled(by: numerator, over: denominator) == result)
    }

    /// Against arithmetic that is small enough to be exact.
    @Test func scalingAgreesWithPlainDivision() {
        var random = SeededNumbers(seed: 11)
        for _ in 0..<20_000 {
            let value = Int64(truncatingIfNeeded: random.next()) >> 34
            let numerator = Int64(truncatingIfNeeded: random.next()) >> 34
            let denominator = Int64(random.next() >> 40) + 1
            let expected = (value * numerator).flooredDivision(by: denominator)
            #expect(value.scaled(by: numerator, over: denominator) == expected)
        }
    }

    @Test func pointsAndDistances() {
        let a = StreamTime(ticks: 100)
        var b = a + 50
        #expect(b - a == 50 && a - b == -50 && a < b && !(b < a) && b - 50 == a)
        b += -50
        #expect(a == b && a.hashValue == b.hashValue)
    }
}
