// Inputs, shares and scripts as people write them; times and rates are read by ControlPlane.

import ArgumentParser
import ControlPlane
import Simulation
import SwitchEngine

/// A value that can say what is allowed in its place.
protocol ToldValue {
    static var allowed: String { get }
    init?(argument: String)
}

extension ToldValue {
    /// Reads an argument, or says what was expected.
    static func parse(_ argument: String) throws -> Self {
        guard let value = Self(argument: argument) else {
            throw ValidationError("expected \(allowed)")
        }
        return value
    }
}

extension TimeValue: ToldValue {}
extension RateValue: ToldValue {}
extension ReturnValue: ToldValue {}

extension StandstillMode: ToldValue {
    static var allowed: String { allCases.map(\.rawValue).joined(separator: ", ") }
    init?(argument: String) { self.init(rawValue: argument) }
}

extension AlignmentMode: ToldValue {
    static var allowed: String { allCases.map(\.rawValue).joined(separator: ", ") }
    init?(argument: String) { self.init(rawValue: argument) }
}

/// `name=file[@delay]`.
struct InputValue: ToldValue {
    var name: String
    var path: String
    var delay: TimeValue?
    static let allowed = "name=file.ts or name=file.ts@300ms"

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else {
            return nil
        }
        name = String(argument[..<sign])
        var rest = argument[argument.index(after: sign)...]
        // A file name may hold an @ of its own: only a time behind the last one is a delay.
        if let at = rest.lastIndex(of: "@"),
            let time = TimeValue(argument: String(rest[rest.index(after: at)...]))
        {
            delay = time
            rest = rest[..<at]
        }
        path = String(rest)
        let isName = name.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) }
        guard isName, !path.isEmpty else { return nil }
    }
}

/// `time:what[:input[:share[:seed]]]`.
struct EventValue: ToldValue {
    var time: TimeValue
    var action: String
    /// Empty where the action is none of an input's.
    var input = ""
    var sharePerMillion = 0
    var seed: UInt64 = 1
    static let actions = ["drop", "restore", "switch", "schedule", "hold", "loss"]
    static let allowed =
        "8s:drop:main, 14s:restore:main, 20s:switch:backup, 22s:schedule:main, 24s:hold:main, "
        + "30s:release or 25s:loss:main:2%:7 (share of packets, seed)"

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            .map(String.init)
        guard parts.count >= 2, let time = TimeValue(argument: parts[0]) else { return nil }
        self.time = time
        action = parts[1]
        if action == "release" {
            if parts.count > 2 { return nil }
            return
        }
        guard EventValue.actions.contains(action), parts.count >= 3, !parts[2].isEmpty else {
            return nil
        }
        input = parts[2]
        guard action == "loss" else {
            if parts.count > 3 { return nil }
            return
        }
        guard parts.count == 4 || parts.count == 5, parts[3].hasSuffix("%"),
            let share = Double(parts[3].dropLast()), share >= 0, share <= 100
        else { return nil }
        sharePerMillion = Int((share * 10_000).rounded())
        if parts.count == 5 {
            guard let seed = UInt64(parts[4]) else { return nil }
            self.seed = seed
        }
    }
}

/// `N`, for all inputs, or `name=N`.
struct ProgramValue: ToldValue {
    var input: String?
    var program: UInt16
    static let allowed = "a programme number 1 to 65535, or name=number for one input"

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last, let number = UInt16(last), number > 0 else {
            return nil
        }
        program = number
        if parts.count == 2 { input = String(parts[0]) }
    }
}

/// A programme number.
struct ProgramNumber: ToldValue {
    var number: UInt16
    static let allowed = "a programme number 1 to 65535"

    init?(argument: String) {
        guard let number = UInt16(argument), number > 0 else { return nil }
        self.number = number
    }
}
