// `attacca simulate`: the seeded world, as many seeds as asked for, in child processes. The first
// seed that fails is printed with all that is known of its world, and is enough to make it happen
// again.

import ArgumentParser
import Foundation
import Simulation

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the engine in simulated worlds of faults and judge every output.",
        discussion: """
            Each seed is one world: synthetic encoders, a network with faults, operator switches. \
            The same seed is the same run, byte by byte, and the worlds are told in the order of \
            their seeds, whatever --jobs is. A world that ends in a trap or does not end fails. \
            Exit status 1 when a world fails.
            """)

    @Option(help: ArgumentHelp("How many seeds to run.", valueName: "N"))
    var seeds: UInt64 = 1_000
    @Option(help: ArgumentHelp("The first of them.", valueName: "N"))
    var firstSeed: UInt64 = 1
    @Option(help: ArgumentHelp("Run this seed only, in this process.", valueName: "N"))
    var seed: UInt64?
    @Option(help: ArgumentHelp("Write the output of --seed to this file.", valueName: "FILE"))
    var output: String?
    @Option(
        help: ArgumentHelp(
            "How many processes run worlds at the same time, up to four for each core.",
            valueName: "N"))
    var jobs = 1
    @Flag(help: "Print the worlds and what happened in them.")
    var verbose = false
    @Flag(help: "Go on behind a seed that fails, and count.")
    var keepGoing = false
    @Flag(help: "Run a virtual month of two encoders with a switch every five hours instead.")
    var month = false
    @Option(help: .hidden)
    var workerStride: UInt64?

    func validate() throws {
        guard output == nil || seed != nil else {
            throw ValidationError("--output needs --seed")
        }
        guard seeds > 0, firstSeed <= UInt64.max - seeds else {
            throw ValidationError("--seeds and --first-seed are out of range")
        }
        let most = 4 * ProcessInfo.processInfo.activeProcessorCount
        guard (1...most).contains(jobs) else {
            throw ValidationError("--jobs must be 1 to \(most) on this machine")
        }
    }

    func run() throws {
        if month { return try runMonth() }
        if let seed { return try runOne(seed) }
        let last = firstSeed + seeds - 1
        if let workerStride {
            return SimulationWorker(isVerbose: verbose).run(firstSeed...last, by: workerStride)
        }
        let crew = SimulationCrew(
            seeds: firstSeed...last, jobs: jobs, isVerbose: verbose, keepsGoing: keepGoing)
        if !(try crew.run()) { throw ExitCode(1) }
    }

    /// In this process: a debugger and a trap's trace are of use.
    private func runOne(_ seed: UInt64) throws {
        let started = Date()
        var plan = WorldPlan(seed: seed)
        plan.keepsOutput = output != nil
        // Before the run: should it end in a trap, the world is known.
        if verbose { SimulationText.show(plan.facts) }
        let verdict = World.run(plan)
        if let output { try write(verdict.output, to: output) }
        if verbose || !verdict.isSound {
            SimulationText.show((verbose ? [] : plan.facts) + verdict.facts)
        }
        guard verdict.isSound else { throw ExitCode(1) }
        SimulationText.show([SimulationText.noBrokenLaw(1, since: started)])
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

enum SimulationText {
    /// Prints at once.
    static func show(_ lines: [String]) {
        FileHandle.standardOutput.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }

    static func noBrokenLaw(_ worlds: UInt64, since start: Date) -> String {
        "\(worlds) worlds, no broken law,"
            + String(format: " %.1f s", Date().timeIntervalSince(start))
    }
}
