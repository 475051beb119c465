// A run of the fuzzer for people and for other commands: what it is made of, its inputs as files,
// and the rehearsal that is the same.

import ControlPlane
import Foundation
import Simulation
import SwitchEngine

struct FuzzReproducer {
    private let plan: FuzzPlan
    private let inputs: [[UInt8]]
    /// What else to write down.
    var told: [String] = []

    init(_ plan: FuzzPlan, inputs: [[UInt8]]) {
        self.plan = plan
        self.inputs = inputs
    }

    /// Writes the inputs and a text into a folder, which is made.
    func write(to folder: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            for (number, bytes) in inputs.enumerated() {
                try Data(bytes).write(to: URL(fileURLWithPath: path(folder, number)))
            }
            let rehearsal = plan.line == nil
                ? "attacca " + arguments(folder).joined(separator: " ")
                : "not to be rehearsed: a line brings the bytes as they are"
            let lines = FuzzText.plan(plan, inputs: inputs) + ["", rehearsal] + told + [""]
            try Data(lines.joined(separator: "\n").utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/read-me.txt"))
        } catch {
            throw CommandFailure.run("'\(folder)' can not be written")
        }
    }

    private func path(_ folder: String, _ number: Int) -> String { "\(folder)/in\(number).ts" }

    /// The rehearsal that is the same run.
    private func arguments(_ folder: String) -> [String] {
        let configuration = plan.configuration
        var arguments = ["rehearse"]
        for (number, input) in plan.inputs.enumerated() {
            let delay = input.delay > 0 ? "@\(TimeValue(nanoseconds: input.delay))" : ""
            arguments += ["--input", "in\(number)=\(path(folder, number))\(delay)"]
        }
        arguments += [
            "--hold-back", "\(TimeValue(nanoseconds: configuration.holdBack))",
            "--align", configuration.alignment.rawValue,
            "--return", "\(ReturnValue(configuration.returning))",
            "--wait", "\(TimeValue(nanoseconds: configuration.plannedWait))",
            "--standstill", configuration.standstillMode.rawValue,
        ]
        if let rate = configuration.muxRate { arguments += ["--mux-rate", "\(rate)"] }
        if let cue = configuration.cue { arguments += ["--cue", "in\(cue.target.index)"] }
        for (number, input) in configuration.inputs.enumerated() where input.isSlate {
            arguments += ["--slate", "in\(number)"]
        }
        for event in plan.script { arguments += ["--event", FuzzText.event(event)] }
        return arguments + ["--output", "\(folder)/out.ts"]
    }
}

enum FuzzText {
    /// What a plan is made of, with the numbers of its ingredients.
    static func plan(_ plan: FuzzPlan, inputs: [[UInt8]]) -> [String] {
        var lines = ["seed \(plan.seed)"]
        let numbers = plan.ingredients
        func number(_ ingredient: FuzzPlan.Ingredient) -> String {
            numbers.firstIndex(of: ingredient).map { "[\($0)] " } ?? ""
        }
        for (index, input) in plan.inputs.enumerated() {
            let whole = input.packets.upperBound == .max
            lines.append(
                "in\(index): \(plan.names[index]), "
                    + (whole ? "all of it" : "packets \(input.packets)")
                    + ", \(number(.passes(input: index)))\(input.passes) times, "
                    + "\(number(.delay(input: index)))\(input.delay / 1_000_000) ms late, "
                    + "\(inputs[index].count) bytes")
            for (place, mutation) in input.mutations.enumerated() {
                lines.append("  \(number(.mutation(input: index, number: place)))\(mutation)")
            }
        }
        for (index, event) in plan.script.enumerated() {
            lines.append("\(number(.event(index)))\(FuzzText.event(event))")
        }
        for (index, ingredient) in numbers.enumerated() {
            switch ingredient {
            case .setting(let setting):
                lines.append("[\(index)] \(setting.rawValue): \(value(of: setting, plan))")
            case .line: lines.append("[\(index)] \(plan.line.map { "\($0)" } ?? "")")
            case .lastInput: lines.append("[\(index)] the last input")
            default: continue
            }
        }
        return lines
    }

    private static func value(of setting: FuzzPlan.Setting, _ plan: FuzzPlan) -> String {
        let configuration = plan.configuration
        return switch setting {
        case .muxRate: "\(configuration.muxRate ?? 0)"
        case .returning: "\(ReturnValue(configuration.returning))"
        case .alignment: configuration.alignment.rawValue
        case .standstillMode: configuration.standstillMode.rawValue
        case .cue: "in\(configuration.cue?.target.index ?? 0)"
        case .slate: "in\(configuration.inputs.count - 1)"
        case .plannedWait: "\(TimeValue(nanoseconds: configuration.plannedWait))"
        case .holdBack: "\(TimeValue(nanoseconds: configuration.holdBack))"
        }
    }

    /// As `rehearse` reads it.
    static func event(_ event: RehearsalEvent) -> String {
        let time = TimeValue(nanoseconds: event.time)
        return switch event.action {
        case .drop(let input): "\(time):drop:in\(input.index)"
        case .restore(let input): "\(time):restore:in\(input.index)"
        case .loss(let input, let share, let seed):
            "\(time):loss:in\(input.index):\(Double(share) / 10_000)%:\(seed)"
        case .command(.switchTo(let input, let moment?, _)):
            "\(TimeValue(nanoseconds: moment.nanoseconds)):schedule:in\(input.index)"
        case .command(.switchTo(let input, nil, _)): "\(time):switch:in\(input.index)"
        case .command(.hold(let input)): "\(time):hold:in\(input.index)"
        case .command(.release), .command(.clearSchedule): "\(time):release"
        }
    }
}
