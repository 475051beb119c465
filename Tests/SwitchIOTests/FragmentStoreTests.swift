// Segments that are fragments of MP4, in a folder as a channel writes it. The media process is a
// real one.

import Foundation
import MediaJobs
import Packaging
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct FragmentStoreTests {
    private typealias Folder = StorageTests.Folder

    private func target(_ folder: Folder, window: Int) -> HLSTarget {
        var target = HLSTarget(folder: folder.path)
        target.segments = .fmp4
        target.segment = 1_000_000_000
        target.window = window
        return target
    }

    private func write(_ stream: [UInt8], _ target: HLSTarget) async throws {
        let output = try StorageOutput(target)
        StorageTests.send(stream, to: output)
        await StorageTests.close(output)
        #expect(output.facts.trouble == nil && output.facts.dropped == 0)
    }

    @Test func oldFragmentsGoAndTheirInitializationSectionStays() async throws {
        let folder = Folder()
        try await write(try StorageTests.sample("h264-main"), target(folder, window: 3))
        let playlist = try folder.playlist()
        let files = folder.names(".m4s")
        #expect(playlist.kind == .live && playlist.segments.count >= 3)
        #expect(Set(playlist.segments.map(\.name)).isSubset(of: files))
        #expect(files.count > playlist.segments.count)
        #expect(files.count <= 2 * playlist.segments.count + 2)
        let headers = folder.names(".mp4")
        #expect(headers.count == 1)
        #expect(playlist.segments.allSatisfy { $0.map == headers[0] && !$0.isDiscontinuous })
        #expect(folder.names(".part") == [] && folder.names(".ts") == [])
    }

    /// One that is not needed any more goes with the last of its segments.
    @Test func anInitializationSectionGoesWithTheLastOfItsSegments() async throws {
        let folder = Folder()
        let target = target(folder, window: 3)
        let stream = try StorageTests.sample("h264-main")
        try await write(try StorageTests.sample("mpeg2-main"), target)
        let first = folder.names(".mp4")
        try await write(stream, target)
        #expect(first.count == 1 && folder.names(".mp4").count <= 2)
        try await write(stream, target)
        #expect(folder.names(".mp4").count == 1 && folder.names(".mp4") != first)
    }

    @Test func theNextProcessGoesOnWithTheSameInitializationSection() async throws {
        let folder = Folder()
        let target = target(folder, window: 100)
        let (first, second) = try StorageTests.halves(try StorageTests.sample("h264-main"))
        for part in [first, second] { try await write(part, target) }
        let playlist = try folder.playlist()
        #expect(playlist.segments.allSatisfy { !$0.isDiscontinuous })
        #expect(Set(playlist.segments.compactMap(\.map)).count == 1)
        #expect(playlist.segments.map(\.name) == folder.names(".m4s"))
        // A playlist of transport streams is another one, and so is the one after it.
        var other = target
        other.segments = .ts
        try await write(first, other)
        let again = try folder.playlist()
        #expect(again.segments.allSatisfy { $0.map == nil } && again.sequence > playlist.sequence)
    }

    /// Killed at any moment, before, within and after: the same bytes come of the next one.
    @Test func aKilledProcessCostsMakingThePieceAgain() throws {
        let folder = Folder()
        try Disk.makeFolder(folder.path)
        let order = FragmentOrder(
            piece: Studio.sample("h264-main.ts"), position: 1_000_000, end: 4_240_000, before: nil,
            number: 7, header: folder.path + "/header", fragment: folder.path + "/fragment")
        let process = FragmentProcess()
        let tracks = try process.make(order)
        let (header, fragment) = (try folder.bytes("header"), try folder.bytes("fragment"))
        #expect(tracks.count == 2 && fragment.count > 800_000 && header.count > 500)
        for attempt in 0..<12 {
            let child = try #require(process.child)
            let isEarly = attempt == 0
            if isEarly { kill(child, SIGKILL) }
            let killer = Thread {
                usleep(UInt32(attempt) * 4000)
                kill(child, SIGKILL)
            }
            if !isEarly { killer.start() }
            #expect(try process.make(order) == tracks)
            #expect(try folder.bytes("header") == header)
            #expect(try folder.bytes("fragment") == fragment)
            while !isEarly && !killer.isFinished { usleep(1000) }
        }
        #expect(process.restarts >= 2)
    }

    /// What can not be made is lost and told of, and the next piece is tried.
    @Test func aPieceThatIsNoneIsAnError() throws {
        let folder = Folder()
        try Disk.makeFolder(folder.path)
        let order = FragmentOrder(
            piece: "/dev/null", position: 0, end: nil, before: nil, number: 0,
            header: folder.path + "/header", fragment: folder.path + "/fragment")
        let process = FragmentProcess()
        #expect(throws: IOFailure.self) { try process.make(order) }
        #expect(process.restarts > 1)
    }
}
