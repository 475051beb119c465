// What has to hold whatever the inputs are:
//
//   bytes    no more output than 3 times the input, the null packets of the mux rate, and the
//            tables and PCRs of the virtual time that has passed
//   clock    what leaves now is due now: within the hold-back and 5 s; the hold-back is the target,
//            or what an input is ahead by that was gone to where contents meet
//   order    the schedule rises from packet to packet
//   time     the run comes to an end
//   laws     1, 2 and 3 (tables, counters, PCR), and the indicators of TR 101 290 that belong to
//            them
//
// Where the output may fall silent (`StandstillMode.silence`) and did, and where the mux rate is
// too low, tables and PCRs are further apart and nothing is said of that.

import Conformance
import SwitchEngine
import TransportStream

/// Something that was found in a run.
public struct FuzzFinding: Sendable, Equatable {
    /// What findings of one kind have in common.
    public var kind: String
    /// For people.
    public var text: String

    public init(kind: String, text: String) {
        self.kind = kind
        self.text = text
    }
}

/// What a run came to.
public struct FuzzVerdict: Sendable {
    /// Empty where all is well.
    public var findings: [FuzzFinding] = []
    public var inputBytes: Int64 = 0
    public var outputBytes: Int64 = 0
    /// Virtual time at the end, nanoseconds.
    public var duration: Int64 = 0
    public var seams = 0
    /// FNV-1a of the output.
    public var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// For people: what the engine told.
    public var events: [String] = []
}

struct FuzzJudge {
    /// Bytes per second of tables (PAT and a PMT of 1,021 bytes, each 40 ms) and PCRs (each 30 ms).
    static let tableBytesPerSecond: Int64 = 188 * (7 * 25 + 34)
    /// Output that is always allowed, 1 MB.
    static let freeBytes: Int64 = 1_000_000
    /// How far the output may be from the host's clock, beside the hold-back: 5 s.
    static let clockTicks: Int64 = 5 * StreamTime.ticksPerSecond

    /// An input that is further ahead than this, 30 s, is no excuse.
    static let greatestLead: Int64 = 30_000_000_000
    /// True time is kept within a frame, 100 ms.
    private static let trueTimeTicks: Int64 = 9_000

    private let configuration: ChannelConfiguration
    private let keepsEvents: Bool
    private(set) var verdict = FuzzVerdict()
    /// The target, or more where the last seam kept true time, nanoseconds.
    private var holdBack: Int64
    /// What the last seam has moved the input on air by, 90 kHz ticks.
    private var shift: Int64 = 0
    private var inspector = StreamInspector()
    private var lastTime = Int64.min
    private var hasStoodStill = false
    /// The mux rate is too low for what the inputs bring at times: packets wait for their places.
    private var isLate = false
    /// The output leaves its bounds by more and more: there is nothing more to be seen.
    private(set) var isOver = false

    init(_ configuration: ChannelConfiguration, keepsEvents: Bool) {
        self.configuration = configuration
        self.keepsEvents = keepsEvents
        holdBack = configuration.holdBack
    }

    /// Bytes of inputs that have been read.
    mutating func read(_ bytes: Int) { verdict.inputBytes += Int64(bytes) }

    mutating func find(_ kind: String, _ text: String) {
        guard !verdict.findings.contains(where: { $0.kind == kind }) else { return }
        verdict.findings.append(FuzzFinding(kind: kind, text: text))
    }

    /// Takes what is ready to leave.
    mutating func drain(_ engine: inout Engine, at now: MonotonicInstant) {
        verdict.duration = now.nanoseconds
        for event in engine.takeEvents() { take(event) }
        isLate = engine.lateness.packets > 0
        let offset = engine.hostOffset
        engine.drain { take($0, $1, offset: offset, at: now) }
    }

