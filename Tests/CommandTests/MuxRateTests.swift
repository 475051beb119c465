// A constant rate: every PCR is where the rate says.

import Foundation
import Testing

@Suite struct MuxRateTests {
    /// Bits per second.
    static let rate = 1_000_000.0

    @Test(arguments: [SamplePair.h264, .mpeg2, .ntsc])
    func muxRateIsConstantThroughSeams(_ pair: SamplePair) throws {
        let cast = Cast(pair: pair, first: "main", second: "backup")
        let rehearsal = try Rehearsal(
            cast.inputs + ["--mux-rate", "1M", "--wait", "4s"],
            events: ["5.3s:switch:backup", "16s:drop:backup"])
        #expect(rehearsal.outcome.status == 0)
        #expect(rehearsal.report.seams.count >= 2)

        let clocks = try ClockReference.all(in: rehearsal.path)
        let first = try #require(clocks.first)
        let last = try #require(clocks.last)
        let bits = Double(last.byteOffset - first.byteOffset) * 8
        let seconds = Double(last.ticks - first.ticks) / 27e6
        #expect(abs(bits / seconds - Self.rate) < 1)
        // TR 101 290 2.4: ± 500 ns.
        let late = clocks.filter { clock in
            let place = Double(clock.byteOffset - first.byteOffset) * 8 / Self.rate
            return abs(Double(clock.ticks - first.ticks) / 27e6 - place) > 500e-9
        }
        #expect(late.count == 0)

        let check = try Command.attacca(["check", "--json", rehearsal.path])
        #expect(check.status == 0)
        let judgement = try Judgement(text: check.output)
        #expect(judgement.sentences == [])
        #expect(judgement.time.constantRate)
        let accuracy = judgement.tr101290.first { $0.number == "2.4" }
        #expect(accuracy?.count == 0)
        #expect(accuracy?.notApplicable == nil)
    }
}

/// A PCR and its place, read without any code of the command.
struct ClockReference {
    /// Of the byte with the last bit of the base, 13818-1 §2.4.2.2.
    let byteOffset: Int
    /// 27 MHz; no sample's output comes to the end of the 33 bits.
    let ticks: Int64

    static func all(in path: String) throws -> [ClockReference] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        return stride(from: 0, to: bytes.count - 187, by: 188).compactMap { start in
            let hasField = bytes[start + 3] & 0x20 != 0 && bytes[start + 4] >= 7
            guard hasField, bytes[start + 5] & 0x10 != 0 else { return nil }
            let base = bytes[(start + 6)..<(start + 10)].reduce(Int64(0)) { $0 << 8 | Int64($1) }
            let low = bytes[start + 10]
            let extensionPart = Int64(low & 1) << 8 | Int64(bytes[start + 11])
            return ClockReference(
                byteOffset: start + 10,
                ticks: (base << 1 | Int64(low >> 7)) * 300 + extensionPart)
        }
    }
}
