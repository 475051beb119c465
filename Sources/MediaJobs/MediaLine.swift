// Jobs and events as lines of JSON.

import Foundation

public enum MediaLine {
    /// More than any job has.
    public static let mostJobBytes = 60_000

    /// One line with its end; nil for what is too long for one.
    public static func encode(_ job: MediaJob) -> [UInt8]? {
        line(job).flatMap { $0.count <= mostJobBytes ? $0 : nil }
    }

    public static func encode(_ order: FragmentOrder) -> [UInt8]? {
        line(order).flatMap { $0.count <= mostJobBytes ? $0 : nil }
    }

    public static func encode(_ event: MediaEvent) -> [UInt8]? {
        line(event).flatMap { $0.count <= MediaEvent.mostLineBytes ? $0 : nil }
    }

    public static func job(_ line: some Collection<UInt8>) -> MediaJob? {
        try? JSONDecoder().decode(MediaJob.self, from: Data(line))
    }

    public static func order(_ line: some Collection<UInt8>) -> FragmentOrder? {
        try? JSONDecoder().decode(FragmentOrder.self, from: Data(line))
    }

    /// Nil for what is none, or says what no job can have come to: whoever reads events is on the
    /// air, and whoever writes them has read other people's bytes.
    public static func event(_ line: some Collection<UInt8>) -> MediaEvent? {
        let event = try? JSONDecoder().decode(MediaEvent.self, from: Data(line))
        return event?.isPossible == true ? event : nil
    }

    private static func line(_ value: some Encodable) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // JSON has no line ends but those between its tokens, and these are not asked for.
        return (try? encoder.encode(value)).map { Array($0) + [UInt8(ascii: "\n")] }
    }
}
