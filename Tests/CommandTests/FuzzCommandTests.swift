// `attacca fuzz` as a gate: mutants of the sample streams, and how it ends when told wrongly. More
// of them: `make fuzz`.

import Foundation
import Testing

@Suite struct FuzzCommandTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private var samples: String { Repository.folder.appendingPathComponent("SampleStreams").path }

    /// Laws that a mutant breaks are told by the command too, and are no matter of this gate: a PCR
    /// whose every value is wrong has no line that could be kept.
    @Test func mutantsNeitherTrapNorHangNorFillTheMemory() throws {
        let outcome = try Command.attacca([
            "fuzz", "--time", "20s", "--corpus", samples, "--findings", workspace.path("findings"),
        ])
        #expect(!outcome.isCrash && outcome.errorLines == [])
        let lines = outcome.output.split(separator: "\n")
        let summary = lines.first { $0.contains(" runs, ") }
        let runs = summary?.split(separator: " ").first.flatMap { Int($0) } ?? 0
        #expect(runs > 20, "\(outcome.output)")
        for kind in ["trap", "hang", "bytes", "memory"] {
            #expect(!lines.contains { $0.contains(": \(kind)") }, "\(outcome.output)")
        }
    }

    /// The output was further from the host's clock than its hold-back and 5 s, had no PMT, or
    /// another version of it for the same codecs.
    static let lessons = [
        1_047_672, 1_058_276, 1_102_989, 1_129_883, 1_151_826, 2_052_973, 2_065_591, 2_080_286,
        4_055_618,
    ]

    /// What a seed makes hangs on the corpus: with another, these are runs like any.
    @Test(
        .enabled(if: !RealStreams.names.isEmpty, "there is no ../shared/samples/ts"),
        arguments: lessons)
    func whatWasFoundOnceIsNotFoundAgain(seed: Int) throws {
        let outcome = try Command.attacca([
            "fuzz", "--seed", "\(seed)", "--corpus", samples, "--corpus", RealStreams.folder.path,
        ])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test func oneSeedIsOneRun() throws {
        let arguments = ["fuzz", "--seed", "5", "--verbose", "--corpus", samples]
        let first = try Command.attacca(arguments)
        #expect(first.output.contains("digest"))
        #expect(first.output == (try Command.attacca(arguments).output))
    }

    @Test func savedInputsGiveTheSameOutputInARehearsal() throws {
        // Without ingredients all settings are the defaults.
        let folder = workspace.path("saved")
        let run = try Command.attacca([
            "fuzz", "--seed", "5", "--only", "none", "--corpus", samples, "--save", folder,
        ])
        #expect(run.status == 0, "\(run.output)")
        let text = try String(contentsOfFile: "\(folder)/read-me.txt", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("attacca rehearse ") }
        let arguments = line.map { $0.split(separator: " ").dropFirst().map(String.init) } ?? []
        #expect(try Command.attacca(arguments).status == 0)
        let output = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/out.ts"))
        #expect(!output.isEmpty)
        #expect(run.output.contains(" \(output.count) bytes out"))
    }

    @Test func wrongUseIsToldInOneLine() throws {
        for (arguments, word) in [
            (["--only", "1"], "--seed"), (["--seed", "1", "--only", "x"], "0,3"),
            (["--jobs", "0"], "64"),
        ] {
            let outcome = try Command.attacca(["fuzz"] + arguments)
            #expect(outcome.status == 2)
            #expect(outcome.errorLines.count == 1)
            #expect(outcome.errorLines.first?.contains(word) ?? false)
        }
        let missing = try Command.attacca(["fuzz", "--corpus", workspace.path("nowhere")])
        #expect(missing.status == 1)
        #expect(missing.errorLines.first?.contains("nowhere") ?? false)
    }
}
