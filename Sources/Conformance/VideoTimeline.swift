// Law 4 for pictures: they come in decoding order, are put into presentation order and must follow
// each other by exactly one frame.
//
//   decoding order   I0 P3 B1 B2 P6 ...      a picture is shown once the DTS has reached its PTS:
//   shown            I0 B1 B2 P3 ...         what comes later has a DTS and so a PTS behind it
//
// Pictures without PTS (several in one PES packet, PTS only now and then: 13818-1 §2.7.4) have no
// place of their own in that order; they fill the holes that the stamped ones leave.

import TransportStream

/// Follows the PTS of one video stream.
struct VideoTimeline: Sendable {
    struct Picture: Sendable {
        /// 90 kHz unwrapped.
        var presentation: Int64
        /// Fields it is shown for.
        var fields: Int64
        /// Its number in decoding order.
        var order: Int64
        var position: Position
        /// Pictures decoded later that were shown earlier.
        var overtaken: Int64 = 0
    }

    /// What a picture's place says.
    struct Deviation: Sendable {
        var kind: TimingEvent.Kind
        /// Off by, 90 kHz.
        var ticks: Int64
        /// Whole frames missing (> 0) or too many (< 0).
        var frames: Int64
        var picture: Picture
    }

    private var waiting: [Picture] = []
    private var learning: [Picture] = []
    /// Orders of pictures without PTS that have filled no hole yet.
    private var unstamped: [Int64] = []
    private var anchor: (presentation: Int64, fields: Int64)?
    private var lastShown: Picture?
    private var lastDecoding: Int64?
    private var isFinishing = false
    private(set) var duration: FrameDuration?
    private(set) var stated: Int64 = 0
    /// Most pictures that came before another one in decoding order and after it in presentation.
    private(set) var reorderDepth: Int64 = 0
    /// Most pictures that were decoded after another one and shown before it: so many are missing
    /// where a stream is left in front of such a picture.
    private(set) var reorderSpan: Int64 = 0
    private(set) var histogram = StepHistogram()
    /// Deviations found since the caller emptied it.
    var deviations: [Deviation] = []

    /// What the sequence parameters say of the frame duration, 27 MHz; 0 where they do not. Another
    /// value begins another frame rate, which is learnt anew.
    mutating func note(stated ticks: Int64) {
        guard ticks > 0, ticks != stated else { return }
        if stated > 0 {
            flush()
            if duration == nil { learn() }
            if let last = lastShown, let duration {
                // The next picture belongs where the last one ends; `judge` counts its fields.
                let end = last.presentation &+ span(last.fields, duration) / 300
                anchor = (end, 0 &- last.fields)
            }
            duration = nil
        }
        stated = ticks
    }

    /// A picture without PTS was decoded.
    mutating func decodeUnstamped(order: Int64) {
        if unstamped.count >= SizeLimit.reorder { unstamped.removeFirst() }
        unstamped.append(order)
    }

    /// A picture was decoded.
    /// - Parameter decoding: its DTS, 90 kHz unwrapped.
    mutating func decode(_ picture: Picture, decoding: Int64) {
        lastDecoding = decoding
        waiting.append(picture)
        while let next = earliest, waiting.count > SizeLimit.reorder
            || waiting[next].presentation <= decoding
        {
            show(waiting.remove(at: next))
        }
    }

    /// The decoding time went back, or the stream ends: what waits is shown.
    mutating func flush() {
        while let next = earliest { show(waiting.remove(at: next)) }
    }

    /// The stream ends: judges also what was only looked at to learn.
    mutating func finish() {
        isFinishing = true
        flush()
        if duration == nil { learn() }
    }

    private var earliest: Int? {
        guard !waiting.isEmpty else { return nil }
        var best = 0
        for index in waiting.indices.dropFirst()
        where waiting[index].presentation < waiting[best].presentation {
            best = index
        }
        return best
    }

    private mutating func show(_ picture: Picture) {
        var before: Int64 = 0
        for index in waiting.indices where waiting[index].order < picture.order {
            before += 1
            waiting[index].overtaken += 1
            reorderSpan = max(reorderSpan, waiting[index].overtaken)
        }
        reorderDepth = max(reorderDepth, before)
        if duration == nil {
            learning.append(picture)
            if learning.count >= SizeLimit.learning { learn() }
        } else {
            judge(picture)
        }
    }

