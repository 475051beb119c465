// Holds a rehearsal's output, as independent tools read it, against what its report says. Each
// property is a list of complaints, empty when all is well.

import Foundation
import StreamContent

struct OutputJudge {
    let pair: SamplePair
    let report: Report
    let outcome: Outcome
    let content: DecodedContent
    /// PTS of each audio frame, 90 kHz ticks.
    let soundStamps: [Int64]
    private let passages: [Passage]

    /// The most pictures that a seam may lose: the reorder depth of the sample streams.
    static let greatestLoss = 3
    /// Seconds by which a reading of lip-sync may be wrong: half of a picture's rounding and the
    /// sound's 1.5 ms after a codec, twice.
    static let readingError = 0.004
    /// Pictures on each side of a seam whose sound may lie across it.
    private static let seamMargin = 2

    init(_ rehearsal: Rehearsal, pair: SamplePair) throws {
        self.pair = pair
        report = rehearsal.report
        outcome = rehearsal.outcome
        content = try DecodedContent.read(path: rehearsal.path)
        soundStamps = try Probe.stamps(of: "a:0", in: rehearsal.path).compactMap(\.presentation)
        passages = Passage.all(in: content.jumps)
    }

    /// Everything that holds for every seam.
    var complaints: [String] {
        runComplaints + pictureComplaints + seamComplaints + pictureTimeComplaints
            + soundTimeComplaints + lipSyncComplaints + messageComplaints
    }

    /// The command was content, and found no broken law but what seams tell of.
    var runComplaints: [String] {
        let fallen = report.seams.filter { $0.framesOutOfOrder > 0 }.count
        var result = report.output.conformance.brokenLaws.filter {
            $0.name != "orderCountFalls" || $0.count > fallen
        }.map { "broken law \($0.text)" }
        if outcome.status != 0 { result.append("exit status \(outcome.status)") }
        result += outcome.errorLines.map { "standard error: \($0)" }
        return result
    }

    /// Every picture shows what it should, and the last one of the content is there.
    var pictureComplaints: [String] {
        var result: [String] = []
        let unreadable = content.unreadablePositions
        if !unreadable.isEmpty { result.append("unreadable pictures: \(unreadable)") }
        let damaged = content.damagedPositions()
        if !damaged.isEmpty { result.append("damaged pictures: \(damaged)") }
        let last = content.pictures.last?.mark?.index
        if last != pair.lastIndex { result.append("the last picture is \(last ?? -1)") }
        return result
    }

    /// Each seam lost and repeated what the report says.
    var seamComplaints: [String] {
        guard passages.count == report.seams.count else {
            return ["the pictures show \(content.jumps), the report tells \(report.seams)"]
        }
        return zip(report.seams, passages).flatMap { seam, passage -> [String] in
            let jump = passage.jump
            if seam.framesOutOfOrder > 0 { return orderComplaints(seam, passage) }
            let isTrue =
                jump.to.index - jump.from.index - 1 + passage.lostBefore
                == seam.framesLost - seam.framesRepeated
                && seam.framesLost >= passage.lostBefore && passage.unreadable == 0
                && "\(jump.from.encoder)" == seam.from && "\(jump.to.encoder)" == seam.to
            let isExact = seam.framesLost == 0 && seam.framesRepeated == 0
            var result: [String] = []
            if !isTrue { result.append("\(seam): the pictures go \(passage)") }
            if (seam.level == "L3") != isExact || !["L2", "L3"].contains(seam.level) {
                result.append("\(seam): not what \(seam.level) means")
            }
            if seam.audioGap != 0 { result.append("\(seam): audio gap \(seam.audioGap)") }
            return result
        }
    }

    /// At a recovery point where the order count falls no more is missing than the report tells.
    private func orderComplaints(_ seam: Report.Seam, _ passage: Passage) -> [String] {
        let missing = passage.settled.to.index - passage.jump.from.index - 1
            + passage.lostBefore
        let isTold = missing <= seam.framesLost + seam.framesOutOfOrder
            && "\(passage.jump.from.encoder)" == seam.from && seam.level == "L2"
            && "\(passage.settled.to.encoder)" == seam.to && passage.unreadable == 0
        return isTold ? [] : ["\(seam): the pictures go \(passage)"]
    }

    /// No seam lost more than it may, and none repeated anything.
    var lossComplaints: [String] {
        report.seams.filter {
            $0.framesLost > OutputJudge.greatestLoss || $0.framesRepeated > 0
        }.map { "\($0): at most \(OutputJudge.greatestLoss) lost, none repeated" }
    }

    /// The position from which on ffmpeg's times are of no use: once a picture came out of order it
    /// guesses them from the DTS. The PTS themselves are judged by `runComplaints`.
    private var firstDisorder: Int {
        passages.first { $0.isDisordered }?.jump.position ?? content.pictures.count
    }

