// HLS in fragmented MP4, piece by piece. What the process has to know stands in each order, and
// what it has found out in the answer, so that one that is killed costs nothing but the piece at
// hand: the next process makes the same of it.
//
//   transport packets of piece n   ──┐
//   the end of piece n - 1 (sound) ──┴──> initialization section, fragment n

import Foundation

/// One line of a `fragments` job's standard input.
public struct FragmentOrder: Codable, Sendable, Equatable {
    /// The file of a piece: tables, then a unit that a decoder can start at.
    public var piece: String
    /// PTS of that unit on a line without wraps, 90 kHz. Decoding times are never below 0.
    public var position: Int64
    /// DTS of the next piece's first unit on the same line: the last picture lasts until then, and
    /// sound frames may be cut off by this one's end. Nil where none goes on.
    public var end: Int64?
    /// What this piece goes on from; nil where it does not.
    public var before: FragmentOrder.Before?
    /// Of the fragment, counted from 0.
    public var number: Int64
    /// Where to write the initialization section and the fragment.
    public var header: String
    public var fragment: String

    public struct Before: Codable, Sendable, Equatable {
        /// The file of the piece before, whose last sound frame belongs to this one.
        public var piece: String
        /// Of its fragment.
        public var tracks: [FragmentTrack]

        public init(piece: String, tracks: [FragmentTrack]) {
            self.piece = piece
            self.tracks = tracks
        }
    }

    public init(
        piece: String, position: Int64, end: Int64?, before: Before?, number: Int64,
        header: String, fragment: String
    ) {
        self.piece = piece
        self.position = position
        self.end = end
        self.before = before
        self.number = number
        self.header = header
        self.fragment = fragment
    }
}

/// What a fragment has of one stream.
public struct FragmentTrack: Codable, Sendable, Equatable {
    /// The PID, and the track's number.
    public var id: Int32
    /// What the initialization section says of it, and nothing in the samples can: another one is
    /// needed where this differs.
    public var kind: String
    public var sound: Sound?
    /// Of pictures: the parameter sets, for a piece that has none.
    public var parameters: Data?

    /// Longer ones are not told: a line has an end.
    public static let mostParameterBytes = 1024

    public struct Sound: Codable, Sendable, Equatable {
        /// Where its last frame ends, in samples from the line's begin.
        public var end: Int64
        /// The frame behind that: the last so many bytes of the piece's sound, perhaps not all of
        /// it. It belongs to the next fragment.
        public var restBytes: Int
        /// PTS of that on the line, 90 kHz.
        public var restPosition: Int64

        public init(end: Int64, restBytes: Int, restPosition: Int64) {
            self.end = end
            self.restBytes = restBytes
            self.restPosition = restPosition
        }
    }

    public init(id: Int32, kind: String, sound: Sound?, parameters: Data?) {
        self.id = id
        self.kind = kind
        self.sound = sound
        self.parameters = parameters
    }
}
