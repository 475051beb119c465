// `attacca simulate`: the seeded world, as many seeds as asked for. The first seed that fails is
// printed with all that is known of its world, and is enough to make it happen again.

import ArgumentParser
import Foundation
import Simulation

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the engine in simulated worlds of faults and judge every output.",
        discussion: """
            Each seed is one world: synthetic encoders, a network with faults, operator switches. \
            The same seed is the same run, byte by byte. Exit status 1 when a world fails.
            """)

    @Option(help: ArgumentHelp("How many seeds to run.", valueName: "N"))
    var seeds: UInt64 = 1_000
    @Option(help: ArgumentHelp("The first of them.", valueName: "N"))
    var firstSeed: UInt64 = 1
    @Option(help: ArgumentHelp("Run this seed only.", valueName: "N"))
    var seed: UInt64?
    @Option(help: ArgumentHelp("Write the output of --seed to this file.", valueName: "FILE"))
    var output: String?
    @Flag(help: "Print the worlds and what happened in them.")
    var verbose = false
    @Flag(help: "Go on behind a seed that fails, and count.")
    var keepGoing = false
    @Flag(help: "Run a virtual month of two encoders with a switch every five hours instead.")
    var month = false

    func validate() throws {
        guard output == nil || seed != nil else {
            throw ValidationError("--output needs --seed")
        }
        guard seeds > 0, firstSeed <= UInt64.max - seeds else {
            throw ValidationError("--seeds and --first-seed are out of range")
        }
    }

    func run() throws {
        if month { return try runMonth() }
        let first = seed ?? firstSeed
        let last = seed ?? firstSeed + seeds - 1
        let started = Date()
        var progress = ProgressLine()
        var failed: UInt64 = 0
        for number in first...last {
            var plan = WorldPlan(seed: number)
            plan.keepsOutput = output != nil
            // Before the run: should it end in a trap, the world is known.
            if verbose { show(plan.facts) }
            let verdict = World.run(plan)
            if let output { try write(verdict.output, to: output) }
            if !verdict.isSound || verbose {
                progress.clear()
                show((verbose ? [] : plan.facts) + verdict.facts)
            }
            if !verdict.isSound {
                failed += 1
                if !keepGoing { break }
            }
            if progress.isDue {
                progress.show("\(number - first + 1) worlds of \(last - first + 1)")
            }
        }
        progress.clear()
        if failed > 0 { throw ExitCode(1) }
        let seconds = Date().timeIntervalSince(started)
        print(
            "\(last - first + 1) worlds, no broken law,"
                + String(format: " %.1f s", seconds))
    }

    /// Prints at once.
    private func show(_ lines: [String]) {
        FileHandle.standardOutput.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
            throw CommandFailure.run("\(path): can not be written")
        }
    }

    private func runMonth() throws {
        let verdict = World.run(.month)
        // Hundreds of seams that are all alike: what is special is at the end.
        print(verdict.facts.suffix(12).joined(separator: "\n"))
        if !verdict.isSound { throw ExitCode(1) }
        print("720 hours, \(verdict.seams.count) seams, no broken law")
    }
}
