// A demultiplexer for these tests only: it shares nothing with the module, so that the two can not
// be wrong in the same way. It takes one PID's payload out of a file and remembers the pieces.

import Foundation
import Testing

/// Where the sample streams are, if they are there.
enum Samples {
    static let folder: URL? = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        while folder.pathComponents.count > 1 {
            let found = folder.appending(path: "shared/samples")
            if FileManager.default.fileExists(atPath: found.path) { return found }
            folder.deleteLastPathComponent()
        }
        return nil
    }()

    /// The bytes of a sample, for tests that are skipped where there are none.
    static func read(_ name: String) throws -> [UInt8] {
        let folder = try #require(folder)
        return [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }
}

extension Trait where Self == ConditionTrait {
    static var needsSamples: Self {
        .enabled(if: Samples.folder != nil, "../shared/samples is not there")
    }
}

/// The elementary stream of one PID, as it came in packets.
struct DemuxedStream {
    struct Piece {
        var start: Int
        var end: Int
        var startsPES: Bool
        /// Packets are missing before this one by its continuity counter.
        var followsLoss: Bool
    }

    var bytes: [UInt8] = []
    var pieces: [Piece] = []

    /// Takes `pid` out of a file of 188-byte packets, or of 192-byte ones with a time stamp first.
    init(_ file: [UInt8], pid: Int) {
        let size = file.count > 4 && file[0] != 0x47 && file[4] == 0x47 ? 192 : 188
        var packet = size - 188
        var counter = -1
        var isLost = false
        while packet + 188 <= file.count {
            defer { packet += size }
            guard file[packet] == 0x47, file[packet + 1] & 0x80 == 0,
                Int(file[packet + 1] & 0x1F) << 8 | Int(file[packet + 2]) == pid,
                file[packet + 3] & 0x10 != 0
            else { continue }
            let next = Int(file[packet + 3] & 15)
            if counter == next { continue }  // a duplicate
            if counter >= 0, (counter + 1) & 15 != next { isLost = true }
            counter = next
            var start = packet + 4
            if file[packet + 3] & 0x20 != 0 { start += 1 + Int(file[packet + 4]) }
            let end = packet + 188
            let startsPES = file[packet + 1] & 0x40 != 0
            if startsPES, start + 9 <= end { start += 9 + Int(file[start + 8]) }
            guard start <= end else { continue }
            pieces.append(
                Piece(
                    start: bytes.count, end: bytes.count + end - start, startsPES: startsPES,
                    followsLoss: isLost))
            isLost = false
            bytes += file[start..<end]
        }
    }
}
