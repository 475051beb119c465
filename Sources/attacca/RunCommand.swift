// `attacca run`: channels on the air, from a configuration or from addresses alone.

import ArgumentParser
import ControlPlane
import Foundation
import SwitchEngine
import SwitchIO

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep channels on the air.",
        discussion: """
            Either a configuration file, or addresses: attacca run -i srt://:9001 \
            -i srt://192.0.2.7:9003 -o udp://239.1.1.1:5000
            """)

    @Argument(help: "The configuration (YAML).") var file: String?
    @Flag(help: "Read the configuration, say what is wrong with it, and end.") var check = false
    @Option(name: [.short, .customLong("input")],
        help: "An input's address, the preferred one first; also name=address.")
    var input: [String] = []
    @Option(name: [.short, .customLong("output")], help: "Where the channel goes; may be repeated.")
    var output: [String] = []
    @Option(help: "How far the output runs behind the newest packet.",
        transform: TimeValue.parse)
    var holdBack = TimeValue(nanoseconds: 2_000_000_000)
    @Option(help: "How contents are lined up: auto, timestamps, arrival.",
        transform: AlignmentMode.parse)
    var align = AlignmentMode.auto
    @Option(name: .customLong("return"),
        help: "When to go back to a better input: never, or the time of its proven health.",
        transform: ReturnValue.parse)
    var returning = ReturnValue(.never)
    @Option(help: "How long a planned seam waits for one that loses nothing.",
        transform: TimeValue.parse)
    var wait = TimeValue(nanoseconds: 10_000_000_000)
    @Option(help: "Constant output rate with null packets: 8M.", transform: RateValue.parse)
    var muxRate: RateValue?

    func run() throws {
        let plans = try plans()
        if check {
            print("\(plans.count) channel\(plans.count == 1 ? "" : "s"), nothing wrong")
            return
        }
        try LiveRun(plans, label: "attacca").run()
    }

    private func plans() throws -> [ChannelPlan] {
        guard let file else { return [try plan()] }
        guard input.isEmpty && output.isEmpty else {
            throw CommandFailure.usage("run: a configuration, or -i and -o, not both")
        }
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CommandFailure.run("'\(file)' can not be read")
        }
        return try LiveValues.plans(text, source: file)
    }

    /// One channel from addresses.
    private func plan() throws -> ChannelPlan {
        guard !input.isEmpty else {
            throw CommandFailure.usage("run: expected a configuration file, or -i URL … -o URL …")
        }
        guard !output.isEmpty else {
            throw CommandFailure.usage("run: -o is missing: where does the channel go?")
        }
        var names: [String] = []
        var inputs: [InputPlan] = []
        for (index, text) in input.enumerated() {
            let (name, url) = LiveValues.named(text, otherwise: "input\(index + 1)")
            guard !names.contains(name) else {
                throw CommandFailure.usage("run: two inputs are called '\(name)'")
            }
            names.append(name)
            inputs.append(InputPlan(links: [try LiveValues.link(url)]))
        }
        var engine = ChannelConfiguration(inputs: names.map { InputConfiguration(name: $0) })
        engine.holdBack = holdBack.nanoseconds
        engine.alignment = align
        engine.returning = returning.policy
        engine.plannedWait = wait.nanoseconds
        engine.muxRate = muxRate?.bitsPerSecond
        let outputs = try output.map { OutputPlan(name: $0, address: try LiveValues.output($0)) }
        return ChannelPlan(name: "channel", engine: engine, inputs: inputs, outputs: outputs)
    }
}
