// One run of `attacca rehearse`, and the pairs of streams that it is run on.

import Foundation
import StreamContent

/// Two encoders of the same content, as `SampleStreams/README.md` tells.
struct SamplePair: Sendable, CustomStringConvertible {
    let name: String
    let rate: PictureRate
    /// 90 kHz ticks from picture to picture.
    let pictureTicks: Int64
    /// Samples in an audio frame, and samples per second.
    let frameSamples: Int
    let sampleRate: Int
    /// The content index of the last picture.
    let lastIndex: Int
    /// Longer than either's GOP and the 200 ms that it takes to notice silence; the default where
    /// that is enough.
    var holdBack = "2s"
    /// Inputs of H.264 with open GOPs: entered at a recovery point, not at an IDR picture.
    var recoveryInputs: Set<String> = []

    var description: String { name }

    /// Seconds that an audio frame lasts.
    var frameDuration: Double { Double(frameSamples) / Double(sampleRate) }

    func path(_ input: String) -> String { Repository.sample("\(name)-\(input)") }

    static let h264 = SamplePair(
        name: "h264", rate: PictureRate(25), pictureTicks: 3600, frameSamples: 1024,
        sampleRate: 48_000, lastIndex: 899, holdBack: "2.5s")
    static let hevc = SamplePair(
        name: "hevc", rate: PictureRate(25), pictureTicks: 3600, frameSamples: 1024,
        sampleRate: 48_000, lastIndex: 899)
    static let mpeg2 = SamplePair(
        name: "mpeg2", rate: PictureRate(25), pictureTicks: 3600, frameSamples: 1152,
        sampleRate: 48_000, lastIndex: 899)
    static let mpeg2AC3 = SamplePair(
        name: "mpeg2-ac3", rate: PictureRate(25), pictureTicks: 3600, frameSamples: 1536,
        sampleRate: 48_000, lastIndex: 899)
    static let ntsc = SamplePair(
        name: "ntsc", rate: PictureRate(30_000, 1001), pictureTicks: 3003, frameSamples: 1024,
        sampleRate: 44_100, lastIndex: 1078, holdBack: "2.5s", recoveryInputs: ["backup"])

    static let all = [h264, hevc, mpeg2, mpeg2AC3, ntsc]
}

/// A pair and which of its two is on air first.
struct Cast: Sendable, CustomStringConvertible {
    let pair: SamplePair
    let first: String
    let second: String

    var description: String { "\(pair), \(first) first" }
    /// The two as `--input` options.
    var inputs: [String] {
        [first, second].flatMap { ["--input", "\($0)=\(pair.path($0))"] }
    }

    static let all = SamplePair.all.flatMap { pair in
        [
            Cast(pair: pair, first: "main", second: "backup"),
            Cast(pair: pair, first: "backup", second: "main"),
        ]
    }
}

/// A finished rehearsal.
struct Rehearsal {
    let outcome: Outcome
    let report: Report
    /// The file that went out.
    let path: String
    private let workspace: Workspace

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a rehearsal that is expected to succeed.
    init(_ arguments: [String], events: [String] = []) throws {
        workspace = try Workspace()
        path = workspace.path("output.ts")
        let reportPath = workspace.path("report.json")
        let all =
            ["rehearse"] + arguments + events.flatMap { ["--event", $0] }
            + ["--output", path, "--report", reportPath]
        outcome = try Command.attacca(all)
        guard let data = FileManager.default.contents(atPath: reportPath) else {
            let complaint = outcome.errorLines.joined(separator: "\n")
            throw Failure(
                description: "attacca \(all.joined(separator: " ")): no report, status "
                    + "\(outcome.status), \(complaint)")
        }
        report = try JSONDecoder().decode(Report.self, from: data)
    }
}
