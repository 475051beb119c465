// attacca-media: everything that needs libav, in a process of its own. It takes one job, tells of
// it on standard error, and ends; what it does to itself (a crash, a hang, all the memory that it
// may have) its parent sees, and starts another one. See MediaJobs for what is said.
//
//   main thread   job ──> libav ──> job            one call after the other, each watched (`Watch`)
//   beat thread   a beat each second, as long as no call takes longer than it may

import Glibc
import MediaJobs

@main
enum AttaccaMedia {
    static func main() {
        Backtraces.leaveToWhoAsks()
        for ignored in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { signal(ignored, SIG_IGN) }
        guard let line = JobLine.read(from: STDIN_FILENO), let job = MediaLine.job(line) else {
            Reporter.tell(.failed("expected a job on standard input: attacca starts this itself"))
            exit(2)
        }
        ProcessLimits.apply(for: job)
        LibAVLog.capture(hiding: job.secrets)
        Watch.start(for: job)
        do {
            try run(job)
            exit(MediaJob.Exit.done)
        } catch {
            Reporter.tell(.failed(LibAVLog.clean(error.description)))
            exit(error.isChange ? MediaJob.Exit.changed : MediaJob.Exit.failed)
        }
    }

    private static func run(_ job: MediaJob) throws(MediaFailure) {
        switch job {
        case .output(.mp4(let path, let staysFragmented)):
            try MP4Recording(path: path, staysFragmented: staysFragmented).run()
        case .output(.push(let url)): try Push(url).run()
        case .link(let source): try LinkJob(source).run()
        case .package(let inputs, let output): try Packager.package(inputs, into: output)
        case .fragments: try Fragments.make()
        case .slate(let recipe): try SlateEncoder.encode(recipe)
        }
    }
}

/// Why a job ends early.
struct MediaFailure: Error {
    var description: String
    /// The stream has become another one.
    var isChange = false

    init(_ description: String, isChange: Bool = false) {
        self.description = description
        self.isChange = isChange
    }
}

enum JobLine {
    /// The first line, byte by byte: what follows it belongs to the job.
    static func read(from descriptor: Int32) -> [UInt8]? {
        var line: [UInt8] = []
        while line.count < MediaLine.mostJobBytes {
            var byte: UInt8 = 0
            let count = Glibc.read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return line }
            line.append(byte)
        }
        return nil
    }
}
