// Times of the day and fractions of seconds as text, and back: what playlists and sidecars write.
// Gregorian calendar, UTC (ISO 8601, RFC 3339).

import TransportStream

public enum CivilTime {
    /// `2026-11-21T20:00:00.123Z`.
    /// - Parameter nanoseconds: since 1970.
    public static func text(_ nanoseconds: Int64) -> String {
        let (date, time, milliseconds) = parts(nanoseconds)
        let clock = time.map { padded($0, 2) }.joined(separator: ":")
        return "\(padded(date[0], 4))-\(padded(date[1], 2))-\(padded(date[2], 2))T\(clock)"
            + ".\(padded(milliseconds, 3))Z"
    }

    /// `20261121T200000Z`, for names of files.
    public static func compact(_ nanoseconds: Int64) -> String {
        let (date, time, _) = parts(nanoseconds)
        return padded(date[0], 4) + date[1...].map { padded($0, 2) }.joined() + "T"
            + time.map { padded($0, 2) }.joined() + "Z"
    }

    /// Of the times that are read, 142 years from 1970 on and back: any two of them, and hours
    /// more, are no further apart than an Int64 of nanoseconds can tell.
    private static let greatestSeconds: Int64 = 4_500_000_000

    /// Reads what `text` writes; nil for what is no time, or none of 1827 to 2112.
    public static func nanoseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54,
            bytes[13] == 0x3A, bytes[16] == 0x3A, bytes[19] == 0x2E, bytes[23] == 0x5A
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            range.reduce(Int64(0)) { sum, index in
                guard let sum, (0x30...0x39).contains(bytes[index]) else { return nil }
                return sum * 10 + Int64(bytes[index] - 0x30)
            }
        }
        let ranges = [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19, 20..<23]
        let numbers = ranges.compactMap(number)
        guard numbers.count == 7, (1...12).contains(numbers[1]), (1...31).contains(numbers[2])
        else { return nil }
        let days = daysSince1970(year: numbers[0], month: numbers[1], day: numbers[2])
        let seconds = days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
        guard abs(seconds) <= greatestSeconds else { return nil }
        return seconds * 1_000_000_000 + numbers[6] * 1_000_000
    }

    private static func parts(
        _ nanoseconds: Int64
    ) -> (date: [Int64], time: [Int64], milliseconds: Int64) {
        let milliseconds = nanoseconds.flooredDivision(by: 1_000_000)
        let seconds = milliseconds.flooredDivision(by: 1000)
        let days = seconds.flooredDivision(by: 86_400)
        let rest = seconds - days * 86_400
        return (
            date(daysSince1970: days), [rest / 3600, rest / 60 % 60, rest % 60],
            milliseconds - seconds * 1000
        )
    }

    // Years begin in March here: the day that comes and goes is then their last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year.flooredDivision(by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    private static func date(daysSince1970 days: Int64) -> [Int64] {
        let shifted = days + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return [year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1]
    }

    private static func padded(_ number: Int64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}

/// Ticks of 90 kHz as decimal seconds, to the nearest microsecond.
enum FixedTicks {
    static func seconds(_ ticks: Int64) -> String {
        let micros = ticks.magnitude.multipliedReportingOverflow(by: 1_000_000).partialValue
        let rounded = (micros + 45_000) / 90_000
        let fraction = String(rounded % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return "\(ticks < 0 ? "-" : "")\(rounded / 1_000_000).\(zeros)\(fraction)"
    }

    /// Reads up to six digits behind the point; nil for what is no time of less than a year.
    static func ticks(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int64($0) }), (0..<32_000_000).contains(whole)
        else { return nil }
        guard parts.count == 2 else { return whole * 90_000 }
        let digits = parts[1].prefix(6)
        guard let fraction = Int64(digits), fraction >= 0 else { return nil }
        var micros = fraction
        for _ in digits.count..<6 { micros *= 10 }
        return whole * 90_000 + (micros * 9 + 50) / 100
    }
}
