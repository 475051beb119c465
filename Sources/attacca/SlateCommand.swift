// `attacca slate`: the slate that a channel would make by itself, as a file.

import ArgumentParser
import Foundation
import MediaJobs

struct Slate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Encode a still or a clip to be like a stream, as an input of last resort.")

    @Argument(help: "The still or the clip.") var picture: String
    @Option(help: "A recording of the stream.") var like: String
    @Option(name: .shortAndLong, help: "The slate, a transport stream.") var output: String

    func run() throws {
        try Package.wait(
            for: .slate(SlateRecipe(picture: picture, like: like, output: output)), as: "slate")
    }
}
