// What an elementary stream carries, as far as a switcher has to know it.
//
// The PMT names a stream by stream_type and descriptors (13818-1 table 2-34, ETSI EN 300 468,
// ATSC A/53). Several of these names are ambiguous: 0x86 is SCTE-35 or DTS-HD, 0x06 is almost
// anything, so the descriptors decide. See `Codec+StreamType.swift` for that reading.

/// The coding of one elementary stream.
public enum Codec: UInt8, Sendable, Hashable, CaseIterable {
    /// ISO/IEC 13818-2 (and 11172-2, whose start codes are the same).
    case mpeg2Video
    /// ISO/IEC 14496-10, Annex B byte stream.
    case h264
    /// ISO/IEC 23008-2, Annex B byte stream.
    case hevc
    /// ISO/IEC 11172-3 and 13818-3, layers I to III.
    case mpegAudio
    /// ISO/IEC 13818-7 / 14496-3 in ADTS frames.
    case aacADTS
    /// ISO/IEC 14496-3 in LOAS AudioSyncStream frames.
    case aacLATM
    /// ETSI TS 102 366.
    case ac3
    /// ETSI TS 102 366 Annex E.
    case eac3
    /// Opus in MPEG-TS, with the opus_control_header before each frame.
    case opus
    /// ANSI/SCTE 35 splice information sections.
    case scte35
    /// Something else in PES packets: subtitles, teletext, ID3, KLV, codecs we do not know.
    case otherPES
    /// Something else in sections: DSM-CC, AIT, private tables.
    case otherSections

    public enum Kind: UInt8, Sendable { case video, audio, data }

    /// Whether the stream is pictures, sound or anything else.
    public var kind: Kind {
        switch self {
        case .mpeg2Video, .h264, .hevc: .video
        case .mpegAudio, .aacADTS, .aacLATM, .ac3, .eac3, .opus: .audio
        case .scte35, .otherPES, .otherSections: .data
        }
    }

    /// Whether the stream is carried in PES packets (true) or in sections (false).
    public var isPES: Bool { self != .scte35 && self != .otherSections }
}
