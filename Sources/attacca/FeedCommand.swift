// `attacca feed`: a recording as a live sender, with the faults that one wishes to see.

import ArgumentParser
import ControlPlane
import Foundation
import SwitchEngine
import SwitchIO

struct Feed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play a recording as a live sender over any kind of link, to rehearse failovers.")

    @Argument(help: "The recording.") var file: String
    @Argument(help: "Where it goes: udp://, rtp://, srt://, a file.") var urls: [String]
    @Flag(help: "Play it again and again, as one stream without a break.") var loop = false
    @Option(help: "Nothing for so long after so long, again and again: 20s:5s.",
        transform: OutageValue.parse)
    var outage: OutageValue?
    @Option(help: "Share of datagrams that are lost, on each way by itself: 1%.",
        transform: ShareValue.parse)
    var loss: ShareValue?
    @Option(help: "Each datagram comes up to so much late: 30ms.", transform: TimeValue.parse)
    var jitter: TimeValue?

    /// The little that the engine holds back to join the recording's end to its begin.
    private static let holdBack: Int64 = 200_000_000

    func run() throws {
        guard !urls.isEmpty else {
            throw CommandFailure.usage(
                "feed: where to? expected a URL such as udp://127.0.0.1:5000")
        }
        var impairment = Impairment()
        impairment.lossPerMillion = loss?.perMillion ?? 0
        impairment.jitter = jitter?.nanoseconds ?? 0
        impairment.outage = outage.map { ($0.after, $0.duration) }
        var engine = ChannelConfiguration(inputs: [InputConfiguration(name: "file")])
        engine.holdBack = Feed.holdBack
        var outputs: [OutputPlan] = []
        for url in urls {
            let address: OutputAddress
            do {
                address = try OutputAddress(
                    url, environment: ProcessInfo.processInfo.environment)
            } catch {
                throw CommandFailure.usage("feed: \(error)")
            }
            if address.asksForGroups, !SRTLibrary.hasSocketGroups {
                let lack = SRTLibrary.lackOfGroups
                throw CommandFailure.usage(
                    "feed: \(address): found \(lack.found); allowed: \(lack.allowed)")
            }
            var output = OutputPlan(name: address.description, address: address)
            output.impairment = impairment == Impairment() ? nil : impairment
            outputs.append(output)
        }
        var plan = ChannelPlan(
            name: "feed", engine: engine,
            inputs: [InputPlan(links: [.file(path: file, isLooped: loop)])], outputs: outputs)
        plan.endsWithInputs = !loop
        var run = LiveRun([plan], label: "attacca.feed")
        run.leavesHangup = true
        try run.run()
    }
}

/// `20s:5s`: after so long, for so long.
struct OutageValue: ToldValue {
    static let allowed = "a time and a duration such as 20s:5s"
    var after: Int64
    var duration: Int64

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let after = TimeValue(argument: parts[0]),
            let duration = TimeValue(argument: parts[1]), duration.nanoseconds > 0
        else { return nil }
        self.after = after.nanoseconds
        self.duration = duration.nanoseconds
    }
}

/// `1%`, `0.5%`.
struct ShareValue: ToldValue {
    static let allowed = "a share such as 2% or 0.5%, up to 100%"
    var perMillion: Int

    init?(argument: String) {
        guard argument.hasSuffix("%"), let value = Double(argument.dropLast()), value >= 0,
            value <= 100
        else { return nil }
        perMillion = Int((value * 10_000).rounded())
    }
}
