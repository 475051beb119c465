// How the sound goes through a seam: frame by frame, on the outgoing grid.
//
//   outgoing  |----|----|----|----|
//   incoming              |----|----|----|----|
//   output    |----|----|----|----|----|----|
//                       ^
//
// The incoming frames are moved by at most half a frame, and not one is cut.

import TransportStream

enum SoundPlanner {
    /// Sound must be at the decoder this long before it is heard: 5 ms, and what as many packets
    /// take as may stand before it, its own and those of pictures.
    static func marginTicks(_ request: SeamRequest) -> Int64 {
        5 * StreamTime.ticksPerMillisecond + 16 * request.packetTicks
    }

    /// Where no sound follows, that of the input that is left is heard on behind the pictures for
    /// no longer than this, 4 s: what it has sent ahead of its time, or with a stamp that is wrong,
    /// is no sound to these pictures.
    static let longestTailTicks: Int64 = 4 * StreamTime.ticksPerSecond

    /// Joins two streams that feed one slot.
    /// - Parameter place: presentation time of the seam on the output's line.
    static func plan(
        _ outgoing: SeamSound, _ incoming: SeamSound?, _ request: SeamRequest, shift: Int64,
        place: Int64
    ) -> SoundPlan {
        let base = request.outgoingShift + outgoing.nudge
        guard let incoming else { return leave(outgoing, base: base, place: place) }
        guard !outgoing.frames.isEmpty else {
            var plan = enter(incoming, shift: shift, place: place)
            plan.outgoingStream = outgoing.stream
            return plan
        }
        // The last frame sent, or any whole one behind it, may be the last of the outgoing input.
        let least = max(outgoing.firstFree - 1, 0)
        let most = max(least, outgoing.limit - 1)
        let wished = place - base
        let nearest = outgoing.frames[least...most].indices.min {
            abs(outgoing.frames[$0].end - wished) < abs(outgoing.frames[$1].end - wished)
        } ?? least
        for last in order(around: nearest, in: least...most) {
            let end = outgoing.frames[last].end + base
            let target = (request.grids[outgoing.slot]?.place(near: end) ?? end) - shift
            guard let first = usable(incoming, at: target, request, shift: shift) else { continue }
            let nudge = target - incoming.frames[first].presentation
            return SoundPlan(
                slot: outgoing.slot, outgoingStream: outgoing.stream,
                outgoingUntil: outgoing.frames[last].unit + 1, incomingStream: incoming.stream,
                incomingFrom: incoming.frames[first].unit, nudge: rounded(nudge), gapTicks: 0,
                begin: target + shift, leaveTime: leaveTime(outgoing, after: last, base: base),
                outgoingEnd: target + shift)
        }
        return gap(
            outgoing, incoming, request, shift: shift, free: least...most, base: base, place: place)
    }

    /// When the first packet leaves that carries what is behind a frame: a PES packet of audio can
    /// not be cut once it has been begun. Where nothing whole is behind it, there may still be what
    /// is not; and less than the header of a frame, at the end of a PES packet, is no frame.
    private static func leaveTime(_ sound: SeamSound, after last: Int, base: Int64) -> Int64? {
        let next = sound.frames[last].isPacketDamaged
            ? last : min(last + 1, sound.frames.count - 1)
        return sound.frames[next].packetTime.map { $0 + base }
    }

    /// The frame that begins at `target`, give or take half a frame, if it and all behind it are
    /// whole and it can still be sent in time.
    private static func usable(
        _ sound: SeamSound, at target: Int64, _ request: SeamRequest, shift: Int64
    ) -> Int? {
        let frames = sound.frames
        guard let index = nearestFrame(frames, to: target) else { return nil }
        let frame = frames[index]
        guard abs(target - frame.presentation) * 2 <= max(frame.durationTicks, 1),
            index > (frames.lastIndex { $0.isDamaged } ?? -1),
            target + shift >= request.scheduleNow + marginTicks(request)
        else { return nil }
        return index
    }

    private static func nearestFrame(_ frames: [SeamFrame], to target: Int64) -> Int? {
        var low = 0
        var high = frames.count
        while low < high {
            let middle = (low + high) / 2
            if frames[middle].presentation < target { low = middle + 1 } else { high = middle }
        }
        guard !frames.isEmpty else { return nil }
        if low == frames.count { return frames.count - 1 }
        if low > 0,
            target - frames[low - 1].presentation <= frames[low].presentation - target
        {
            return low - 1
        }
        return low
    }

