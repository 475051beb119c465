// When the units of a recording went out, by what stands beside it: its begin on the wall clock and
// by PTS, and each place where the one went on without the other.

import TransportStream

public struct RecordingClock: Sendable {
    public struct Place: Sendable, Equatable {
        public var presentation: Timestamp
        /// Nanoseconds since 1970.
        public var wallClock: Int64

        public init(presentation: Timestamp, wallClock: Int64) {
            self.presentation = presentation
            self.wallClock = wallClock
        }
    }

    /// The last place that was asked for; nil where that is not known any more.
    private var last: Place?
    private var breaks: [Place]

    /// - Parameter breaks: the first units behind the breaks of its time line, in order.
    public init(begin: Place, breaks: [Place] = []) {
        last = begin
        self.breaks = breaks
    }

    /// The time line breaks: what stands beside the recording says when it goes on.
    public mutating func pass(_ found: TimeBreak) {
        let presentation = found.place.presentation
        if let index = breaks.firstIndex(where: { $0.presentation == presentation }) {
            last = breaks[index]
            breaks.removeFirst(index + 1)
        } else if found.ticks < 0, last?.presentation != presentation {
            // Without a word of it, time that is missing has passed; what is there twice has not.
            last = nil
        }
    }

    /// When a unit went out, nanoseconds since 1970; nil where that is not known. Units are
    /// asked for in order, not more than some hours apart.
    public mutating func wallClock(of presentation: Timestamp) -> Int64? {
        guard let before = last else { return nil }
        var ticks = Timestamp(wrapping: presentation.ticks &- before.presentation.ticks).ticks
        if ticks >= Timestamp.modulus / 2 { ticks -= Timestamp.modulus }
        let place = Place(
            presentation: presentation,
            wallClock: before.wallClock &+ ticks.scaled(by: 100_000, over: 9))
        last = place
        return place.wallClock
    }
}
