// The keys of fault detection. Each is a threshold alone, `off`, or a threshold with its times:
//
//   silence: 200ms
//   scrambled: off
//   continuity-errors: {threshold: 20, trip: 1s, clear: 5s}

import SwitchEngine

enum DetectionKeys {
    private static let second: Int64 = 1_000_000_000
    private static let hour = 3600 * second

    static let all: [ConfigurationKey<Detection>] = [
        limit("silence", \.silence, .time(from: second / 50)),
        limit("bitrate-floor", \.bitrateFloor, .rate),
        limit("continuity-errors", \.continuityErrors, .count),
        limit("sync-loss", \.syncLoss, .count),
        limit("pat-missing", \.patMissing, .time(from: second / 10)),
        limit("pmt-missing", \.pmtMissing, .time(from: second / 10)),
        limit("pid-missing", \.pidMissing, .time(from: second / 10)),
        limit("stream-loss", \.streamLoss, .time(from: second / 10)),
        limit("clock-stall", \.clockStall, .time(from: second / 10)),
        limit("clock-jumps", \.clockJumps, .count),
        limit("random-access", \.randomAccess, .time(from: second / 10)),
        limit("scrambled", \.scrambled, .count),
        limit("transport-errors", \.transportErrors, .count),
    ]

    /// What a threshold is counted in.
    private enum Unit {
        case time(from: Int64)
        case rate
        /// In the time that `Detection` says.
        case count

        var allowed: String {
            switch self {
            case .time(let least): ConfigurationKey<Detection>.timeRange(least, hour)
            case .rate: RateValue.allowed
            case .count: "a number from 0 to 1000000"
            }
        }

        func read(_ text: String) -> Int64? {
            switch self {
            case .time(let least):
                TimeValue(argument: text).map(\.nanoseconds).flatMap {
                    (least...hour).contains($0) ? $0 : nil
                }
            case .rate: RateValue(argument: text)?.bitsPerSecond
            case .count: Int64(text).flatMap { (0...1_000_000).contains($0) ? $0 : nil }
            }
        }
    }

    private static func limit(
        _ name: String, _ path: WritableKeyPath<Detection, Detection.Limit?> & Sendable,
        _ unit: Unit
    ) -> ConfigurationKey<Detection> {
        let keys: [ConfigurationKey<Detection.Limit>] = [
            .word("threshold", allowed: unit.allowed) { limit, text in
                guard let threshold = unit.read(text) else { return false }
                limit.threshold = threshold
                return true
            },
            .time("trip", \.trip, to: hour),
            .time("clear", \.clear, to: hour),
        ]
        let allowed = "off, \(unit.allowed), or threshold, trip and clear"
        // The times of one that the channel has off and an input on again.
        let usual = Detection()[keyPath: path] ?? Detection.Limit(0)
        return ConfigurationKey(name) { detection, value, reader in
            if case .mapping(let entries) = value.content {
                // What is off needs a threshold to be on again.
                if detection[keyPath: path] == nil,
                    !entries.contains(where: { $0.name == "threshold" })
                {
                    reader.fail(value.place, found: "no threshold", allowed: unit.allowed)
                }
                var limit = detection[keyPath: path] ?? usual
                reader.read(value, keys, into: &limit)
                detection[keyPath: path] = limit
                return
            }
            guard let filled = reader.text(value, allowed: allowed) else { return }
            if filled.text == "off" {
                detection[keyPath: path] = nil
            } else if let threshold = unit.read(filled.text) {
                var limit = detection[keyPath: path] ?? usual
                limit.threshold = threshold
                detection[keyPath: path] = limit
            } else {
                reader.fail(value.place, found: filled.shown.description, allowed: allowed)
            }
        }
    }
}
