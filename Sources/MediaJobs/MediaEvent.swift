// What attacca-media tells of its job.

/// One line of its standard error.
public enum MediaEvent: Codable, Sendable, Equatable {
    /// It is alive; each second, but not while a call of libav takes longer than it may.
    case beat(packets: Int64, bytes: Int64)
    /// The source or target is open, before the first of its packets.
    case opened(what: String, pace: Pace)
    /// Nothing comes of the source for now, and why; it is opened again, and then told of.
    case interrupted(String)
    /// A looped file's pass is over: so many bytes of it came out, and it lasts so long.
    case passed(bytes: Int64, nanoseconds: Int64)
    /// What of its standard input, behind the job's line, came before this byte is written for
    /// good; a process that begins there again goes on without a hole.
    case safe(position: Int64)
    /// Something was left out or went wrong, and the job goes on.
    case remark(String)
    /// A fragment is there, with these tracks.
    case fragment([FragmentTrack])
    /// What was written is made ready; that takes its time.
    case finishing(String)
    /// The job is done: what there is now.
    case finished(String)
    /// Why the process ends.
    case failed(String)

    /// How a link's packets are to be taken.
    public enum Pace: String, Codable, Sendable {
        /// As they come.
        case arrival
        /// When their own clock says: they come as fast as they are taken.
        case clock
    }

    /// Beyond any number of bytes, or of nanoseconds, that a job comes to: 36 years.
    private static let most: Int64 = 1 << 60

    /// Its numbers are such that sums of them are numbers.
    var isPossible: Bool {
        let range = 0...MediaEvent.most
        return switch self {
        case .beat(let packets, let bytes): range.contains(packets) && range.contains(bytes)
        case .passed(let bytes, let nanoseconds):
            range.contains(bytes) && range.contains(nanoseconds)
        case .safe(let position): range.contains(position)
        case .opened, .interrupted, .remark, .fragment, .finishing, .finished, .failed: true
        }
    }

    /// Between two beats, nanoseconds.
    public static let beatPause: Int64 = 1_000_000_000
    /// A line is written at once, or not at all: PIPE_BUF.
    public static let mostLineBytes = 4096
}
