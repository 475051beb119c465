// Where a source's time stamps begin again, behind EXT-X-DISCONTINUITY or an encoder's restart, one
// line of time ends and another begins. Its streams do not come there at once: a demuxer gives the
// last packet of one when the next has begun.
//
//   pictures  a a a a b b b b         a a a a | b b b b
//   sound     a a a a a b b b   ->    a a a a a | b b b

import CLibAV

final class LineSplitter {
    /// Microseconds from a stream's DTS to its next that are no other line: pictures and sound step
    /// back nowhere, and what is missing may be as long as a decoder's buffer is full.
    private static let steps: ClosedRange<Int64> = -500_000...10_000_000
    /// So many packets of the next line are held until all streams have come to it.
    private static let mostHeld = 150

    /// So many packets from a damaged one on wait for the line's end.
    private static let mostDoubtful = 3

    private static let clock = AVRational(num: 1, den: 1_000_000)

    /// Each stream's last DTS, in its own time base.
    private var last: [Int32: Int64] = [:]
    private var hasJumped: Set<Int32> = []
    /// One of a stream that is marked as damaged, and what came behind it. Where a line ends the
    /// packets' counters jump, and libav takes what came last for cut: it is whole.
    private var doubtful: [Int32: [PacketPointer]] = [:]
    /// Of the line that is given, in order.
    private var ready: [PacketPointer] = []
    /// Of the next line, in order.
    private var held: [PacketPointer] = []
    private var isComplete = false

    /// - Parameter other: of what was read before, where this goes on from there.
    init(behind other: LineSplitter?) { last = other?.last ?? [:] }

    deinit {
        for packet in ready + held + doubtful.values.joined() { LineSplitter.free(packet) }
    }

    private static func free(_ packet: PacketPointer) {
        var packet: PacketPointer? = packet
        av_packet_free(&packet)
    }

    /// All of the line has been given; `goOn` goes over to the next.
    var hasEnded: Bool { isComplete && ready.isEmpty }

    func goOn() {
        isComplete = false
        hasJumped = []
        last = [:]
        for packet in held where packet.pointee.dts != clibav_no_time() {
            last[packet.pointee.stream_index] = packet.pointee.dts
        }
        swap(&ready, &held)
    }

    /// Gives the next packet of the line that had to wait.
    func give(into packet: PacketPointer) -> Bool {
        guard !ready.isEmpty else { return false }
        let first = ready.removeFirst()
        av_packet_move_ref(packet, first)
        LineSplitter.free(first)
        return true
    }

    /// Judges a packet that has come when all that was ready has been given; keeps one that has to
    /// wait.
    /// - Returns: whether it is the next of the line.
    func passes(_ packet: PacketPointer, of stream: StreamPointer) throws(MediaFailure) -> Bool {
        let index = packet.pointee.stream_index
        let isDamaged = clibav_is_corrupt(packet) != 0
        if !hasJumped.contains(index) {
            if comesToNextLine(packet, of: stream) {
                release(index, areWhole: true)
                hasJumped.insert(index)
            } else if doubtful[index] == nil && !isDamaged {
                return true
            }
        }
        guard let kept = av_packet_clone(packet) else { throw MediaFailure("no memory") }
        if hasJumped.contains(index) {
            held.append(kept)
            isComplete = hasJumped.count >= last.count || held.count >= LineSplitter.mostHeld
        } else {
            doubtful[index, default: []].append(kept)
            if doubtful[index]?.count ?? 0 > LineSplitter.mostDoubtful {
                release(index, areWhole: false)
            }
        }
        return false
    }

    private func comesToNextLine(_ packet: PacketPointer, of stream: StreamPointer) -> Bool {
        let kind = stream.pointee.codecpar?.pointee.codec_type
        let time = packet.pointee.dts
        guard kind == AVMEDIA_TYPE_VIDEO || kind == AVMEDIA_TYPE_AUDIO, time != clibav_no_time(),
            let before = last.updateValue(time, forKey: packet.pointee.stream_index)
        else { return false }
        return isJump(from: before, to: time, stream)
    }

    /// Nothing more comes of the line.
    func end() {
        for index in doubtful.keys { release(index, areWhole: false) }
        isComplete = !held.isEmpty
    }

    private func release(_ index: Int32, areWhole: Bool) {
        for packet in doubtful.removeValue(forKey: index) ?? [] {
            if areWhole { packet.pointee.flags &= ~AV_PKT_FLAG_CORRUPT }
            ready.append(packet)
        }
    }

    private func isJump(from before: Int64, to time: Int64, _ stream: StreamPointer) -> Bool {
        var step = time &- before
        let bits = Int64(stream.pointee.pts_wrap_bits)
        if bits > 0, bits < 63 { step = (step << (64 - bits)) >> (64 - bits) }
        return !LineSplitter.steps.contains(
            av_rescale_q(step, stream.pointee.time_base, LineSplitter.clock))
    }
}
