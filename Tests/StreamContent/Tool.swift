import Foundation

/// Runs a command line tool and hands out what it writes while it writes.
enum Tool {
    /// Runs a tool found in PATH to its end.
    ///
    /// Its messages go to a file: a second pipe that nobody empties could stop it for ever.
    ///
    /// - Parameters:
    ///   - errors: where the standard error output goes.
    ///   - consume: reads the standard output; what it leaves unread is thrown away.
    /// - Returns: the tool's exit status.
    static func run(
        _ name: String, _ arguments: [String], errors: URL,
        consume: (PipeReader) throws -> Void
    ) throws -> Int32 {
        if !FileManager.default.fileExists(atPath: errors.path) {
            _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        }
        let errorHandle = try FileHandle(forWritingTo: errors)
        defer { try? errorHandle.close() }
        let output = Pipe()
        // A pipe holds 64 KiB, and a picture is nearly that: the tool and its reader would take
        // turns picture by picture, and wait for a processor each time where others use it too.
        _ = fcntl(output.fileHandleForWriting.fileDescriptor, setPipeSize, 1 << 20)
        let process = Process()
        process.executableURL = try locate(name)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errorHandle
        try process.run()
        do {
            let reader = PipeReader(handle: output.fileHandleForReading)
            try consume(reader)
            try reader.discardRest()
        } catch {
            process.terminate()
            process.waitUntilExit()
            throw error
        }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// `F_SETPIPE_SZ`, which Glibc's module does not show.
    private static let setPipeSize: Int32 = 1031

    private static func locate(_ name: String) throws -> URL {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for folder in path.split(separator: ":") {
            let candidate = folder + "/" + name
            if FileManager.default.isExecutableFile(atPath: candidate) {
                return URL(fileURLWithPath: candidate)
            }
        }
        throw ContentError.toolMissing(name)
    }

    /// The lines of a text file that are not empty; none when there is no such file.
    static func lines(of file: URL) -> [String] {
        guard let data = try? Data(contentsOf: file) else { return [] }
        return String(decoding: data, as: UTF8.self)
            .split(whereSeparator: { $0 == "\n" || $0 == "\r" }).map(String.init)
    }
}

/// Reads lines and blocks of bytes from a pipe.
final class PipeReader {
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var start = 0
    private static let chunk = 1 << 18

    init(handle: FileHandle) {
        self.handle = handle
    }

    /// The next line without its end, or nil at the end of the data.
    func line() throws -> String? {
        var searched = 0
        while true {
            if let end = buffer[(start + searched)...].firstIndex(of: 0x0a) {
                defer { start = end + 1 }
                return String(decoding: buffer[start..<end], as: UTF8.self)
            }
            searched = buffer.count - start
            guard try fill() else {
                guard searched > 0 else { return nil }
                defer { start = buffer.count }
                return String(decoding: buffer[start...], as: UTF8.self)
            }
        }
    }

    /// The next `count` bytes, or nil when the data ends before.
    func bytes(count: Int) throws -> [UInt8]? {
        while buffer.count - start < count {
            guard try fill() else { return nil }
        }
        defer { start += count }
        return Array(buffer[start..<(start + count)])
    }

    func discardRest() throws {
        repeat { start = buffer.count } while try fill()
    }

    /// Appends what the pipe has; false at its end.
    private func fill() throws -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        guard let data = try handle.read(upToCount: Self.chunk), !data.isEmpty else {
            return false
        }
        buffer.append(contentsOf: data)
        return true
    }
}

/// The packets of a list in the `framecrc` format.
struct PacketList {
    struct Packet {
        /// Presentation time in seconds and in ticks of 90 kHz.
        let seconds: Double
        let ticks: Int64
        /// Bytes.
        let size: Int
    }

    let packets: [Packet]

    /// Lines that do not look like packets are passed over; a missing file holds no packets.
    init(file: URL) {
        var numerator: Int64 = 1
        var denominator: Int64 = 90_000
        var packets: [Packet] = []
        for line in Tool.lines(of: file) {
            if line.hasPrefix("#tb") {
                let numbers = line.split(whereSeparator: { $0 == " " || $0 == "/" })
                    .compactMap { Int64($0) }
                guard numbers.count == 2 else { continue }
                numerator = numbers[0]
                denominator = max(1, numbers[1])
            } else if !line.hasPrefix("#") {
                let fields = line.split(separator: ",").map { $0.filter { $0 != " " } }
                guard fields.count >= 5, let time = Int64(fields[2]), let size = Int(fields[4])
                else { continue }
                let scaled = Double(time * numerator) / Double(denominator)
                packets.append(
                    Packet(
                        seconds: scaled, ticks: Int64((scaled * 90_000).rounded()), size: size))
            }
        }
        self.packets = packets
    }
}
