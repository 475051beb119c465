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
    /// The packet with the last byte that goes out, once that is known.
    var lastPacket: Int = .max
    /// Where the first unit that goes out had not come yet when the segment began: units presented
    /// before this do not go out.
    var notBefore: StreamTime?
    /// Pictures that come in beside another stream that was entered: nothing goes out before their
    /// first random access picture.
    var awaitsEntry = false
    /// Where the sound that has left ends, output time, 27 MHz ticks: of the segment before, until
    /// some of its own has. It goes on from there where the frames themselves are forgotten.
    var heardUntil: Int64?
    /// Where the first frame of its sound had not come when the segment began: when that of the
    /// segment before ends, output time, 27 MHz ticks. Nil when it has come.
    var silentSince: Int64?
    /// The seam was told while it was silent: when that ends it is told as damage.
    var endsLongSilence = false
    /// Set until the first picture that is shown after the random access picture has come.
    var leading: LeadingRule?
    /// DTS of the first units where they would not follow those of the segment before, by unit
    /// number, on the output's line.
    var decodings: [Int: Timestamp] = [:]
    /// The PES packet that was found fit to leave last, and its DTS on the input's line.
    var lastDecoding = (time: Int64.min, number: -1)
    /// The PES packet that was judged last, and what becomes of it.
    var judgedPES = -1
    var judgement = Judgement.skip
    /// It is damaged, which counts when it leaves: until then a seam may still be put before it.
    var isJudgedDamaged = false

    enum Judgement: UInt8 {
        case skip, whole
        /// Its packets are made anew; the originals are skipped.
        case remade
    }

    /// Whether a PES packet's DTS is above that of the one before in its segment, as law 4 wants it
    /// whatever the input does; at a seam the planner sees to it. Notes it as the last one then.
    mutating func follows(_ number: Int, _ track: StreamTrack) -> Bool {
        guard track.kind != .data, let record = track.record(number),
            record.header?.presentation != nil, let unit = track.unit(record.firstUnit)
        else { return true }
        let time = unit.decoding.ticks
        // At its end a segment is judged once more.
        guard time > lastDecoding.time || lastDecoding.number == number else { return false }
        lastDecoding = (time, number)
        return true
    }

    /// What goes out of its first PES packets is not all of them.
    var hasBeginRules: Bool { leading != nil || notBefore != nil || awaitsEntry }

    static let closed = StreamCut(slot: -1, stampShift: 0, from: .max)
}

/// Which pictures behind a random access picture do not go out: those shown before it that need
/// what was before it (13818-2 §6.3.8, 14496-10 §D.2.8, 23008-2 §3.1 RASL).
struct LeadingRule {
    /// Number of the random access picture's unit.
    var entry: Int
    var presentation: StreamTime
    /// Without leading pictures' own marks (HEVC), all of an open random access picture go.
    var isOpen: Bool

    func drops(_ number: Int, _ unit: Unit) -> Bool {
        guard number > entry, unit.presentation < presentation else { return false }
        return unit.mark.leading == .skipped || (isOpen && unit.mark.leading == .no)
    }
}

/// A stream that wants a slot in the output.
struct StreamClaim {
    var codec: Codec
    var language: String?
    var stream: ProgramMap.Stream

    /// Whether private data is of the same sort as what a slot carries, by its descriptors
    /// (EN 300 468 §6.1: teletext 0x56, subtitling 0x59, VBI data 0x45; registrations).
    func isLike(_ slot: OutputSlot) -> Bool {
        guard codec == .otherPES else { return true }
        let own = stream.descriptors
        let other = slot.stream.descriptors
        let tags: [UInt8] = [0x45, 0x56, 0x59, 0x7F]
        return Descriptors.registration(own) == Descriptors.registration(other)
            && tags.allSatisfy {
                Descriptors.contains($0, in: own) == Descriptors.contains($0, in: other)
            }
    }
}

/// Where an audio frame is presented on the output's line, before it is put on the exact grid.
struct AudioPlace {
    var mark: AccessUnitMark
    /// 27 MHz ticks.
    var time: Int64
}

/// A packet that was made anew at a seam; PID and counter are given when it leaves.
struct PreparedPacket {
    var time: Int64
    var slot: Int
    var bytes: [UInt8]
    /// The input's stream and PES packet that it was made of, and whether it is the first of them.
    var stream: Int
    var pes: Int
    var isFirst = false
    /// Damage is told when it leaves.
    var isDamaged = false
    /// The first of a PES packet of audio: what its PTS is to be, and where that stands.
    var audio: (place: AudioPlace, at: Int)?
}

/// Damaged PES packets.
struct DamageCount {
    private(set) var all: Int64 = 0
    /// Those that carry neither pictures nor sound.
    private(set) var data: Int64 = 0

    mutating func add(_ kind: Codec.Kind) {
        all += 1
        if kind == .data { data += 1 }
    }
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
    /// What the output's tables must name before the first packet leaves; nil once they do.
    var unannounced: [SlotReservation]?
    /// The slot of the packet at the cursor, when it is one that goes out.
    var nextSlot = -1
    /// The marks of law 7 in its first picture; nil where there are none, or they have gone out.
    var marks: PacketMarks?
    var prepared: [PreparedPacket] = []
    var preparedCursor = 0

    var isLeaving: Bool { end != .max }
    var isDone: Bool { cursor >= end && preparedCursor >= prepared.count }

    /// Takes back what was made of a PES packet; false where some of it has left.
    mutating func withdraw(_ pes: Int, of stream: Int) -> Bool {
        let left = prepared[preparedCursor...]
        guard left.contains(where: { $0.isFirst && $0.pes == pes && $0.stream == stream }) else {
            return false
        }
        prepared = left.filter { $0.pes != pes || $0.stream != stream }
        preparedCursor = 0
        return true
    }

    /// Whether packets for an output slot are still to come from this segment.
    func owes(slot: Int) -> Bool {
        for index in preparedCursor..<prepared.count where prepared[index].slot == slot {
            return true
        }
        return cuts.contains { $0.slot == slot && $0.until > $0.from && cursor <= $0.lastPacket }
    }

    @inline(__always)
    func slot(of stream: Int) -> Int {
        stream >= 0 && stream < cuts.count ? cuts[stream].slot : -1
    }
}
