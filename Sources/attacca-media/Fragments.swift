// HLS in fragmented MP4: each piece of a transport stream becomes one fragment, and the
// initialization section that goes with it. A piece is opened, carried over and forgotten; all that
// one has to know of the one before it stands in the order.
//
// A fragment has all of its piece, on one line of time that never begins anew, with one exception:
// the last sound frame goes over to the next one. Sound frames need not begin with a PES packet
// (DVB's MPEG audio does not), so a piece's end may have cut it off; its begin is read again out of
// the piece before.
//
// Parameter sets stay with the pictures: behind a seam another encoder's come, and one
// initialization section, with those of the first piece, stays good for both. A new section at each
// seam is a trap: ffmpeg leaves it out, Chromium's own player stops for good at the second of them.
// The labels that say so would be avc3 and hev1 (14496-15); but VLC 3 shows nothing of avc3, and
// Apple plays no hev1. So they are avc1 and hvc1, as ffmpeg too writes them, and every decoder that
// has been seen takes the sets where they stand.

import CLibAV
import Foundation
import Glibc
import MediaJobs

enum Fragments {
    /// Does what is ordered until nothing is any more.
    static func make() throws(MediaFailure) {
        while let line = JobLine.read(from: STDIN_FILENO) {
            guard let order = MediaLine.order(line) else {
                throw MediaFailure("expected an order for a fragment")
            }
            do throws(MediaFailure) {
                Reporter.tell(.fragment(try make(order)))
            } catch {
                throw MediaFailure("'\(order.piece)': \(error.description)")
            }
        }
    }

    /// What libav numbers fragments up to, and a little less.
    private static let mostNumbers: Int64 = 1 << 30

    private static func make(_ order: FragmentOrder) throws(MediaFailure) -> [FragmentTrack] {
        let demuxer = try open(order)
        let sink = try FragmentSink(header: order.header, fragment: order.fragment)
        let muxer = try Muxer(format: "mp4", .fragment(sink))
        let remux = try Remux(
            demuxer, into: muxer, Remux.Manner(beginsAnew: false, fragment: order))
        try muxer.begin([
            "movflags": "frag_custom+frag_discont+delay_moov+default_base_moof+skip_sidx"
                + "+skip_trailer",
            "brand": "iso6", "avoid_negative_ts": "disabled", "use_editlist": "0",
            "fragment_index": String(1 + order.number % Fragments.mostNumbers), "write_btrt": "0",
            "use_stream_ids_as_track_ids": "1", "video_track_timescale": "90000",
            "movie_timescale": "90000",
        ])
        while try remux.step() {}
        try remux.endFragment()
        try muxer.finish()
        try sink.finish()
        return remux.fragmentTracks
    }

    /// A piece that begins within a group of pictures has no parameter sets, perhaps.
    private static func open(_ order: FragmentOrder) throws(MediaFailure) -> Demuxer {
        let tracks = order.before?.tracks ?? []
        let demuxer = try Demuxer(try PieceSource(order))
        let isLacking = demuxer.streams.contains { stream in
            !Remux.isWhole(stream)
                && tracks.contains { $0.id == stream.pointee.id && $0.parameters != nil }
        }
        guard isLacking else { return demuxer }
        return try Demuxer(try PieceSource(order), like: tracks)
    }
}

/// A piece's packets: its tables, then of each sound the frame that the fragment before has left,
/// in a PES packet of its own, then the rest.
final class PieceSource {
    private static let bufferBytes = 188 * 512
    private static let packetBytes = 188
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    private let descriptor: Int32
    private let front: [UInt8]
    /// Bytes of the file that are in front.
    private let tables: Int
    private var position = 0

