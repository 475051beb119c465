// What mutants are made of: a recording as whole packets of 188 bytes, and those bytes while they
// are being changed.

import TransportStream

/// A recording of the corpus.
public struct FuzzRecording: Sendable {
    public var name: String
    /// Whole packets of 188 bytes.
    public var bytes: [UInt8]

    /// - Parameter file: bytes of any spacing; what is in no packet is left out.
    public init(name: String, file: [UInt8]) {
        self.name = name
        var bytes: [UInt8] = []
        bytes.reserveCapacity(file.count)
        var framing = PacketFraming()
        func keep(_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) {
            for packet in 0..<count {
                let start = first + packet * spacing
                for place in start..<(start + Packet.size) { bytes.append(buffer[place]) }
            }
        }
        framing.append(file.span, packets: keep)
        framing.finish(packets: keep)
        self.bytes = bytes
    }
}

/// A recording that is being changed. Numbers of packets are from 0.
struct Mutant {
    var bytes: [UInt8]

    var count: Int { bytes.count / Packet.size }

    func offset(_ packet: Int) -> Int { packet * Packet.size }

    /// Nil beyond the end.
    func header(_ packet: Int) -> PacketHeader? {
        PacketHeader(bytes.span, at: offset(packet))
    }

    func pid(_ packet: Int) -> PID { PacketHeader.pid(bytes.span, at: offset(packet)) }

    /// The packets that a question is answered with yes for.
    func packets(_ isWanted: (Int) -> Bool) -> [Int] { (0..<count).filter(isWanted) }

    /// Packets with a PCR.
    var clocks: [Int] { packets { header($0)?.clockReference != nil } }

    /// Packets that begin a PES packet with a PTS.
    var stamped: [Int] { packets { stamps($0)?.presentation != nil } }

    /// The header of the PES packet that begins in a packet.
    func stamps(_ packet: Int) -> PESHeader? {
        guard let header = header(packet), header.startsUnit, header.hasPayload else { return nil }
        let start = offset(packet) + Int(header.payloadOffset)
        let reading = PESHeader.read(bytes.span, from: start, to: offset(packet) + Packet.size)
        guard case .header(let found) = reading else { return nil }
        return found
    }

    /// The first PMT, and the PID that it came on.
    var map: (pid: PID, map: ProgramMap)? {
        var associations = SectionAssembler()
        var maps = SectionAssembler()
        var pid: PID?
        var found: ProgramMap?
        for packet in 0..<count {
            guard let header = header(packet), header.hasPayload else { continue }
            let start = offset(packet) + Int(header.payloadOffset)
            let end = offset(packet) + Packet.size
            if header.pid == .pat, pid == nil {
                associations.append(
                    bytes.span, from: start, to: end, startsUnit: header.startsUnit
                ) { section in
                    pid = ProgramAssociation(section: section)?.entries.first {
                        $0.program != 0
                    }?.pid
                }
            } else if let pid, header.pid == pid {
                maps.append(bytes.span, from: start, to: end, startsUnit: header.startsUnit) {
                    found = ProgramMap(section: $0) ?? found
                }
            }
            if let pid, let found { return (pid, found) }
        }
        return nil
    }

    /// PIDs of streams that the first PMT names, of one kind or of all.
    func streams(_ kind: Codec.Kind? = nil) -> [PID] {
        guard let map = map?.map else { return [] }
        return map.streams.filter { stream in
            let codec = Codec(stream: stream, programDescriptors: map.descriptors)
            return kind == nil || codec.kind == kind
        }.map(\.pid)
    }

    /// How long it lasts by its PCRs, jumps left out, 27 MHz ticks; one second at least.
    var durationTicks: Int64 {
        let clocks = clocks
        guard let first = clocks.first, let pid = header(first)?.pid else { return 27_000_000 }
        var sum: Int64 = 0
        var last: Int64?
        for packet in clocks {
            guard let header = header(packet), header.pid == pid,
                let clock = header.clockReference?.ticks
            else { continue }
            if let last, clock > last, clock - last < 27_000_000 { sum += clock - last }
            last = clock
        }
        return max(sum, StreamTime.ticksPerSecond)
    }
}
