// Hand-made sides of a seam: GOPs from a pattern in decoding order, sound in frames.

import TransportStream

@testable import SwitchEngine

/// Writes one side. Times in 27 MHz ticks on the side's own line.
struct SideWriter {
    static let frame: Int64 = 1_080_000

    var side: SeamSide
    /// DTS of the next picture.
    private var decoding: Int64
    /// How many frames PTS is ahead of DTS for a picture that is shown at once.
    private let delay: Int64
    /// How long before its DTS the last byte of a picture comes.
    var buffered: Int64 = 15 * frame

    init(start: Int64 = 0, delay: Int64 = 2) {
        decoding = start
        self.delay = delay
        side = SeamSide(
            pictures: [], firstFree: 0, limit: 0, sounds: [], frameTicks: SideWriter.frame,
            isOver: false, isSoundOnly: false)
    }

    /// Adds a GOP given as pictures in decoding order with their place in presentation order,
    /// counted from the first picture shown: "I0 P3 B1 B2". I is an IDR, C an open random access
    /// point; a small r or d behind the place marks HEVC leading pictures (RASL, RADL).
    mutating func gop(_ pattern: String) {
        let base = decoding
        for word in pattern.split(separator: " ") {
            let letter = word.prefix(1)
            let place = Int64(word.dropFirst().filter(\.isNumber)) ?? 0
            let number = side.pictures.count
            side.pictures.append(
                SeamPicture(
                    units: number..<(number + 1),
                    presentation: base + (place + delay) * SideWriter.frame, decoding: decoding,
                    durationTicks: SideWriter.frame, firstTime: decoding - buffered - 900_000,
                    lastTime: decoding - buffered, packetCount: 20,
                    randomAccess: letter == "I" ? .closed : letter == "C" ? .open : .none,
                    hasParameterSets: letter == "I" || letter == "C",
                    leading: word.hasSuffix("r")
                        ? .skipped : word.hasSuffix("d") ? .decodable : .no,
                    coding: letter == "B" ? .bidirectional : letter == "P" ? .predicted : .intra,
                    isDamaged: false, followsGap: false, isOpen: false))
            decoding += SideWriter.frame
        }
        side.limit = side.pictures.count
    }

    mutating func gops(_ count: Int, _ pattern: String) {
        for _ in 0..<count { gop(pattern) }
    }

    /// Marks a picture and, on the outgoing side, what may be used.
    mutating func damage(_ index: Int) {
        side.pictures[index].isDamaged = true
        side.limit = min(side.limit, index)
    }

    /// Sound from the first to the last picture's PTS.
    mutating func sound(slot: Int = 1, duration: Int64 = 576_000, phase: Int64 = 0, stream: Int = 1)
    {
        guard let first = side.pictures.first, let last = side.pictures.last else { return }
        var time = first.decoding + phase
        var frames: [SeamFrame] = []
        while time < last.end {
            frames.append(
                SeamFrame(
                    unit: 1000 + frames.count, presentation: time, durationTicks: duration,
                    firstTime: time - 10 * SideWriter.frame, isDamaged: false))
            time += duration
        }
        side.sounds.append(
            SeamSound(
                slot: slot, stream: stream, frames: frames, firstFree: 0, limit: frames.count,
                nudge: 0))
    }

    /// What is before this picture has been sent, sound likewise.
    mutating func sent(before index: Int) {
        side.firstFree = index
        guard index < side.pictures.count else { return }
        let time = side.pictures[index].decoding
        for number in side.sounds.indices {
            side.sounds[number].firstFree = side.sounds[number].frames.partitionIndex {
                $0.presentation >= time
            }
        }
    }
}

extension Array {
    func partitionIndex(_ isBeyond: (Element) -> Bool) -> Int {
        firstIndex(where: isBeyond) ?? count
    }
}

/// A request with everything in time: nothing of the incoming side is late.
func ask(
    _ outgoing: SeamSide, _ incoming: SeamSide, offset: Int64?, now: Int64 = .min / 8
) -> SeamRequest {
    SeamRequest(
        outgoing: outgoing, incoming: incoming, contentOffset: offset, outgoingShift: 0, grids: [:],
        scheduleNow: now, incomingNow: now + 2 * 27_000_000 - (offset ?? 0),
        holdBackTicks: 2 * 27_000_000, packetTicks: 406,
        mayOpenHole: false)
}

func planned(_ request: SeamRequest) -> SeamPlan? {
    if case .plan(let plan) = SeamPlanner.plan(request) { return plan }
    return nil
}
