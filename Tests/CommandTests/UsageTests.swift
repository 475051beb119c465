// What the command says when it is used wrongly: one line, naming the place and what is allowed.

import Foundation
import Testing

/// A wrong command line and what the complaint has to contain.
struct Misuse: Sendable, CustomStringConvertible {
    /// Behind two good inputs and an output; `check` and others stand for themselves.
    let arguments: [String]
    /// The place.
    let place: String
    /// Any of these tells what is allowed.
    let allowed: [String]
    var isComplete = false

    var description: String { arguments.joined(separator: " ") }

    static let options = [
        Misuse(arguments: ["--hold-back", "2x"], place: "--hold-back", allowed: ["300ms", "2s"]),
        Misuse(arguments: ["--hold-back", "2m"], place: "--hold-back", allowed: ["60s"]),
        Misuse(arguments: ["--wait", "soon"], place: "--wait", allowed: ["300ms", "2s"]),
        Misuse(arguments: ["--align", "luck"], place: "--align", allowed: ["timestamps"]),
        Misuse(arguments: ["--return", "later"], place: "--return", allowed: ["never"]),
        Misuse(arguments: ["--mux-rate", "8Q"], place: "--mux-rate", allowed: ["8M", "500k"]),
        Misuse(arguments: ["--program", "0"], place: "--program", allowed: ["1 to 65535"]),
        Misuse(arguments: ["--program", "x=1"], place: "--program", allowed: ["main, backup"]),
        Misuse(arguments: ["--input", "main"], place: "--input", allowed: ["name=file"]),
        Misuse(arguments: ["--input", "main=x.ts"], place: "--input", allowed: ["two inputs"]),
        Misuse(arguments: ["--event", "8s:stop:main"], place: "--event", allowed: ["drop"]),
        Misuse(arguments: ["--event", "8x:drop:main"], place: "--event", allowed: ["8s:drop"]),
        Misuse(arguments: ["--event", "8s:drop:x"], place: "--event", allowed: ["main, backup"]),
        Misuse(arguments: ["--event", "8s:loss:main"], place: "--event", allowed: ["2%"]),
        Misuse(arguments: ["--event", "8s:loss:main:101%"], place: "--event", allowed: ["2%"]),
        Misuse(arguments: ["--event", "8s:hold"], place: "--event", allowed: ["24s:hold:main"]),
        Misuse(arguments: ["--event", "8s:release:main"], place: "--event", allowed: ["release"]),
        Misuse(arguments: ["--slate", "x"], place: "--slate", allowed: ["main, backup"]),
        Misuse(arguments: ["--cue", "x"], place: "--cue", allowed: ["main, backup"]),
        Misuse(arguments: ["--standstill", "x"], place: "--standstill", allowed: ["tables"]),
        Misuse(arguments: ["--nonsense"], place: "--nonsense", allowed: ["nknown"]),
        Misuse(arguments: ["surplus"], place: "surplus", allowed: ["nexpected"]),
    ]

    static let commandLines = [
        Misuse(
            arguments: ["rehearse", "--output", "/dev/null"], place: "--input",
            allowed: ["name=file"]),
        Misuse(
            arguments: ["rehearse", "--input", "a=b.ts"], place: "--output",
            allowed: ["file"]),
        Misuse(arguments: ["check"], place: "file", allowed: ["xpected"]),
        Misuse(
            arguments: ["check", "--program", "x", "a.ts"], place: "--program",
            allowed: ["1 to 65535"]),
        Misuse(arguments: ["nonsense"], place: "nonsense", allowed: ["nexpected", "rehearse"]),
    ]
}

@Suite struct UsageTests {
    let workspace: Workspace
    let good: [String]

    init() throws {
        workspace = try Workspace()
        good = Cast(pair: .h264, first: "main", second: "backup").inputs
    }

