// What stands beside a recording: what it is, and each place in it where something happened, by the
// wall clock, by PTS and by byte. As a JSON document; keys are stable, new ones may come.
//
//   file, bytes, durationSeconds, begin (wall clock), firstPTS, isComplete
//   why the file ends: next (rotated), end (the channel's), lost (bytes behind it are missing)
//   seams[]   from, to, reason, level, framesLost, framesRepeated, audioGapTicks, why + place
//   gaps[]    kind: standstill, hole, step back, damage, dropped; seconds, units, bytes + place
//   place     time (wall clock), pts (90 kHz, 33 bits), byteOffset

import TransportStream

public struct RecordingIndex: Sendable, Equatable {
    /// One seam of the channel.
    public struct Seam: Sendable, Equatable {
        public var from: String
        public var to: String
        public var reason: String
        public var level: String
        public var framesLost: Int
        public var framesRepeated: Int
        /// 90 kHz.
        public var audioGapTicks: Int64
        public var why: String

        public init(
            from: String, to: String, reason: String, level: String, framesLost: Int,
            framesRepeated: Int, audioGapTicks: Int64, why: String
        ) {
            self.from = from
            self.to = to
            self.reason = reason
            self.level = level
            self.framesLost = framesLost
            self.framesRepeated = framesRepeated
            self.audioGapTicks = audioGapTicks
            self.why = why
        }
    }

    public struct Gap: Sendable, Equatable {
        public enum Kind: String, Sendable {
            /// No input brought anything.
            case standstill
            /// The time stamps step forward, or back.
            case hole
            case stepBack = "step back"
            /// Units went out with bytes missing.
            case damage
            /// What the recorder itself could not take or write.
            case dropped
        }
        public var kind: Kind
        /// Nil where not known.
        public var seconds: Double?
        public var units: Int64?
        public var bytes: Int64?

        public init(
            _ kind: Kind, seconds: Double? = nil, units: Int64? = nil, bytes: Int64? = nil
        ) {
            self.kind = kind
            self.seconds = seconds
            self.units = units
            self.bytes = bytes
        }
    }

    /// Why the file ends where it ends.
    public enum End: String, Sendable { case next, end, lost }

    /// Entries of each kind at most, so that it can be written at once; the rest is counted.
    public static let mostEntries = 10_000

    public var file: String
    public var begin: PieceStart
    public var bytes: Int64 = 0
    public var durationTicks: Int64 = 0
    /// Nil while it is written, and where it was not ended.
    public var end: End?
    public private(set) var seams: [(seam: Seam, place: StreamPlace)] = []
    public private(set) var gaps: [(gap: Gap, place: StreamPlace)] = []
    public private(set) var omitted = 0

    public init(file: String, begin: PieceStart) {
        self.file = file
        self.begin = begin
    }

    public mutating func note(_ seam: Seam, at place: StreamPlace) {
        guard seams.count < RecordingIndex.mostEntries else { return omitted += 1 }
        seams.append((seam, place))
    }

    public mutating func note(_ gap: Gap, at place: StreamPlace) {
        guard gaps.count < RecordingIndex.mostEntries else { return omitted += 1 }
        gaps.append((gap, place))
    }

    public static func == (a: RecordingIndex, b: RecordingIndex) -> Bool { a.text == b.text }

    // MARK: JSON

    public var text: String {
        var lines = [
            "  \"file\": \(JSONText.quoted(file))",
            "  \"isComplete\": \(end != nil)",
            "  \"end\": \(end.map { JSONText.quoted($0.rawValue) } ?? "null")",
            "  \"begin\": \(JSONText.quoted(CivilTime.text(begin.wallClock)))",
            "  \"firstPTS\": \(begin.presentation.ticks)",
            "  \"bytes\": \(bytes)",
            "  \"durationSeconds\": \(FixedTicks.seconds(durationTicks))",
        ]
        lines.append(list("seams", seams.map { members($0.seam) + members($0.place) }))
        lines.append(list("gaps", gaps.map { members($0.gap) + members($0.place) }))
        if omitted > 0 { lines.append("  \"omittedEntries\": \(omitted)") }
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }

    private typealias Members = [(String, String)]

    private func list(_ name: String, _ entries: [Members]) -> String {
        guard !entries.isEmpty else { return "  \"\(name)\": []" }
        let lines = entries.map { members in
            "    {" + members.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
        }
        return "  \"\(name)\": [\n" + lines.joined(separator: ",\n") + "\n  ]"
    }

    private func members(_ seam: Seam) -> Members {
        [
            ("from", JSONText.quoted(seam.from)), ("to", JSONText.quoted(seam.to)),
            ("reason", JSONText.quoted(seam.reason)), ("level", JSONText.quoted(seam.level)),
            ("framesLost", "\(seam.framesLost)"), ("framesRepeated", "\(seam.framesRepeated)"),
            ("audioGapTicks", "\(seam.audioGapTicks)"), ("why", JSONText.quoted(seam.why)),
        ]
    }

    private func members(_ gap: Gap) -> Members {
        var result = [("kind", JSONText.quoted(gap.kind.rawValue))]
        if let seconds = gap.seconds, seconds.isFinite, abs(seconds) < 1e9 {
            result.append(("seconds", FixedTicks.seconds(Int64(seconds * 90_000))))
        }
        if let units = gap.units { result.append(("units", "\(units)")) }
        if let bytes = gap.bytes { result.append(("bytes", "\(bytes)")) }
        return result
    }

    private func members(_ place: StreamPlace) -> Members {
        [
            ("time", JSONText.quoted(CivilTime.text(place.wallClock))),
            ("pts", "\(place.presentation.ticks)"), ("byteOffset", "\(place.byteOffset)"),
        ]
    }
}

enum JSONText {
    /// RFC 8259 §7.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
