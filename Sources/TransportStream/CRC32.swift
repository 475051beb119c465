// The CRC at the end of every long section (13818-1 Annex A): polynomial 0x04C11DB7, preset to
// ones, most significant bit first, not inverted.

/// CRC_32 of PSI and SCTE-35 sections.
public enum CRC32MPEG {
    /// Over `bytes[start ..< end]`; 0 when the bytes end with their own right CRC.
    public static func checksum(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        guard start >= 0, start <= end, end <= bytes.count else { return crc }
        for index in start..<end {
            crc = (crc << 8) ^ table[Int((crc >> 24) ^ UInt32(bytes[index]))]
        }
        return crc
    }

    private static let table: [UInt32] = (0..<256).map { value in
        var crc = UInt32(value) << 24
        for _ in 0..<8 { crc = crc & 0x8000_0000 != 0 ? (crc << 1) ^ 0x04C1_1DB7 : crc << 1 }
        return crc
    }
}
