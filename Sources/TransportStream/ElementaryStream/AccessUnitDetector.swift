// Finds the access units of one elementary stream.
//
// Contract: bytes in, piece by piece as the TS packets carry them; marks out, in the order of the
// stream, each once and the same whatever the pieces are. Nothing is changed, delayed or kept but a
// few header bytes. It does not look at PES time stamps and does not believe
// random_access_indicator or data_alignment_indicator: real multiplexers set them wrongly.

/// Finds access units in an elementary stream that is handed over piece by piece (the payload of
/// one TS packet at a time).
public struct AccessUnitDetector: Sendable {
    /// Bytes given so far.
    public private(set) var position: Int64 = 0

    private enum Kind: UInt8 { case none, h264, hevc, mpeg2, audio }

    // The one that `kind` names is there. Each lives in place: an enum with payloads would be moved
    // out and in again at every packet.
    private let kind: Kind
    private var h264: StartCodeDetector<H264Syntax>?
    private var hevc: StartCodeDetector<HEVCSyntax>?
    private var mpeg2: StartCodeDetector<MPEG2Syntax>?
    private var audio: AudioFramer?

    /// Codecs of kind `.data` never mark anything.
    public init(codec: Codec) {
        switch codec {
        case .h264:
            kind = .h264
            h264 = StartCodeDetector(H264Syntax())
        case .hevc:
            kind = .hevc
            hevc = StartCodeDetector(HEVCSyntax())
        case .mpeg2Video:
            kind = .mpeg2
            mpeg2 = StartCodeDetector(MPEG2Syntax())
        case .mpegAudio, .aacADTS, .aacLATM, .ac3, .eac3, .opus:
            kind = .audio
            audio = AudioFramer(codec)
        case .scte35, .otherPES, .otherSections:
            kind = .none
        }
    }

    /// Feeds `bytes[start..<end]` and appends the marks that became complete. `startsPES`: these
    /// are the first ES bytes after a PES header (true also when the piece is empty).
    public mutating func scan(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, startsPES: Bool,
        into marks: inout [AccessUnitMark]
    ) {
        let first = min(max(start, 0), bytes.count)
        let last = min(max(end, first), bytes.count)
        let here = position
        switch kind {
        case .h264:
            h264?.scan(
                bytes, from: first, to: last, at: here, startsPES: startsPES, into: &marks)
        case .hevc:
            hevc?.scan(
                bytes, from: first, to: last, at: here, startsPES: startsPES, into: &marks)
        case .mpeg2:
            mpeg2?.scan(
                bytes, from: first, to: last, at: here, startsPES: startsPES, into: &marks)
        case .audio:
            audio?.scan(
                bytes, from: first, to: last, at: here, startsPES: startsPES, into: &marks)
        case .none:
            break
        }
        position += Int64(last - first)
    }

    /// Passes over bytes that can not be read: positions count them, and what was begun before them
    /// is given up.
    public mutating func skip(_ count: Int) {
        reset()
        position += Int64(max(count, 0))
    }

    /// Bytes were lost before the next ones: every partial state is forgotten. What was learned of
    /// the stream (parameter sets, audio configuration) stays. `position` goes on counting; how
    /// many bytes were lost is not known to it.
    public mutating func reset() {
        h264?.reset()
        hevc?.reset()
        mpeg2?.reset()
        audio?.reset()
    }

    /// Time stamps say that audio frames may be missing before the next bytes: what comes need not
    /// be the rest of the frame that has begun. It is where the next frame stands behind it.
    public mutating func doubtRest() { audio?.doubtRest() }

    /// No frame of sound has been found in what came last.
    public var isSearching: Bool { audio?.isSearching ?? false }

    /// No audio frame is longer, in bytes.
    public static let longestAudioFrame = Int64(AudioFramer.longestFrame)

    /// No more bytes follow: gives a mark that was waiting, if its picture header had been seen.
    public mutating func finish(into marks: inout [AccessUnitMark]) {
        h264?.finish(into: &marks)
        hevc?.finish(into: &marks)
        mpeg2?.finish(into: &marks)
        audio?.finish(into: &marks)
    }
}