    private mutating func learn() {
        var steps: [Int64] = []
        for index in learning.indices.dropFirst() {
            let before = learning[index - 1]
            let step = learning[index].presentation &- before.presentation
            guard step.magnitude < 1 << 40 else { continue }
            steps.append((step &* 2).roundedDivision(by: max(before.fields, 1)))
        }
        duration = FrameDuration.decide(steps: steps, stated: stated, unstamped: unstamped.count)
        let pictures = learning
        learning = []
        // Without any duration nothing can be judged, and the next pictures are learnt from.
        for picture in pictures { judge(picture) }
    }

    // MARK: - Judging

    private mutating func judge(_ picture: Picture) {
        defer { lastShown = picture }
        guard let last = lastShown, let duration, var place = anchor else {
            anchor = (picture.presentation, 0)
            return
        }
        let step = picture.presentation &- last.presentation
        histogram.add(step)
        guard step.magnitude < 1 << 40 else {
            anchor = (picture.presentation, 0)
            return report(step > 0 ? .gap : .overlap, step, step &* 300 / duration.ticks, picture)
        }
        place.fields &+= last.fields
        var off = offset(picture, from: place, duration)
        var stepOff = step &* 300 &- span(last.fields, duration)
        // Pictures without PTS were shown in between.
        let hidden = fill(upTo: stepOff.roundedDivision(by: duration.ticks), before: picture)
        place.fields &+= hidden &* 2
        off &-= hidden &* duration.ticks
        stepOff &-= hidden &* duration.ticks
        if off.magnitude <= 300 && step > 0 {
            anchor = kept(place, duration)
            return
        }
        anchor = (picture.presentation, 0)
        if stepOff.magnitude <= 300 && step > 0 {
            if duration.isExact {
                report(.drift, off.roundedDivision(by: 300), 0, picture)
            }
            return
        }
        let frames = stepOff.roundedDivision(by: duration.ticks)
        let rest = (stepOff &- frames &* duration.ticks).magnitude
        if frames > 0 && rest <= 300 {
            report(.gap, stepOff.roundedDivision(by: 300), frames, picture)
        } else if step <= 0 || (frames < 0 && rest <= 300) {
            report(.overlap, stepOff.roundedDivision(by: 300), min(frames, -1), picture)
        } else {
            report(.uneven, stepOff.roundedDivision(by: 300), frames, picture)
        }
    }

    private mutating func report(
        _ kind: TimingEvent.Kind, _ ticks: Int64, _ frames: Int64, _ picture: Picture
    ) {
        guard deviations.count < SizeLimit.learning + SizeLimit.reorder else { return }
        // Where the stream is cut off, pictures that come before these are still to be decoded.
        if isFinishing && kind == .gap && picture.presentation > lastDecoding ?? .min { return }
        deviations.append(Deviation(kind: kind, ticks: ticks, frames: frames, picture: picture))
    }

    /// 27 MHz ticks of so many fields.
    private func span(_ fields: Int64, _ duration: FrameDuration) -> Int64 {
        (fields &* duration.ticks) / 2
    }

    private func offset(
        _ picture: Picture, from place: (presentation: Int64, fields: Int64),
        _ duration: FrameDuration
    ) -> Int64 {
        (picture.presentation &- place.presentation) &* 300 &- span(place.fields, duration)
    }

    /// The anchor moves on by whole frames whose duration is whole in 90 kHz, so that its numbers
    /// stay small and exact.
    private func kept(
        _ place: (presentation: Int64, fields: Int64), _ duration: FrameDuration
    ) -> (presentation: Int64, fields: Int64) {
        // 1,200 fields of any 27 MHz duration are a whole number of 90 kHz ticks.
        guard place.fields >= 1_200 else { return place }
        return (place.presentation &+ 600 &* duration.ticks / 300, place.fields &- 1_200)
    }

    /// Takes up to `holes` pictures without PTS that were decoded not long before.
    private mutating func fill(upTo holes: Int64, before picture: Picture) -> Int64 {
        unstamped.removeAll { $0 < picture.order &- Int64(SizeLimit.reorder) }
        guard holes > 0, !unstamped.isEmpty else { return 0 }
        let taken = min(holes, Int64(unstamped.count))
        unstamped.removeFirst(Int(taken))
        return taken
    }
}
