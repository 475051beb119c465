// Folders that a channel is written into: real files, as fast as the disk takes them.

import Foundation
import Packaging
import SwitchEngine
import Testing
import TransportStream

@testable import SwitchIO

@Suite struct StorageTests {
    /// A folder for one test.
    final class Folder {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("attacca-storage-\(UUID().uuidString)").path

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func names(_ suffix: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
                .filter { $0.hasSuffix(suffix) }.sorted()
        }

        func bytes(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
        }

        func text(_ name: String) throws -> String {
            String(decoding: try bytes(name), as: UTF8.self)
        }

        func playlist(_ name: String = "index") throws -> MediaPlaylist {
            try #require(MediaPlaylist(try text(name + ".m3u8"), window: 6))
        }

        func object(_ name: String) throws -> [String: Any] {
            let data = Data(try bytes(name))
            return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    static func sample(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: Studio.sample(name + ".ts"))))
    }

    /// Hands packets to an output as a channel does.
    static func send(_ bytes: [UInt8], to output: StorageOutput) {
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + 1316, bytes.count)
            output.send(
                bytes.span.extracting(offset..<end), DueDatagram(sequence: 0, timestamp: 0))
            offset = end
        }
    }

    static func close(_ output: StorageOutput) async {
        await withCheckedContinuation { done in output.close { done.resume() } }
    }

    /// Where the second half begins: with both tables and a random access point.
    static func halves(_ bytes: [UInt8]) throws -> ([UInt8], [UInt8]) {
        var rule = CutRule()
        rule.bytes = Int64(bytes.count / 2)
        var cutter = StreamCutter(rule)
        cutter.take(bytes.span, at: 0)
        cutter.finish()
        var parts: [[UInt8]] = [[], [], []]
        var piece = 0
        let (all, steps) = cutter.drain()
        var position = 0
        for step in steps {
            switch step {
            case .begin: piece += 1
            case .bytes(let count, let isNewest):
                parts[isNewest ? piece - 1 : piece - 2] += all[position..<(position + count)]
                position += count
            default: break
            }
        }
        return (parts[0], parts[1])
    }

    // MARK: HLS

    @Test func aLivePlaylistHasAWindowAndOldSegmentsGo() async throws {
        let folder = Folder()
        var target = HLSTarget(folder: folder.path)
        target.segment = 1_000_000_000
        target.window = 3
        let output = try StorageOutput(target)
        Self.send(try Self.sample("h264-main"), to: output)
        await Self.close(output)
        let playlist = try folder.playlist()
        #expect(playlist.kind == .live && !playlist.isEnded)
        // Three target durations at least are there, and the files of as much again at most.
        #expect(playlist.durationTicks >= 3 * (playlist.targetSeconds ?? 0) * 90_000)
        let files = folder.names(".ts")
        #expect(Set(playlist.segments.map(\.name)).isSubset(of: files))
        #expect(files.count > playlist.segments.count)
        #expect(files.count <= 2 * playlist.segments.count + 2)
        #expect(folder.names(".part") == [])
        let rounded = playlist.segments.map { MediaPlaylist.seconds($0.durationTicks) }
        #expect(rounded.allSatisfy { $0 <= playlist.targetSeconds ?? 0 })
        // A number that no playlist had before: caches keep segments.
        #expect(playlist.sequence > 1_700_000_000)
    }

    @Test func theNextProcessGoesOnWithThePlaylist() async throws {
        let folder = Folder()
        var target = HLSTarget(folder: folder.path)
        target.segment = 2_000_000_000
        target.window = 30
        let (first, second) = try Self.halves(try Self.sample("h264-main"))
        for part in [first, second] {
            let output = try StorageOutput(target)
            Self.send(part, to: output)
            await Self.close(output)
        }
        let playlist = try folder.playlist()
        let names = playlist.segments.map(\.name)
        #expect(names == (0..<names.count).map { "index-\(playlist.sequence + Int64($0)).ts" })
        // Time goes on, so nothing is discontinuous.
        #expect(playlist.segments.allSatisfy { !$0.isDiscontinuous })
        #expect(names.count >= 12)
        // The same once more is another time line.
        let output = try StorageOutput(target)
        Self.send(first, to: output)
        await Self.close(output)
        let again = try folder.playlist().segments
        #expect(again.filter(\.isDiscontinuous).map(\.name) == [again[names.count].name])
    }

    @Test func anEventEndsAndAVODIsWrittenAtItsEnd() async throws {
        for kind in [MediaPlaylist.Kind.event, .vod] {
            let folder = Folder()
            var target = HLSTarget(folder: folder.path)
            target.kind = kind
            target.name = "show"
            let output = try StorageOutput(target)
            Self.send(try Self.sample("h264-backup"), to: output)
            await Self.close(output)
            let playlist = try folder.playlist("show")
            #expect(playlist.isEnded && playlist.kind == kind && playlist.sequence == 0)
            #expect(folder.names(".ts").count == playlist.segments.count)
            // The next event is another one.
            let next = try StorageOutput(target)
            Self.send(try Self.sample("h264-backup"), to: next)
            await Self.close(next)
            let sequence = try folder.playlist("show").sequence
            #expect(sequence == Int64(playlist.segments.count))
        }
    }

    /// Names that begin alike: one output's draft is nobody else's leftover.
    @Test func anOutputRemovesItsOwnLeftoversOnly() async throws {
        let folder = Folder()
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true)
        for name in ["a-piece7.ts.part", "a-b-piece7.ts.part", "a-piecework-piece7.ts.part"] {
            try Data(count: 188).write(to: URL(fileURLWithPath: folder.path + "/" + name))
        }
        var target = HLSTarget(folder: folder.path)
        target.name = "a"
        await Self.close(try StorageOutput(target))
        #expect(folder.names(".part") == ["a-b-piece7.ts.part", "a-piecework-piece7.ts.part"])
    }

    // MARK: Recordings

    @Test func aRecordingIsTheStreamAndItsSidecarTellsOfSeams() async throws {
        let folder = Folder()
        let stream = try Self.sample("h264-main")
        let output = try StorageOutput(RecordTarget(folder: folder.path), channel: "news/1")
        var cutter = StreamCutter(CutRule())
        cutter.take(stream.span, at: 0)
        let begin = try #require(cutter.place?.presentation)
        let presentation = Timestamp(wrapping: begin.ticks - 5 * 90_000)
        let seam = RecordingIndex.Seam(
            from: "main", to: "backup", reason: "silence", level: "L3", framesLost: 0,
            framesRepeated: 0, audioGapTicks: 0, why: "because")
        output.note(.seam(seam, presentation: presentation))
        Self.send(stream, to: output)
        output.note(.damage(units: 3))
        await Self.close(output)
        let name = try #require(folder.names(".ts").first)
        #expect(name.hasPrefix("news_1-20") && folder.names(".ts").count == 1)
        let written = try folder.bytes(name)
        #expect(written.count > stream.count - 60 * 188 && written.count % 188 == 0)
        let sidecar = try folder.object(name.dropLast(3) + ".json")
        #expect(sidecar["isComplete"] as? Bool == true && sidecar["end"] as? String == "end")
        #expect(sidecar["bytes"] as? Int == written.count)
        let seams = try #require(sidecar["seams"] as? [[String: Any]])
        #expect(seams.count == 1 && seams[0]["level"] as? String == "L3")
        // There stands the first packet of the picture with that time stamp, or the one behind it.
        let offset = try #require(seams[0]["byteOffset"] as? Int)
        let pts = try #require(seams[0]["pts"] as? Int)
        let head = PacketHeader(written.span, at: offset)
        #expect(head?.startsUnit == true)
        #expect(abs(Int64(pts) - presentation.ticks) <= 4 * 3600)
        let gaps = try #require(sidecar["gaps"] as? [[String: Any]])
        #expect(gaps.map { $0["kind"] as? String } == ["damage"])
        #expect(gaps[0]["units"] as? Int == 3)
    }

    @Test func filesAreRotatedAtRandomAccessPointsAndOneBehindTheOtherAreTheStream() async throws {
        let folder = Folder()
        var target = RecordTarget(folder: folder.path)
        target.size = 300_000
        target.name = "a"
        let stream = try Self.sample("h264-main")
        let output = try StorageOutput(target, channel: "c")
        Self.send(stream, to: output)
        await Self.close(output)
        var files = folder.names(".ts")
        #expect(files.count >= 3)
        #expect(folder.names(".json").count == files.count)
        // All within one second: then a number tells them apart.
        let numbered = { (name: String) in Int(name.dropLast(3).split(separator: "-").last ?? "") }
        files.sort { (numbered($0) ?? 1, $0.count) < (numbered($1) ?? 1, $1.count) }
        let ends = try files.map { name in
            try folder.object(name.dropLast(3) + ".json")["end"] as? String
        }
        #expect(ends.filter { $0 == "next" }.count == files.count - 1)
        #expect(ends.filter { $0 == "end" }.count == 1)
        let total = try files.reduce(0) { try $0 + folder.bytes($1).count }
        #expect(total >= stream.count - 60 * 188)
    }

    @Test func nothingIsWrittenOverAfterACrash() async throws {
        let folder = Folder()
        let target = RecordTarget(folder: folder.path)
        let stream = try Self.sample("h264-main")
        for _ in 0..<2 {
            let output = try StorageOutput(target, channel: "c")
            Self.send(stream, to: output)
            await Self.close(output)
        }
        let files = folder.names(".ts")
        #expect(files.count == 2)
        #expect(try folder.bytes(files[0]) == folder.bytes(files[1]))
    }

    // MARK: What goes wrong

    /// Sends the sample again and again, with the pauses of a channel, until something is so.
    private func play(
        _ output: StorageOutput, until isSo: () -> Bool
    ) async throws -> Bool {
        let stream = try Self.sample("h264-main")
        for _ in 0..<60 {
            Self.send(Array(stream.prefix(188 * 1500)), to: output)
            output.poll(at: HostClock.now)
            try await Task.sleep(nanoseconds: 100_000_000)
            if isSo() { return true }
        }
        return false
    }

    @Test func aFolderThatIsRemovedComesBackAndTheRecordingGoesOn() async throws {
        let folder = Folder()
        let output = try StorageOutput(RecordTarget(folder: folder.path), channel: "c")
        #expect(try await play(output) { folder.names(".ts").count == 1 })
        try FileManager.default.removeItem(atPath: folder.path)
        #expect(try await play(output) { output.facts.trouble != nil })
        #expect(try await play(output) {
            output.facts.trouble == nil && folder.names(".ts").count == 1
        })
        #expect(output.facts.dropped > 0)
        await Self.close(output)
        let name = try #require(folder.names(".json").first)
        let gaps = try #require(try folder.object(name)["gaps"] as? [[String: Any]])
        #expect(gaps.contains { $0["kind"] as? String == "dropped" })
    }

    /// A small disk of its own, which only root can make.
    final class SmallDisk {
        let folder = Folder()
        private(set) var isThere = false

        init(bytes: Int) {
            try? FileManager.default.createDirectory(
                atPath: folder.path, withIntermediateDirectories: true)
            isThere = getuid() == 0
                && mount("tmpfs", folder.path, "tmpfs", 0, "size=\(bytes)") == 0
        }

        deinit { if isThere { umount2(folder.path, Int32(MNT_DETACH)) } }

        static let isPossible = SmallDisk(bytes: 65_536).isThere
    }

    @Test(.enabled(if: SmallDisk.isPossible, "a disk of one's own takes root"), arguments: [
        "hls", "record",
    ])
    func aDiskThatIsFullIsToldOfAndGoneOnWithWhenThereIsRoom(_ kind: String) async throws {
        let disk = SmallDisk(bytes: 6_000_000)
        let filler = disk.folder.path + "/filler"
        let full = Data(count: 5_500_000)
        try full.write(to: URL(fileURLWithPath: filler))
        var recording = RecordTarget(folder: disk.folder.path)
        recording.keepFree = 0
        let output = kind == "hls"
            ? try StorageOutput(HLSTarget(folder: disk.folder.path))
            : try StorageOutput(recording, channel: "c")
        #expect(try await play(output) { output.facts.trouble != nil })
        #expect(output.facts.trouble?.contains("No space left") == true)
        let before = disk.folder.names(".ts")
        for name in before {
            let count = try disk.folder.bytes(name).count
            #expect(count % 188 == 0)
        }
        try FileManager.default.removeItem(atPath: filler)
        #expect(try await play(output) { output.facts.trouble == nil })
        #expect(try await play(output) { output.facts.dropped > 0 })
        #expect(try await play(output) { disk.folder.names(".ts").count > before.count })
        await Self.close(output)
        if kind == "record" {
            let ends = try disk.folder.names(".json").map {
                try disk.folder.object($0)["end"] as? String
            }
            #expect(ends.contains("lost"))
        } else {
            let playlist = try disk.folder.playlist()
            #expect(!playlist.segments.isEmpty)
        }
    }

    /// A store that takes nothing in.
    struct FullStore: PieceStore {
        var rule = CutRule()
        /// What was written before it was full is thrown away with it.
        var written: Int64 = 0
        var room: Int64

        mutating func write(_ bytes: Span<UInt8>, isNewest: Bool) throws(IOFailure) {
            guard written + Int64(bytes.count) <= room else { throw IOFailure("full") }
            written += Int64(bytes.count)
        }

        mutating func abandon() -> Int64 {
            defer { written = 0 }
            return written
        }

        mutating func begin(_ piece: PieceStart) {}
        mutating func end(_ piece: PieceEnd) {}
        mutating func note(_ seam: RecordingIndex.Seam, at place: StreamPlace) {}
        mutating func note(_ gap: RecordingIndex.Gap, at place: StreamPlace) {}
        mutating func look(_ elapsedTicks: Int64) {}
        mutating func noteLost(_ bytes: Int64, seconds: Double) {}
        mutating func recover() throws(IOFailure) { throw IOFailure("full") }
        mutating func close() {}
    }

    @Test(arguments: [0, 100_000]) func allThatCouldNotBeWrittenIsCounted(_ room: Int64) throws {
        var writer = StorageWriter(FullStore(room: room))
        // From its PAT on: a piece begins with that, and an SDT stands before it.
        let stream = try Self.sample("h264-main")[188..<(188 * 3001)]
        for begin in stride(from: stream.startIndex, to: stream.endIndex, by: 188 * 300) {
            var chunk = StorageChunk()
            chunk.bytes = Array(stream[begin..<(begin + 188 * 300)])
            chunk.times = [(0, 0)]
            writer.take(chunk)
        }
        #expect(writer.facts.trouble == "full")
        #expect(writer.facts.lostBytes == Int64(stream.count))
    }

    /// The descriptor of a file that is open in this process.
    private func descriptor(of path: String) throws -> Int32 {
        let all = "/proc/self/fd"
        let names = try FileManager.default.contentsOfDirectory(atPath: all)
        let place = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        return try #require(names.first { name in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(all)/\(name)")) == place
        }.flatMap { Int32($0) })
    }

    @Test func aRecordingThatCouldNotBeSyncedIsLostAndItsFileIsClosed() throws {
        let folder = Folder()
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true)
        var writer = StorageWriter(
            RecordingStore(RecordTarget(folder: folder.path), channel: "c"))
        var chunk = StorageChunk()
        chunk.bytes = try Self.sample("slate")
        chunk.times = [(0, 0)]
        writer.take(chunk)
        let name = try #require(folder.names(".ts").first)
        // A pipe in its place is written to like it, and can not be synced.
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { Foundation.close(ends[0]) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let file = try descriptor(of: folder.path + "/" + name)
        #expect(dup2(ends[1], file) == file && fcntl(file, F_SETFD, FD_CLOEXEC) == 0)
        Foundation.close(ends[1])
        writer.close()
        #expect(writer.facts.trouble?.contains("Invalid argument") == true)
        let sidecar = try folder.object(name.dropLast(3) + ".json")
        #expect(sidecar["end"] as? String == "lost")
        // Nobody has the pipe's other end any more.
        var rest = [UInt8](repeating: 0, count: 1 << 20)
        var count = read(ends[0], &rest, rest.count)
        while count > 0 { count = read(ends[0], &rest, rest.count) }
        #expect(count == 0)
    }

    @Test func bytesThatAreToStayFreeStayFree() async throws {
        let folder = Folder()
        var target = RecordTarget(folder: folder.path)
        target.keepFree = .max
        let output = try StorageOutput(target, channel: "c")
        #expect(try await play(output) { output.facts.trouble?.contains("are to stay") == true })
        await Self.close(output)
    }

    @Test func aPlaceThatIsNoFolderIsRefusedAtOnce() {
        for path in ["/dev/null", "/nonexistent/folder", "/proc/attacca"] {
            #expect(throws: IOFailure.self) { try StorageOutput(HLSTarget(folder: path)) }
        }
    }
}
