// `attacca run`: channels on the air, from a configuration or from addresses alone.

import ArgumentParser
import ControlPlane
import Foundation
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
    @Option(help: ArgumentHelp(ControlPlace.help)) var control: String?
    // As in a configuration, where their names are the keys.
    @Option(help: "How far the output runs behind the newest packet: 2s.") var holdBack: String?
    @Option(help: "How contents are lined up: auto, timestamps, arrival.") var align: String?
    @Option(name: .customLong("return"),
        help: "When to go back to a better input: never, now, or the time of its proven health.")
    var returning: String?
    @Option(help: "How long a planned seam waits for one that loses nothing: 10s.")
    var wait: String?
    @Option(help: "Constant output rate with null packets: 8M.") var muxRate: String?
    @Option(help: "What is due within so long leaves together, up to 10ms: fewer wake-ups.")
    var burst: String?
    @Option(help: "Where HLS outputs are read by HTTP, and a page that plays them: :8080.")
    var http: String?
    @Option(help: "A file from which the next run goes on: counters, PIDs, time.")
    var state: String?
    @Option(help: "A still or a clip that is made to fit, and shown when no input is there.")
    var slate: String?

    func run() throws {
        var web: WebAddress?
        if let http {
            web = WebAddress(http)
            guard web != nil else {
                throw CommandFailure.usage("--http: expected \(WebAddress.allowed)")
            }
        }
        let (plans, configured) = try plans()
        if check {
            print("\(plans.count) channel\(plans.count == 1 ? "" : "s"), nothing wrong")
            return
        }
        let file = file
        let reread = file.map { file in { @Sendable in try Run.read(file).channels } }
        var run = LiveRun(plans, label: "attacca", reread: reread)
        run.control = ControlPlace(path: control)
        run.web = web ?? configured
        try run.run()
    }

    private func plans() throws -> (channels: [ChannelPlan], http: WebAddress?) {
        guard let file else { return ([try plan()], nil) }
        guard input.isEmpty && output.isEmpty else {
            throw CommandFailure.usage("run: a configuration, or -i and -o, not both")
        }
        let plan = try Run.read(file)
        return (plan.channels, plan.http)
    }

    private static func read(_ file: String) throws -> ProcessPlan {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw CommandFailure.run("'\(file)' can not be read")
        }
        do {
            return try Configuration.readProcess(
                text, source: file, environment: ProcessInfo.processInfo.environment)
        } catch {
            throw CommandFailure.usage(error.description)
        }
    }

    /// One channel from addresses.
    private func plan() throws -> ChannelPlan {
        guard !input.isEmpty else {
            throw CommandFailure.usage("run: expected a configuration file, or -i URL … -o URL …")
        }
        guard !output.isEmpty else {
            throw CommandFailure.usage("run: -o is missing: where does the channel go?")
        }
        let options = [
            ("hold-back", holdBack), ("align", align), ("return", returning), ("wait", wait),
            ("mux-rate", muxRate), ("state", state), ("burst", burst),
            ("slate", slate),
        ].compactMap { key, value in value.map { (key: key, value: $0) } }
        do {
            return try ChannelPlan.from(
                inputs: input, outputs: output, options: options,
                environment: ProcessInfo.processInfo.environment)
        } catch {
            throw CommandFailure.usage(error.description)
        }
    }
}
