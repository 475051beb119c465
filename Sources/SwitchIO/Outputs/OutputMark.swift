// What happened to a channel's stream, for outputs that keep a record of it beside the stream.

import Packaging
import TransportStream

/// Handed to outputs when it is decided or seen: its place is ahead, or here.
public enum OutputMark: Sendable, Equatable {
    /// - Parameter presentation: where it will be, as a PTS of the output.
    case seam(RecordingIndex.Seam, presentation: Timestamp)
    /// Nothing but tables goes out from here on, or nothing at all.
    case standstill
    /// PES packets went out with bytes missing in them.
    case damage(units: Int64)
}
