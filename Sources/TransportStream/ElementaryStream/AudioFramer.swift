// Follows audio frames by their length, and finds the chain again when it breaks.
//
// A sync word alone proves nothing: it comes up in the coded sound too. A header is believed when
// it stands where a PES packet begins or where the frame before ended; anywhere else only when
// a second one, of the same kind, stands where it says that its frame ends.

struct AudioFramer: Sendable {
    /// No frame of the codecs here is longer, so no more than this is kept while searching.
    static let longestFrame = 8704
    /// Longest header as far as it is read (an Opus control header with its extension).
    static let longestHeader = 320

    private enum State {
        case searching
        /// At the begin of a frame: its header is being collected, this many bytes are needed.
        case header(needed: Int)
        /// Inside a frame: this many bytes of it are still to come.
        case inside(remaining: Int)
        /// The same, where frames may be missing: what comes is kept, to be read again.
        case doubted(remaining: Int)
    }

    private struct Candidate {
        var position: Int64
        /// Where its frame ends.
        var end: Int64
        var signature: UInt32
    }

    /// Sync words in the sound are rarer than this; in noise the later ones are not followed.
    private static let mostCandidates = 32

    private let codec: Codec
    private var state = State.searching
    /// The bytes of the header that is being collected.
    private var head = [UInt8]()
    /// Everything since the oldest place that may be a frame's begin. Empty unless searching or in
    /// doubt.
    private var search = [UInt8]()
    /// Stream position of the first byte in `search`.
    private var searchStart: Int64 = 0
    /// Index in `search` of the place that is to be read next.
    private var cursor = 0
    /// Index up to which `search` has to grow before reading there makes sense.
    private var neededCount = 0
    /// Headers that were seen and wait for a second one where they end.
    private var candidates = [Candidate]()
    private var packetStart: Int64?
    private var packetNeededCount = 0
    private var frameStart: Int64 = 0
    private var configuration: LOASConfiguration?
    /// A unit that ends only where the next one begins (E-AC-3).
    private var waiting: AccessUnitMark?
    /// Bytes were lost behind `waiting`: what comes now is not part of it.
    private var isWaitingSealed = false

    init(_ codec: Codec) {
        self.codec = codec
        head.reserveCapacity(Self.longestHeader + 8)
        search.reserveCapacity(2 * Self.longestFrame)
        candidates.reserveCapacity(Self.mostCandidates)
    }

    mutating func scan(
        _ bytes: Span<UInt8>, from start: Int, to end: Int, at position: Int64, startsPES: Bool,
        into marks: inout [AccessUnitMark]
    ) {
        if startsPES { packetBegins(at: position) }
        var index = start
        while index < end {
            let here = position + Int64(index - start)
            switch state {
            case .inside(let remaining):
                let taken = min(remaining, end - index)
                index += taken
                state =
                    taken == remaining
                    ? .header(needed: 1) : .inside(remaining: remaining - taken)
            case .header:
                if head.isEmpty { frameStart = here }
                followChain(bytes[index], into: &marks)
                index += 1
            case .doubted(let remaining):
                if search.isEmpty { searchStart = here }
                search.append(bytes[index])
                state = remaining == 1 ? .header(needed: 1) : .doubted(remaining: remaining - 1)
                index += 1
            case .searching:
                if search.isEmpty { searchStart = here }
                look(at: bytes[index], into: &marks)
                index += 1
            }
        }
    }

    /// No chain of frames is followed.
    var isSearching: Bool {
        if case .searching = state { true } else { false }
    }

    mutating func reset() {
        // A unit that has wholly arrived does not suffer from what was lost after it.
        switch state {
        case .inside, .doubted: waiting = nil
        case .searching, .header: break
        }
        isWaitingSealed = true
        beginSearch()
    }

    /// What is left of the frame that has begun may not come. Where no frame follows the chain is
    /// searched for from here on.
    mutating func doubtRest() {
        if case .inside(let remaining) = state { state = .doubted(remaining: remaining) }
    }

