// A file that is sent: opened once, so that what a playlist gives up while somebody reads it is
// read to its end.

import Glibc
import NIOCore
import SwitchIO

final class WebFile: Sendable {
    private let descriptor: Int32
    let size: Int

    enum Opening {
        case file(WebFile)
        case missing
        /// There is no descriptor for a reader now.
        case noRoom
    }

    static func open(_ path: String) -> Opening {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return errno == EMFILE || errno == ENFILE ? .noRoom : .missing
        }
        // From here on it is closed with the file.
        let file = WebFile(descriptor)
        guard FileDescriptors.isForGuests(descriptor) else { return .noRoom }
        return file.map { .file($0) } ?? .missing
    }

    /// Nil where it is no file; the descriptor is closed then.
    private init?(_ descriptor: Int32) {
        self.descriptor = descriptor
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            return nil
        }
        size = Int(facts.st_size)
    }

    deinit { Glibc.close(descriptor) }

    /// Bytes from a place on, as many as there are up to `count`; waits for the disk.
    func read(at offset: Int, count: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { raw in
            var done = 0
            while done < count {
                let got = pread(
                    descriptor, raw.baseAddress.map { $0 + done }, count - done,
                    off_t(offset + done))
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else { break }
                done += got
            }
            return done
        }
        return buffer
    }
}

/// RFC 9110 §14: one range of bytes.
enum ByteRange: Equatable {
    case all
    case part(Range<Int>)
    case none

    /// What a `Range` header asks of a file of so many bytes. Several ranges, other units and what
    /// is no range at all mean the whole file (§14.2).
    init(_ header: String?, size: Int) {
        guard let header, header.lowercased().hasPrefix("bytes=") else {
            self = .all
            return
        }
        let ends = header.dropFirst(6).split(
            separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        func number(_ text: Substring) -> Int? {
            text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
        }
        guard ends.count == 2, !header.contains(",") else {
            self = .all
            return
        }
        switch (ends[0].isEmpty, ends[1].isEmpty) {
        case (true, true): self = .all
        case (true, false):
            guard let count = number(ends[1]) else {
                self = .all
                return
            }
            self = count == 0 || size == 0 ? .none : .part(max(0, size - count)..<size)
        case (false, let isOpen):
            guard let first = number(ends[0]), let last = isOpen ? .max : number(ends[1]),
                first <= last
            else {
                self = .all
                return
            }
            self = first >= size ? .none : .part(first..<(min(size - 1, last) + 1))
        }
    }
}
