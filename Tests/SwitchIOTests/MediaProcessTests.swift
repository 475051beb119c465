// A media process as its channel's loop sees it. The process is a real one, the clock the test's.

import Foundation
import MediaJobs
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct MediaProcessTests {
    private let begin = MonotonicInstant(nanoseconds: 1_000_000_000)

    /// Asks until something is so, 20 s at most.
    private func ask(
        _ process: MediaProcess, at now: MonotonicInstant,
        until isSo: (MediaProcess.News) -> Bool
    ) async throws -> Bool {
        var found = false
        for _ in 0..<2000 where !found {
            process.poll(at: now) { found = found || isSo($0) }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        return found
    }

    /// A recording is read to its end long before all of it is given.
    @Test func aProcessThatIsDoneIsDoneHoweverLateItsLastBytesAreTaken() async throws {
        let source = MediaSource.file(path: Studio.sample("slate.ts"), isLooped: false)
        let process = try MediaProcess(.link(source), bringsBytes: true)
        // All of it finds room in the pipe.
        #expect(try await ask(process, at: begin) {
            if case .event(.finished) = $0 { true } else { false }
        })
        try await Task.sleep(nanoseconds: 200_000_000)
        let later = begin + 2 * MediaProcess.longestSilence
        var endings: [Int32] = []
        func listen(_ news: MediaProcess.News) {
            if case .ended(let status, _) = news { endings.append(status) }
        }
        process.poll(at: later, listen)
        process.poll(at: later, listen)
        #expect(endings == [] && process.isRunning)
        var queue = ByteQueue()
        for _ in 0..<100 { process.read(into: &queue, most: 1 << 20) }
        process.poll(at: later, listen)
        #expect(queue.count > 50_000 && endings == [MediaJob.Exit.done])
    }

    /// It is made on one thread and given up on another; in either order it is ended once.
    @Test func aChildThatNobodyWantsIsEndedByOneAlone() {
        let child = MediaChild(process: 1, input: -1, output: nil, events: -1)
        func ended(_ steps: [(inout MediaBirth.State) -> MediaChild?]) -> [pid_t?] {
            var state = MediaBirth.State.awaited
            return steps.map { $0(&state)?.process }
        }
        #expect(ended([{ $0.abandon() }, { $0.deliver(.success(child)) }]) == [nil, 1])
        #expect(
            ended([{ $0.deliver(.success(child)) }, { $0.abandon() }, { $0.abandon() }])
                == [nil, 1, nil])
        let failure = Result<MediaChild, IOFailure>.failure(IOFailure("no"))
        #expect(ended([{ $0.deliver(failure) }, { $0.abandon() }]) == [nil, nil])
        #expect(ended([{ $0.abandon() }, { $0.deliver(failure) }]) == [nil, nil])
    }

    /// Each packet of sound alone is an entry; what is told goes over the channel's loop.
    @Test func aPlaceInSoundAloneIsToldOnce() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-process-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let sound = folder.appendingPathComponent("sound.ts")
        let encoder = Process()
        encoder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        encoder.arguments = [
            "ffmpeg", "-nostdin", "-v", "error", "-t", "10", "-i", Studio.sample("h264-main.ts"),
            "-vn", "-c", "copy", "-pes_payload_size", "0", sound.path,
        ]
        try encoder.run()
        encoder.waitUntilExit()
        let bytes = [UInt8](try Data(contentsOf: sound))
        var queue = ReplayQueue(forgets: false)
        queue.append(bytes.span, limit: bytes.count)
        let target = MediaTarget.mp4(
            path: folder.appendingPathComponent("a.mp4").path, staysFragmented: true)
        let process = try MediaProcess(.output(target), bringsBytes: false)
        #expect(try await ask(process, at: begin) { if case .begun = $0 { true } else { false } })
        process.write(from: &queue)
        var places: [Int64] = []
        let isFar = try await ask(process, at: begin) { news in
            guard case .event(.safe(let place)) = news else { return false }
            places.append(place)
            return place > bytes.count / 2
        }
        process.stop()
        #expect(isFar && places.count > 20)
        #expect(Set(places).count == places.count)
    }
}
