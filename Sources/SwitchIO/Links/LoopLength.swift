// How long one pass of a looped recording is: as far as both its pictures and its sound reach, in
// whole frames. The next pass comes so much later, whatever the last packets' own times are: so its
// first picture follows one of this pass, and there is sound for all of them.
//
// It looks at the begin and the end of the file only.

import Glibc
import TransportStream

enum LoopLength {
    private static let headBytes = 4 << 20
    private static let tailBytes = 8 << 20

    /// PTS of one elementary stream, in the order of the file, from its first one on, 90 kHz.
    private struct Stamps {
        var isVideo: Bool
        var first: Int64
        var latest: Int64 = 0
        var inHead: [Int64] = []
    }

    /// What was seen of a file.
    private struct Sight {
        var streams: [PID: Stamps] = [:]
        var firstClock: ClockReference?
        var lastClock: ClockReference?
    }

    /// A pass is about as long as its PCRs say, 3 s; else its stamps jump somewhere.
    private static let toleranceTicks: Int64 = 3 * 90_000

    /// Nanoseconds; nil where the stamps do not tell. The descriptor stands at the begin then.
    static func nanoseconds(of descriptor: Int32) -> Int64? {
        let end = Int(lseek(descriptor, 0, SEEK_END))
        // A pipe has no end to look at.
        guard end > 0 else { return nil }
        lseek(descriptor, 0, SEEK_SET)
        var sight = Sight()
        let head = min(end, headBytes)
        scan(descriptor, 0..<head, isHead: true, &sight)
        scan(descriptor, max(head, end - tailBytes)..<end, isHead: false, &sight)
        let streams = sight.streams
        guard let video = streams.values.filter(\.isVideo).max(by: { $0.latest < $1.latest }),
            let frame = frameTicks(video.inHead), let first = sight.firstClock,
            let last = sight.lastClock
        else { return nil }
        let clock = ClockReference(wrapping: last.ticks - first.ticks).ticks / 300
        var length = video.latest + frame
        for sound in streams.values where !sound.isVideo {
            // How many frames the last PES packet has is not looked at: it is left out.
            length = min(length, sound.latest)
        }
        let whole = length / frame * frame
        guard whole > 0, abs(whole - clock) <= toleranceTicks else { return nil }
        return whole * 100_000 / 9
    }

    private static func scan(
        _ descriptor: Int32, _ range: Range<Int>, isHead: Bool, _ sight: inout Sight
    ) {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                let rest = $0[count...]
                let room = UnsafeMutableRawBufferPointer(rebasing: rest)
                return pread(
                    descriptor, room.baseAddress, room.count, off_t(range.lowerBound + count))
            }
            guard more > 0 else { break }
            count += more
        }
        var framing = PacketFraming()
        framing.append(bytes.span.extracting(0..<count)) { buffer, first, count, spacing in
            for number in 0..<count {
                note(buffer, at: first + number * spacing, isHead: isHead, &sight)
            }
        }
    }

    private static func note(
        _ bytes: Span<UInt8>, at offset: Int, isHead: Bool, _ sight: inout Sight
    ) {
        guard let header = PacketHeader(bytes, at: offset) else { return }
        if let clock = header.clockReference {
            sight.firstClock = sight.firstClock ?? clock
            sight.lastClock = clock
        }
        guard header.startsUnit,
            case .header(let pes) = PESHeader.read(
                bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size),
            let stamp = pes.presentation.map({ Int64($0.ticks) })
        else { return }
        let isVideo = pes.streamID & 0xF0 == 0xE0
        guard isVideo || pes.streamID & 0xE0 == 0xC0 || pes.streamID == 0xBD else { return }
        guard var stream = sight.streams[header.pid] else {
            // What begins in the end only is no part of the loop.
            if isHead { sight.streams[header.pid] = Stamps(isVideo: isVideo, first: stamp) }
            return
        }
        // Of 33 bits; a recording that is looped is shorter than half of that.
        let distance = (stamp - stream.first) & (1 << 33 - 1)
        guard distance < 1 << 32 else { return }
        stream.latest = max(stream.latest, distance)
        if isHead { stream.inHead.append(distance) }
        sight.streams[header.pid] = stream
    }

    /// The shortest step between pictures.
    private static func frameTicks(_ stamps: [Int64]) -> Int64? {
        let sorted = stamps.sorted()
        return zip(sorted, sorted.dropFirst()).map { $1 - $0 }.filter { $0 > 0 }.min()
    }
}
