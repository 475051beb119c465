// The packet that holds a position of an elementary stream is found among the newest ones.

import Testing

@testable import SwitchEngine

@Suite struct PlaceTrailTests {
    @Test func aPositionIsInThePacketThatBeginsBeforeIt() {
        var trail = PlaceTrail()
        trail.append(10, at: 0)
        trail.append(13, at: 170)
        trail.append(14, at: 354, packets: 3)
        #expect(trail.packet(holding: 0) == 10 && trail.packet(holding: 169) == 10)
        #expect(trail.packet(holding: 170) == 13 && trail.packet(holding: 353) == 13)
        #expect(trail.packet(holding: 354) == 14 && trail.packet(holding: 354 + 183) == 14)
        #expect(trail.packet(holding: 354 + 184) == 15)
        #expect(trail.packet(holding: 354 + 3 * 184 - 1) == 16)
    }

    @Test func aPositionBehindTheNewestIsInTheNewest() {
        var trail = PlaceTrail()
        trail.append(5, at: 100, packets: 2)
        #expect(trail.packet(holding: 100_000) == 6)
    }

    @Test func whatIsTooFarBackIsNotFound() {
        var trail = PlaceTrail()
        #expect(trail.packet(holding: 0) == nil)
        for number in 0..<(PlaceTrail.capacity + 10) {
            trail.append(number, at: Int64(number) * 184)
        }
        #expect(trail.packet(holding: 9 * 184) == nil)
        #expect(trail.packet(holding: 10 * 184) == 10)
    }
}
