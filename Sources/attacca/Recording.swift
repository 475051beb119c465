// A file as an input of a rehearsal.

import Foundation
import TransportStream

/// Reads a recording in pieces and knows how far it has come.
final class Recording {
    /// How much of a file is looked at to see whether it is a transport stream, 1 MiB.
    static let probeBytes = 1 << 20
    /// A good number of bytes to read at a time: whole packets.
    static let pieceBytes = 400 * Packet.size

    let name: String
    let path: String
    let size: Int64
    private(set) var position: Int64 = 0
    private(set) var failure: String?
    private let handle: FileHandle

    /// Opens the file and makes sure that there are transport packets in it.
    init(name: String, path: String) throws {
        self.name = name
        self.path = path
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandFailure.run("input \(name): there is no file '\(path)'")
        }
        guard !isDirectory.boolValue, let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure.run("input \(name): '\(path)' can not be read")
        }
        self.handle = handle
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        size = (attributes?[.size] as? NSNumber)?.int64Value ?? 0
        try probe()
    }

    private func probe() throws {
        let head = (try? handle.read(upToCount: Recording.probeBytes)) ?? Data()
        try? handle.seek(toOffset: 0)
        var framing = PacketFraming()
        var found = false
        let bytes = [UInt8](head)
        framing.append(bytes.span) { _, _, count, _ in found = found || count > 0 }
        if !found { framing.finish { _, _, count, _ in found = found || count > 0 } }
        guard !found else { return }
        throw CommandFailure.run(
            "input \(name): '\(path)' offset 0 to \(bytes.count): no transport packets; expected "
                + "the sync byte 0x47 every 188, 192 or 204 bytes")
    }

    /// Puts the next bytes into places of the buffer, from the first on; returns how many there
    /// were, 0 at the end.
    func read(into buffer: inout [UInt8], _ places: Range<Int>) -> Int {
        let descriptor = handle.fileDescriptor
        let count = buffer.withUnsafeMutableBytes { bytes in
            let room = UnsafeMutableRawBufferPointer(rebasing: bytes[places])
            var count = -1
            repeat {
                count = Foundation.read(descriptor, room.baseAddress, room.count)
            } while count < 0 && errno == EINTR
            return count
        }
        if count < 0 { failure = "input \(name): '\(path)' offset \(position): reading failed" }
        position += Int64(max(count, 0))
        return max(count, 0)
    }

    /// Reads to the end, piece by piece.
    func forEachPiece(_ body: (Span<UInt8>) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: Recording.pieceBytes)
        while true {
            let count = read(into: &buffer, buffer.indices)
            if count == 0 || !body(buffer.span.extracting(0..<count)) { return }
        }
    }
}
