// What the planner sees of one side of a seam: values, taken from a timeline, nothing else.

import TransportStream

/// A picture in decoding order; the two fields of a frame are one.
struct SeamPicture {
    /// Numbers in the stream's unit log.
    var units: Range<Int>
    /// On the side's own time line, 27 MHz ticks.
    var presentation: Int64
    var decoding: Int64
    var durationTicks: Int64
    /// τ of the first and the last packet; nil where they are not stamped yet.
    var firstTime: Int64?
    var lastTime: Int64?
    var packetCount: Int
    var randomAccess: RandomAccess
    var hasParameterSets: Bool
    var leading: LeadingPicture
    var coding: PictureCoding
    /// Bytes are missing in it, or nothing tells its times.
    var isDamaged: Bool
    /// Pictures are missing before it.
    var followsGap: Bool
    var isOpen: Bool
    /// Its time may be a stray one.
    var isDoubtful = false
    /// Its time was a stray one.
    var isRestamped = false
    /// H.264: the place in output order, that of the second field too where there are two.
    var order = PictureOrder()
    var secondOrder: PictureOrder?
    var isReference = true
    /// max_num_ref_frames
    var referenceFrames: UInt8 = 0

    var end: Int64 { presentation + durationTicks }
    /// It is whole and shown when its PES packet says; not at a time that was worked out for it,
    /// which may lie between two ticks of 90 kHz.
    var isStamped: Bool {
        !isDamaged && !isDoubtful && !isRestamped
            && presentation % StreamTime.ticksPerTimestampTick == 0
    }
    /// A decoder that knows nothing may start here.
    var isEntry: Bool { randomAccess != .none && hasParameterSets && !isOpen }
    /// It has its transport time, and a decoder could buffer what lies between that and its own.
    var isPlausible: Bool {
        guard let firstTime else { return false }
        return abs(decoding &- firstTime) <= ContentLead.limitTicks
    }
}

/// An audio frame.
struct SeamFrame {
    var unit: Int
    var presentation: Int64
    var durationTicks: Int64
    var firstTime: Int64?
    /// τ of the first packet of the PES packet it begins in: with it all of that has left.
    var packetTime: Int64?
    /// Bytes are missing at the end of that PES packet: with it the damage leaves.
    var isPacketDamaged = false
    var isDamaged: Bool
    var end: Int64 { presentation + durationTicks }
}

/// One audio stream of one side.
struct SeamSound {
    /// The output slot that it feeds.
    var slot: Int
    var stream: Int
    /// In order; outgoing: from the last one sent on. Open frames are not in it.
    var frames: [SeamFrame]
    /// The first frame that may still be left out (outgoing).
    var firstFree: Int
    /// The first frame that can not be used: damaged, or behind a hole.
    var limit: Int
    /// What the slot adds to this side's time stamps beyond the side's shift, 27 MHz ticks.
    var nudge: Int64
}

/// One side of a seam.
struct SeamSide {
    /// In decoding order, from some way before the first free one.
    var pictures: [SeamPicture]
    /// Outgoing: the first picture of which nothing has been sent.
    var firstFree: Int
    /// The first picture that can not be used.
    var limit: Int
    var sounds: [SeamSound]
    /// Duration of a frame, 27 MHz ticks; 0 where not known.
    var frameTicks: Int64
    /// No more pictures will come on this side: it is silent or its epoch has ended.
    var isOver: Bool
    /// The master stream is sound: every frame is an entry and there is no reordering.
    var isSoundOnly: Bool
}

extension SeamSide {
    /// How far the exact grid of the pictures is behind a stamp near `time`: stamps are rounded
    /// down to 90 kHz, so the exact place of all is told by the one that was rounded least. 27 MHz
    /// ticks; nil where frames last whole ticks, or the stamps are on no grid: a single one that is
    /// wrong does no harm.
    func gridOffset(of time: Int64) -> Int64? {
        let rounding = StreamTime.ticksPerTimestampTick
        guard frameTicks > 0, frameTicks % rounding != 0, !isSoundOnly else { return nil }
        var least: Int64?
        var (onGrid, strays) = (0, 0)
        for picture in pictures where picture.isStamped {
            let distance = picture.presentation - time
            let off = distance - distance.roundedDivision(by: frameTicks) * frameTicks
            guard abs(off) <= rounding else {
                strays += 1
                continue
            }
            onGrid += 1
            least = max(least ?? off, off)
        }
        return strays * 4 > onGrid ? nil : least
    }

    /// Pictures before the first free one that are looked at to judge a cut.
    static let context = 34

