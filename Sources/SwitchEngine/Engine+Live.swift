extension Engine {
    /// The host's time for a time of the output's schedule, as drained.
    public func hostTime(ofSchedule ticks: Int64) -> MonotonicInstant {
        MonotonicInstant(ticks: clock.hostTicks(of: ticks))
    }
}
