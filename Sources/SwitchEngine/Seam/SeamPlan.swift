// What a seam is: where one input is left, where the other is entered, and what that costs.

/// How uninterrupted a seam is; see the architecture page for the words.
public enum SeamLevel: String, Sendable, Comparable {
    /// The connection downstream is kept.
    case l0 = "L0"
    /// The syntax is continuous.
    case l1 = "L1"
    /// Decodable without a fault.
    case l2 = "L2"
    /// No picture and no audio frame is lost or repeated.
    case l3 = "L3"
    /// The packets themselves are uninterrupted.
    case l4 = "L4"

    public static func < (a: SeamLevel, b: SeamLevel) -> Bool { a.rawValue < b.rawValue }
}

/// How one audio stream goes through the seam. Numbers are those of the unit logs.
struct SoundPlan {
    var slot: Int
    var outgoingStream: Int?
    /// The first frame of the outgoing input that does not go out.
    var outgoingUntil: Int
    var incomingStream: Int?
    var incomingFrom: Int
    /// Added to the incoming time stamps beyond the seam's shift, 27 MHz ticks, at most half an
    /// audio frame either way.
    var nudge: Int64
    /// Silence between the last outgoing and the first incoming frame, 27 MHz ticks; one frame
    /// where nothing tells it.
    var gapTicks: Int64
    /// Where the incoming frame has not come yet: those presented before this, on the incoming
    /// line, do not go out; nil where the seam's own place tells.
    var notBefore: Int64?
    /// Where the incoming frame has not come yet: when the outgoing ones end on the output's line,
    /// 27 MHz ticks. The nudge is found when it comes.
    var silentSince: Int64?
    /// Not even a guess can be made of when that will be.
    var isGapUnknown = false
    /// Presentation time of the first incoming frame on the output's line, where it goes on from an
    /// outgoing one, 27 MHz ticks.
    var begin: Int64?
    /// When the outgoing frames that do not go out would leave, on the output's line.
    var leaveTime: Int64?
    /// Where the outgoing frames end, on the output's line.
    var outgoingEnd: Int64?
}

struct SeamPlan {
    /// The first unit of the outgoing master stream that does not go out.
    var outgoingUntil: Int
    /// The random access unit of the incoming master stream.
    var incomingFrom: Int
    /// What is added to the incoming time line, 27 MHz ticks, a multiple of 300.
    var shift: Int64
    var sounds: [SoundPlan]
    /// Presentation time of the seam on the output's line, 27 MHz ticks.
    var presentation: Int64
    var cost: SeamCost
    /// The random access picture is open: it gets the mark that what was before it is gone.
    var breaksLink: Bool
    /// Place on the output's schedule after which the plan can not be carried out any more.
    var expires: Int64
    /// How far the first incoming packet comes after its place on the schedule.
    var lateTicks: Int64
    /// How far the output runs behind the incoming input's newest packets after it.
    var holdBackTicks: Int64
}

/// What a seam costs; smaller is better. Compared in the order of the fields.
struct SeamCost: Comparable {
    enum Kind: Int {
        /// The contents meet: nothing lost, nothing repeated.
        case meets
        /// Pictures are lost, at most the reorder depth, or come out of order; time stays true.
        case loses
        /// The contents do not line up, or the true place can not be reached: the seam goes on by
        /// one frame.
        case steps
        /// Nothing but a hole is possible.
        case hole
    }

    /// The incoming input has no pictures, or none yet.
    var endsPictures = false
    /// It has no sound at all.
    var endsSound = false
    var kind: Kind
    /// Streams of pictures and sound that end at the seam, because the incoming input has none for
    /// their slots: what a viewer lacks from then on.
    var streamsLost = 0
    var soundGapTicks: Int64
    var framesLost: Int
    var framesRepeated: Int
    /// Incoming pictures that a decoder may leave out or show too early, because their picture
    /// order count does not rise above the outgoing one.
    var framesOutOfOrder = 0
    /// 0 for an IDR-like entry, 1 for an open one.
    var entry: Int
    /// Whole seconds that the output would run further behind than it is to; only where time is not
    /// true. They stay, while pictures that a decoder may put out of order are over in a moment.
    var secondsBehind: Int64 = 0
    /// Distance of the hold-back after the seam from its target; only where time is not true.
    var holdBackErrorTicks: Int64

    /// Pictures that a viewer may miss.
    var framesMissed: Int { framesLost + framesOutOfOrder }

    /// What a stream shows that ends at the seam is lost, however well the others meet.
    var level: SeamLevel {
        if kind == .hole || soundGapTicks != 0 || endsPictures { return .l1 }
        return kind == .meets && streamsLost == 0 ? .l3 : .l2
    }

    static func < (a: SeamCost, b: SeamCost) -> Bool {
        a.inOrder.lexicographicallyPrecedes(b.inOrder)
    }

    private var inOrder: [Int64] {
        [
            endsPictures || endsSound ? 1 : 0, Int64(kind.rawValue), Int64(streamsLost), soundGapTicks,
            secondsBehind, Int64(framesMissed), Int64(framesRepeated), holdBackErrorTicks,
            Int64(entry),
        ]
    }
}

/// What left of streams that the input on air has not: a decoder still has it, or it is still on
/// its way there.
struct SentBefore {
    /// The last pictures in decoding order, on their own line.
    var pictures: [SeamPicture] = []
    /// What that line was moved by, 27 MHz ticks.
    var shift: Int64 = 0
    /// Where the sound of slots ends, on the output's line.
    var soundEnds: [Int: Int64] = [:]

    /// Where the pictures end, on the output's line; nil for none.
    var picturesEnd: Int64? { pictures.map(\.end).max().map { $0 + shift } }
    /// The last DTS, on the output's line.
    var decoding: Int64? { pictures.last.map { $0.decoding + shift } }
}

/// What the planner is asked.
struct SeamRequest {
    var outgoing: SeamSide
    var incoming: SeamSide
    /// What left before the outgoing input was there, of what it has not.
    var before = SentBefore()
    /// Add to an incoming PTS for the outgoing PTS of the same content, 27 MHz ticks; nil where the
    /// contents are not known to line up.
    var contentOffset: Int64?
    /// What the outgoing time line is moved by.
    var outgoingShift: Int64
    /// Where the frames of the slots' sound belong, for slots whose frames last no whole ticks.
    var grids: [Int: AudioGrid]
    /// A point of the output's exact picture grid, 27 MHz ticks; nil where frames last whole ticks
    /// of 90 kHz.
    var pictureOrigin: Int64?
    /// Nothing can be put on the output's schedule before this.
    var scheduleNow: Int64
    /// The incoming input's own time now.
    var incomingNow: Int64
    var holdBackTicks: Int64
    /// Schedule time that one packet takes at the highest rate.
    var packetTicks: Int64
    /// A late stream may be put further back in time to be decodable: the clock downstream has run
    /// on without pictures.
    var mayOpenHole: Bool
    /// All that there is of the outgoing input has left.
    var isDry = false
    /// There is far more of the outgoing input than its time has room for.
    var isRunaway = false
    /// It is waited for so long that no newer entry is to be expected than those of long ago: the
    /// output may be put behind by the age of the newest.
    var mayFallBehind = false
    var bounds = SeamBounds()
    /// Plans that can not be carried out any more at this place on the output's schedule are not
    /// asked for.
    var notExpiringBefore = Int64.min
}

enum SeamOutcome {
    case plan(SeamPlan)
    /// Why there is none, for people.
    case none(String)
}