    mutating func finish(into marks: inout [AccessUnitMark]) {
        give(into: &marks)
        beginSearch()
    }

    // MARK: - Following the chain

    private mutating func followChain(_ byte: UInt8, into marks: inout [AccessUnitMark]) {
        head.append(byte)
        guard case .header(let needed) = state, head.count >= needed else { return }
        switch read(head, at: 0) {
        case .more(let needed):
            state = .header(needed: needed)
        case .frame(let header):
            let remaining = header.length - head.count
            head.removeAll(keepingCapacity: true)
            if !search.isEmpty { search.removeAll(keepingCapacity: true) }
            accept(header, at: frameStart, into: &marks)
            state = remaining > 0 ? .inside(remaining: remaining) : .header(needed: 1)
        case .wrong:
            give(into: &marks)
            searchAgain(from: frameStart, into: &marks)
        }
    }

    /// The chain broke at `place`, whose bytes so far are in `head`; what was in doubt before it is
    /// in `search`.
    private mutating func searchAgain(from place: Int64, into marks: inout [AccessUnitMark]) {
        let seen = search + head
        let start = search.isEmpty ? place : searchStart
        let packet = packetStart
        beginSearch()
        packetStart = packet.flatMap { $0 >= start ? $0 : nil }
        searchStart = start
        replay(seen, from: start, into: &marks)
    }

    /// Takes bytes again that had been read as something else.
    private mutating func replay(
        _ seen: [UInt8], from start: Int64, into marks: inout [AccessUnitMark]
    ) {
        for (offset, byte) in seen.enumerated() {
            let here = start + Int64(offset)
            switch state {
            case .searching:
                if search.isEmpty { searchStart = here }
                look(at: byte, into: &marks)
            case .header:
                if head.isEmpty { frameStart = here }
                followChain(byte, into: &marks)
            case .inside(let remaining), .doubted(let remaining):
                state = remaining == 1 ? .header(needed: 1) : .inside(remaining: remaining - 1)
            }
        }
    }

    private mutating func accept(
        _ header: AudioFrameHeader, at position: Int64, into marks: inout [AccessUnitMark]
    ) {
        if header.continuesUnit {
            if !isWaitingSealed { lengthen(by: header.length) }
            return
        }
        give(into: &marks)
        if codec == .aacLATM, !header.inherits, header.samples > 0 {
            configuration = LOASConfiguration(
                samples: header.samples, sampleRate: header.sampleRate, format: header.format)
        }
        var mark = AccessUnitMark(position: position)
        mark.length = Int32(clamping: header.length)
        mark.randomAccess = .closed
        mark.hasParameterSets = true
        mark.samples = header.inherits ? configuration?.samples ?? 0 : header.samples
        mark.sampleRate = header.inherits ? configuration?.sampleRate ?? 0 : header.sampleRate
        mark.format = header.inherits ? configuration?.format ?? 0 : header.format
        guard header.mayBeContinued else {
            marks.append(mark)
            return
        }
        waiting = mark
        isWaitingSealed = false
    }

    private mutating func lengthen(by bytes: Int) {
        guard let length = waiting?.length else { return }
        waiting?.length = Int32(clamping: Int(length) + bytes)
    }

    private mutating func give(into marks: inout [AccessUnitMark]) {
        guard let mark = waiting else { return }
        marks.append(mark)
        waiting = nil
    }

    // MARK: - Searching

    private mutating func beginSearch() {
        state = .searching
        head.removeAll(keepingCapacity: true)
        search.removeAll(keepingCapacity: true)
        candidates.removeAll(keepingCapacity: true)
        cursor = 0
        neededCount = 0
        packetStart = nil
        packetNeededCount = 0
    }

    private mutating func packetBegins(at position: Int64) {
        // While one packet's begin is being looked at, the next one a few bytes later is not.
        if case .searching = state, packetStart != nil { return }
        packetStart = position
        packetNeededCount = 0
    }

