// What of the channels can be had by HTTP: their playlists, and which names in a folder are theirs.

import Packaging
import SwitchIO

/// A channel with outputs that are HLS.
public struct WebChannel: Sendable, Equatable {
    public var name: String
    public var outputs: [HLSTarget]

    public init(name: String, outputs: [HLSTarget]) {
        self.name = name
        self.outputs = outputs
    }

    /// Nil for a channel that has none.
    public init?(_ report: ChannelReport) {
        name = report.name
        outputs = report.outputs.compactMap { output in
            if case .hls(let target)? = output.address { target } else { nil }
        }
        if outputs.isEmpty { return nil }
    }

    enum File: Equatable {
        case playlist(path: String)
        case segment(path: String, HLSTarget.Format)
        case header(path: String)
    }

    /// The file that a name stands for; nil for all that no output of this channel writes. What has
    /// been found is a playlist's or a segment's name and nothing else, so no path leads elsewhere.
    func file(_ name: String) -> File? {
        for output in outputs {
            let path = output.folder + "/" + name
            switch output.file(name) {
            case .playlist: return .playlist(path: path)
            case .segment(let format): return .segment(path: path, format)
            case .header: return .header(path: path)
            case .draft, nil: continue
            }
        }
        return nil
    }
}
