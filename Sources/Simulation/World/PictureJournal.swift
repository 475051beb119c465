// What became of the pictures in an output: in decoding order, whether each has its references and
// its bytes (laws 6, 7, 9); in the order in which they are shown, whether content and time go on
// picture by picture (law 4, level L3).

import TransportStream

/// Content or time that does not go on by one frame.
public struct ContentJump: Sendable {
    /// PTS of what comes after it, 90 kHz unwrapped.
    public var presentation: Int64
    /// Frames of content from the one before to this; 1 is no jump.
    public var contentStep: Int64
    /// Ticks of 90 kHz between both, less one frame.
    public var excessTicks: Int64
    /// Identities of the encoders.
    public var from: UInt8
    public var to: UInt8
    /// When the output had brought both sides of it, host nanoseconds: pictures are reordered.
    public var time: Int64
}

/// A stretch of the output from one encoder, with one offset between content and time.
public struct ContentRun: Sendable {
    public var life: UInt8
    public var start: Int64
    public var end: Int64
    /// PTS minus content time, 90 kHz ticks.
    public var offset: Int64
}

/// Something wrong with one unit.
public struct UnitFault: Sendable {
    public enum Kind: String, Sendable {
        case unrecognised = "its mark is gone"
        case altered = "its bytes are not those of the encoder"
        case noReference = "pictures that it needs were not sent"
        case unmarked = "an open random access picture at a seam lacks the mark of law 7"
        case wronglyMarked = "the mark of law 7 is set where nothing was left out"
        case strayLeading = "a leading picture goes out without what it needs"
        case wrongStart = "a seam begins at no random access point"
    }
    public var kind: Kind
    public var presentation: Int64
    /// Host nanoseconds.
    public var time: Int64
}

/// Most entries of a list that are kept; all are counted.
let journalLimit = 20_000

struct PictureJournal {
    private(set) var count: Int64 = 0
    private(set) var faults: [UnitFault] = []
    private(set) var jumps: [ContentJump] = []
    private(set) var runs: [ContentRun] = []
    /// Pictures of content that never came, and that came again.
    private(set) var lost: Int64 = 0
    private(set) var repeated: Int64 = 0
    /// The last picture shown.
    private(set) var last: SeenPicture?

    private let frameTicks: Int64
    private var waiting: [SeenPicture] = []
    private var lastDecoded: (life: UInt8, number: Int64, dropped: Int64)?
    /// Leading pictures of this group can not be decoded; or could be, but the mark says otherwise.
    private var brokenGroup: (life: UInt8, group: Int64, isWhole: Bool)?

    init(frameTicks: Int64) { self.frameTicks = frameTicks }

    mutating func take(_ picture: SeenPicture) {
        count += 1
        judgeDecoding(picture)
        guard picture.mark != nil else { return }
        waiting.append(picture)
        while let next = earliest,
            waiting[next].presentation <= picture.decoding || waiting.count > 40
        {
            show(waiting.remove(at: next))
        }
    }

    private var earliest: Int? {
        waiting.indices.min { waiting[$0].presentation < waiting[$1].presentation }
    }

    private mutating func note(_ kind: UnitFault.Kind, _ picture: SeenPicture) {
        guard faults.count < journalLimit else { return }
        faults.append(UnitFault(kind: kind, presentation: picture.presentation, time: picture.time))
    }

    // MARK: Decoding order

    private mutating func judgeDecoding(_ picture: SeenPicture) {
        guard let mark = picture.mark, let plan = picture.plan else {
            return note(.unrecognised, picture)
        }
        if !picture.isExact { note(.altered, picture) }
        // Behind an open entry at a seam the leading pictures are rightly missing.
        var dropped: Int64 = 0
        defer { lastDecoded = (mark.life, plan.decodingPlace, dropped) }
        let follows = lastDecoded.map {
            $0.life == mark.life && $0.number + 1 + $0.dropped == plan.decodingPlace
        } ?? false
        if plan.isEntry {
            if plan.isOpenEntry && lastDecoded != nil {
                if !follows && !picture.isMarkedBroken { note(.unmarked, picture) }
                let hasNoneToLeaveOut = follows && plan.leadingCount == 0
                if hasNoneToLeaveOut && picture.isMarkedBroken { note(.wronglyMarked, picture) }
            }
            // Where an input is joined with itself nothing may be missing before the entry, and
            // still its leading pictures are left out: what follows tells.
            let isBroken = !follows || picture.isMarkedBroken
            brokenGroup = isBroken ? (mark.life, plan.group, follows) : nil
            if isBroken && plan.isOpenEntry { dropped = plan.leadingCount }
            return
        }
        if plan.isLeading, let (life, group, isWhole) = brokenGroup, life == mark.life,
            group == plan.group
        {
            return note(isWhole ? .wronglyMarked : .strayLeading, picture)
        }
        if follows { return }
        if lastDecoded?.life != mark.life { return note(.wrongStart, picture) }
        note(.noReference, picture)
    }

    // MARK: Shown

    private mutating func show(_ picture: SeenPicture) {
        guard let mark = picture.mark else { return }
        let content = (mark.content * frameTicks).roundedDivision(by: 300)
        let offset = picture.presentation - content
        if let run = runs.last, run.life == mark.life, abs(run.offset - offset) <= 2 {
            runs[runs.count - 1].end = picture.presentation
        } else if runs.count < journalLimit {
            runs.append(
                ContentRun(
                    life: mark.life, start: picture.presentation, end: picture.presentation,
                    offset: offset))
        }
        defer { last = picture }
        guard let last, let before = last.mark else { return }
        let step = mark.content - before.content
        let excess = picture.presentation - last.presentation
            - frameTicks.roundedDivision(by: 300)
        if step == 1 && abs(excess) <= 1 { return }
        if step > 1 { lost += step - 1 }
        if step < 1 { repeated += 1 - step }
        guard jumps.count < journalLimit else { return }
        jumps.append(
            ContentJump(
                presentation: picture.presentation, contentStep: step, excessTicks: excess,
                from: before.life, to: mark.life, time: max(last.time, picture.time)))
    }
}
