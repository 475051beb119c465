// What happens in one world, before it happens: drawn from a seed, or written down by a test.

import SwitchEngine
import TransportStream

/// What a world is allowed to ask of the output; see `WorldJudge` for the laws of each.
public enum WorldKind: String, Sendable, CaseIterable {
    /// No faults; the operator switches.
    case calm
    /// One fault at a time, a sound standby, enough hold-back: nothing may be lost.
    case promised
    /// One fault at a time and little or no hold-back.
    case shallow
    /// Everything at once on all inputs.
    case storm
}

public struct WorldPlan: Sendable {
    public var seed: UInt64
    public var kind: WorldKind
    public var content: SyntheticContent
    public var inputs: [InputPlan]
    public var configuration: ChannelConfiguration
    /// What the operator does, by host nanoseconds.
    public var commands: [(time: Int64, input: InputID)] = []
    /// What else he asks for.
    public var orders: [(time: Int64, command: Command)] = []
    /// Host nanoseconds.
    public var duration: Int64
    /// Wake-ups come up to so many nanoseconds late.
    public var driverLag: Int64 = 0
    /// Arrivals only store, and work is done this often, nanoseconds; nil works at each arrival and
    /// wake-up.
    public var tick: Int64?
    /// With a tick: datagrams are handed over behind it, with the times at which they came.
    public var collects = false
    /// When the hold-back must be at its target.
    public var holdBackWindows: [HoldBackWindow] = []
    /// All that is sent comes, if late: the output lacks nothing.
    public var losesNothing = false
    /// The output itself is wanted.
    public var keepsOutput = false
    /// A digest of the whole output is wanted.
    public var takesDigest = true

    /// A quiet world of some inputs, for tests to change.
    public init(_ profiles: [EncoderProfile], duration: Int64, kind: WorldKind = .calm) {
        precondition(!profiles.isEmpty)
        seed = 0
        self.kind = kind
        content = profiles[0].content
        inputs = profiles.map { InputPlan($0) }
        configuration = ChannelConfiguration(
            inputs: profiles.indices.map { InputConfiguration(name: "input \($0)") })
        self.duration = duration
    }

    /// Whether bytes are changed on the way, which nobody can see in the stream.
    public var altersBytes: Bool {
        inputs.flatMap(\.episodes).contains { episode in
            switch episode.kind {
            case .corruption, .truncation, .garbage: true
            default: false
            }
        }
    }

    /// Whether an input brings streams that another one does not.
    public var streamsDiffer: Bool {
        let kinds = inputs.map { input in
            [
                input.profile.content.picture != .none, input.profile.content.sound != .none,
                input.profile.hasSecondSound,
            ]
        }
        return Set(kinds).count > 1
    }

    /// Whether all encoders stamp from one clock, so that content is known to the frame.
    public var sharesClock: Bool { Set(inputs.map(\.profile.base)).count == 1 }
}

/// A time in which the hold-back must be at its target.
public struct HoldBackWindow: Sendable, Equatable {
    /// Host nanoseconds.
    public var times: Range<Int64>
    /// How far it may be off beside 100 ms and what the inputs' own graininess is, nanoseconds.
    public var tolerance: Int64
    /// It may lack something: what an outage took of it only a seam that repeats pictures can bring
    /// back, and where the contents meet nobody wants that.
    public var mayLack: Bool

    public init(_ times: Range<Int64>, tolerance: Int64 = 0, mayLack: Bool = false) {
        self.times = times
        self.tolerance = tolerance
        self.mayLack = mayLack
    }
}

// MARK: - From a seed

extension WorldPlan {
    private static let millisecond: Int64 = 1_000_000

