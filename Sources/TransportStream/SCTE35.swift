// Splice information sections: a checked view, and the one change a switcher makes to them.
// ANSI/SCTE 35 2023 §9.6 to §9.10; the section's frame is that of 13818-1 §2.4.4.11.
//
//     table_id 0xFC | length | protocol | encrypted | pts_adjustment | cw | tier | command length |
//     command type | command ... | descriptor loop ... | stuffing | [E_CRC_32] | CRC_32
//
// Every time in a section is to be read with pts_adjustment added, modulo 2^33. So moving a stream
// in time means to add to that one field, which is in the clear also when the rest is encrypted.
// Times here are 90 kHz ticks, 33 bits, as they stand in the section.

/// A checked view of a splice_info_section. It holds no bytes: ranges are indices of the section.
public struct SpliceInformation: Sendable, Equatable {
    /// Why bytes are no splice_info_section.
    public enum Rejection: Error, Sendable, Equatable {
        case tooShort
        case tableID(UInt8)
        /// section_syntax_indicator or private_indicator is set.
        case syntax
        case checksum
        case protocolVersion(UInt8)
        /// The command's length does not fit the section or the command.
        case command
        /// The descriptor loop does not fit the section.
        case descriptors
    }

    public enum Command: Sendable, Equatable {
        case null
        /// Recognised; its entries are not read.
        case schedule
        case insert(SpliceInsert)
        /// Nil: no time, the splice is immediate.
        case timeSignal(pts: UInt64?)
        case bandwidthReservation
        case privateCommand(identifier: UInt32)
        /// A type that is reserved.
        case other(UInt8)
        /// Not readable without the key.
        case encrypted
    }

    /// sap_type, 0...3; 3 is "not specified".
    public let accessPointType: UInt8
    public let isEncrypted: Bool
    /// encryption_algorithm, 0...63.
    public let encryptionAlgorithm: UInt8
    /// To be added to every time in the section, modulo 2^33, 90 kHz ticks.
    public let ptsAdjustment: UInt64
    public let controlWordIndex: UInt8
    /// 12 bits; 0xFFF is "all".
    public let tier: UInt16
    /// splice_command_type as it stands; meaningless when encrypted.
    public let commandType: UInt8
    public let command: Command
    /// The command's bytes, behind its type. Empty when encrypted.
    public let commandRange: Range<Int>
    /// In the order of the section; empty when encrypted.
    public let descriptors: [SpliceDescriptor]
    /// The whole section, CRC_32 included.
    public let length: Int

    static let tableID: UInt8 = 0xFC
    /// Bytes up to and with splice_command_type.
    static let headerLength = 14

    /// Reads the section that begins at `bytes[0]`. What follows it is not looked at.
    public static func parse(_ bytes: Span<UInt8>) -> Result<SpliceInformation, Rejection> {
        let length: Int
        switch checkFrame(bytes) {
        case .failure(let rejection): return .failure(rejection)
        case .success(let checked): length = checked
        }
        let isEncrypted = bytes[4] & 0x80 != 0
        let stated = Int(bytes[11] & 15) << 8 | Int(bytes[12])
        var commandRange = headerLength..<headerLength
        var command = Command.encrypted
        var descriptors: [SpliceDescriptor] = []
        if !isEncrypted {
            let end = length - 4
            guard
                let read = readCommand(
                    bytes, type: bytes[13], stated: stated == 0xFFF ? nil : stated, end: end)
            else { return .failure(.command) }
            command = read.command
            commandRange = headerLength..<read.end
            guard let found = SpliceDescriptor.readLoop(bytes, from: read.end, to: end) else {
                return .failure(.descriptors)
            }
            descriptors = found
        }
        return .success(
            SpliceInformation(
                accessPointType: bytes[1] >> 4 & 3, isEncrypted: isEncrypted,
                encryptionAlgorithm: bytes[4] >> 1 & 63, ptsAdjustment: readTime(bytes, 4),
                controlWordIndex: bytes[9],
                tier: UInt16(bytes[10]) << 4 | UInt16(bytes[11] >> 4), commandType: bytes[13],
                command: command, commandRange: commandRange, descriptors: descriptors,
                length: length))
    }

    /// Adds to pts_adjustment, modulo 2^33, and writes CRC_32 anew. The section begins at
    /// `section[0]`. False, and nothing changed, when it is no valid section: a damaged one must
    /// not be made to look sound.
    public static func rewrite(
        ptsAdjustmentAdding ticks90k: Int64, in section: inout MutableSpan<UInt8>
    ) -> Bool {
        guard case .success(let length) = checkFrame(section.span) else { return false }
        let sum = readTime(section.span, 4) &+ UInt64(bitPattern: ticks90k)
        let time = sum & 0x1_FFFF_FFFF
        section[4] = section[4] & 0xFE | UInt8(truncatingIfNeeded: time >> 32)
        for index in 0..<4 {
            section[5 + index] = UInt8(truncatingIfNeeded: time >> UInt64(24 - 8 * index))
        }
        let checksum = CRC32MPEG.checksum(section.span, from: 0, to: length - 4)
        for index in 0..<4 {
            section[length - 4 + index] = UInt8(
                truncatingIfNeeded: checksum >> UInt32(24 - 8 * index))
        }
        return true
    }