    /// Where a stream went on air (outgoing).
    struct Entered {
        /// Elementary stream position; what lies before it was never sent.
        var position = Int64.min
        /// What is presented before this was not either.
        var notBefore: StreamTime?
        /// Where the sound that has left ends, on the side's own line.
        var heardUntil: Int64?
        /// The PES packet that was found fit to leave last, where all of it leaves.
        var wholePES: Int?
    }

    /// Takes the side from a timeline.
    /// - Parameter sentBefore: packets before this number have been sent (outgoing) or are too old
    ///   (incoming).
    /// - Parameter slots: for each stream index of the timeline the output slot, or nil.
    /// - Parameter entered: where each stream went on air (outgoing).
    init?(
        _ timeline: InputTimeline, epoch: Epoch, sentBefore: Int,
        slots: (Int) -> (slot: Int, nudge: Int64)?, isOver: Bool,
        entered: (Int) -> Entered = { _ in Entered() }
    ) {
        guard let master = timeline.masterStream(of: epoch) else { return nil }
        let last = timeline.end(ofEpoch: epoch.number)
        let bounds = SideBounds(first: epoch.firstPacket, end: last, sentBefore: sentBefore)
        let track = timeline.streams[master]
        isSoundOnly = track.kind != .video
        self.isOver = isOver || last != .max
        pictures = SeamSide.pictures(track, timeline, bounds, entered(master).position)
        frameTicks = track.frameRate.ticks
        if frameTicks == 0 {
            frameTicks = pictures.last { $0.durationTicks > 0 }?.durationTicks ?? 0
        }
        // The first pictures came before the rate was known; what the stream states may be
        // nonsense.
        for index in pictures.indices
        where pictures[index].durationTicks * 2 < frameTicks
            || pictures[index].durationTicks > frameTicks * 3
        {
            pictures[index].durationTicks = frameTicks
        }
        let firstFree = pictures.firstIndex { picture in
            track.units[picture.units.lowerBound].firstPacket >= sentBefore
        }
        self.firstFree = firstFree ?? pictures.count
        // A gap before the first picture that goes out is none of what goes out.
        let begin = entered(master).position
        limit = pictures[self.firstFree...].firstIndex { picture in
            let start = track.units[picture.units.lowerBound].start
            return picture.isDamaged || picture.isOpen || picture.isDoubtful
                || picture.followsGap && start > begin
        } ?? pictures.count
        sounds = []
        for stream in epoch.streams where timeline.streams[stream].kind == .audio {
            guard let (slot, nudge) = slots(stream) else { continue }
            sounds.append(
                SeamSide.sound(
                    timeline.streams[stream], stream: stream, slot: slot, nudge: nudge, timeline,
                    bounds, entered(stream)))
        }
    }

    /// The random access pictures of an epoch that are kept, as `pictures` has them.
    static func entries(_ timeline: InputTimeline, epoch: Epoch) -> [SeamPicture] {
        guard let master = timeline.masterStream(of: epoch) else { return [] }
        let bounds = SideBounds(
            first: epoch.firstPacket, end: timeline.end(ofEpoch: epoch.number),
            sentBefore: timeline.ring.first)
        return pictures(timeline.streams[master], timeline, bounds, .min, entriesOnly: true)
            .filter(\.isEntry)
    }

    private struct SideBounds {
        var first: Int
        var end: Int
        var sentBefore: Int
    }

