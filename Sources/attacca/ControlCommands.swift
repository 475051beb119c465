// `attacca status`, `switch`, `hold`, `release`: the operator's words to the processes on the air.

import ArgumentParser
import ControlPlane
import Foundation
import SwitchIO

/// What all of them share.
struct ControlOptions: ParsableArguments {
    @Option(help: ArgumentHelp(ControlPlace.help)) var control: String?

    /// A process, and how it is.
    struct Running {
        var path: String
        var document: ProcessDocument
    }

    /// All processes of this user that answer.
    func processes() throws -> [Running] {
        let environment = ProcessInfo.processInfo.environment
        let paths = control.map { [$0] } ?? ControlSocket.living(environment)
        var result: [Running] = []
        var failure: ControlFailure?
        for path in paths {
            do throws(ControlFailure) {
                let reply = try ControlClient.ask(ControlRequest(.status), at: path)
                if let document = reply.status {
                    result.append(Running(path: path, document: document))
                }
            } catch {
                failure = error
            }
        }
        guard result.isEmpty else { return result }
        throw CommandFailure.run(
            failure?.description ?? "no 'attacca run' of this user is on the air")
    }

    /// All channels, or the one of this name.
    func channels(_ name: String?) throws -> [ChannelDocument] {
        let all = try processes().flatMap(\.document.channels)
        guard let name else { return all }
        let found = all.filter { $0.name == name }
        guard found.isEmpty else { return found }
        throw CommandFailure.usage(
            "there is no channel '\(name)'; allowed: "
                + all.map(\.name).joined(separator: ", "))
    }

    /// Hands an order to the process that has the channel.
    func order(_ request: ControlRequest) throws {
        let running = try processes()
        let names = running.flatMap { $0.document.channels.map(\.name) }
        var request = request
        if request.channel == nil {
            guard names.count == 1 else {
                throw CommandFailure.usage(
                    "which channel? allowed: \(names.joined(separator: ", "))")
            }
            request.channel = names[0]
        }
        let having = running.filter { process in
            process.document.channels.contains { $0.name == request.channel }
        }
        guard let process = having.first else {
            throw CommandFailure.usage(
                "there is no channel '\(request.channel ?? "")'; allowed: "
                    + names.joined(separator: ", "))
        }
        guard having.count == 1 else {
            throw CommandFailure.usage(
                "\(having.count) processes have a channel '\(request.channel ?? "")'; allowed: "
                    + "--control with " + having.map(\.path).joined(separator: " or "))
        }
        do throws(ControlFailure) {
            _ = try ControlClient.ask(request, at: process.path)
        } catch {
            throw CommandFailure.run(error.description)
        }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell how the channels on the air are.")

    @OptionGroup var options: ControlOptions
    @Argument(help: "This channel only.") var channel: String?
    @Flag(help: "As JSON: a list of processes.") var json = false

    func run() throws {
        var documents = try options.processes().map(\.document)
        if let channel {
            _ = try options.channels(channel)
            for index in documents.indices {
                documents[index].channels.removeAll { $0.name != channel }
            }
            documents.removeAll { $0.channels.isEmpty }
        }
        guard json else {
            return print(documents.map(StatusTable.text).joined(separator: "\n"))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(documents), as: UTF8.self))
    }
}

struct Switch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go to another input, now or at a time.")

    @OptionGroup var options: ControlOptions
    @Argument(help: "[CHANNEL] INPUT: the channel may be left out where there is one.")
    var names: [String]
    @Option(help: "When it is shown: 2026-11-21T20:00:00Z, or +30s from now.") var at: String?
    @Flag(help: "Stay there whatever happens, until it is released.") var hold = false

    func run() throws {
        guard (1...2).contains(names.count) else {
            throw CommandFailure.usage("switch: found \(names.count) names; "
                + "allowed: [CHANNEL] INPUT")
        }
        var request = ControlRequest(.switch, channel: names.count == 2 ? names[0] : nil)
        request.input = names.last
        request.hold = hold ? true : nil
        if let at {
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            guard let time = WallClockValue(argument: at, now: now) else {
                throw CommandFailure.usage(
                    "--at: found '\(at)'; allowed: \(WallClockValue.allowed)")
            }
            request.at = time.text
        }
        try options.order(request)
    }
}

struct Schedule: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell which switches are to come, or take them back.",
        discussion: "A switch is scheduled by attacca switch INPUT --at TIME.")

    @OptionGroup var options: ControlOptions
    @Argument(help: "The channel; all without it, but for --clear.") var channel: String?
    @Flag(help: "Take back all switches at a time that have not been made.") var clear = false

    func run() throws {
        if clear { return try options.order(ControlRequest(.clear, channel: channel)) }
        for one in try options.channels(channel) {
            for switching in one.schedule {
                print("\(switching.at)  \(one.name)  \(switching.input)  \(switching.reason)")
            }
        }
    }
}

struct Hold: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stay on the input on air whatever happens, until it is released.",
        discussion: "To go to an input and stay there: attacca switch INPUT --hold")

    @OptionGroup var options: ControlOptions
    @Argument(help: "The channel; may be left out where there is one.") var channel: String?

    func run() throws { try options.order(ControlRequest(.hold, channel: channel)) }
}

struct Release: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the policy decide again after a hold.")

    @OptionGroup var options: ControlOptions
    @Argument(help: "The channel; may be left out where there is one.") var channel: String?

    func run() throws { try options.order(ControlRequest(.release, channel: channel)) }
}
