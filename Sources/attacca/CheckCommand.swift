// `attacca check`: the independent judge, on any file.

import ArgumentParser
import Conformance
import Foundation

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Judge a transport stream: TR 101 290 priority 1 and 2, timing, decoder model.",
        discussion: "Exit status 1 when a law is broken, 2 for a wrong command line.")

    @Argument(help: "The file to judge, or - for standard input.")
    var file: String
    @Option(
        help: ArgumentHelp("The programme to judge; the first of the PAT else.", valueName: "N"),
        transform: ProgramNumber.parse)
    var program: ProgramNumber?
    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        var inspector = StreamInspector(options: InspectionOptions(program: program?.number))
        if file == "-" {
            while true {
                let data = FileHandle.standardInput.availableData
                if data.isEmpty { break }
                let bytes = [UInt8](data)
                inspector.inspect(bytes.span)
            }
        } else {
            let recording = try Recording(name: "check", path: file)
            var progress = ProgressLine()
            recording.forEachPiece { piece in
                inspector.inspect(piece)
                if progress.isDue {
                    let share = recording.position * 100 / max(recording.size, 1)
                    progress.show("\(file): \(share) %")
                }
                return true
            }
            progress.clear()
            if let failure = recording.failure { throw CommandFailure.run(failure) }
        }
        let report = inspector.finish()
        print(json ? report.json : report.table)
        if !report.isConformant { throw ExitCode(1) }
    }
}