    private static func pictures(
        _ track: StreamTrack, _ timeline: InputTimeline, _ bounds: SideBounds, _ entered: Int64,
        entriesOnly: Bool = false
    ) -> [SeamPicture] {
        let units = track.units
        var number = units.first
        let firstFree = units.partition { $0.firstPacket >= bounds.sentBefore }
        number = max(number, firstFree - 2 * SeamSide.context)
        var result: [SeamPicture] = []
        while number < units.end {
            let unit = units[number]
            number += 1
            guard unit.firstPacket >= bounds.first, unit.firstPacket < bounds.end,
                unit.start >= entered
            else { continue }
            if entriesOnly {
                let isOfEntry = unit.isSecondField && result.last?.units.upperBound == number - 1
                let isEntry = unit.mark.randomAccess != .none && !unit.isSecondField
                guard isEntry || isOfEntry else { continue }
            }
            if unit.isSecondField, var frame = result.popLast() {
                frame.units = frame.units.lowerBound..<number
                frame.durationTicks += unit.durationTicks
                frame.isDamaged = frame.isDamaged || unit.isDamaged
                frame.isOpen = frame.isOpen || unit.isOpen
                frame.hasParameterSets = frame.hasParameterSets || unit.mark.hasParameterSets
                frame.lastTime = time(unit.lastPacket, timeline)
                frame.secondOrder = unit.mark.order
                frame.packetCount += unit.lastPacket - unit.firstPacket + 1
                result.append(frame)
                continue
            }
            result.append(
                SeamPicture(
                    units: (number - 1)..<number, presentation: unit.presentation.ticks,
                    decoding: unit.decoding.ticks, durationTicks: unit.durationTicks,
                    firstTime: time(unit.firstPacket, timeline),
                    lastTime: unit.isOpen ? nil : time(unit.lastPacket, timeline),
                    packetCount: unit.lastPacket - unit.firstPacket + 1,
                    randomAccess: unit.mark.randomAccess,
                    hasParameterSets: unit.mark.hasParameterSets || track.kind == .audio,
                    leading: unit.mark.leading, coding: unit.mark.coding,
                    isDamaged: unit.isDamaged || !unit.isTimed, followsGap: unit.followsGap,
                    isOpen: unit.isOpen, isDoubtful: track.doubtful?.unit == number - 1,
                    isRestamped: track.record(unit.pes)?.isRestamped ?? false,
                    order: unit.mark.order,
                    isReference: unit.mark.isReference,
                    referenceFrames: unit.mark.referenceFrames))
        }
        return result
    }

    private static func sound(
        _ track: StreamTrack, stream: Int, slot: Int, nudge: Int64,
        _ timeline: InputTimeline, _ bounds: SideBounds, _ entered: Entered
    ) -> SeamSound {
        let units = track.units
        // A frame is free when the PES packet it begins in has not been begun.
        let begun = track.pes.partition { $0.firstPacket >= bounds.sentBefore } - 1
        var frames: [SeamFrame] = []
        var firstFree = 0
        var limit: Int?
        var hasBegun = false
        var number = units.partition { $0.firstPacket >= bounds.first }
        let lastSent = units.lastWhole(before: units.partition { $0.pes > begun })
        number = max(number, lastSent - 1, units.first)
        while number < units.end {
            let unit = units[number]
            defer { number += 1 }
            if unit.isOpen || unit.firstPacket >= bounds.end { break }
            if unit.start < entered.position { continue }
            if let notBefore = entered.notBefore, unit.presentation < notBefore { continue }
            // A frame whose time is in doubt has no place yet, and those behind it have none.
            let isDoubtful = track.doubtful?.unit == number
            if isDoubtful && !track.hasLostBeforeDoubt { break }
            let isSent = unit.pes <= begun
            // A frame that lost bytes was left out, unless that was found when it had left.
            let isWhole = unit.pes == entered.wholePES
            if isSent && unit.isDamaged && !isWhole { continue }
            hasBegun = hasBegun || isSent
            let followsGap = unit.followsGap && unit.start > entered.position
            let isDamaged = unit.isDamaged || followsGap || !unit.isTimed
            if isDamaged && !isSent && limit == nil { limit = frames.count }
            let record = track.record(unit.pes)
            frames.append(
                SeamFrame(
                    unit: number, presentation: unit.presentation.ticks,
                    durationTicks: unit.durationTicks, firstTime: time(unit.firstPacket, timeline),
                    packetTime: record.flatMap { time($0.firstPacket, timeline) },
                    isPacketDamaged: record?.state == .damaged, isDamaged: isDamaged))
            if isSent { firstFree = frames.count }
            if isDoubtful { break }
        }
        if !hasBegun, let end = entered.heardUntil {
            // Nothing of it has been sent, or that was too long ago to be kept: the last frame that
            // left is the one that is gone on from.
            let duration = frames.first?.durationTicks ?? units.last?.durationTicks ?? 0
            let whole = units.partition { $0.isOpen || $0.firstPacket >= bounds.end }
            let behind = min(whole, track.doubtful?.unit ?? .max)
            let last = (frames.first?.unit ?? behind) - 1
            frames.insert(
                SeamFrame(
                    unit: last, presentation: end - duration, durationTicks: duration,
                    isDamaged: false), at: 0)
            firstFree = 1
            limit = limit.map { $0 + 1 }
        }
        return SeamSound(
            slot: slot, stream: stream, frames: frames, firstFree: firstFree,
            limit: limit ?? frames.count, nudge: nudge)
    }

    private static func time(_ packet: Int, _ timeline: InputTimeline) -> Int64? {
        guard packet >= timeline.ring.first, packet < timeline.ring.stamped else { return nil }
        return timeline.ring[packet].time
    }
}
