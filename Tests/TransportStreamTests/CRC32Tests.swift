// CRC_32 of sections: the check value of the catalogue of CRC algorithms (CRC-32/MPEG-2), the
// bitwise definition of 13818-1 Annex A, and sections of other multiplexers.

import Testing

@testable import TransportStream

@Suite struct CRC32Tests {
    private func checksum(_ bytes: [UInt8], from start: Int, to end: Int) -> UInt32 {
        CRC32MPEG.checksum(bytes.span, from: start, to: end)
    }

    @Test func checkValue() {
        let digits = Array("123456789".utf8)
        #expect(checksum(digits, from: 0, to: 9) == 0x0376_E6E7)
    }

    @Test func nothingAndWrongRangesGiveThePreset() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(checksum(bytes, from: 0, to: 0) == 0xFFFF_FFFF)
        #expect(checksum(bytes, from: 3, to: 3) == 0xFFFF_FFFF)
        #expect(checksum(bytes, from: -1, to: 2) == 0xFFFF_FFFF)
        #expect(checksum(bytes, from: 0, to: 4) == 0xFFFF_FFFF)
        #expect(checksum(bytes, from: 2, to: 1) == 0xFFFF_FFFF)
    }

    /// The shift register of Annex A, bit by bit, over any part of the bytes.
    @Test func agreesWithTheShiftRegister() {
        var random = SeededNumbers(seed: 5)
        for _ in 0..<200 {
            let bytes = (0..<Int(random.next() % 60)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            let start = bytes.isEmpty ? 0 : Int(random.next() % UInt64(bytes.count))
            var register: UInt32 = 0xFFFF_FFFF
            for byte in bytes[start...] {
                for bit in (0..<8).reversed() {
                    let carry = register >> 31 ^ UInt32(byte >> UInt8(bit) & 1)
                    register = register << 1 ^ (carry == 1 ? 0x04C1_1DB7 : 0)
                }
            }
            #expect(checksum(bytes, from: start, to: bytes.count) == register)
        }
    }

    /// The PAT of a Blu-ray style stream, as TSDuck's sample 139 begins.
    @Test(.needsSamples) func aForeignSectionEndsInZero() throws {
        let file = try Samples.read("ts/bd_mpeg2_dtshd_0x86_not_scte.ts")
        let length = 3 + (Int(file[6] & 0x0F) << 8 | Int(file[7]))
        #expect(file[5] == 0 && length == 20)
        #expect(checksum(file, from: 5, to: 5 + length) == 0)
        for bit in 0..<(length * 8) {
            var damaged = file
            damaged[5 + bit / 8] ^= 0x80 >> UInt8(bit % 8)
            #expect(checksum(damaged, from: 5, to: 5 + length) != 0)
        }
    }
}