    /// The section's whole length, once its frame is known to be sound.
    private static func checkFrame(_ bytes: Span<UInt8>) -> Result<Int, Rejection> {
        guard bytes.count >= 3 else { return .failure(.tooShort) }
        guard bytes[0] == tableID else { return .failure(.tableID(bytes[0])) }
        guard bytes[1] & 0xC0 == 0 else { return .failure(.syntax) }
        let length = 3 + (Int(bytes[1] & 15) << 8 | Int(bytes[2]))
        // The shortest has no command bytes, an empty descriptor loop, and CRC_32.
        guard length >= headerLength + 6, bytes.count >= length else { return .failure(.tooShort) }
        guard CRC32MPEG.checksum(bytes, from: 0, to: length) == 0 else {
            return .failure(.checksum)
        }
        guard bytes[3] == 0 else { return .failure(.protocolVersion(bytes[3])) }
        return .success(length)
    }
}

/// splice_insert, §9.7.3. Components (the old way to splice parts of a programme) are passed over.
public struct SpliceInsert: Sendable, Equatable {
    public struct BreakDuration: Sendable, Equatable {
        public let returnsByItself: Bool
        /// 90 kHz ticks, 33 bits.
        public let ticks: UInt64
    }

    public let eventID: UInt32
    /// The event is cancelled; all that follows is then absent.
    public let isCancelled: Bool
    public let isOutOfNetwork: Bool
    public let isImmediate: Bool
    /// splice_time, without pts_adjustment; nil when immediate, when not given, or when given for
    /// components only.
    public let pts: UInt64?
    public let breakDuration: BreakDuration?
    public let uniqueProgramID: UInt16
    public let availNumber: UInt8
    public let availsExpected: UInt8
}

extension SpliceInformation {
    /// Reads a command that lies in `headerLength..<end`; nil when it does not fit. `stated`: its
    /// length as the section says, nil for the old "not stated" 0xFFF.
    private static func readCommand(
        _ bytes: Span<UInt8>, type: UInt8, stated: Int?, end: Int
    ) -> (command: Command, end: Int)? {
        let limit = stated.map { headerLength + $0 } ?? end
        guard limit <= end else { return nil }
        var reader = SectionReader(index: headerLength, end: limit)
        var command: Command
        switch type {
        case 0x00: command = .null
        case 0x04: command = .schedule
        case 0x05: command = .insert(readInsert(bytes, &reader))
        case 0x06: command = .timeSignal(pts: reader.spliceTime(bytes))
        case 0x07: command = .bandwidthReservation
        case 0xFF:
            command = .privateCommand(identifier: reader.number(bytes, 4))
        default: command = .other(type)
        }
        guard !reader.failed else { return nil }
        if let stated { return (command, headerLength + stated) }
        // Without a stated length only a command that tells its own end can be passed over.
        switch type {
        case 0x00, 0x05, 0x06, 0x07: return (command, reader.index)
        default: return nil
        }
    }

    private static func readInsert(
        _ bytes: Span<UInt8>, _ reader: inout SectionReader
    ) -> SpliceInsert {
        let eventID = reader.number(bytes, 4)
        let isCancelled = reader.number(bytes, 1) & 0x80 != 0
        guard !isCancelled else {
            return SpliceInsert(
                eventID: eventID, isCancelled: true, isOutOfNetwork: false, isImmediate: false,
                pts: nil, breakDuration: nil, uniqueProgramID: 0, availNumber: 0,
                availsExpected: 0)
        }
        let flags = reader.number(bytes, 1)
        let isProgram = flags & 0x40 != 0
        let isImmediate = flags & 0x10 != 0
        var pts: UInt64?
        if isProgram, !isImmediate { pts = reader.spliceTime(bytes) }
        if !isProgram {
            for _ in 0..<reader.number(bytes, 1) where !reader.failed {
                _ = reader.number(bytes, 1)
                if !isImmediate { _ = reader.spliceTime(bytes) }
            }
        }
        var duration: SpliceInsert.BreakDuration?
        if flags & 0x20 != 0 {
            let first = UInt64(reader.number(bytes, 1))
            let rest = UInt64(reader.number(bytes, 4))
            duration = SpliceInsert.BreakDuration(
                returnsByItself: first & 0x80 != 0, ticks: (first & 1) << 32 | rest)
        }
        let program = reader.number(bytes, 2)
        let number = reader.number(bytes, 1)
        let expected = reader.number(bytes, 1)
        return SpliceInsert(
            eventID: eventID, isCancelled: false, isOutOfNetwork: flags & 0x80 != 0,
            isImmediate: isImmediate, pts: pts, breakDuration: duration,
            uniqueProgramID: UInt16(truncatingIfNeeded: program),
            availNumber: UInt8(truncatingIfNeeded: number),
            availsExpected: UInt8(truncatingIfNeeded: expected))
    }

