// What operator and process say to each other over the control socket: one line of JSON each way.
//
//   {"command": "status"}
//   {"command": "switch", "channel": "one", "input": "backup", "at": "2026-11-21T20:00:00Z"}
//   {"command": "hold", "channel": "one"}        {"command": "release", "channel": "one"}
//   {"command": "clear", "channel": "one"}

import Foundation
import SwitchIO

public struct ControlRequest: Codable, Sendable, Equatable {
    public enum Command: String, Codable, Sendable, CaseIterable {
        case status, `switch`, hold, release
        /// Takes back what was to be switched at a time.
        case clear
    }

    public var command: Command
    /// May be left out where the process has one channel.
    public var channel: String?
    public var input: String?
    /// A wall-clock time, ISO 8601 with its zone.
    public var at: String?
    /// Stay on that input until it is released.
    public var hold: Bool?

    public init(_ command: Command, channel: String? = nil) {
        self.command = command
        self.channel = channel
    }

    /// A line of a client.
    public static func read(_ line: Data) throws(ControlFailure) -> ControlRequest {
        do {
            return try JSONDecoder().decode(ControlRequest.self, from: line)
        } catch {
            let names = Command.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlFailure(
                "expected one line of JSON such as {\"command\": \"status\"}; commands: \(names)")
        }
    }
}

public struct ControlReply: Codable, Sendable {
    /// Why nothing was done.
    public var error: String?
    public var status: ProcessDocument?

    public init(error: String? = nil, status: ProcessDocument? = nil) {
        self.error = error
        self.status = status
    }

    /// One line.
    public var line: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(self)) ?? Data("{\"error\": \"no answer\"}".utf8)
        return data + Data("\n".utf8)
    }
}

/// Something that an operator asked for and that could not be done.
public struct ControlFailure: Error, CustomStringConvertible, Sendable, Equatable {
    public var description: String

    public init(_ description: String) { self.description = description }
}

/// A time on the wall: `2026-11-21T20:00:00Z`, or `+30s` from now.
public struct WallClockValue: Sendable, Equatable {
    public static let allowed = "a time such as 2026-11-21T20:00:00Z, or +30s from now"
    /// Since 1970.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// - Parameter now: nanoseconds since 1970.
    public init?(argument: String, now: Int64) {
        if argument.hasPrefix("+") {
            guard let time = TimeValue(argument: String(argument.dropFirst())),
                time.nanoseconds <= WallClockValue.longestWait
            else { return nil }
            nanoseconds = now + time.nanoseconds
            return
        }
        let styles = [false, true].map {
            Date.ISO8601FormatStyle(includingFractionalSeconds: $0)
        }
        guard let date = styles.lazy.compactMap({ try? $0.parse(argument) }).first else {
            return nil
        }
        let seconds = date.timeIntervalSince1970
        guard abs(seconds) < 9e9 else { return nil }
        nanoseconds = Int64(seconds * 1e3) * 1_000_000
    }

    /// Ten years.
    static let longestWait: Int64 = 315_360_000_000_000_000

    /// As it is sent, to the millisecond.
    public var text: String {
        Date(timeIntervalSince1970: Double(nanoseconds) / 1e9)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
