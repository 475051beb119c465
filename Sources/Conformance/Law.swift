// The laws of a switcher's output that can be judged from the output alone, as rules with a number.
//
//   1 one programme, tables      2 continuity          3 PCR            4 DTS and PTS steps
//   6 no cut access unit         7 begins at a RAP     8 no late access unit
//
// Laws 5 (sound against pictures), 9 (payload bit-exact) and 10 (records) need the inputs and are
// not judged here.

import TransportStream

/// One broken law.
public struct LawBreach: Sendable, Equatable {
    /// Number of the law, 1 ... 9.
    public var law: Int
    /// A stable name, for programs.
    public var name: String
    /// How often.
    public var count: Int64
    public var first: Place
    /// The stream, where the breach has one.
    public var pid: PID?
    /// What happened, for people; the number in it is that of the first time.
    public var sentence: String
}

/// Everything that can break a law.
enum Rule: UInt8, Sendable, CaseIterable {
    case noAssociation, noProgramMap, programCount, programChanged, mapPIDChanged, mapVersionChanged
    case mapContentChanged, streamPIDChanged, clockPIDChanged
    case associationInterval, mapInterval, tableChecksum
    case continuity, discontinuityIndicator
    case noClock, clockOrder, clockInterval, clockJump, clockEnd
    case decodingOrder, presentationBeforeDecoding
    case audioStep, videoGap, videoOverlap, videoUneven, videoDrift
    case pesLength, unitCut, strayBytes, startCodeCut
    case startsWithoutRAP, leadingPicture, orderCountFalls
    case lateUnit

    var law: Int {
        switch self {
        case .noAssociation, .noProgramMap, .programCount, .programChanged, .mapPIDChanged,
            .mapVersionChanged, .mapContentChanged, .streamPIDChanged, .clockPIDChanged,
            .associationInterval, .mapInterval, .tableChecksum:
            1
        case .continuity, .discontinuityIndicator: 2
        case .noClock, .clockOrder, .clockInterval, .clockJump, .clockEnd: 3
        case .decodingOrder, .presentationBeforeDecoding, .audioStep, .videoGap, .videoOverlap,
            .videoUneven, .videoDrift:
            4
        case .pesLength, .unitCut, .strayBytes, .startCodeCut: 6
        case .startsWithoutRAP, .leadingPicture, .orderCountFalls: 7
        case .lateUnit: 8
        }
    }

    var name: String {
        switch self {
        case .noAssociation: "noPAT"
        case .noProgramMap: "noPMT"
        case .programCount: "programCount"
        case .programChanged: "programChanged"
        case .mapPIDChanged: "pmtPIDChanged"
        case .mapVersionChanged: "pmtVersionChanged"
        case .mapContentChanged: "pmtContentChanged"
        case .streamPIDChanged: "streamPIDChanged"
        case .clockPIDChanged: "pcrPIDChanged"
        case .associationInterval: "patInterval"
        case .mapInterval: "pmtInterval"
        case .tableChecksum: "psiCRC"
        case .continuity: "continuity"
        case .discontinuityIndicator: "discontinuityIndicator"
        case .noClock: "noPCR"
        case .clockOrder: "pcrOrder"
        case .clockInterval: "pcrInterval"
        case .clockJump: "pcrJump"
        case .clockEnd: "pcrEnd"
        case .decodingOrder: "dtsOrder"
        case .presentationBeforeDecoding: "ptsBeforeDTS"
        case .audioStep: "audioStep"
        case .videoGap: "videoGap"
        case .videoOverlap: "videoOverlap"
        case .videoUneven: "videoUneven"
        case .videoDrift: "videoDrift"
        case .pesLength: "pesLength"
        case .unitCut: "frameCut"
        case .strayBytes: "strayBytes"
        case .startCodeCut: "startCodeCut"
        case .startsWithoutRAP: "startsWithoutRAP"
        case .leadingPicture: "leadingPicture"
        case .orderCountFalls: "orderCountFalls"
        case .lateUnit: "lateAccessUnit"
        }
    }
}

extension BreachRecord {
    var breach: LawBreach {
        LawBreach(
            law: rule.law, name: rule.name, count: count, first: first, pid: pid,
            sentence: sentence)
    }

    /// Values of 27 MHz and of 90 kHz become milliseconds.
    private var sentence: String {
        let clockTime = FixedPoint.text(value, over: 27_000, places: 3) + " ms"
        let worstClockTime = FixedPoint.text(worst, over: 27_000, places: 3) + " ms"
        let stampTime = "\(value) ticks of 90 kHz"
        switch rule {
        case .noAssociation: return "no PAT was found"
        case .noProgramMap: return "no PMT of the programme was found"
        case .programCount: return "the PAT lists \(value) programmes instead of one"
        case .programChanged: return "the programme number changed to \(value)"
        case .mapPIDChanged: return "the PMT moved to PID \(value)"
        case .mapVersionChanged: return "the PMT version moved to \(value) for the same codecs"
        case .mapContentChanged: return "the PMT changed without a new version"
        case .streamPIDChanged: return "the PIDs of the streams changed for the same codecs"
        case .clockPIDChanged: return "the PCR PID changed to \(value)"
        case .associationInterval:
            return "\(clockTime) without a PAT, 100 ms allowed; the longest \(worstClockTime)"
        case .mapInterval:
            return "\(clockTime) without a PMT, 100 ms allowed; the longest \(worstClockTime)"
        case .tableChecksum: return "a PAT or PMT section with a wrong CRC"
        case .continuity: return "the continuity counter jumped"
        case .discontinuityIndicator: return "the discontinuity_indicator is set"
        case .noClock: return "the programme has no PCR"
        case .clockOrder: return "the PCR stood or went back, by \(clockTime)"
        case .clockInterval:
            return "PCRs \(clockTime) apart, 40 ms allowed; the longest \(worstClockTime)"
        case .clockJump: return "the PCR jumped ahead by \(clockTime)"
        case .clockEnd: return "the stream goes on for \(clockTime) behind its last PCR"
        case .decodingOrder: return "the DTS stood or went back, by \(stampTime)"
        case .presentationBeforeDecoding: return "a PTS lies \(stampTime) before its DTS"
        case .audioStep: return "the audio PTS is off by \(stampTime) from frame after frame"
        case .videoGap: return "\(value) pictures are missing; the longest gap \(worst)"
        case .videoOverlap:
            return "a picture comes \(stampTime) off its place: repeated or overlapping"
        case .videoUneven: return "a picture is \(stampTime) off its place"
        case .videoDrift: return "the PTS drifted \(stampTime) away from the frame rate"
        case .pesLength:
            return "a PES packet is \(value) bytes longer than it says (minus: shorter)"
        case .unitCut: return "an audio frame lacks its last \(value) bytes"
        case .strayBytes: return "\(value) bytes that belong to no audio frame"
        case .startCodeCut: return "a PES packet ends inside a start code"
        case .startsWithoutRAP: return "the first picture is no complete random access point"
        case .leadingPicture: return "a leading picture at the start lacks its references"
        case .orderCountFalls:
            return "the picture order count of a recovery point is \(value) too low to be shown"
                + " behind the pictures before it"
        case .lateUnit:
            return "an access unit's last byte comes \(clockTime) after its DTS;"
                + " the worst \(worstClockTime)"
        }
    }
}