    init(_ order: FragmentOrder) throws(MediaFailure) {
        descriptor = Glibc.open(order.piece, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MediaFailure(String(cString: strerror(errno))) }
        var front = PieceSource.tables(descriptor)
        tables = front.count
        for track in order.before?.tracks ?? [] {
            guard let before = order.before, let sound = track.sound, sound.restBytes > 0 else {
                continue
            }
            front += PieceSource.rest(of: track.id, sound, in: before.piece)
        }
        self.front = front
        guard let buffer = av_malloc(PieceSource.bufferBytes) else {
            throw MediaFailure("no memory")
        }
        context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(PieceSource.bufferBytes), 0,
            Unmanaged.passUnretained(self).toOpaque(),
            { opaque, bytes, count in
                guard let opaque, let bytes else { return clibav_error_end() }
                return Unmanaged<PieceSource>.fromOpaque(opaque).takeUnretainedValue()
                    .read(bytes, Int(count))
            }, nil, nil)
        guard context != nil else { throw MediaFailure("no memory") }
    }

    deinit {
        if let context { av_free(context.pointee.buffer) }
        avio_context_free(&context)
        if descriptor >= 0 { close(descriptor) }
    }

    private func read(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        if position < front.count {
            let taken = min(count, front.count - position)
            front.withUnsafeBufferPointer { front in
                if let base = front.baseAddress { memcpy(bytes, base + position, taken) }
            }
            position += taken
            return Int32(taken)
        }
        while true {
            let came = pread(descriptor, bytes, count, off_t(tables + position - front.count))
            if came > 0 {
                position += came
                return Int32(came)
            }
            if came == 0 { return clibav_error_end() }
            if errno != EINTR { return clibav_error_system(errno) }
        }
    }

    // MARK: What goes before

    private static func packet(_ descriptor: Int32, _ number: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: packetBytes)
        let came = pread(descriptor, &bytes, packetBytes, off_t(number * packetBytes))
        return came == packetBytes && bytes[0] == 0x47 ? bytes : nil
    }

    private static func pid(_ packet: [UInt8]) -> Int32 {
        Int32(packet[1] & 0x1F) << 8 | Int32(packet[2])
    }

    /// PAT and PMT, which each piece begins with.
    private static func tables(_ descriptor: Int32) -> [UInt8] {
        var (found, map): ([UInt8], Int32?) = ([], nil)
        while let packet = packet(descriptor, found.count / packetBytes) {
            let pid = pid(packet)
            if pid != 0 {
                if map == nil { map = pid }
                guard pid == map else { break }
            }
            found += packet
        }
        return found
    }

    /// What a piece has last of a stream, in packets that go before those of the next piece.
    private static func rest(
        of pid: Int32, _ sound: FragmentTrack.Sound, in path: String
    ) -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return [] }
        var (payload, counter): ([UInt8], UInt8?) = ([], nil)
        var number = Int(facts.st_size) / packetBytes
        while payload.count < sound.restBytes, number > 0 {
            number -= 1
            guard let packet = packet(descriptor, number), self.pid(packet) == pid,
                packet[3] & 0x10 != 0
            else { continue }
            if counter == nil { counter = packet[3] & 0x0F }
            payload = elementary(packet) + payload
        }
        return packets(
            of: pid, Array(payload.suffix(sound.restBytes)), at: sound.restPosition,
            lastCounter: counter ?? 0)
    }

    /// What a packet has of the elementary stream (13818-1 §2.4.3.3, §2.4.3.6).
    private static func elementary(_ packet: [UInt8]) -> ArraySlice<UInt8> {
        var start = 4
        if packet[3] & 0x20 != 0 { start += 1 + Int(packet[4]) }
        if packet[1] & 0x40 != 0, start + 9 <= packetBytes { start += 9 + Int(packet[start + 8]) }
        return packet[min(start, packetBytes)...]
    }

    /// One PES packet, and its last packet the one that a piece goes on from.
    private static func packets(
        of pid: Int32, _ payload: [UInt8], at position: Int64, lastCounter: UInt8
    ) -> [UInt8] {
        let stamp = UInt64(bitPattern: position)
        let bits: [UInt64] = [
            0x21 | (stamp >> 30 & 7) << 1, stamp >> 22, stamp >> 14 | 1, stamp >> 7, stamp << 1 | 1,
        ]
        // The length is left open; libav takes the stream's kind from the PMT.
        var unit: [UInt8] = [0, 0, 1, 0xC0, 0, 0, 0x80, 0x80, 5]
        unit += bits.map { UInt8(truncatingIfNeeded: $0) } + payload
        let room = packetBytes - 4
        let count = (unit.count + room - 1) / room
        return (0..<count).flatMap { number -> [UInt8] in
            let piece = unit[(number * room)..<min(unit.count, (number + 1) * room)]
            let counter = (Int(lastCounter) + 16 - (count - 1 - number) % 16) % 16
            let isShort = piece.count < room
            var packet: [UInt8] = [
                0x47, UInt8(truncatingIfNeeded: pid >> 8) | (number == 0 ? 0x40 : 0),
                UInt8(truncatingIfNeeded: pid), UInt8(counter) | (isShort ? 0x30 : 0x10),
            ]
            if isShort {
                let stuffing = room - piece.count - 1
                packet.append(UInt8(stuffing))
                if stuffing > 0 {
                    packet += [0] + [UInt8](repeating: 0xFF, count: stuffing - 1)
                }
            }
            return packet + piece
        }
    }
}

