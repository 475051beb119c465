// What a synthetic encoder is like, and what all encoders of one world have in common.
//
// All inputs of a world show the same content: picture n is taken at n frame durations, sample s at
// s / sample rate. Encoders differ in everything that real encoders differ in.
//
//   source time u      content is taken, 27 MHz ticks, the same for all
//   PTS of picture n   base + n · frame
//   PCR at u           base + u − (latency + decoding delay + reorder delay)

import TransportStream

/// What the programme shows; the same for all inputs of a world.
public struct SyntheticContent: Sendable, Equatable {
    public enum Picture: Sendable { case none, h264, mpeg2 }
    public enum Sound: Sendable {
        case none
        /// ADTS, 1024 samples at 48,000 and at 44,100 Hz.
        case aac48, aac44
        /// Layer II, 1152 samples at 48,000 Hz.
        case layerTwo

        /// Samples per frame and per second.
        public var samples: Int64 { self == .layerTwo ? 1152 : 1024 }
        public var rate: Int64 { self == .aac44 ? 44_100 : 48_000 }
    }

    public var picture = Picture.h264
    public var sound = Sound.aac48
    /// 27 MHz ticks of one frame: 1,080,000 for 25 Hz, 900,900 for 29.97 Hz.
    public var frameTicks: Int64 = 1_080_000

    public init() {}

    /// Frame durations of 25, 29.97, 50 and 59.94 Hz.
    public static let frameDurations: [Int64] = [1_080_000, 900_900, 540_000, 450_450]

    /// Source time of a sample, 27 MHz ticks, rounded down.
    public func time(ofSample sample: Int64) -> Int64 {
        sample.scaled(by: StreamTime.ticksPerSecond, over: sound.rate)
    }

    /// Duration of an audio frame, 27 MHz ticks, rounded down.
    public var soundFrameTicks: Int64 { time(ofSample: sound.samples) }
}

/// One encoder. Times in 27 MHz ticks.
public struct EncoderProfile: Sendable, Equatable {
    /// Which PID the PCR is on.
    public enum ClockPlace: Sendable { case own, video, audio }

    public var content = SyntheticContent()

    // MARK: Pictures

    /// Pictures from one random access point to the next.
    public var groupLength = 25
    /// B pictures in a row, 0 ... 3.
    public var depth = 0
    /// The middle one of three B pictures is a reference.
    public var isPyramid = false
    /// Random access points behind the first are I pictures with leading B pictures.
    public var isOpen = false
    /// Payload bytes of I, P and B pictures.
    public var sizes = PictureSizes(intra: 600, predicted: 250, bidirectional: 120)
    /// PES_packet_length is written for pictures too.
    public var tellsPictureLength = false

    // MARK: Sound

    /// The encoder's frames begin at these samples modulo the frame, 0 ..< samples per frame.
    public var samplePhase: Int64 = 0
    public var framesPerPacket = 1
    /// PES packets end where they are full, not where a frame ends.
    public var straddles = false
    public var soundBytes = 60
    /// ISO 639 code of the sound; nil where the PMT names none.
    public var language: String?
    /// A second sound, made of the same samples: its own frames, PID and language.
    public var hasSecondSound = false
    public var secondLanguage: String?
    /// Pictures leave so much later than the sound that belongs to them, as in the segments of
    /// HLS, which begin with sound: 0 ... decoding delay − 100 ms.
    public var pictureWait: Int64 = 0

    /// Whether it brings the sounds that another one brings.
    func hasSounds(_ other: EncoderProfile) -> Bool {
        (content.sound != .none || other.content.sound == .none)
            && (hasSecondSound || !other.hasSecondSound)
    }

    // MARK: Transport

    public var program: UInt16 = 1
    public var mapPID = PID(0x1000)
    public var videoPID = PID(0x100)
    public var audioPID = PID(0x101)
    public var dataPID = PID(0x102)
    public var splicePID = PID(0x103)
    public var ownClockPID = PID(0x104)
    public var secondAudioPID = PID(0x105)
    public var clockPlace = ClockPlace.video
    /// A private PES stream and SCTE-35 sections.
    public var hasData = false
    public var hasSplices = false
    /// splice_inserts, announced one to two seconds before.
    public var breaks: [SpliceBreak] = []
    /// Stamp of source time 0.
    public var base: Int64 = 0
    /// DTS minus the transport time of a picture's first byte.
    public var decodingDelay = 300 * StreamTime.ticksPerMillisecond
    /// From the taking of a picture to its first byte, for a picture that waits for no other.
    public var latency = 200 * StreamTime.ticksPerMillisecond
    public var clockInterval = 40 * StreamTime.ticksPerMillisecond
    public var tableInterval = 250 * StreamTime.ticksPerMillisecond
    /// Packets per second of a constant rate; nil for as many as there are.
    public var packetsPerSecond: Int64?
    /// The first picture, by its content index.
    public var firstIndex: Int64 = 0

    /// A break for which the network is left.
    public struct SpliceBreak: Sendable, Equatable {
        public var event: UInt32
        /// Source time, 27 MHz ticks since host time 0.
        public var start: Int64
        public var length: Int64
        /// It ends by its duration; by a second splice_insert else.
        public var returnsByItself: Bool

        public init(event: UInt32, start: Int64, length: Int64, returnsByItself: Bool) {
            self.event = event
            self.start = start
            self.length = length
            self.returnsByItself = returnsByItself
        }
    }

    public struct PictureSizes: Sendable, Equatable {
        public var intra: Int
        public var predicted: Int
        public var bidirectional: Int
    }

    public init() {}

    /// Frames by which decoding runs ahead of presentation at a closed random access point.
    public var reorderFrames: Int64 { depth == 0 ? 0 : isPyramid ? 2 : 1 }

    /// The most pictures that are decoded after a picture and shown before it.
    public var reorderDepth: Int { depth }

    /// PCR + this = source time + `base`.
    public var systemDelay: Int64 {
        content.picture == .none
            ? latency + decodingDelay
            : latency + decodingDelay + reorderFrames * content.frameTicks
    }

    /// From one random access point to the next, 27 MHz ticks.
    public var groupTicks: Int64 {
        content.picture == .none
            ? content.soundFrameTicks : Int64(groupLength) * content.frameTicks
    }
}
