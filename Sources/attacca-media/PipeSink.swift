// Where a job's bytes go: standard output, which the parent reads.

import CLibAV
import Glibc

/// A pipe that libav writes into.
final class PipeSink {
    private static let bufferBytes = 188 * 128
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    private let descriptor: Int32
    private let counters: PacketCounters?
    private(set) var written: Int64 = 0

    /// - Parameter counters: of the transport packets that are written; nil for what else there is.
    init(_ descriptor: Int32, _ counters: PacketCounters? = nil) throws(MediaFailure) {
        self.descriptor = descriptor
        self.counters = counters
        guard let buffer = av_malloc(PipeSink.bufferBytes) else { throw MediaFailure("no memory") }
        context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(PipeSink.bufferBytes), 1,
            Unmanaged.passUnretained(self).toOpaque(), nil,
            { opaque, bytes, count in
                guard let opaque, let bytes else { return clibav_error_end() }
                let sink = Unmanaged<PipeSink>.fromOpaque(opaque).takeUnretainedValue()
                let piece = UnsafeMutableBufferPointer(start: bytes, count: Int(count))
                sink.counters?.renumber(piece)
                return sink.write(UnsafePointer(bytes), piece.count)
            }, nil)
        guard context != nil else { throw MediaFailure("no memory") }
    }

    deinit {
        if let context { av_free(context.pointee.buffer) }
        avio_context_free(&context)
    }

    /// Writes all of it, or gives an error of libav's.
    func write(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        var done = 0
        while done < count {
            let taken = Watch.pause { Glibc.write(descriptor, bytes + done, count - done) }
            if taken < 0 {
                if errno == EINTR { continue }
                return clibav_error_system(errno)
            }
            done += taken
        }
        written += Int64(count)
        return Int32(count)
    }
}

/// Continuity counters (13818-1 §2.4.3.3) that go on over several muxers, of which each counts from
/// 0: where one line of time follows another nothing was lost.
final class PacketCounters {
    private static let packetBytes = 188
    /// By PID; none has been counted at first.
    private var last = [UInt8?](repeating: nil, count: 8192)

    /// - Parameter packets: whole ones, as muxers write them.
    func renumber(_ packets: UnsafeMutableBufferPointer<UInt8>) {
        var at = 0
        while at + PacketCounters.packetBytes <= packets.count {
            let pid = Int(packets[at + 1] & 0x1F) << 8 | Int(packets[at + 2])
            let control = packets[at + 3]
            // Only packets with payload are counted.
            let step: UInt8 = control & 0x10 != 0 ? 1 : 0
            let counter = last[pid].map { ($0 &+ step) & 0x0F } ?? control & 0x0F
            packets[at + 3] = control & 0xF0 | counter
            last[pid] = counter
            at += PacketCounters.packetBytes
        }
    }
}
