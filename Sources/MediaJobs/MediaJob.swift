// What attacca asks of attacca-media: one job for one process. The job is the first line of its
// standard input, so that what is secret in an address never stands in a command line.
//
//   link      a foreign container or protocol --> transport packets on standard output
//   output    transport packets on standard input, behind the job --> a container or a server
//   package   finished recordings --> one MP4
//   fragments pieces of a transport stream, one `FragmentOrder` a line --> fragments of MP4
//   slate     a still or a clip --> a transport stream like another one
//
// Standard error has one JSON line for each `MediaEvent`.

/// One job.
public enum MediaJob: Codable, Sendable, Equatable {
    case link(MediaSource)
    case output(MediaTarget)
    /// Recordings in order, transport streams or MP4, to one MP4 with its index first.
    case package(inputs: [String], output: String)
    /// Orders on standard input, each answered, until that is closed.
    case fragments
    case slate(SlateRecipe)

    /// Its exit status.
    public enum Exit {
        public static let done: Int32 = 0
        /// Another try may succeed, after a while.
        public static let failed: Int32 = 1
        /// The stream is another one now: begin again at once.
        public static let changed: Int32 = 3
        /// It did not come out of a call, and gave itself up.
        public static let stuck: Int32 = 4
    }
}

/// Where a link's stream comes from.
public enum MediaSource: Codable, Sendable, Equatable {
    /// A recording in any container.
    case file(path: String, isLooped: Bool)
    /// A still or a clip, made to fit what its channel sends; then it is a file that is looped.
    case slate(picture: String)
    /// http, https, rtsp, rist.
    case pull(MediaURL)
}

/// Where an output's stream goes.
public enum MediaTarget: Codable, Sendable, Equatable {
    /// Written in fragments; made a plain one with the index first at its end, if not
    /// `staysFragmented`.
    case mp4(path: String, staysFragmented: Bool)
    /// rtmp, rtmps, rist.
    case push(MediaURL)
}

/// A slate like a stream that is on the air.
public struct SlateRecipe: Codable, Sendable, Equatable {
    /// A still or a clip.
    public var picture: String
    /// Some seconds of the stream that it is to be like; nil for standard input.
    public var like: String?
    /// Nil for standard output.
    public var output: String?

    public init(picture: String, like: String? = nil, output: String? = nil) {
        self.picture = picture
        self.like = like
        self.output = output
    }
}

extension MediaSource: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let path, _), .slate(let path): path
        case .pull(let url): url.description
        }
    }
}

extension MediaTarget: CustomStringConvertible {
    public var description: String {
        switch self {
        case .mp4(let path, _): path
        case .push(let url): url.description
        }
    }
}

extension MediaJob {
    /// What must not stand in anything that is told.
    public var secrets: [String] {
        switch self {
        case .link(.pull(let url)), .output(.push(let url)): url.secrets
        case .link, .output, .package, .fragments, .slate: []
        }
    }
}
