// The least of what was seen in the last seconds, in constant memory.

/// Minimum over the last 8 seconds, in steps of half a second.
struct SlidingMinimum {
    static let bucketCount = 16
    /// Half a second of 27 MHz ticks.
    static let bucketTicks: Int64 = 13_500_000

    private var buckets = [Int64](repeating: .max, count: bucketCount)
    private var start: Int64?
    private var index = 0

    /// Nil before the first value.
    private(set) var value: Int64?

    /// Takes a value seen at `ticks`, which must not run backwards.
    mutating func take(_ newValue: Int64, at ticks: Int64) {
        var begin = start ?? ticks
        if ticks &- begin >= SlidingMinimum.bucketTicks * Int64(SlidingMinimum.bucketCount) {
            // After a long pause old values say nothing any more.
            for bucket in buckets.indices { buckets[bucket] = .max }
            begin = ticks
        }
        while ticks &- begin >= SlidingMinimum.bucketTicks {
            begin += SlidingMinimum.bucketTicks
            index = (index + 1) % SlidingMinimum.bucketCount
            buckets[index] = .max
        }
        start = begin
        buckets[index] = min(buckets[index], newValue)
        value = buckets.min()
    }
}
