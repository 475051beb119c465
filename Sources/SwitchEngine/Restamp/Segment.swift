// A stretch of one input that is on air: from which byte to which byte of each of its streams, and
// by how much its time is moved. At a seam two segments overlap on the schedule.

import TransportStream

/// The part of one stream that goes out.
struct StreamCut {
    /// The output slot, or -1.
    var slot: Int
    /// Added to PTS and DTS, 90 kHz ticks.
    var stampShift: Int64
    /// First elementary stream position that goes out, and the first that does not any more.
    var from: Int64
    var until: Int64 = .max
    /// Units that do not go out (leading pictures), as elementary stream positions.
    var dropped: [Range<Int64>] = []
    /// The PES packet that was judged last, and what becomes of it.
    var judgedPES = -1
    var judgement = Judgement.skip

    enum Judgement: UInt8 {
        case skip, whole
        /// Its packets are made anew; the originals are skipped.
        case remade
    }

    static let closed = StreamCut(slot: -1, stampShift: 0, from: .max)
}

/// A packet that was made anew at a seam.
struct PreparedPacket {
    var time: Int64
    var slot: Int
    var bytes: [UInt8]
}

struct Segment {
    var input: Int
    var epoch: Epoch
    /// Output time − input time, 27 MHz ticks, a multiple of 300.
    var shift: Int64
    /// The next packet of the ring.
    var cursor: Int
    /// By stream index of the input; streams beyond the end are closed.
    var cuts: [StreamCut]
    /// Sections complete before this number of the log are done with.
    var sectionCursor: Int
    /// Output time from which on, and until which, sections and unbound things are taken.
    var sectionsFrom: Int64 = .min
    var sectionsUntil: Int64 = .max
    /// When the segment is being left: the first packet behind everything that goes out.
    var end: Int = .max
    var prepared: [PreparedPacket] = []
    var preparedCursor = 0

    var isLeaving: Bool { end != .max }
    var isDone: Bool { cursor >= end && preparedCursor >= prepared.count }

    @inline(__always)
    func slot(of stream: Int) -> Int {
        stream >= 0 && stream < cuts.count ? cuts[stream].slot : -1
    }
}
