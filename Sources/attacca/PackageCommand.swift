// `attacca package`: finished recordings into what is published.

import ArgumentParser
import Foundation
import MediaJobs
import SwitchIO
import TransportStream

struct Package: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make an MP4 and HLS of finished recordings.",
        discussion: """
            attacca package one-20261121T200000Z.ts --mp4 one.mp4 --hls /srv/www/one
            Several recordings are put together in the order in which they are given; those that \
            were cut out of one stream go on where the one before ends. Nothing is encoded anew.
            """)

    @Argument(help: ArgumentHelp("The recordings, in order.", valueName: "recording"))
    var recordings: [String] = []
    @Option(help: ArgumentHelp("An MP4 with its index first.", valueName: "file"))
    var mp4: String?
    @Option(help: ArgumentHelp(
        "A folder for segments and their playlist; also DIR?segment=6s&name=show.",
        valueName: "folder"))
    var hls: String?

    func run() throws {
        guard !recordings.isEmpty else {
            throw CommandFailure.usage(
                "package: expected recordings: attacca package a.ts --mp4 a.mp4")
        }
        guard mp4 != nil || hls != nil else {
            throw CommandFailure.usage("package: where to? expected --mp4 FILE, --hls DIR or both")
        }
        for path in recordings where !FileManager.default.isReadableFile(atPath: path) {
            throw CommandFailure.run("package: '\(path)' can not be read")
        }
        if let hls { try makeSegments(hls) }
        if let mp4 { try makeMovie(mp4) }
    }

    private func makeMovie(_ path: String) throws {
        let place = URL(fileURLWithPath: path).standardizedFileURL
        guard !recordings.contains(where: { URL(fileURLWithPath: $0).standardizedFileURL == place })
        else { throw CommandFailure.usage("package: '\(path)' is one of the recordings") }
        try Package.wait(for: .package(inputs: recordings, output: path), as: "package")
        print("\(path): done")
    }

    private func makeSegments(_ place: String) throws {
        let target = try Package.target(place)
        do {
            var job = try SegmentJob(target)
            var progress = ProgressLine()
            for path in recordings {
                try Package.feed(path, to: &job, &progress)
            }
            let outcome = try job.finish()
            progress.clear()
            guard outcome.segments > 0 else {
                throw CommandFailure.run(
                    "package: no random access point in \(recordings.joined(separator: ", "))")
            }
            let seconds = String(format: "%.3f", Double(outcome.durationTicks) / 90_000)
            print("\(outcome.playlist): \(outcome.segments) segments, \(seconds) s, "
                + "\(outcome.discontinuities) discontinuities")
        } catch let failure as IOFailure {
            throw CommandFailure.run("package: \(failure)")
        }
    }

    private static func target(_ place: String) throws -> HLSTarget {
        do {
            guard case .hls(let target) = try OutputAddress("hls:" + place), target.kind != .event
            else {
                throw CommandFailure.usage("--hls: expected a folder, and no type=event")
            }
            return target
        } catch let error as AddressError {
            throw CommandFailure.usage("--hls: \(error)")
        }
    }

    private static func feed(
        _ path: String, to job: inout SegmentJob, _ progress: inout ProgressLine
    ) throws {
        let recording = try Recording(name: "package", path: path)
        job.beginRecording(RecordingSidecar.clock(of: path))
        var framing = PacketFraming()
        var failure: IOFailure?
        var whole: [UInt8] = []
        // The cutter wants the 188 bytes of each packet in a row.
        func gather(_ bytes: Span<UInt8>, _ first: Int, _ count: Int, _ distance: Int) {
            for number in 0..<count {
                let start = first + number * distance
                bytes.extracting(start..<(start + Packet.size)).withUnsafeBufferPointer {
                    whole.append(contentsOf: $0)
                }
            }
        }
        func pass() {
            do throws(IOFailure) { try job.take(whole.span) } catch { failure = failure ?? error }
            whole.removeAll(keepingCapacity: true)
        }
        recording.forEachPiece { piece in
            framing.append(piece, packets: gather)
            pass()
            if progress.isDue {
                progress.show("\(path): \(recording.position * 100 / max(recording.size, 1)) %")
            }
            return failure == nil
        }
        framing.finish(packets: gather)
        pass()
        if let failure { throw failure }
        if let failure = recording.failure { throw CommandFailure.run(failure) }
        try job.endRecording()
    }

    /// Returns when the job is done.
    static func wait(for job: MediaJob, as command: String) throws {
        do throws(IOFailure) {
            try MediaProcess.run(job: job) { event in
                if case .remark(let text) = event { Terminal.complain(text) }
            }
        } catch {
            throw CommandFailure.run("\(command): \(error)")
        }
    }
}
