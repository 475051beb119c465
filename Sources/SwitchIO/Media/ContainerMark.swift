// Files that are another container than a transport stream, by their first bytes: for those whose
// name does not say so.

import Glibc

enum ContainerMark {
    static func isThere(in path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 12)
        guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else { return false }
        // ISO 14496-12 (a box called ftyp), Matroska (an EBML header), FLV.
        return bytes[4..<8].elementsEqual("ftyp".utf8)
            || bytes[0..<4].elementsEqual([0x1A, 0x45, 0xDF, 0xA3])
            || bytes[0..<3].elementsEqual("FLV".utf8)
    }
}