    /// One more byte; decides as soon as that byte allows, so that pieces make no difference.
    private mutating func look(at byte: UInt8, into marks: inout [AccessUnitMark]) {
        search.append(byte)
        if let (place, header) = trustedPlace() {
            let first = frame(before: header, at: searchStart + Int64(place))
            lock(first ?? place, into: &marks)
            return
        }
        while search.count >= neededCount, cursor < search.count {
            switch read(search, at: cursor) {
            case .more(let needed):
                neededCount = cursor + needed
                return
            case .frame(let header):
                if let first = candidate(endingWith: header) {
                    lock(first, into: &marks)
                    return
                }
            case .wrong:
                break
            }
            cursor += 1
            neededCount = 0
            trim()
        }
    }

    /// The index in `search` of a candidate that ends where this header begins.
    private func frame(before header: AudioFrameHeader, at position: Int64) -> Int? {
        let first = candidates.first {
            $0.end == position && $0.signature == header.signature
        }
        return first.map { Int($0.position - searchStart) }
    }

    /// The index in `search` of a frame that ends where this header, at the cursor, begins. Else
    /// the header itself becomes a candidate.
    private mutating func candidate(endingWith header: AudioFrameHeader) -> Int? {
        let here = searchStart + Int64(cursor)
        if let first = frame(before: header, at: here) { return first }
        candidates.removeAll { $0.end <= here }
        if candidates.count < Self.mostCandidates {
            candidates.append(
                Candidate(
                    position: here, end: here + Int64(header.length), signature: header.signature))
        }
        return nil
    }

    /// A header that stands where a PES packet begins, and its index in `search`.
    private mutating func trustedPlace() -> (place: Int, header: AudioFrameHeader)? {
        guard let packetStart, packetStart >= searchStart else { return nil }
        let place = Int(packetStart - searchStart)
        guard search.count > place, search.count - place >= packetNeededCount else { return nil }
        switch read(search, at: place) {
        case .wrong:
            self.packetStart = nil
            return nil
        case .more(let needed):
            packetNeededCount = needed
            return nil
        case .frame(let header):
            self.packetStart = nil
            return (place, header)
        }
    }

    /// A frame begins at `place` in `search`: the chain goes on from there.
    private mutating func lock(_ place: Int, into marks: inout [AccessUnitMark]) {
        let seen = Array(search[place...])
        let start = searchStart + Int64(place)
        beginSearch()
        state = .header(needed: 1)
        replay(seen, from: start, into: &marks)
    }

    /// Forgets now and then what no candidate, and no packet's begin, needs any more.
    private mutating func trim() {
        guard cursor >= Self.longestFrame else { return }
        let here = searchStart + Int64(cursor)
        candidates.removeAll { $0.end < here }
        var kept = min(here, candidates.first?.position ?? here)
        if let packetStart, packetStart >= searchStart { kept = min(kept, packetStart) }
        let count = Int(kept - searchStart)
        guard count >= Self.longestFrame / 2 else { return }
        search.removeFirst(count)
        searchStart = kept
        cursor -= count
    }

    private func read(_ bytes: [UInt8], at start: Int) -> AudioFrameReading {
        let b = HeaderBytes(
            bytes: bytes, start: start, count: min(bytes.count - start, Self.longestHeader))
        let reading: AudioFrameReading =
            switch codec {
            case .aacADTS: AudioFrameHeader.readADTS(b)
            case .mpegAudio: AudioFrameHeader.readMPEGAudio(b)
            case .aacLATM: AudioFrameHeader.readLOAS(b)
            case .ac3: AudioFrameHeader.readAC3(b, isEnhanced: false)
            case .eac3: AudioFrameHeader.readAC3(b, isEnhanced: true)
            case .opus: AudioFrameHeader.readOpus(b)
            default: .wrong
            }
        switch reading {
        // Nothing longer is a frame: memory stays bounded whatever the bytes say.
        case .frame(let header) where header.length > Self.longestFrame: return .wrong
        case .more(let needed) where needed > Self.longestHeader: return .wrong
        default: return reading
        }
    }
}
