// `attacca bench`: what a packet costs in each part of the engine, in nanoseconds of CPU time.

import ArgumentParser
import Foundation

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure what a packet costs.", shouldDisplay: true)

    func run() throws { print("") }
}
