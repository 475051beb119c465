// A file as an input of a rehearsal.

import Foundation
import TransportStream

/// Reads a recording in pieces and knows how far it has come.
final class Recording {
    /// How much of a file is looked at to see whether it is a transport stream, 1 MiB.
    static let probeBytes = 1 << 20
    /// Bytes read at a time: whole packets, and little enough for the allocator to use it again.
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

    /// Fills the buffer with the next bytes; leaves it empty at the end.
    func read(into buffer: inout [UInt8]) {
        let descriptor = handle.fileDescriptor
        var count = -1
        buffer = [UInt8](unsafeUninitializedCapacity: Recording.pieceBytes) { bytes, filled in
            repeat {
                count = Foundation.read(descriptor, bytes.baseAddress, Recording.pieceBytes)
            } while count < 0 && errno == EINTR
            filled = max(count, 0)
        }
        if count < 0 { failure = "input \(name): '\(path)' offset \(position): reading failed" }
        position += Int64(max(count, 0))
    }
}