    /// Pictures come one duration after another, but for those that the report calls lost.
    var pictureTimeComplaints: [String] {
        var lost: [Int: Int] = [:]
        for (seam, passage) in zip(report.seams, passages) {
            var rest = seam.framesLost
            for hole in passage.holes where rest >= hole.to.index - hole.from.index - 1 {
                lost[hole.position] = hole.to.index - hole.from.index - 1
                rest -= hole.to.index - hole.from.index - 1
            }
            lost[passage.jump.position] = rest
        }
        let ticks = content.pictures.map(\.ticks)
        return ticks.indices.dropFirst().compactMap { position in
            guard let before = ticks[position - 1], let now = ticks[position] else {
                return "picture \(position) has no PTS"
            }
            if position >= firstDisorder { return nil }
            let expected = Int64(1 + (lost[position] ?? 0)) * pair.pictureTicks
            guard abs(now - before - expected) > 1 else { return nil }
            return "picture \(position) comes after \(now - before) ticks, not \(expected)"
        }
    }

    /// Sound goes on frame by frame, at every seam and over the whole length.
    var soundTimeComplaints: [String] {
        guard let first = soundStamps.first else { return ["no sound"] }
        let exact = 90_000 * pair.frameDuration
        // At 44.1 kHz a frame lasts no whole number of ticks, and ffprobe rounds once more where it
        // counts frames inside a PES packet.
        let tolerance = exact == exact.rounded() ? 0.0 : 2.0
        var result: [String] = []
        for position in soundStamps.indices.dropFirst() {
            let step = Double(soundStamps[position] - soundStamps[position - 1])
            let total = Double(soundStamps[position] - first)
            if abs(step - exact) > tolerance {
                result.append("audio frame \(position) comes after \(step) ticks, not \(exact)")
            } else if abs(total - Double(position) * exact) > tolerance {
                result.append("audio frame \(position) drifted to \(total) ticks")
                break
            }
        }
        return result
    }

    /// Seconds that the sound is late, away from the seams.
    var lipSync: [Double] {
        let margin = OutputJudge.seamMargin
        return content.lipSync(rate: pair.rate, every: 5).filter { point in
            point.position < firstDisorder
                && !content.jumps.contains { abs($0.position - point.position) <= margin }
        }.map(\.offset)
    }

    /// The sound stays within half an audio frame of the pictures.
    var lipSyncComplaints: [String] {
        let offsets = lipSync
        guard offsets.count > firstDisorder / 10 else {
            return ["lip-sync could be read at \(offsets.count) places only"]
        }
        let limit = pair.frameDuration / 2 + OutputJudge.readingError
        let worst = offsets.max { abs($0) < abs($1) } ?? 0
        return abs(worst) > limit ? ["lip-sync is off by \(worst) s, \(limit) s allowed"] : []
    }

    /// The decoder says nothing, but once at a recovery point that a reference picture of the
    /// dropped GOP is not there to be dropped again (memory_management_control_operation 1).
    var messageComplaints: [String] {
        let isDisordered = report.seams.contains { $0.framesOutOfOrder > 0 }
        var allowed = report.seams.filter { pair.recoveryInputs.contains($0.to) }.count
        var isBookkeeping = false
        return content.messages.filter { line in
            let words = line.split(separator: " ")
            // A picture that is put out late has a time that was over.
            if isDisordered && line.contains("Non-monotonous DTS") { return false }
            let isRepetition = line.contains("Last message repeated") && isBookkeeping
            isBookkeeping = isRepetition || line.contains("mmco: unref short failure")
            allowed -= isRepetition ? Int(words[3]) ?? .max : isBookkeeping ? 1 : 0
            return !isBookkeeping || allowed < 0
        }.map { "decoder: \($0)" }
    }
}

/// How the pictures go from one encoder to the next.
struct Passage: CustomStringConvertible {
    /// Where pictures of the outgoing encoder are missing already: what was to be shown before the
    /// last of them may have been behind it in the stream.
    var holes: [PictureJump]
    var jump: PictureJump
    /// Where the pictures are in order again: `jump`, but at a recovery point whose count falls.
    var settled: PictureJump

    var isDisordered: Bool { settled != jump }
    var lostBefore: Int { holes.reduce(0) { $0 + $1.to.index - $1.from.index - 1 } }
    var unreadable: Int { holes.reduce(jump.unreadable) { $0 + $1.unreadable } }
    var description: String { (holes + [jump]).map(\.description).joined(separator: ", ") }

    static func all(in jumps: [PictureJump]) -> [Passage] {
        var result: [Passage] = []
        var holes: [PictureJump] = []
        for jump in jumps {
            guard jump.from.encoder != jump.to.encoder else {
                holes.append(jump)
                continue
            }
            if let last = result.last, jump.position - last.settled.position <= 16 {
                // Seams are further apart: pictures that were put out late.
                result[result.count - 1].settled = jump
                holes = []
                continue
            }
            result.append(Passage(holes: holes, jump: jump, settled: jump))
            holes = []
        }
        return result
    }
}

/// Reads packets as ffprobe sees them.
enum Probe {
    struct Stamp {
        /// 90 kHz ticks.
        let presentation: Int64?
        let decoding: Int64?
    }

    /// - Parameter stream: in ffprobe's words, such as `a:0`.
    static func stamps(of stream: String, in path: String) throws -> [Stamp] {
        let outcome = try Command.run(
            "ffprobe",
            [
                "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts,dts",
                "-of", "csv=p=0", path,
            ])
        return outcome.output.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count >= 2 else { return nil }
            return Stamp(presentation: Int64(fields[0]), decoding: Int64(fields[1]))
        }
    }
}
