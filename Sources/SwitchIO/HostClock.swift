// The host's clocks. All of this module's times are those of the monotonic clock.

import Glibc
import NIOCore
import SwitchEngine

public enum HostClock {
    /// The monotonic clock now.
    public static var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds(CLOCK_MONOTONIC))
    }

    /// What to take from the kernel's time stamps of datagrams, which are wall-clock times, for the
    /// monotonic time; good for the next milliseconds.
    static var wallClockOffset: Int64 {
        nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC)
    }

    /// The monotonic time of a wall-clock time, nanoseconds since 1970, as the clocks stand now.
    public static func instant(ofWallClock time: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: time &- wallClockOffset)
    }

    /// The wall-clock time of a monotonic one, nanoseconds since 1970, as the clocks stand now.
    public static func wallClock(of instant: MonotonicInstant) -> Int64 {
        instant.nanoseconds &+ wallClockOffset
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension NIODeadline {
    init(_ instant: MonotonicInstant) {
        self = .uptimeNanoseconds(UInt64(max(instant.nanoseconds, 0)))
    }
}
