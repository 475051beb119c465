// How long one pass of a looped recording is: as far as both its pictures and its sound reach, in
// whole frames. The next pass comes so much later, whatever the last packets' own times are: so its
// first picture follows one of this pass, and there is sound for all of them.
//
// It looks at the begin and the end of the file only.

import Dispatch
import Glibc
import Synchronization
import TransportStream

/// Begins to look when it is made, on a thread of its own: the loop does not wait for a disk.
final class LoopLength: Sendable {
    private static let headBytes = 4 << 20
    private static let tailBytes = 8 << 20
    /// Bytes that are read at a time.
    private static let pieceBytes = 1000 * Packet.size

    enum Answer {
        case awaited
        /// Nanoseconds; nil where the stamps do not tell.
        case found(Int64?)
    }

    private let state = Mutex(Answer.awaited)

    var answer: Answer { state.withLock { $0 } }

    /// - Parameter descriptor: of the file; it may be closed at any time, and where it stands does
    ///   not matter and does not change.
    init(of descriptor: Int32) {
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else {
            state.withLock { $0 = .found(nil) }
            return
        }
        DispatchQueue.global(qos: .userInitiated).async {
            let length = LoopLength.nanoseconds(of: own)
            close(own)
            self.state.withLock { $0 = .found(length) }
        }
    }

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

    private static func nanoseconds(of descriptor: Int32) -> Int64? {
        var facts = stat()
        // A pipe has no end to look at.
        guard fstat(descriptor, &facts) == 0, facts.st_size > 0 else { return nil }
        let end = Int(facts.st_size)
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
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var framing = PacketFraming()
        var place = range.lowerBound
        while place < range.upperBound {
            let wished = min(pieceBytes, range.upperBound - place)
            let count = piece.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, wished, off_t(place))
            }
            guard count > 0 else { break }
            framing.append(piece.span.extracting(0..<count)) { buffer, first, count, spacing in
                for number in 0..<count {
                    note(buffer, at: first + number * spacing, isHead: isHead, &sight)
                }
            }
            place += count
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
