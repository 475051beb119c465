// What the checker has to say of a stream, as values. `table` is for people, `json` for programs.

import TransportStream

/// The result of an inspection.
public struct ConformanceReport: Sendable {
    // MARK: Input

    /// Bytes of the input.
    public var bytes: Int64 = 0
    /// Bytes that were in no packet.
    public var garbageBytes: Int64 = 0
    /// 188, 192 or 204; nil where there is no packet.
    public var packetSize: Int?
    public var packets: Int64 = 0
    public var nullPackets: Int64 = 0
    public var scrambledPackets: Int64 = 0
    /// Legal duplicates (13818-1 §2.4.3.3).
    public var duplicatePackets: Int64 = 0
    /// Packets whose adaptation field does not fit.
    public var malformedPackets: Int64 = 0
    /// Counter jumps under a discontinuity_indicator.
    public var announcedGaps: Int64 = 0

    // MARK: Programme

    /// Programmes in the PAT.
    public var programs: Int = 0
    /// The programme that was judged; nil where the PAT has none, or not the one asked for.
    public var program: UInt16?
    public var transportStreamID: UInt16?
    public var programMapPID: PID?
    public var programMapVersion: UInt8?
    public var clockPID: PID?
    public var associations: Int64 = 0
    public var programMaps: Int64 = 0
    /// Changes of the PMT to another set of codecs: no breach.
    public var formatChanges: Int64 = 0

    // MARK: Time

    public var clockReferences: Int64 = 0
    /// Distances between PCRs, 27 MHz, jumps left out.
    public var clockSteps = Tally()
    /// From the first PCR to the last, jumps taken out, 27 MHz; nil with fewer than two.
    public var durationTicks: Int64?
    /// Bits per second over windows of a second or more.
    public var rates = Tally()
    /// Over the whole stream, nil without two PCRs.
    public var meanRate: Int64?
    /// The rate between PCRs is constant, so that PCR accuracy can be judged.
    public var isConstantRate = false
    /// Greatest distance of a PCR from its place, where the rate is constant.
    public var worstClockErrorNanoseconds: Int64?

    // MARK: Verdicts

    /// TR 101 290 counters, in the order of the recommendation.
    public var indicators: [IndicatorCount] = []
    /// Broken laws, by law and first occurrence. Laws 5, 9 and 10 can not be judged from an output.
    public var brokenLaws: [LawBreach] = []
    /// Gaps and overlaps in presentation, the first 64.
    public var timingEvents: [TimingEvent] = []
    /// How many there were.
    public var timingEventCount: Int64 = 0
    public var streams: [ElementaryFacts] = []

    /// No law is broken.
    public var isConformant: Bool { brokenLaws.isEmpty }

    /// The counter of one indicator.
    public func count(_ indicator: Indicator) -> Int64 {
        indicators.first { $0.indicator == indicator }?.count ?? 0
    }
}

/// One distance between two PTS and how often it was seen.
public struct PTSStep: Sendable, Equatable {
    /// 90 kHz.
    public var ticks: Int64
    public var count: Int64

    init(_ step: (ticks: Int64, count: Int64)) {
        ticks = step.ticks
        count = step.count
    }
}

/// What was seen of one stream of the judged programme.
public struct ElementaryFacts: Sendable {
    public let pid: PID
    /// stream_type of the PMT.
    public let streamType: UInt8
    public let codec: Codec
    /// ISO 639, three letters.
    public let language: String?

    public var packets: Int64 = 0
    public var scrambledPackets: Int64 = 0
    public var pesPackets: Int64 = 0
    public var scrambledPESPackets: Int64 = 0
    public var pesPacketsWithoutPTS: Int64 = 0
    /// Coded pictures (each field of a field pair counts) or audio frames.
    public var accessUnits: Int64 = 0
    /// The same, field pairs counted once.
    public var frames: Int64 = 0
    public var unitsWithoutPTS: Int64 = 0
    /// Time stamps in PES packets that no access unit begins in.
    public var stampsWithoutUnit: Int64 = 0
    public var randomAccessPoints: Int64 = 0
    /// Frames from one RAP to the next, the most.
    public var greatestRAPDistance: Int64 = 0
    /// As the time stamps show it, 27 MHz; nil where it is not known.
    public var frameDurationTicks: Int64?
    /// As the sequence parameters state it, 27 MHz.
    public var statedFrameDurationTicks: Int64?
    public var reorderDepth: Int64 = 0
    /// Samples per second and per frame of sound; 0 for anything else.
    public var sampleRate: Int64 = 0
    public var frameSamples: Int64 = 0
    /// Distances between PTS in presentation order; the first dozen kinds.
    public var steps: [PTSStep] = []
    /// PTS distances of other kinds.
    public var otherSteps: Int64 = 0
    /// 33 bits, 90 kHz, as in the stream.
    public var firstPTS: Int64?
    public var lastPTS: Int64?
    /// PTS minus the transport time of its PES header, 27 MHz.
    public var presentationLead = Tally()
    /// DTS minus the transport time of the access unit's last byte, 27 MHz; below 0 the decoder's
    /// buffer underflows (13818-1 §2.4.2.3).
    public var decodingMargin = Tally()
    /// Bits per second of its packets; nil where the duration is not known.
    public var bitRate: Int64?

    init(pid: PID, streamType: UInt8, codec: Codec, language: String?) {
        self.pid = pid
        self.streamType = streamType
        self.codec = codec
        self.language = language
    }
}

extension Codec {
    /// A short name that does not change.
    var reportName: String {
        switch self {
        case .mpeg2Video: "MPEG-2"
        case .h264: "H.264"
        case .hevc: "HEVC"
        case .mpegAudio: "MPEG audio"
        case .aacADTS: "AAC"
        case .aacLATM: "AAC LATM"
        case .ac3: "AC-3"
        case .eac3: "E-AC-3"
        case .opus: "Opus"
        case .scte35: "SCTE-35"
        case .otherPES: "PES data"
        case .otherSections: "sections"
        }
    }
}
