// Streams for the cutter, and what it makes of them.

import Foundation
import Packaging
import TransportStream

enum Sample {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return [UInt8](
            try Data(contentsOf: folder.appendingPathComponent("SampleStreams/\(name).ts")))
    }

    /// Moves all PTS, DTS and PCR behind a packet by so many 90 kHz ticks.
    static func shift(_ bytes: inout [UInt8], by ticks: Int64, from first: Int = 0) {
        for offset in stride(from: first * 188, to: bytes.count, by: 188) {
            guard let header = PacketHeader(bytes.span, at: offset) else { return }
            var span = bytes.mutableSpan
            if let clock = header.clockReference {
                let moved = ClockReference(wrapping: clock.ticks + ticks * 300)
                PacketWriter.setClock(moved, in: &span, at: offset)
            }
            let start = offset + Int(header.payloadOffset)
            guard header.startsUnit, header.pid.rawValue >= 0x100,
                case .header(let head) = PESHeader.read(
                    bytes.span, from: start, to: offset + 188)
            else { continue }
            var target = bytes.mutableSpan
            PESHeader.shift(by: ticks, in: &target, at: start, header: head)
        }
    }
}

/// All that a cutter has made.
struct Cut {
    struct Piece {
        var start: PieceStart
        var end: PieceEnd?
        var bytes: [UInt8] = []
        var seconds: Double { Double(end?.durationTicks ?? 0) / 90_000 }
    }

    var pieces: [Piece] = []
    var breaks: [TimeBreak] = []
    var passed: [(id: Int, place: StreamPlace)] = []

    mutating func take(_ cutter: inout StreamCutter) {
        let (bytes, steps) = cutter.drain()
        var position = 0
        for step in steps {
            switch step {
            case .begin(let start): pieces.append(Piece(start: start))
            case .bytes(let count, let isNewest):
                let index = pieces.count - (isNewest ? 1 : 2)
                pieces[index].bytes += bytes[position..<(position + count)]
                position += count
            case .end(let end):
                if let index = pieces.firstIndex(where: { $0.start.number == end.number }) {
                    pieces[index].end = end
                }
            case .timeBreak(let found): breaks.append(found)
            case .passed(let id, let place): passed.append((id, place))
            }
        }
    }

    /// Cuts a whole stream, some packets at a time, one millisecond of wall clock for each.
    init(_ bytes: [UInt8], _ rule: CutRule, prepare: (inout StreamCutter) -> Void = { _ in }) {
        var cutter = StreamCutter(rule)
        prepare(&cutter)
        var offset = 0
        while offset < bytes.count {
            let next = min(offset + 7 * 188, bytes.count)
            cutter.take(
                bytes.span.extracting(offset..<next), at: Int64(offset / 188) * 1_000_000)
            take(&cutter)
            offset = next
        }
        cutter.finish()
        take(&cutter)
    }
}

/// PID of the PMT of a sample: what the first PAT says (13818-1 §2.4.4.3).
func mapPID(_ stream: [UInt8]) -> UInt16 {
    let pat = packets(stream)[0]?.first ?? [UInt8](repeating: 0, count: 188)
    // Behind header, pointer and eight bytes of the section stands the first programme.
    return (UInt16(pat[15]) << 8 | UInt16(pat[16])) & 0x1FFF
}

/// PIDs of pictures and sound: those that have time stamps.
func mediaPIDs(_ stream: [UInt8]) -> [UInt16: [[UInt8]]] {
    let map = mapPID(stream)
    return packets(stream).filter { ![0, 0x11, 0x1FFF, map].contains($0.key) }
}

/// The packets of a stream by PID, without the counters of tables.
func packets(_ bytes: [UInt8]) -> [UInt16: [[UInt8]]] {
    var result: [UInt16: [[UInt8]]] = [:]
    for offset in stride(from: 0, to: bytes.count - 187, by: 188) {
        let pid = PacketHeader.pid(bytes.span, at: offset).rawValue
        result[pid, default: []].append(Array(bytes[offset..<(offset + 188)]))
    }
    return result
}

extension CutRule {
    init(seconds: Double, limit: Double? = nil) {
        self.init()
        target = Int64(seconds * 90_000)
        self.limit = limit.map { Int64($0 * 90_000) }
    }
}
