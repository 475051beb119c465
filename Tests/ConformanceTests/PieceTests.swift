// The report depends on the bytes, not on the pieces they come in; and no bytes bring it down.

import Conformance
import Foundation
import Testing
import TransportStream

/// SplitMix64: one seed, one run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct PieceTests {
    private func inspectInPieces(
        _ bytes: [UInt8], longest: Int, _ random: inout SeededRandom
    ) -> ConformanceReport {
        var inspector = StreamInspector()
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...longest, using: &random))
            inspector.inspect(bytes.span.extracting(start..<end))
            start = end
        }
        return inspector.finish()
    }

    private func compare(_ bytes: [UInt8], seed: UInt64, _ comment: String) {
        var random = SeededRandom(seed: seed)
        let whole = inspect(bytes).json
        for longest in [300, 5_000] {
            let report = inspectInPieces(bytes, longest: longest, &random)
            #expect(report.json == whole, "seed \(seed), \(comment), pieces of \(longest)")
            #expect(!report.table.isEmpty)
        }
    }

    /// Damage as it comes: bits, bytes, holes, repeats, headers of every kind.
    private func damage(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...60, using: &random) where result.count > 1_000 {
            let place = Int.random(in: 0..<(result.count - 500), using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: result[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: result[place] = UInt8.random(in: 0...255, using: &random)
            case 2: result.removeSubrange(place..<(place + Int.random(in: 1...400, using: &random)))
            case 3: result.insert(contentsOf: result[place..<(place + 376)], at: place)
            case 4:
                for index in place..<(place + 190) {
                    result[index] = UInt8.random(in: 0...255, using: &random)
                }
            case 5:
                // Header bytes of one packet, adaptation field and PES header included.
                let start = place / 188 * 188
                for _ in 0..<4 {
                    result[start + Int.random(in: 1...24, using: &random)] =
                        UInt8.random(in: 0...255, using: &random)
                }
            default: result[place / 188 * 188] = 0x48
            }
        }
        return result
    }

    @Test func cleanStreamInPieces() { compare(TestStream().bytes(), seed: 1, "clean") }

    @Test(arguments: UInt64(1)...40)
    func damagedStreamInPieces(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        compare(damage(TestStream(pictures: 24).bytes(), &random), seed: seed, "damaged")
    }

    @Test(arguments: UInt64(1)...20)
    func noiseInPieces(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var bytes = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Half of the runs are framed, so that the noise gets past the packet border.
        if seed % 2 == 0 {
            for start in stride(from: 0, to: bytes.count, by: 188) { bytes[start] = 0x47 }
        }
        compare(bytes, seed: seed, "noise")
    }

    @Test(.enabled(if: Samples.isPresent, "../shared/samples is not there"))
    func damagedSamples() throws {
        for (number, name) in try Samples.streamNames().enumerated() {
            let seed = UInt64(1_000 + number)
            var random = SeededRandom(seed: seed)
            let bytes = Array(try Samples.bytes("ts/" + name).prefix(600_000))
            compare(bytes, seed: seed, name)
            compare(damage(bytes, &random), seed: seed, "damaged " + name)
        }
    }
}
