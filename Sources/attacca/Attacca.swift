// The command. Exit status: 0 done, 1 the run failed or a law is broken, 2 the command line is
// wrong.

import ArgumentParser
import Foundation
import SwitchIO

@main
struct Attacca: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attacca",
        abstract: "Seamless switching between different encoders' MPEG transport streams.",
        version: Version.text,
        subcommands: [
            Run.self, Status.self, Switch.self, Schedule.self, Hold.self, Release.self, Feed.self,
            Rehearse.self, Package.self, Slate.self, Check.self, Simulate.self, Bench.self,
            Version.self,
        ])

    static func main() {
        Backtraces.leaveToWhoAsks()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            Terminal.complain(failure.message)
            Foundation.exit(failure.status)
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                Terminal.complain(message(for: error))
                Foundation.exit(2)
            }
            exit(withError: error)
        }
    }
}

/// A failure that an operator can act on: one line, and the exit status.
struct CommandFailure: Error {
    var message: String
    var status: Int32

    /// The command line is wrong.
    static func usage(_ message: String) -> CommandFailure {
        CommandFailure(message: message, status: 2)
    }

    /// The run could not be done.
    static func run(_ message: String) -> CommandFailure {
        CommandFailure(message: message, status: 1)
    }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version, and which libsrt runs.")
    static let text = "attacca 0.1.0"

    func run() {
        print(Version.text)
        print("\(SRTLibrary.version), socket groups: \(SRTLibrary.hasSocketGroups ? "yes" : "no")")
    }
}
