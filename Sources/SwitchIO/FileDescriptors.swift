// How many files and sockets the process may have open, and who gets them. Whoever connects from
// outside is a guest: guests get what is below a ceiling, and what is above it stays free for
// storage, links, outputs and media processes. A disk's next file is worth more than a reader.
//
// The kernel gives the lowest number that is free, so a number at the ceiling means that all below
// it are taken, by whomever.

import Glibc

public enum FileDescriptors {
    /// More than a process needs whose guests are limited all the same.
    static let most: rlim_t = 65_536
    /// Of all, a quarter is kept from guests, and at least so many where there are twice as many.
    static let leastReserve = 64
    static let mostReserve = 4096

    /// Raises the soft limit to the hard one: Debian gives 1024 of 524,288, for programs that use
    /// select(), whose sets end there. Neither NIO, libsrt nor glibc's resolver does on Linux, and
    /// attacca-media, whose libraries may, takes a small limit of its own before it does anything.
    public static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let wanted = min(limit.rlim_max, most)
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = wanted
        // What it was is enough for a channel: that it can not be raised is no reason not to run.
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Numbers that this process may use.
    public static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 1024
        }
        return Int(clamping: min(limit.rlim_cur, most))
    }

    /// The first number that is no guest's, for a process that may use so many.
    static func ceiling(of limit: Int) -> Int {
        limit - min(max(limit / 4, min(leastReserve, limit / 2)), mostReserve)
    }

    /// Whether a descriptor that a guest would bring is one that guests may have.
    public static func isForGuests(_ descriptor: Int32) -> Bool {
        descriptor >= 0 && Int(descriptor) < ceiling(of: limit)
    }

    /// Whether one more guest may be let in.
    public static var hasRoomForGuests: Bool {
        let free = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard free >= 0 else { return false }
        close(free)
        return isForGuests(free)
    }

    /// What a server may take for its guests.
    /// - Parameters:
    ///   - part: one of so many parts of what there is for all of them.
    ///   - most: enough where there is plenty.
    public static func share(part: Int, most: Int) -> Int {
        max(1, min(most, ceiling(of: limit) / part))
    }
}
