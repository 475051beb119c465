// The few things that are done to files and folders.

import Glibc

enum Disk {
    /// Makes a folder where its parent exists: the parents of one that was removed may have been a
    /// disk that is not there any more.
    static func makeFolder(_ path: String) throws(IOFailure) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST {
            var facts = stat()
            guard stat(path, &facts) == 0 else { throw .system("'\(path)'") }
            guard facts.st_mode & S_IFMT == S_IFDIR else {
                throw IOFailure("'\(path)': expected a folder")
            }
            guard access(path, W_OK | X_OK) == 0 else { throw .system("'\(path)'") }
            return
        }
        throw .system("'\(path)'")
    }

    /// Fails where fewer bytes are free.
    static func requireFree(_ bytes: Int64, in folder: String) throws(IOFailure) {
        guard bytes > 0 else { return }
        var facts = statvfs()
        guard statvfs(folder, &facts) == 0 else { throw .system("'\(folder)'") }
        let block = Int64(clamping: facts.f_frsize)
        let free = Int64(clamping: facts.f_bavail).multipliedReportingOverflow(by: block)
        guard free.overflow || free.partialValue >= bytes else {
            throw IOFailure(
                "'\(folder)': \(free.partialValue / 1_000_000) MB are free, "
                    + "\(bytes / 1_000_000) are to stay")
        }
    }

    /// Replaces a small file as a whole: readers see the old one or the new one.
    static func replace(_ path: String, with text: String) throws(IOFailure) {
        let draft = path + ".part"
        var file = try PieceFile(path: draft, isNew: false)
        do throws(IOFailure) {
            let bytes = Array(text.utf8)
            try file.write(bytes.span)
            try file.close()
        } catch {
            file.discard()
            throw error
        }
        try rename(draft, to: path)
    }

    /// - Returns: how many of the bytes are written. Where it is not all, `errno` says why.
    static func write(_ bytes: Span<UInt8>, to descriptor: Int32) -> Int {
        bytes.withUnsafeBufferPointer { buffer in
            var done = 0
            while done < buffer.count {
                let count = Glibc.write(
                    descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
                if count < 0 {
                    if errno == EINTR { continue }
                    break
                }
                done += count
            }
            return done
        }
    }

    static func rename(_ from: String, to: String) throws(IOFailure) {
        guard Glibc.rename(from, to) == 0 else { throw .system("'\(to)'") }
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func remove(_ path: String) { unlink(path) }

    /// The text of a file; nil where there is none, or it is longer than `most` bytes.
    static func text(_ path: String, most: Int) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: most + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { break }
            count += got
        }
        guard count <= most else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Names in a folder.
    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var result: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { result.append(name) }
        }
        return result
    }
}

/// A file that is written from its begin on.
struct PieceFile {
    private(set) var path: String
    private(set) var bytes: Int64 = 0
    private var descriptor: Int32

    /// - Parameter isNew: fails where there is a file of that name.
    init(path: String, isNew: Bool) throws(IOFailure) {
        self.path = path
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (isNew ? O_EXCL : O_TRUNC)
        descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else { throw .system("'\(path)'") }
    }

    mutating func write(_ more: Span<UInt8>) throws(IOFailure) {
        let done = Disk.write(more, to: descriptor)
        bytes += Int64(done)
        guard done == more.count else { throw .system("'\(path)'") }
    }

    /// Somebody has removed or replaced it.
    func requireThere() throws(IOFailure) {
        var own = stat(), named = stat()
        guard fstat(descriptor, &own) == 0 else { throw .system("'\(path)'") }
        guard stat(path, &named) == 0, named.st_ino == own.st_ino, named.st_dev == own.st_dev
        else { throw IOFailure("'\(path)': it was removed") }
    }

    func sync() throws(IOFailure) {
        guard fdatasync(descriptor) == 0 else { throw .system("'\(path)'") }
    }

    /// Cuts off what is no whole packet, and closes it.
    mutating func closeWhole() {
        guard descriptor >= 0 else { return }
        bytes -= bytes % 188
        _ = ftruncate(descriptor, off_t(bytes))
        Glibc.close(descriptor)
        descriptor = -1
    }

    mutating func close() throws(IOFailure) {
        guard descriptor >= 0 else { return }
        let status = Glibc.close(descriptor)
        descriptor = -1
        guard status == 0 else { throw .system("'\(path)'") }
    }

    mutating func discard() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
        unlink(path)
    }
}
