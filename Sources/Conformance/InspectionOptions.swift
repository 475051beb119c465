// What a caller may choose, and every limit of the checker with its unit and its source.

import TransportStream

/// How a stream is to be inspected.
public struct InspectionOptions: Sendable {
    /// The programme that is judged; nil takes the first of the PAT.
    public var program: UInt16?
    /// How long a PID of pictures or sound may be silent before PID_error (TR 101 290 §5.2.1,
    /// 1.6: "user specified period"), in milliseconds.
    public var absenceLimitMilliseconds: Int64

    public init(program: UInt16? = nil, absenceLimitMilliseconds: Int64 = 5_000) {
        self.program = program
        self.absenceLimitMilliseconds = min(max(absenceLimitMilliseconds, 1), 86_400_000)
    }

    var absenceLimitTicks: Int64 { absenceLimitMilliseconds * 27_000 }
}

/// Time limits, in 27 MHz ticks unless the name says otherwise.
enum TimeLimit {
    /// TR 101 290 1.3 and 1.5: PAT and PMT.
    static let tableInterval: Int64 = 500 * 27_000
    /// The output's own promise for PAT and PMT (law 1).
    static let ownTableInterval: Int64 = 100 * 27_000
    /// 13818-1 §2.7.2 and TR 101 290 2.3: PCR.
    static let clockInterval: Int64 = 100 * 27_000
    /// ETSI TS 101 154 §4.1.5.3 and law 3: PCR.
    static let ownClockInterval: Int64 = 40 * 27_000
    /// From here on a PCR step that the byte count does not explain is a jump.
    static let clockJump: Int64 = 500 * 27_000
    /// TR 101 290 2.4: PCR accuracy, in nanoseconds.
    static let clockAccuracyNanoseconds: Int64 = 500
    /// 13818-1 §2.7.4 and TR 101 290 2.5: PTS.
    static let stampInterval: Int64 = 700 * 27_000
    /// Shortest span that a bit rate is measured over.
    static let rateWindow: Int64 = 27_000_000
    /// How long the stream may go on behind its last PCR before that is called an end of the PCR.
    static let clockEnd: Int64 = 27_000_000
}

/// Sizes of everything that is kept, so that memory does not grow with the stream.
enum SizeLimit {
    /// Bytes framed in one go.
    static let piece = 1 << 20
    /// PCRs remembered: more than 10 s of them at the usual distance.
    static let clockHistory = 512
    /// PCRs that come before the PMT says which of them count.
    static let earlyClocks = 1_024
    /// PCRs in one accuracy window.
    static let accuracyWindow = 64
    /// Things that wait for the next PCR to learn their time.
    static let timedEvents = 4_096
    /// PIDs with sections that are put together.
    static let sectionPIDs = 96
    /// Programmes of a PAT that are counted.
    static let programs = 4_096
    /// Streams that are followed, over all versions of the PMT.
    static let streams = 128
    /// Different breaches (rule and PID) that are told apart.
    static let breaches = 256
    /// Examples of gaps and overlaps that are listed; all are counted.
    static let timingEvents = 64
    /// Different PTS steps told apart per stream.
    static let steps = 12
    /// Packets of a stream whose place in the transport stream is remembered.
    static let pieces = 512
    /// PES headers of a stream whose access unit has not been seen.
    static let stamps = 16
    /// Pictures that wait for their turn to be shown; 16 is the most a decoder may hold
    /// (14496-10 §A.3.1, 23008-2 §A.4.2), fields and damage doubled.
    static let reorder = 64
    /// Pictures that the frame duration is learnt from.
    static let learning = 25
    /// The longest PES header, 13818-1 §2.4.3.6.
    static let pesHeader = 264
}