    private func rehearse(_ arguments: [String]) throws -> Outcome {
        try Command.attacca(
            ["rehearse"] + arguments + ["--output", workspace.path("output.ts")])
    }

    /// One line that contains all the words, and the status.
    private func expect(
        _ outcome: Outcome, status: Int32, words: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == status, sourceLocation: sourceLocation)
        #expect(outcome.errorLines.count == 1, sourceLocation: sourceLocation)
        let line = outcome.errorLines.first ?? ""
        for word in words {
            #expect(line.contains(word), sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: Misuse.options)
    func wrongOptionIsToldInOneLine(_ misuse: Misuse) throws {
        let outcome = try rehearse(good + misuse.arguments)
        expect(outcome, status: 2, words: [misuse.place])
        let line = outcome.errorLines.first ?? ""
        #expect(
            misuse.allowed.contains { line.contains($0) },
            "does not tell what is allowed: \(line)")
    }

    @Test(arguments: Misuse.commandLines)
    func wrongCommandLineIsToldInOneLine(_ misuse: Misuse) throws {
        let outcome = try Command.attacca(misuse.arguments)
        expect(outcome, status: 2, words: [misuse.place])
        let line = outcome.errorLines.first ?? ""
        #expect(
            misuse.allowed.contains { line.contains($0) },
            "does not tell what is allowed: \(line)")
    }

    @Test func missingFileIsNamed() throws {
        let path = workspace.path("missing.ts")
        expect(try rehearse(["--input", "a=\(path)"]), status: 1, words: [path, "no file"])
        expect(try Command.attacca(["check", path]), status: 1, words: [path, "no file"])
    }

    @Test func fileThatIsNoTransportStreamIsNamed() throws {
        let words = [#filePath, "offset", "0x47", "188"]
        expect(try rehearse(["--input", "a=\(#filePath)"]), status: 1, words: words)
        expect(try Command.attacca(["check", #filePath]), status: 1, words: words)
    }

    @Test func folderIsNoInput() throws {
        let path = Repository.folder.path
        expect(try rehearse(["--input", "a=\(path)"]), status: 1, words: [path])
    }

    @Test func streamWithoutPATIsNamed() throws {
        let bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: SamplePair.h264.path("main"))))
        let starts = stride(from: 0, to: bytes.count - 187, by: 188)
        let rest = starts.filter { bytes[$0 + 1] & 0x1f != 0 || bytes[$0 + 2] != 0 }
            .flatMap { bytes[$0..<($0 + 188)] }
        let path = workspace.path("without-pat.ts")
        try Data(rest).write(to: URL(fileURLWithPath: path))
        expect(try rehearse(["--input", "a=\(path)"]), status: 1, words: [path, "PAT"])
    }

    @Test func programThatIsNotThereIsToldWithThoseThatAre() throws {
        let path = SamplePair.h264.path("backup")
        let outcome = try rehearse(["--input", "a=\(path)", "--program", "9"])
        expect(outcome, status: 1, words: [path, "programme 9", "PAT", "7"])
    }

    @Test func outputOverAnInputIsRefused() throws {
        let path = workspace.path("copy.ts")
        let original = try Data(contentsOf: URL(fileURLWithPath: SamplePair.h264.path("main")))
        try original.write(to: URL(fileURLWithPath: path))
        let link = workspace.path("link.ts")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        for output in [path, link] {
            let outcome = try Command.attacca(
                ["rehearse", "--input", "a=\(path)", "--output", output])
            expect(outcome, status: 2, words: ["--output", output, "input"])
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == original)
    }

    @Test func unwritableOutputIsNamed() throws {
        let path = workspace.path("missing/output.ts")
        let outcome = try Command.attacca(["rehearse"] + good + ["--output", path])
        expect(outcome, status: 1, words: [path])
    }

    @Test func unwritableReportIsNamed() throws {
        let path = workspace.path("missing/report.json")
        expect(try rehearse(good + ["--report", path]), status: 1, words: [path])
    }
}
