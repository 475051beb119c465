// What became of the sound in an output: whether frame follows frame without a hole (law 4), whole
// and as the encoder made it (laws 6 and 9), and where its content stands against its time (law 5).

import TransportStream

struct SoundJournal {
    private(set) var count: Int64 = 0
    private(set) var faults: [UnitFault] = []
    /// PTS that do not go on by one frame: `excessTicks` is the hole, `contentStep` is not used.
    private(set) var gaps: [ContentJump] = []
    /// Frames of one encoder that are missing or come twice in its own sound.
    private(set) var slips: [ContentJump] = []
    private(set) var runs: [ContentRun] = []
    private(set) var last: SeenFrame?
    /// Frames of the encoders' first and second sounds.
    private(set) var counts: (first: Int64, second: Int64) = (0, 0)

    /// Sound and pictures that go together for less than this, 100 ms, are not compared, 90 kHz
    /// ticks.
    private static let shortest: Int64 = 9_000
    /// At a seam sound may go with pictures that are not its own for this, 300 ms: the frames of a
    /// long PES packet that was cut do not go out, and where they would have been is new sound.
    private static let edge: Int64 = 27_000

    private let content: SyntheticContent
    /// PTS of frames that do not last whole ticks are rounded.
    private let tolerance: Int64

    init(_ content: SyntheticContent) {
        self.content = content
        tolerance = content.sound == .aac44 ? 3 : 0
    }

    mutating func take(_ frame: SeenFrame) {
        count += 1
        guard let mark = frame.mark else { return note(.unrecognised, frame) }
        if !frame.isExact { note(.altered, frame) }
        if mark.life & SoundWriter.secondMark == 0 {
            counts.first += 1
        } else {
            counts.second += 1
        }
        follow(mark, frame)
        defer { last = frame }
        guard let last, let before = last.mark else { return }
        let duration = (content.soundFrameTicks + 150) / 300
        let excess = frame.presentation - last.presentation - duration
        var jump = ContentJump(
            presentation: frame.presentation, contentStep: 0, excessTicks: excess,
            from: before.life, to: mark.life, time: frame.time)
        if abs(excess) > tolerance && gaps.count < journalLimit { gaps.append(jump) }
        guard before.life == mark.life else { return }
        let samples = mark.content - before.content - content.sound.samples
        if samples != 0 && slips.count < journalLimit {
            jump.contentStep = samples / content.sound.samples
            slips.append(jump)
        }
    }

    private mutating func note(_ kind: UnitFault.Kind, _ frame: SeenFrame) {
        guard faults.count < journalLimit else { return }
        faults.append(UnitFault(kind: kind, presentation: frame.presentation, time: frame.time))
    }

    private mutating func follow(_ mark: ContentMark, _ frame: SeenFrame) {
        let offset = frame.presentation
            - content.time(ofSample: mark.content).roundedDivision(by: 300)
        if let run = runs.last, run.life == mark.life, abs(run.offset - offset) <= 3 {
            runs[runs.count - 1].end = frame.presentation
        } else if runs.count < journalLimit {
            runs.append(
                ContentRun(
                    life: mark.life, start: frame.presentation, end: frame.presentation,
                    offset: offset))
        }
    }

    /// How far sound is from its own picture at most, 90 kHz ticks: stretches of one encoder that
    /// are heard and seen at the same time are compared.
    /// - Parameter isExcused: a stretch of sound that is so much off, 90 kHz ticks, does not count.
    func greatestLipSyncError(
        _ pictures: [ContentRun], isExcused: (ContentRun, Int64) -> Bool
    ) -> Int64 {
        var result: Int64 = 0
        var from = 0
        for run in runs {
            while from < pictures.count, pictures[from].end < run.start - 900_000 { from += 1 }
            // At a seam of an input with itself old sound may go on into new pictures for a while,
            // and new sound begin before its pictures, where the old one has ended: its own are
            // those that it goes with most.
            var most: (overlap: Int64, error: Int64)?
            var least: Int64?
            for index in from..<pictures.count {
                let picture = pictures[index]
                if picture.start > run.end { break }
                let overlap = min(run.end, picture.end) - max(run.start, picture.start)
                guard picture.life == run.life & ~SoundWriter.secondMark, overlap > 0 else {
                    continue
                }
                let error = run.offset - picture.offset
                if abs(error) < abs(least ?? .max) { least = error }
                if overlap > max(SoundJournal.shortest, most?.overlap ?? 0) {
                    most = (overlap, error)
                }
            }
            guard let most, let least else { continue }
            let error = most.overlap < SoundJournal.edge ? least : most.error
            if abs(error) > result, !isExcused(run, error) { result = abs(error) }
        }
        return result
    }
}
