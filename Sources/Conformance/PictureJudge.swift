// The pictures of one video stream: where a decoder may start (law 7), the order of their DTS and,
// through `VideoTimeline`, that of their PTS (law 4). Two fields of a frame count as one frame.

import TransportStream

/// Judges the access units of one video stream.
struct PictureJudge: Sendable {
    private var timeline = VideoTimeline()
    private var order = OrderJudge()
    private var pictures: Int64 = 0
    private var frames: Int64 = 0
    private var randomAccessPoints: Int64 = 0
    private var lastRAPFrame: Int64?
    private var greatestRAPDistance: Int64 = 0
    private var lastStampedDecoding: Int64?
    /// DTS of the last picture, told or counted on.
    private var lastDecoding: Int64?
    private var lastField = FieldRole.frame
    /// PTS of the RAP that the stream began with, until the next one.
    private var startPresentation: Int64?

    /// An access unit begins.
    /// - Returns: its DTS, 90 kHz unwrapped, told or counted on from the one before.
    mutating func take(
        _ mark: AccessUnitMark, _ times: Stamps?, at place: Position, pid: PID,
        _ findings: inout Findings
    ) -> Int64? {
        let isSecond = mark.field == .secondField && lastField == .firstField
        lastField = isSecond ? .secondField : mark.field
        pictures &+= 1
        if !isSecond { frames &+= 1 }
        noteRandomAccess(mark, times, at: place, pid: pid, &findings)
        let fall = order.take(mark, presentation: times?.presentation)
        if fall > 0 { findings.breach(.orderCountFalls, pid: pid, value: fall, at: place) }
        timeline.note(stated: mark.statedFrameTicks)
        if let times { checkOrder(times, at: place, pid: pid, &findings) }
        let decoding = times?.decoding ?? countedOn(isField: mark.field != .frame)
        lastDecoding = decoding
        if !isSecond {
            if let times {
                timeline.decode(
                    VideoTimeline.Picture(
                        presentation: times.presentation,
                        fields: mark.field == .frame ? max(Int64(mark.displayedFields), 1) : 2,
                        order: frames, position: place),
                    decoding: times.decoding)
            } else {
                timeline.decodeUnstamped(order: frames)
            }
        }
        report(pid: pid, &findings)
        return decoding
    }

    /// Bytes of the stream are missing.
    mutating func lose() { order.lose() }

    /// Law 7: the stream begins at a RAP, and without pictures that need what came before it.
    private mutating func noteRandomAccess(
        _ mark: AccessUnitMark, _ times: Stamps?, at place: Position, pid: PID,
        _ findings: inout Findings
    ) {
        let isRAP = mark.randomAccess != .none
        if pictures == 1 {
            if !isRAP || !mark.hasParameterSets {
                findings.breach(.startsWithoutRAP, pid: pid, at: place)
            }
            if mark.randomAccess == .open { startPresentation = times?.presentation }
        } else if isRAP {
            startPresentation = nil
        } else if let start = startPresentation {
            let isBefore = times.map { $0.presentation < start } ?? false
            if mark.leading == .skipped || (mark.leading == .no && isBefore) {
                findings.breach(.leadingPicture, pid: pid, at: place)
            }
        }
        guard isRAP else { return }
        randomAccessPoints &+= 1
        if let lastRAPFrame {
            greatestRAPDistance = max(greatestRAPDistance, frames &- lastRAPFrame)
        }
        lastRAPFrame = frames
    }

    private mutating func checkOrder(
        _ times: Stamps, at place: Position, pid: PID, _ findings: inout Findings
    ) {
        if let last = lastStampedDecoding, times.decoding <= last {
            findings.breach(
                .decodingOrder, pid: pid, value: last &- times.decoding, at: place)
            if times.decoding < last { timeline.flush() }
        }
        if times.presentation < times.decoding {
            findings.breach(
                .presentationBeforeDecoding, pid: pid,
                value: times.decoding &- times.presentation, at: place)
        }
        lastStampedDecoding = times.decoding
    }

    private func countedOn(isField: Bool) -> Int64? {
        guard let lastDecoding, let duration = timeline.duration else { return nil }
        return lastDecoding &+ duration.ticks / (isField ? 600 : 300)
    }

    mutating func finish(pid: PID, _ findings: inout Findings) {
        timeline.finish()
        report(pid: pid, &findings)
    }

    private mutating func report(pid: PID, _ findings: inout Findings) {
        guard !timeline.deviations.isEmpty else { return }
        for deviation in timeline.deviations {
            let place = deviation.picture.position
            // Law 4: a seam may cost pictures, at most those that are reordered around it.
            let isTolerated =
                deviation.kind == .gap && deviation.frames <= timeline.reorderSpan
            findings.timing(
                TimingEvent(
                    kind: deviation.kind, pid: pid, place: findings.place(place),
                    pts: Timestamp(wrapping: deviation.picture.presentation).ticks,
                    deviationTicks: deviation.ticks, frames: deviation.frames,
                    isTolerated: isTolerated))
            guard !isTolerated else { continue }
            switch deviation.kind {
            case .gap: findings.breach(.videoGap, pid: pid, value: deviation.frames, at: place)
            case .overlap:
                findings.breach(.videoOverlap, pid: pid, value: deviation.ticks, at: place)
            case .uneven:
                findings.breach(.videoUneven, pid: pid, value: deviation.ticks, at: place)
            case .drift:
                findings.breach(.videoDrift, pid: pid, value: deviation.ticks, at: place)
            }
        }
        timeline.deviations.removeAll(keepingCapacity: true)
    }

    /// Writes what was learnt into the report's facts.
    func tell(_ facts: inout ElementaryFacts) {
        facts.frames = frames
        facts.randomAccessPoints = randomAccessPoints
        facts.greatestRAPDistance = greatestRAPDistance
        facts.frameDurationTicks = timeline.duration?.ticks
        facts.statedFrameDurationTicks = timeline.stated > 0 ? timeline.stated : nil
        facts.reorderDepth = timeline.reorderDepth
        facts.steps = timeline.histogram.steps.map(PTSStep.init)
        facts.otherSteps = timeline.histogram.others
    }
}
