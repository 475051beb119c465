// Judges a world's output. Which law is asserted in which world:
//
//   law                              calm  promised  shallow  storm
//   1, 2, 3 tables, counters, PCR     x       x         x       x
//   4 time steps                      x       x        told     -
//   5 lip-sync, half a frame          x       x         x       -
//   6 no cut unit                     x       x        told     -
//   7 seams at RAPs, right marks      x       x         x       -
//   8 no late unit                    x       x        told     -
//   9 bytes as the encoder made them  x       x        told     -
//   9 splice times                    x       x         x       -
//   10 losses are told                x       x         x       x
//   L3 nothing lost beyond the depth  -       x         -       -
//
// "told": a breach must lie near a `damagePassed` or a seam that says so. The content numbers of a
// seam record are compared with the marks where the inputs share a clock and the engine used it; by
// arrival they are estimates. Where bytes are flipped or cut on the way (most storms), units may be
// altered without anybody being able to know, and law 10 is not asserted; in other storms each
// altered unit and each jump of content must lie near an event that tells of it.
// A promised world has one fault at a time on the better input, sound standbys on the same clock,
// and `neededHoldBack`: the longest standby group, the time to see the fault, the distance of the
// inputs, their graininess and 300 ms. Damage told once the inputs are being ended does not count.

import Conformance
import SwitchEngine
import TransportStream

/// What a run came to.
public struct WorldVerdict: Sendable {
    /// Broken laws and promises, for people; empty where all is well.
    public var failures: [String] = []
    public var seams: [SeamRecord] = []
    public var events: [Event] = []
    /// Damage that was told once the inputs were being ended. It breaks no promise, but what goes
    /// out then may be damaged by faults before: the hold-back is emptied at the end.
    public var toldWhileEnding: [Event] = []
    public var report: ConformanceReport
    public var pictures: Int64 = 0
    public var soundFrames: Int64 = 0
    public var packets: Int64 = 0
    public var lostPictures: Int64 = 0
    public var repeatedPictures: Int64 = 0
    public var jumps: [ContentJump] = []
    public var soundGaps: [ContentJump] = []
    /// Splice times seen.
    public var splices = 0
    public var unitFaults: [UnitFault] = []
    /// 90 kHz ticks.
    public var lipSyncError: Int64 = 0
    /// FNV-1a, by words, of the whole output.
    public var digest: UInt64 = 0
    /// Empty where it was not asked for.
    public var output: [UInt8] = []
    public var mostKeptPackets = 0
    /// By how much the output was further behind what it brings than the hold-back says, at its
    /// random access pictures, nanoseconds.
    public var holdBackErrors: [HoldBackError] = []
    /// As configured, nanoseconds.
    public var holdBack: Int64 = 0

    public var isSound: Bool { failures.isEmpty }
    /// Damaged units that the engine told of.
    public var damageTold: Int64 {
        events.reduce(0) { sum, event in
            if case .damagePassed(_, let units, _, _) = event { sum + units } else { sum }
        }
    }
}

/// How far the output was behind what has come of the input that it shows.
public struct HoldBackError: Sendable {
    /// Host nanoseconds.
    public var time: Int64
    /// Input on air.
    public var input: Int
    /// Nanoseconds more (or less) than the hold-back is to be.
    public var excess: Int64
}

/// A class, so that it can be lent to the engine's `drain` without a copy.
final class WorldJudge {
    let plan: WorldPlan
    var bounds: WorldBounds
    var holdBackErrors: [HoldBackError] = []
    var inspector = StreamInspector()
    var reader: OutputReader
    var pictures: PictureJournal
    /// By the output's sound stream.
    var sounds: [SoundJournal] = []
    private(set) var splices: [SeenSplice] = []
    var events: [Event] = []
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private var output: [UInt8] = []
    /// Schedule time of the last packet; it must grow.
    private var lastTime = Int64.min
    private var unordered = 0
    /// The inputs are being ended, in the middle of a unit as it comes: damage told from here on is
    /// the world's own doing.
    var isEnding = false
    private var toldWhileEnding: [Event] = []
    private var lifeCount = 0

    init(_ plan: WorldPlan) {
        self.plan = plan
        bounds = WorldBounds(plan)
        reader = OutputReader(plan.content)
        pictures = PictureJournal(frameTicks: plan.content.frameTicks)
    }

    /// Learns of encoders that were switched on.
    func learn(_ paths: [InputPath]) {
        var count = 0
        for index in paths.indices { count += paths[index].lives.count }
        guard count != lifeCount else { return }
        lifeCount = count
        for path in paths {
            for life in path.lives where reader.lives[life.life] == nil {
                reader.lives[life.life] = LifeFacts(life, of: path.plan)
            }
        }
    }

    func take(_ bytes: Span<UInt8>, _ times: Span<Int64>, at time: Int64) {
        for index in 0..<times.count {
            if times[index] <= lastTime { unordered += 1 }
            lastTime = times[index]
        }
        if plan.takesDigest { addToDigest(bytes) }
        if plan.keepsOutput { bytes.withUnsafeBufferPointer { output.append(contentsOf: $0) } }
        inspector.inspect(bytes)
        reader.read(bytes, at: time)
        note()
    }

    /// FNV-1a by words of four bytes, of which packets have 47.
    private func addToDigest(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { raw in
            var at = 0
            while at + 4 <= raw.count {
                let word = UInt64(raw.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                digest = (digest ^ word) &* 0x100_0000_01B3
                at += 4
            }
        }
    }

    private func note() {
        for picture in reader.pictures {
            pictures.take(picture)
            measure(picture)
        }
        for frame in reader.frames {
            while sounds.count <= frame.stream { sounds.append(SoundJournal(plan.content)) }
            sounds[frame.stream].take(frame)
        }
        if splices.count < journalLimit { splices += reader.splices }
        reader.clear()
    }

    func take(_ new: [Event]) {
        guard !new.isEmpty else { return }
        for event in new {
            if case .damagePassed = event, isEnding {
                toldWhileEnding.append(event)
            } else {
                events.append(event)
            }
        }
    }

    func finish() -> WorldVerdict {
        reader.finish()
        note()
        var verdict = WorldVerdict(report: inspector.finish())
        verdict.events = events
        verdict.toldWhileEnding = toldWhileEnding
        verdict.seams = events.compactMap { if case .seam(let seam) = $0 { seam } else { nil } }
        verdict.pictures = pictures.count
        verdict.soundFrames = sounds.reduce(0) { $0 + $1.count }
        verdict.packets = reader.packets
        verdict.lostPictures = pictures.lost
        verdict.repeatedPictures = pictures.repeated
        verdict.jumps = pictures.jumps
        verdict.soundGaps = sounds.flatMap(\.gaps)
        verdict.unitFaults = pictures.faults + sounds.flatMap(\.faults)
        verdict.lipSyncError = sounds.map { sound in
            sound.greatestLipSyncError(pictures.runs) { isUnproven($0, by: $1, sound, verdict) }
        }.max() ?? 0
        verdict.holdBackErrors = holdBackErrors
        verdict.digest = digest
        verdict.output = output
        if unordered > 0 {
            verdict.failures.append("the schedule stands or goes back \(unordered) times")
        }
        verdict.failures += bounds.failures
        judgeSyntax(&verdict)
        judgeUnits(&verdict)
        judgeJumps(&verdict)
        judgeSound(&verdict)
        judgeSplices(&verdict)
        verdict.splices = splices.count
        judgePromise(&verdict)
        judgeHoldBack(&verdict)
        judgeWholeness(&verdict)
        return verdict
    }
}
