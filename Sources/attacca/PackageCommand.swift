// `attacca package`: finished recordings for those who play on demand.

import ArgumentParser
import Dispatch
import Foundation
import MediaJobs
import SwitchIO

struct Package: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make one MP4 of finished recordings.",
        discussion: """
            Several recordings are put together in the order in which they are given; those that \
            were cut out of one stream go on where the one before ends.
            """)

    @Argument(help: "The recordings, in order.") var recordings: [String] = []
    @Option(help: "An MP4 with its index first; nothing is encoded anew.") var mp4: String?

    func run() throws {
        guard !recordings.isEmpty else {
            throw CommandFailure.usage(
                "package: expected recordings: attacca package a.ts --mp4 a.mp4")
        }
        guard let mp4 else { throw CommandFailure.usage("package: where to? expected --mp4 FILE") }
        for path in recordings {
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw CommandFailure.run("package: '\(path)' can not be read")
            }
            guard URL(fileURLWithPath: path).standardizedFileURL
                != URL(fileURLWithPath: mp4).standardizedFileURL
            else { throw CommandFailure.usage("package: '\(mp4)' is one of the recordings") }
        }
        try Package.wait(for: .package(inputs: recordings, output: mp4), as: "package")
    }

    /// Returns when the job is done.
    static func wait(for job: MediaJob, as command: String) throws {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var failure: IOFailure?
        Task.detached {
            do throws(IOFailure) {
                try await MediaProcess.run(job: job) { event in
                    if case .remark(let text) = event { Terminal.complain(text) }
                }
            } catch {
                failure = error
            }
            done.signal()
        }
        done.wait()
        if let failure { throw CommandFailure.run("\(command): \(failure)") }
    }
}