    /// 33 bits whose highest one is the lowest bit of the byte at `start`.
    private static func readTime(_ bytes: Span<UInt8>, _ start: Int) -> UInt64 {
        var time = UInt64(bytes[start] & 1)
        for index in start + 1...start + 4 { time = time << 8 | UInt64(bytes[index]) }
        return time
    }
}

/// A splice_descriptor, §10.1.
public struct SpliceDescriptor: Sendable, Equatable {
    public let tag: UInt8
    /// 0x43554549, "CUEI", for those that SCTE 35 defines.
    public let identifier: UInt32
    /// The bytes behind the identifier.
    public let range: Range<Int>
    /// What a segmentation_descriptor says; nil for others and for broken ones.
    public let segmentation: SpliceSegmentation?

    static let cueIdentifier: UInt32 = 0x4355_4549
    static let segmentationTag: UInt8 = 2

    /// Reads descriptor_loop_length at `start` and the loop behind it.
    static func readLoop(
        _ bytes: Span<UInt8>, from start: Int, to end: Int
    ) -> [SpliceDescriptor]? {
        guard start + 2 <= end else { return nil }
        var index = start + 2
        let loopEnd = index + (Int(bytes[start]) << 8 | Int(bytes[start + 1]))
        guard loopEnd <= end else { return nil }
        var found: [SpliceDescriptor] = []
        while index < loopEnd {
            guard index + 2 <= loopEnd else { return nil }
            let tag = bytes[index]
            let next = index + 2 + Int(bytes[index + 1])
            guard next <= loopEnd, next - index >= 6 else { return nil }
            var reader = SectionReader(index: index + 2, end: next)
            let identifier = reader.number(bytes, 4)
            let isSegmentation = tag == segmentationTag && identifier == cueIdentifier
            found.append(
                SpliceDescriptor(
                    tag: tag, identifier: identifier, range: reader.index..<next,
                    segmentation: isSegmentation ? SpliceSegmentation(bytes, reader) : nil))
            index = next
        }
        return found
    }
}

/// segmentation_descriptor, §10.3.3.
public struct SpliceSegmentation: Sendable, Equatable {
    public let eventID: UInt32
    /// The event is cancelled; all that follows is then absent.
    public let isCancelled: Bool
    /// 90 kHz ticks, 40 bits; nil when not given.
    public let durationTicks: UInt64?
    public let upidType: UInt8
    public let upidRange: Range<Int>
    public let typeID: UInt8
    public let segmentNumber: UInt8
    public let segmentsExpected: UInt8

    fileprivate init?(_ bytes: Span<UInt8>, _ start: SectionReader) {
        var reader = start
        eventID = reader.number(bytes, 4)
        isCancelled = reader.number(bytes, 1) & 0x80 != 0
        guard !reader.failed else { return nil }
        guard !isCancelled else {
            durationTicks = nil
            upidType = 0
            upidRange = reader.index..<reader.index
            typeID = 0
            segmentNumber = 0
            segmentsExpected = 0
            return
        }
        let flags = reader.number(bytes, 1)
        if flags & 0x80 == 0 {  // program_segmentation_flag
            for _ in 0..<reader.number(bytes, 1) where !reader.failed { reader.skip(6) }
        }
        if flags & 0x40 != 0 {
            let high = UInt64(reader.number(bytes, 1))
            durationTicks = high << 32 | UInt64(reader.number(bytes, 4))
        } else {
            durationTicks = nil
        }
        upidType = UInt8(truncatingIfNeeded: reader.number(bytes, 1))
        let upidLength = Int(reader.number(bytes, 1))
        let upidStart = reader.index
        reader.skip(upidLength)
        guard !reader.failed else { return nil }
        upidRange = upidStart..<reader.index
        typeID = UInt8(truncatingIfNeeded: reader.number(bytes, 1))
        segmentNumber = UInt8(truncatingIfNeeded: reader.number(bytes, 1))
        segmentsExpected = UInt8(truncatingIfNeeded: reader.number(bytes, 1))
        if reader.failed { return nil }
    }
}

/// Reads numbers in order; past its end it gives zeros and remembers that.
private struct SectionReader {
    private(set) var index: Int
    private let end: Int
    private(set) var failed = false

    init(index: Int, end: Int) {
        self.index = index
        self.end = end
    }

    /// `count` bytes (1...4), highest first.
    mutating func number(_ bytes: Span<UInt8>, _ count: Int) -> UInt32 {
        guard !failed, end - index >= count else {
            failed = true
            return 0
        }
        var value: UInt32 = 0
        for _ in 0..<count {
            value = value << 8 | UInt32(bytes[index])
            index += 1
        }
        return value
    }

    mutating func skip(_ count: Int) {
        guard !failed, end - index >= count else {
            failed = true
            return
        }
        index += count
    }

    /// splice_time(), §9.8.1: 33 bits of 90 kHz ticks, or nil.
    mutating func spliceTime(_ bytes: Span<UInt8>) -> UInt64? {
        let first = UInt64(number(bytes, 1))
        guard first & 0x80 != 0 else { return nil }
        let rest = UInt64(number(bytes, 4))
        return failed ? nil : (first & 1) << 32 | rest
    }
}
