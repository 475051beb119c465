// Sections out of packets (13818-1 §2.4.4): a section may span packets, several may share one, and
// a packet with payload_unit_start_indicator begins with a pointer to the first new one.

/// Puts the sections of one PID together. Holds at most one section, 4,096 bytes.
public struct SectionAssembler: Sendable {
    /// The longest section: 3 bytes and a 12-bit length (§2.4.4.11, private sections).
    public static let sizeLimit = 4098

    private var bytes: [UInt8] = []
    private var isCollecting = false
    /// Sections whose CRC_32 was wrong.
    public private(set) var checksumErrors = 0

    public init() {}

    /// Forgets a half section; to be called when packets of the PID were lost.
    public mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        isCollecting = false
    }

    /// Takes the payload `packet[start ..< end]` of the next packet of the PID.
    /// - Parameter section: called with each complete section that is either short
    ///   (section_syntax_indicator 0) or has a right CRC_32.
    public mutating func append(
        _ packet: Span<UInt8>, from start: Int, to end: Int, startsUnit: Bool,
        _ section: (Span<UInt8>) -> Void
    ) {
        guard start >= 0, start < end, end <= packet.count else { return }
        var position = start
        if startsUnit {
            let first = start + 1 + Int(packet[start])
            guard first <= end else { return reset() }
            if isCollecting {
                collect(packet, from: start + 1, to: first, section)
            }
            reset()
            position = first
            isCollecting = true
        }
        guard isCollecting else { return }
        collect(packet, from: position, to: end, section)
    }

    private mutating func collect(
        _ packet: Span<UInt8>, from start: Int, to end: Int, _ section: (Span<UInt8>) -> Void
    ) {
        var position = start
        while position < end && isCollecting {
            // 0xFF in the place of a table_id: stuffing up to the end of the packet.
            if bytes.isEmpty && packet[position] == 0xFF { return reset() }
            let needed = bytes.count < 3 ? 3 - bytes.count : length - bytes.count
            let take = min(needed, end - position)
            for index in position..<(position + take) { bytes.append(packet[index]) }
            position += take
            if bytes.count >= 3 && bytes.count >= length {
                deliver(section)
                bytes.removeAll(keepingCapacity: true)
            }
        }
    }

    /// The whole section's length, once three bytes are there.
    private var length: Int { 3 + (Int(bytes[1] & 0x0F) << 8 | Int(bytes[2])) }

    private mutating func deliver(_ section: (Span<UInt8>) -> Void) {
        let hasChecksum = bytes[1] & 0x80 != 0
        let isSound = !hasChecksum
            || CRC32MPEG.checksum(bytes.span, from: 0, to: bytes.count) == 0
        if isSound { section(bytes.span) } else { checksumErrors += 1 }
    }
}

/// Cuts a section into packets (§2.4.4.1): pointer_field 0, stuffing 0xFF behind it.
public enum SectionPacketizer {
    /// How many packets a section of `count` bytes takes.
    public static func packetCount(section count: Int) -> Int { (count + 1 + 183) / 184 }

    /// Appends the packets of `section` to `output`, counting `continuity` on.
    public static func append(
        _ section: Span<UInt8>, pid: PID, continuity: inout ContinuityCounter,
        to output: inout [UInt8]
    ) {
        var position = 0
        var first = true
        while position < section.count {
            continuity = continuity.next
            output.append(Packet.syncByte)
            output.append((first ? 0x40 : 0) | UInt8(pid.rawValue >> 8))
            output.append(UInt8(truncatingIfNeeded: pid.rawValue))
            output.append(0x10 | continuity.rawValue)
            var room = 184
            if first {
                output.append(0)
                room -= 1
            }
            let take = min(room, section.count - position)
            for index in position..<(position + take) { output.append(section[index]) }
            for _ in take..<room { output.append(0xFF) }
            position += take
            first = false
        }
    }
}