    /// No frame follows directly: the first that can be sent in time does, after a silence. Where
    /// none has come yet, it is taken to begin with the pictures.
    /// - Parameter free: the outgoing frames that may be the last.
    private static func gap(
        _ outgoing: SeamSound, _ incoming: SeamSound, _ request: SeamRequest, shift: Int64,
        free: ClosedRange<Int>, base: Int64, place: Int64
    ) -> SoundPlan {
        let last = outgoing.frames[free].lastIndex { $0.end + base <= place + longestTailTicks }
            ?? free.lowerBound
        let heard = outgoing.frames[last].end + base
        // Frames that last no whole ticks go on on the slot's exact grid behind the silence too.
        let end = request.grids[outgoing.slot]?.place(near: heard) ?? heard
        let duration = max(outgoing.frames[last].durationTicks, 1)
        let earliest = earliest(
            after: end, frameTicks: duration,
            notBefore: request.scheduleNow + marginTicks(request))
        let damage = incoming.frames.lastIndex { $0.isDamaged } ?? -1
        let first = incoming.frames.indices.first {
            $0 > damage && incoming.frames[$0].presentation + shift >= earliest
        }
        let frame = first.map { incoming.frames[$0] } ?? awaited(incoming, from: earliest - shift)
        let silence = silence(
            since: end, until: frame.map { $0.presentation + shift } ?? end, frameTicks: duration,
            grid: request.grids[outgoing.slot])
        let from = (frame?.presentation ?? end - shift) - duration / 2
        return SoundPlan(
            slot: outgoing.slot, outgoingStream: outgoing.stream,
            outgoingUntil: outgoing.frames[last].unit + 1, incomingStream: incoming.stream,
            incomingFrom: frame?.unit ?? .max, nudge: silence.nudge,
            gapTicks: frame == nil ? max(duration, place - end) : silence.ticks,
            notBefore: first == nil ? from : nil, silentSince: first == nil ? end : nil,
            isGapUnknown: frame == nil, begin: end + silence.ticks,
            leaveTime: last < free.upperBound
                ? leaveTime(outgoing, after: last, base: base) : nil,
            outgoingEnd: end)
    }

    /// A frame behind a silence goes to the nearest place on the grid, which may be half a frame
    /// before its own: the earliest time of one whose place can still be reached.
    private static func earliest(
        after end: Int64, frameTicks: Int64, notBefore free: Int64
    ) -> Int64 {
        let steps = (max(0, free - end) + frameTicks - 1) / frameTicks
        return max(end, end + steps * frameTicks - frameTicks / 2)
    }

    /// A silence is made of whole frames, so that the grid goes on: how long it is, and by how much
    /// the frame that ends it is moved. Of frames that last no whole ticks the grid knows how long
    /// many are.
    static func silence(
        since begin: Int64, until end: Int64, frameTicks: Int64, grid: AudioGrid? = nil
    ) -> (ticks: Int64, nudge: Int64) {
        let duration = max(frameTicks, 1)
        let whole = grid?.wholeFrames(nearest: end - begin)
            ?? (end - begin).roundedDivision(by: duration) * duration
        return (whole, rounded(whole - (end - begin)))
    }

    /// The frame that will be the first from a time on, where frame goes on to follow frame.
    private static func awaited(_ sound: SeamSound, from time: Int64) -> SeamFrame? {
        guard var frame = sound.frames.last, frame.durationTicks > 0 else { return nil }
        let missing = max(time - frame.presentation, frame.durationTicks)
        let steps = (missing + frame.durationTicks - 1) / frame.durationTicks
        frame.presentation += steps * frame.durationTicks
        // It has no number yet.
        frame.unit = .max
        return frame
    }

    /// The slot gets no more sound from the incoming input. Where damage ends it before the
    /// pictures, that is silence that a seam before the damage would not have.
    private static func leave(_ outgoing: SeamSound, base: Int64, place: Int64) -> SoundPlan {
        let until = outgoing.frames.indices.first {
            $0 >= outgoing.firstFree && outgoing.frames[$0].end + base > place
        } ?? outgoing.frames.count
        let next = min(until, outgoing.limit)
        var silence: Int64 = 0
        if next < until {
            let heard = next > 0
                ? outgoing.frames[next - 1].end : outgoing.frames[next].presentation
            silence = max(0, place - heard - base)
        }
        let unit = next < outgoing.frames.count
            ? outgoing.frames[next].unit : (outgoing.frames.last.map { $0.unit + 1 } ?? 0)
        return SoundPlan(
            slot: outgoing.slot, outgoingStream: outgoing.stream, outgoingUntil: unit,
            incomingStream: nil, incomingFrom: 0, nudge: 0, gapTicks: silence,
            outgoingEnd: next > 0 ? outgoing.frames[next - 1].end + base : nil)
    }

    /// The slot had no sound before. Frames that are damaged behind the seam keep those before them
    /// out too: that is silence which another seam would not have.
    static func enter(_ incoming: SeamSound, shift: Int64, place: Int64) -> SoundPlan {
        let damage = incoming.frames.lastIndex { $0.isDamaged } ?? -1
        let wished = incoming.frames.indices.first {
            incoming.frames[$0].presentation + shift >= place
        }
        let first = wished.flatMap { wished in
            incoming.frames.indices.first { $0 > damage && $0 >= wished }
        }
        let unit = first.map { incoming.frames[$0].unit }
            ?? incoming.frames.last.map { $0.unit + 1 } ?? 0
        var silence: Int64 = 0
        if let wished, first != wished {
            let heard = first.map { incoming.frames[$0].presentation }
                ?? incoming.frames.last.map(\.end) ?? 0
            silence = heard - incoming.frames[wished].presentation
        }
        return SoundPlan(
            slot: incoming.slot, outgoingStream: nil, outgoingUntil: 0,
            incomingStream: incoming.stream, incomingFrom: unit, nudge: 0, gapTicks: silence)
    }

    /// Indices by growing distance from `centre`.
    private static func order(around centre: Int, in range: ClosedRange<Int>) -> [Int] {
        var result = [centre]
        var distance = 1
        while result.count < range.count {
            if range.contains(centre - distance) { result.append(centre - distance) }
            if range.contains(centre + distance) { result.append(centre + distance) }
            distance += 1
        }
        return result
    }

    /// Whole 90 kHz ticks, down as time stamps are rounded.
    private static func rounded(_ ticks: Int64) -> Int64 {
        ticks.flooredDivision(by: StreamTime.ticksPerTimestampTick)
            * StreamTime.ticksPerTimestampTick
    }
}
