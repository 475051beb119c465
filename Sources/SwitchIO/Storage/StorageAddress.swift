// Folders that a channel is written into, as values.

import Packaging

/// `hls:DIR`: segments and a playlist.
public struct HLSTarget: Sendable, Equatable {
    public var folder: String
    /// Of the playlist, `NAME.m3u8`; the segments' names begin with it.
    public var name = "index"
    public var kind = MediaPlaylist.Kind.live
    public var segments = Format.ts
    /// Nanoseconds that a segment is long, 1 s to 60 s; it ends at the next random access point.
    public var segment: Int64 = 4_000_000_000
    /// Segments in a live playlist, 3 to 10,000.
    public var window = 6
    /// Bytes that stay free on the disk.
    public var keepFree: Int64 = 0

    /// What a segment is.
    public enum Format: String, Sendable, CaseIterable {
        /// A transport stream.
        case ts
        /// A fragment of an MP4 (ISO 14496-12); its initialization section is another file.
        case fmp4
    }

    public init(folder: String) { self.folder = folder }
}

/// `record:DIR`: files, and beside each what happened in it.
public struct RecordTarget: Sendable, Equatable {
    public var folder: String
    /// Names of files begin with it; nil for the channel's name.
    public var name: String?
    /// A new file after so many nanoseconds, 10 s to a week; nil for none.
    public var every: Int64?
    /// A new file after so many bytes; nil for none.
    public var size: Int64?
    /// What is older than so many nanoseconds is on the disk itself; nil leaves it to the system.
    public var sync: Int64? = 5_000_000_000
    /// Bytes that stay free on the disk.
    public var keepFree: Int64 = 1_000_000_000

    public init(folder: String) { self.folder = folder }
}
