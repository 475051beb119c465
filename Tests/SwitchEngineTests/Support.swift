// What the tests of this module share: numbers from a seed, and packets by hand.

import Testing
import TransportStream

@testable import SwitchEngine

/// A generator whose seed gives the same numbers again (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// 0 ..< limit.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}

/// 27 MHz ticks in a millisecond.
let millisecond: Int64 = 27_000
let second: Int64 = 27_000_000

/// Spans do not go into the macros of the test library.
func readHeader(_ bytes: [UInt8], at offset: Int = 0) -> PacketHeader? {
    PacketHeader(bytes.span, at: offset)
}
