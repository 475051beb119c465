// An HLS media playlist (RFC 8216 §4) as a value and as text.
//
//   live    a window of the newest segments; older ones leave it, and may be read for a while yet
//   event   grows from its begin; ends
//   vod     never changes
//
// It is read again too: what a process before has left is gone on with.

import TransportStream

public struct MediaPlaylist: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable { case live, event, vod }

    public struct Segment: Sendable, Equatable {
        /// A file's name beside the playlist.
        public var name: String
        /// The file of its initialization section; nil where it needs none.
        public var map: String?
        /// 90 kHz ticks.
        public var durationTicks: Int64
        /// Of its first picture, nanoseconds since 1970; nil where no clock stood beside it.
        public var wallClock: Int64?
        /// Its time line, or its streams, are others than those of the segment before.
        public var isDiscontinuous: Bool
        /// Nothing in it needs what came before.
        public var isIndependent: Bool

        public init(
            name: String, map: String? = nil, durationTicks: Int64, wallClock: Int64?,
            isDiscontinuous: Bool = false, isIndependent: Bool = true
        ) {
            self.name = name
            self.map = map
            self.durationTicks = durationTicks
            self.wallClock = wallClock
            self.isDiscontinuous = isDiscontinuous
            self.isIndependent = isIndependent
        }
    }

    public let kind: Kind
    /// Segments of a live playlist.
    public var window: Int
    /// EXT-X-TARGETDURATION, which may not change (§6.2.1); nil before the first segment.
    public private(set) var targetSeconds: Int64?
    /// Of the first segment.
    public private(set) var sequence: Int64
    public private(set) var discontinuitySequence: Int64 = 0
    public private(set) var segments: [Segment] = []
    public private(set) var isEnded = false
    /// PTS of where the last segment ends, 90 kHz ticks on a line without wraps.
    public private(set) var end: Int64?
    /// What is read may say anything: 397 years of 90 kHz, and segments of a day.
    private static let greatestEnd: Int64 = 1 << 50
    private static let longestReadTicks: Int64 = 86_400 * 90_000

    /// What the target duration is at least, seconds.
    private let leastSeconds: Int64

    public init(_ kind: Kind, window: Int, leastSeconds: Int64, sequence: Int64 = 0) {
        self.kind = kind
        self.window = max(1, window)
        self.leastSeconds = max(1, leastSeconds)
        self.sequence = sequence
    }

    /// The number of the segment that comes next.
    public var nextSequence: Int64 { sequence + Int64(segments.count) }

    public var durationTicks: Int64 { segments.reduce(0) { $0 + $1.durationTicks } }

    /// Nearest seconds, as EXTINF is compared with EXT-X-TARGETDURATION (§4.3.3.1).
    public static func seconds(_ ticks: Int64) -> Int64 { ticks.roundedDivision(by: 90_000) }

    /// The longest segment that the target duration allows, 90 kHz ticks; nil for any.
    public var longestTicks: Int64? { targetSeconds.map { $0 * 90_000 + 44_999 } }

    /// Takes one more segment.
    /// - Parameter end: PTS of where it ends, on the line of those before.
    /// - Returns: those that leave the window. §6.2.2: never so many that less than three target
    ///   durations are left.
    public mutating func append(_ segment: Segment, end: Int64) -> [Segment] {
        // The first one says how long they are where nobody has: a group of pictures may be longer
        // than what was wished for.
        targetSeconds = targetSeconds
            ?? max(leastSeconds, MediaPlaylist.seconds(segment.durationTicks))
        segments.append(segment)
        self.end = end
        guard kind == .live else { return [] }
        var left: [Segment] = []
        let least = 3 * (targetSeconds ?? 0) * 90_000
        while segments.count > window, let first = segments.first,
            durationTicks - first.durationTicks >= least
        {
            leave(first)
            left.append(first)
        }
        return left
    }

    private mutating func leave(_ first: Segment) {
        segments.removeFirst()
        sequence += 1
        // §6.2.2: counted when the segment with the tag has left.
        if first.isDiscontinuous { discontinuitySequence += 1 }
    }

    public mutating func finish() { isEnded = true }

    /// Where a time stamp is on the line of what there is.
    public func position(of stamp: Timestamp) -> Int64 {
        guard let end else { return stamp.ticks }
        var distance = (stamp.ticks &- end) & (Timestamp.modulus - 1)
        if distance >= Timestamp.modulus / 2 { distance -= Timestamp.modulus }
        return end + distance
    }

    // MARK: Text

    public var text: String {
        // §7: EXT-X-MAP is of version 6.
        let version = segments.contains { $0.map != nil } ? 6 : 3
        var lines = ["#EXTM3U", "#EXT-X-VERSION:\(version)"]
        if !segments.isEmpty, segments.allSatisfy(\.isIndependent) {
            lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
        }
        if kind != .live { lines.append("#EXT-X-PLAYLIST-TYPE:\(kind.rawValue.uppercased())") }
        lines.append("#EXT-X-TARGETDURATION:\(targetSeconds ?? leastSeconds)")
        lines.append("#EXT-X-MEDIA-SEQUENCE:\(sequence)")
        if kind == .live && discontinuitySequence > 0 {
            lines.append("#EXT-X-DISCONTINUITY-SEQUENCE:\(discontinuitySequence)")
        }
        var map: String?
        for segment in segments {
            if segment.isDiscontinuous { lines.append("#EXT-X-DISCONTINUITY") }
            if let own = segment.map, own != map {
                lines.append("\(MediaPlaylist.mapTag)\(own)\"")
                map = own
            }
            if let time = segment.wallClock {
                lines.append("#EXT-X-PROGRAM-DATE-TIME:\(CivilTime.text(time))")
            }
            if !segment.isIndependent { lines.append(MediaPlaylist.dependentMark) }
            lines.append("#EXTINF:\(FixedTicks.seconds(segment.durationTicks)),")
            lines.append(segment.name)
        }
        if let end { lines.append("\(MediaPlaylist.endMark)\(end)") }
        if isEnded { lines.append("#EXT-X-ENDLIST") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let mapTag = "#EXT-X-MAP:URI=\""

    // Comments (§4.1), for the process after this one.
    private static let dependentMark = "# begins within a group of pictures"
    private static let endMark = "# the next PTS is "

    /// Reads a playlist of this writer's; nil for another text.
    public init?(_ text: String, window: Int) {
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard lines.first == "#EXTM3U" else { return nil }
        func value(_ tag: String) -> String? {
            lines.first { $0.hasPrefix(tag) }.map { String($0.dropFirst(tag.count)) }
        }
        let word = value("#EXT-X-PLAYLIST-TYPE:")?.lowercased()
        guard let kind = Kind(rawValue: word ?? "live"),
            let target = value("#EXT-X-TARGETDURATION:").flatMap(Int64.init), target > 0,
            let sequence = value("#EXT-X-MEDIA-SEQUENCE:").flatMap(Int64.init), sequence >= 0,
            target < 86_400, sequence < .max / 2
        else { return nil }
        self.init(kind, window: window, leastSeconds: target, sequence: sequence)
        targetSeconds = target
        let discontinuities = value("#EXT-X-DISCONTINUITY-SEQUENCE:").flatMap(Int64.init)
        discontinuitySequence = min(max(discontinuities ?? 0, 0), .max / 2)
        isEnded = lines.contains("#EXT-X-ENDLIST")
        end = value(MediaPlaylist.endMark).flatMap(Int64.init).flatMap {
            (0...MediaPlaylist.greatestEnd).contains($0) ? $0 : nil
        }
        var next = Segment(name: "", durationTicks: 0, wallClock: nil)
        for line in lines {
            if line == "#EXT-X-DISCONTINUITY" {
                next.isDiscontinuous = true
            } else if line == MediaPlaylist.dependentMark {
                next.isIndependent = false
            } else if line.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") {
                next.wallClock = CivilTime.nanoseconds(String(line.dropFirst(25)))
            } else if line.hasPrefix(MediaPlaylist.mapTag), line.hasSuffix("\"") {
                next.map = String(line.dropFirst(MediaPlaylist.mapTag.count).dropLast())
            } else if line.hasPrefix("#EXTINF:") {
                guard let ticks = FixedTicks.ticks(line.dropFirst(8).prefix { $0 != "," }),
                    ticks <= MediaPlaylist.longestReadTicks
                else { return nil }
                next.durationTicks = ticks
            } else if !line.hasPrefix("#"), !line.isEmpty {
                next.name = line
                segments.append(next)
                next = Segment(name: "", map: next.map, durationTicks: 0, wallClock: nil)
            }
        }
    }
}
