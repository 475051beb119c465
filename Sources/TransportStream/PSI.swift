// Programme specific information: which programmes there are (PAT, 13818-1 §2.4.4.3) and what they
// are made of (PMT, §2.4.4.8). Values in, values out; the sections come from `SectionAssembler`.

/// One section of a programme association table.
public struct ProgramAssociation: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        /// 1 ... 65,535; 0 names the network information PID.
        public var program: UInt16
        public var pid: PID
        public init(program: UInt16, pid: PID) {
            self.program = program
            self.pid = pid
        }
    }
    public var transportStreamID: UInt16
    /// 0 ... 31.
    public var version: UInt8
    public var isCurrent = true
    public var section: UInt8 = 0
    public var lastSection: UInt8 = 0
    public var entries: [Entry]

    public init(transportStreamID: UInt16, version: UInt8, entries: [Entry]) {
        self.transportStreamID = transportStreamID
        self.version = version
        self.entries = entries
    }

    /// Reads a complete section; nil when it is not a PAT section.
    public init?(section bytes: Span<UInt8>) {
        guard let head = LongSection(bytes), head.tableID == 0x00 else { return nil }
        transportStreamID = head.identifier
        version = head.version
        isCurrent = head.isCurrent
        section = head.section
        lastSection = head.lastSection
        entries = []
        var p = 8
        while p + 4 <= head.end {
            entries.append(
                Entry(
                    program: UInt16(bytes[p]) << 8 | UInt16(bytes[p + 1]),
                    pid: PID(UInt16(bytes[p + 2]) << 8 | UInt16(bytes[p + 3]))))
            p += 4
        }
    }

    /// The section as bytes, with its CRC_32.
    public func sectionBytes() -> [UInt8] {
        var body: [UInt8] = []
        for entry in entries {
            body += [
                UInt8(entry.program >> 8), UInt8(truncatingIfNeeded: entry.program),
                0xE0 | UInt8(entry.pid.rawValue >> 8),
                UInt8(truncatingIfNeeded: entry.pid.rawValue),
            ]
        }
        return LongSection.bytes(
            tableID: 0x00, identifier: transportStreamID, version: version, body: body)
    }
}

/// A programme map table. A PMT is always one section (§2.4.4.9).
public struct ProgramMap: Sendable, Equatable {
    public struct Stream: Sendable, Equatable {
        public var streamType: UInt8
        public var pid: PID
        /// The ES_info loop as it is.
        public var descriptors: [UInt8]
        public init(streamType: UInt8, pid: PID, descriptors: [UInt8]) {
            self.streamType = streamType
            self.pid = pid
            self.descriptors = descriptors
        }
    }
    public var program: UInt16
    /// 0 ... 31.
    public var version: UInt8
    public var isCurrent = true
    /// 0x1FFF where the programme has no PCR.
    public var clockPID: PID
    /// The programme_info loop as it is.
    public var descriptors: [UInt8]
    public var streams: [Stream]

    public init(
        program: UInt16, version: UInt8, clockPID: PID, descriptors: [UInt8], streams: [Stream]
    ) {
        self.program = program
        self.version = version
        self.clockPID = clockPID
        self.descriptors = descriptors
        self.streams = streams
    }

    /// Reads a complete section; nil when it is not a PMT or its loops do not fit.
    public init?(section bytes: Span<UInt8>) {
        guard let head = LongSection(bytes), head.tableID == 0x02, head.end >= 12 else {
            return nil
        }
        program = head.identifier
        version = head.version
        isCurrent = head.isCurrent
        clockPID = PID(UInt16(bytes[8]) << 8 | UInt16(bytes[9]))
        var p = 12 + (Int(bytes[10] & 0x0F) << 8 | Int(bytes[11]))
        guard p <= head.end else { return nil }
        descriptors = (12..<p).map { bytes[$0] }
        streams = []
        while p + 5 <= head.end {
            let loopEnd = p + 5 + (Int(bytes[p + 3] & 0x0F) << 8 | Int(bytes[p + 4]))
            guard loopEnd <= head.end else { return nil }
            streams.append(
                Stream(
                    streamType: bytes[p],
                    pid: PID(UInt16(bytes[p + 1]) << 8 | UInt16(bytes[p + 2])),
                    descriptors: ((p + 5)..<loopEnd).map { bytes[$0] }))
            p = loopEnd
        }
    }

    /// The section as bytes, with its CRC_32.
    public func sectionBytes() -> [UInt8] {
        var body: [UInt8] = [
            0xE0 | UInt8(clockPID.rawValue >> 8), UInt8(truncatingIfNeeded: clockPID.rawValue),
            0xF0 | UInt8(truncatingIfNeeded: descriptors.count >> 8 & 0x03),
            UInt8(truncatingIfNeeded: descriptors.count),
        ]
        body += descriptors
        for stream in streams {
            body += [
                stream.streamType, 0xE0 | UInt8(stream.pid.rawValue >> 8),
                UInt8(truncatingIfNeeded: stream.pid.rawValue),
                0xF0 | UInt8(truncatingIfNeeded: stream.descriptors.count >> 8 & 0x03),
                UInt8(truncatingIfNeeded: stream.descriptors.count),
            ]
            body += stream.descriptors
        }
        return LongSection.bytes(tableID: 0x02, identifier: program, version: version, body: body)
    }
}

/// The head that PAT, PMT and all other long sections share (§2.4.4.10).
struct LongSection {
    var tableID: UInt8
    var identifier: UInt16
    var version: UInt8
    var isCurrent: Bool
    var section: UInt8
    var lastSection: UInt8
    /// Where the CRC_32 begins.
    var end: Int

    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= 12, bytes[1] & 0x80 != 0 else { return nil }
        let length = 3 + (Int(bytes[1] & 0x0F) << 8 | Int(bytes[2]))
        guard length >= 12, length <= bytes.count else { return nil }
        tableID = bytes[0]
        identifier = UInt16(bytes[3]) << 8 | UInt16(bytes[4])
        version = bytes[5] >> 1 & 0x1F
        isCurrent = bytes[5] & 1 != 0
        section = bytes[6]
        lastSection = bytes[7]
        end = length - 4
    }

    static func bytes(
        tableID: UInt8, identifier: UInt16, version: UInt8, body: [UInt8]
    ) -> [UInt8] {
        let length = 5 + body.count + 4
        var result: [UInt8] = [
            tableID, 0xB0 | UInt8(truncatingIfNeeded: length >> 8 & 0x0F),
            UInt8(truncatingIfNeeded: length), UInt8(identifier >> 8),
            UInt8(truncatingIfNeeded: identifier), 0xC1 | (version & 0x1F) << 1, 0, 0,
        ]
        result += body
        let crc = CRC32MPEG.checksum(result.span, from: 0, to: result.count)
        result += [
            UInt8(truncatingIfNeeded: crc >> 24), UInt8(truncatingIfNeeded: crc >> 16),
            UInt8(truncatingIfNeeded: crc >> 8), UInt8(truncatingIfNeeded: crc),
        ]
        return result
    }
}