    /// Takes packets and their schedule times.
    /// - Parameter offset: what to add to a schedule time for the host's, 27 MHz ticks.
    mutating func take(
        _ bytes: Span<UInt8>, _ times: Span<Int64>, offset: Int64, at now: MonotonicInstant
    ) {
        verdict.outputBytes += Int64(bytes.count)
        judgeSize(bytes.count, at: now)
        judgeTimes(times, offset: offset, at: now)
        // What no receiver would keep need not be judged either.
        guard !isOver else { return }
        addToDigest(bytes)
        inspector.inspect(bytes)
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .seam(let seam):
            verdict.seams += 1
            let isTrue = seam.contentOffset.map {
                abs(seam.shift - shift - $0) <= FuzzJudge.trueTimeTicks
            } ?? false
            shift = seam.shift
            let lead = isTrue ? min(seam.holdBack, FuzzJudge.greatestLead) : 0
            holdBack = max(configuration.holdBack, lead)
        case .standstill: hasStoodStill = true
        default: break
        }
        guard keepsEvents else { return }
        switch event {
        case .seam(let seam):
            verdict.events.append(
                "\(seam.time.nanoseconds / 1_000_000) ms: seam \(seam.from.index) -> "
                    + "\(seam.to.index) \(seam.level.rawValue), hold-back "
                    + "\(seam.holdBack / 1_000_000) ms, \(seam.reason.rawValue): \(seam.why)")
        default: verdict.events.append("\(event)")
        }
    }

    /// The most output that there may be by now.
    private func limit(at now: MonotonicInstant) -> Int64 {
        let time = now.nanoseconds + configuration.holdBack + 5_000_000_000
        let rate = FuzzJudge.tableBytesPerSecond + (configuration.muxRate ?? 0) / 8
        return 3 * verdict.inputBytes + rate.scaled(by: time, over: 1_000_000_000)
            + FuzzJudge.freeBytes
    }

    private mutating func judgeSize(_ pending: Int, at now: MonotonicInstant) {
        let limit = limit(at: now)
        guard verdict.outputBytes > limit else { return }
        isOver = true
        find(
            "bytes",
            "\(verdict.outputBytes) bytes of output by \(now.nanoseconds / 1_000_000) ms out of "
                + "\(verdict.inputBytes) bytes of input, \(limit) allowed; "
                + "\(pending) of them at once")
    }

    private mutating func judgeTimes(
        _ times: Span<Int64>, offset: Int64, at now: MonotonicInstant
    ) {
        for index in 0..<times.count {
            if times[index] <= lastTime {
                find("order", "the schedule goes from \(lastTime) to \(times[index])")
            }
            lastTime = times[index]
        }
        let wait = isLate ? verdict.inputBytes.scaled(
            by: 8 * StreamTime.ticksPerSecond, over: max(configuration.muxRate ?? 1, 1)) : 0
        let allowed = holdBack.scaled(by: 27, over: 1000) + FuzzJudge.clockTicks
        let distance = lastTime &+ offset &- now.nanoseconds.scaled(by: 27, over: 1000)
        guard distance > allowed + wait || distance < -allowed else { return }
        find(
            distance > 0 ? "clock ahead" : "clock behind",
            "at \(now.nanoseconds / 1_000_000) ms packets leave that are due "
                + "\(abs(distance) / StreamTime.ticksPerMillisecond) ms "
                + (distance > 0 ? "later; " : "earlier; ")
                + "\(allowed / StreamTime.ticksPerMillisecond) ms are allowed")
    }

    private mutating func addToDigest(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { raw in
            var at = 0
            while at + 4 <= raw.count {
                let word = UInt64(raw.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                verdict.digest = (verdict.digest ^ word) &* 0x100_0000_01B3
                at += 4
            }
        }
    }

    /// Ends the run and judges the whole.
    mutating func finish() -> FuzzVerdict {
        guard !isOver, verdict.outputBytes > 0 else { return verdict }
        let report = inspector.finish()
        let hasPause = hasStoodStill && configuration.standstillMode == .silence
        var clean: [Indicator] = [
            .syncLoss, .syncByte, .continuity, .transportError, .checksum,
        ]
        if !hasPause { clean.append(.clockDiscontinuity) }
        if !hasPause && !isLate { clean += [.association, .programMap, .clockRepetition] }
        for indicator in clean where report.count(indicator) > 0 {
            find(indicator.name, "\(indicator.name) \(report.count(indicator)) times")
        }
        let intervals = ["patInterval", "pmtInterval", "pcrInterval"]
        for breach in report.brokenLaws where breach.law <= 3 {
            if (hasPause || isLate) && intervals.contains(breach.name) { continue }
            if hasPause && breach.name == "pcrJump" { continue }
            let time = (breach.first.elapsedTicks ?? 0) / StreamTime.ticksPerMillisecond
            find(
                "law \(breach.law) \(breach.name)",
                "\(breach.sentence), \(breach.count) times, first at \(time) ms of the output")
        }
        return verdict
    }
}