/// What the muxer writes, in two files: everything up to the end of the moov box (14496-12 §8.2.1)
/// is the initialization section.
final class FragmentSink {
    private static let bufferBytes = 64 << 10
    private static let longestHeader = 1 << 20
    private(set) var context: UnsafeMutablePointer<AVIOContext>?
    private let headerPath: String
    private let descriptor: Int32
    private var header: [UInt8] = []
    private var isPastHeader = false

    init(header: String, fragment: String) throws(MediaFailure) {
        headerPath = header
        descriptor = open(fragment, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw MediaFailure("'\(fragment)': \(String(cString: strerror(errno)))")
        }
        guard let buffer = av_malloc(FragmentSink.bufferBytes) else {
            throw MediaFailure("no memory")
        }
        context = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), Int32(FragmentSink.bufferBytes), 1,
            Unmanaged.passUnretained(self).toOpaque(), nil,
            { opaque, bytes, count in
                guard let opaque, let bytes else { return clibav_error_end() }
                let sink = Unmanaged<FragmentSink>.fromOpaque(opaque).takeUnretainedValue()
                return sink.take(UnsafeBufferPointer(start: bytes, count: Int(count)))
            }, nil)
        guard context != nil else { throw MediaFailure("no memory") }
    }

    deinit {
        if let context { av_free(context.pointee.buffer) }
        avio_context_free(&context)
        if descriptor >= 0 { close(descriptor) }
    }

    private func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
        if isPastHeader { return FragmentSink.write(bytes, to: descriptor) }
        header += bytes
        if let end = FragmentSink.endOfHeader(header) {
            isPastHeader = true
            let rest = Array(header[end...])
            header.removeSubrange(end...)
            let code = rest.withUnsafeBufferPointer { FragmentSink.write($0, to: descriptor) }
            if code < 0 { return code }
        }
        return header.count > FragmentSink.longestHeader
            ? clibav_error_damage() : Int32(bytes.count)
    }

    /// Behind the moov box; nil where that is not there yet.
    private static func endOfHeader(_ bytes: [UInt8]) -> Int? {
        var at = 0
        while at + 8 <= bytes.count {
            let size = bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, at + size <= bytes.count else { return nil }
            let isMovie = bytes[(at + 4)..<(at + 8)].elementsEqual("moov".utf8)
            at += size
            if isMovie { return at }
        }
        return nil
    }

    private static func write(_ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int32 {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(
                descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count < 0 {
                if errno == EINTR { continue }
                return clibav_error_system(errno)
            }
            done += count
        }
        return Int32(bytes.count)
    }

    /// Everything has come.
    func finish() throws(MediaFailure) {
        guard isPastHeader else { throw MediaFailure("there is nothing in it") }
        let file = open(headerPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else {
            throw MediaFailure("'\(headerPath)': \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        try check(header.withUnsafeBufferPointer { FragmentSink.write($0, to: file) }, "writing")
    }
}