    /// Draws a world.
    public init(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        let kinds: [WorldKind] = [
            .calm, .calm, .promised, .promised, .promised, .shallow, .shallow, .storm,
        ]
        let kind = kinds[chance.number(kinds.count)]
        var content = SyntheticContent()
        content.picture = chance.happens(perMillion: 250_000) ? .mpeg2 : .h264
        content.sound = [.aac48, .aac48, .aac44, .layerTwo][chance.number(4)]
        content.frameTicks = SyntheticContent.frameDurations[
            chance.happens(perMillion: 800_000) ? chance.number(2) : 2 + chance.number(2)]
        let count = kind == .storm ? 1 + chance.number(4) : 2 + chance.number(2)
        let isShared = chance.happens(perMillion: 700_000) || kind == .promised
        let base = WorldPlan.base(&chance)
        let drift = Int64(chance.number(200_000)) - 100_000
        var profiles: [EncoderProfile] = []
        for _ in 0..<count {
            profiles.append(
                WorldPlan.profile(
                    content, base: isShared ? base : WorldPlan.base(&chance), &chance))
        }
        self.init(profiles, duration: 0, kind: kind)
        self.seed = seed
        duration = (9_000 + Int64(chance.number(4_000))) * WorldPlan.millisecond
        driverLag = Int64(chance.number(4)) * WorldPlan.millisecond
        for index in inputs.indices {
            inputs[index].drift = drift
            inputs[index].delay = Int64(5 + chance.number(60)) * WorldPlan.millisecond
            inputs[index].jitter = Int64(chance.number(3)) * 8 * WorldPlan.millisecond
            inputs[index].start = -Int64(chance.number(2_000)) * WorldPlan.millisecond
            inputs[index].datagramPackets = [7, 7, 7, 1, 4][chance.number(5)]
        }
        // `auto` can mistake a skew of whole reorder delays for clocks that have nothing in common,
        // so it is not used where a promise is made.
        let isAuto = chance.happens(perMillion: 500_000) && kind != .promised
        configuration.alignment = isAuto ? .auto : isShared ? .timestamps : .arrival
        if chance.happens(perMillion: 200_000) {
            configuration.muxRate = 900_000 + Int64(chance.number(5)) * 100_000
        }
        if chance.happens(perMillion: 500_000) {
            configuration.returning = .after(nanoseconds: 1_500 * WorldPlan.millisecond)
        }
        configuration.plannedWait = 3_000 * WorldPlan.millisecond
        drawFaults(&chance)
    }

    /// A time base; some are just before the wrap of PTS or of PCR.
    private static func base(_ chance: inout SeededGenerator) -> Int64 {
        let wrap = ClockReference.modulus
        let here = InputPath.origin
        // The stamps wrap some seconds after the world begins, or anywhere.
        return chance.happens(perMillion: 300_000)
            ? wrap - here - Int64(3 + chance.number(8)) * StreamTime.ticksPerSecond
            : Int64(chance.next() % UInt64(wrap / 300)) * 300
    }

    /// Draws an encoder.
    static func profile(
        _ content: SyntheticContent, base: Int64, _ chance: inout SeededGenerator
    ) -> EncoderProfile {
        var profile = EncoderProfile()
        profile.content = content
        profile.base = base
        let perSecond = Int(StreamTime.ticksPerSecond / content.frameTicks)
        profile.groupLength = perSecond * (3 + chance.number(8)) / 10
        profile.depth = chance.number(4)
        profile.isPyramid = profile.depth == 3 && chance.happens(perMillion: 500_000)
        profile.isOpen = chance.happens(perMillion: 400_000)
        profile.tellsPictureLength = chance.happens(perMillion: 300_000)
        profile.samplePhase = Int64(chance.number(Int(content.sound.samples)))
        profile.framesPerPacket = 1 + chance.number(8)
        profile.straddles = chance.happens(perMillion: 300_000)
        profile.soundBytes = 40 + chance.number(60)
        let shift = UInt16(chance.number(3_000))
        profile.videoPID = PID(0x100 + shift)
        profile.audioPID = PID(0x101 + shift)
        profile.dataPID = PID(0x102 + shift)
        profile.splicePID = PID(0x103 + shift)
        profile.ownClockPID = PID(0x104 + shift)
        profile.secondAudioPID = PID(0x105 + shift)
        profile.program = UInt16(1 + chance.number(1_000))
        profile.mapPID = PID(0x1000 + UInt16(chance.number(2_000)))
        profile.clockPlace = [.own, .video, .audio][chance.number(3)]
        profile.hasData = chance.happens(perMillion: 300_000)
        profile.hasSplices = chance.happens(perMillion: 300_000)
        let ms = StreamTime.ticksPerMillisecond
        profile.clockInterval = Int64(20 + chance.number(80)) * ms
        // Sound that is collected into long packets must still come in time.
        let sound = content.soundFrameTicks * Int64(profile.framesPerPacket + 1)
        profile.latency = Int64(100 + chance.number(100)) * ms
        profile.decodingDelay = sound + profile.clockInterval + Int64(100 + chance.number(900)) * ms
        if chance.happens(perMillion: 200_000) {
            profile.packetsPerSecond = Int64(perSecond * 4 + 150)
        }
        return profile
    }
}

extension SeededGenerator {
    /// 0 ..< `limit`.
    mutating func number(_ limit: Int) -> Int { Int(next() % UInt64(max(limit, 1))) }
}
