// Starts processes on one thread that never ends. Starting one waits for the disk, so no channel's
// loop does it; and a child that ends with its parent (PR_SET_PDEATHSIG) ends with the thread that
// started it, so no thread of a pool does it either.

import CSockets
import Dispatch
import Glibc
import MediaJobs
import Synchronization

/// A process and our ends of its pipes; none of them waits.
struct MediaChild: Sendable {
    var process: pid_t
    /// Its standard input.
    var input: Int32
    /// Its standard output; nil where nothing comes of it.
    var output: Int32?
    /// Its standard error.
    var events: Int32
}

/// A child to be: asked for on one thread, there on another.
final class MediaBirth: Sendable {
    fileprivate let job: MediaJob
    fileprivate let bringsBytes: Bool
    private let state = Mutex(State.awaited)

    /// Whoever comes second, the child or its end, gets what there is to be ended.
    enum State {
        case awaited
        case there(Result<MediaChild, IOFailure>)
        /// Nobody waits for it any more.
        case unwanted

        /// - Returns: a child that nobody wants.
        mutating func deliver(_ outcome: Result<MediaChild, IOFailure>) -> MediaChild? {
            if case .unwanted = self { return try? outcome.get() }
            self = .there(outcome)
            return nil
        }

        /// - Returns: the child, where it is there already.
        mutating func abandon() -> MediaChild? {
            defer { self = .unwanted }
            return if case .there(let outcome) = self { try? outcome.get() } else { nil }
        }
    }

    fileprivate init(_ job: MediaJob, bringsBytes: Bool) {
        self.job = job
        self.bringsBytes = bringsBytes
    }

    /// Nil while it is not there yet.
    func take() -> Result<MediaChild, IOFailure>? {
        state.withLock { if case .there(let outcome) = $0 { outcome } else { nil } }
    }

    /// Waits for it; not on a loop.
    func wait() -> Result<MediaChild, IOFailure> {
        while true {
            if let result = take() { return result }
            usleep(2000)
        }
    }

    /// Nobody waits for it any more.
    func abandon() { state.withLock { $0.abandon() }?.abandon() }

    fileprivate func deliver(_ outcome: Result<MediaChild, IOFailure>) {
        state.withLock { $0.deliver(outcome) }?.abandon()
    }
}

enum MediaSpawner {
    private struct State {
        var waiting: [MediaBirth] = []
        var isRunning = false
    }

    private static let state = Mutex(State())
    nonisolated(unsafe) private static let wish = {
        let wish = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(wish, 0, 0)
        return wish
    }()
    /// What a pipe may hold, where the system gives as much.
    private static let pipeBytes: Int32 = 1 << 20

    /// - Parameter bringsBytes: its standard output is read.
    static func start(_ job: MediaJob, bringsBytes: Bool) -> MediaBirth {
        let birth = MediaBirth(job, bringsBytes: bringsBytes)
        let isFirst = state.withLock { state in
            state.waiting.append(birth)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isFirst {
            // A child that is gone shows when it is written to, not by a signal.
            signal(SIGPIPE, SIG_IGN)
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in MediaSpawner.serve() }, nil)
            pthread_detach(thread)
        }
        sem_post(wish)
        return birth
    }

    private static func serve() -> UnsafeMutableRawPointer? {
        while true {
            guard sem_wait(wish) == 0 else { continue }
            let birth = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
            guard let birth else { continue }
            do throws(IOFailure) {
                birth.deliver(.success(try spawn(birth.job, bringsBytes: birth.bringsBytes)))
            } catch {
                birth.deliver(.failure(error))
            }
        }
    }

    private static func spawn(
        _ job: MediaJob, bringsBytes: Bool
    ) throws(IOFailure) -> MediaChild {
        let path = try MediaBinary.find()
        guard let line = MediaLine.encode(job) else { throw IOFailure("the job is too long") }
        var pipes: [(read: Int32, write: Int32)] = []
        func closeAll() { for pipe in pipes { Glibc.close(pipe.read); Glibc.close(pipe.write) } }
        for _ in 0..<3 {
            var ends: (read: Int32, write: Int32) = (-1, -1)
            let status = csockets_pipe(&ends.read, &ends.write, pipeBytes)
            guard status == 0 else {
                closeAll()
                throw .system("pipe", -status)
            }
            pipes.append(ends)
        }
        let (input, output, events) = (pipes[0], pipes[1], pipes[2])
        // An empty pipe holds a job, whatever its size.
        let count = line.withUnsafeBytes { write(input.write, $0.baseAddress, $0.count) }
        guard count == line.count else {
            closeAll()
            throw IOFailure("the job could not be handed over")
        }
        let process: pid_t
        do throws(IOFailure) {
            process = try execute(
                path, input: input.read, output: bringsBytes ? output.write : nil,
                events: events.write)
        } catch {
            closeAll()
            throw error
        }
        for end in [input.read, output.write, events.write] { Glibc.close(end) }
        if !bringsBytes { Glibc.close(output.read) }
        for end in [input.write, output.read, events.read] {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return MediaChild(
            process: process, input: input.write, output: bringsBytes ? output.read : nil,
            events: events.read)
    }

    /// What libav asks for, and nothing of what an operator keeps secrets in.
    private static let variables = [
        "PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
        "http_proxy", "https_proxy", "no_proxy", "SWIFT_BACKTRACE",
    ]

    private static var environment: [UnsafeMutablePointer<CChar>?] {
        variables.compactMap { name in
            getenv(name).flatMap { strdup(name + "=" + String(cString: $0)) }
        } + [nil]
    }

    /// In a process group of its own, so that a terminal's Ctrl-C leaves it time to finish, and
    /// with no signal blocked.
    private static func execute(
        _ path: String, input: Int32, output: Int32?, events: Int32
    ) throws(IOFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, events, STDERR_FILENO)
        _ = csockets_close_others(&actions)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var process = pid_t()
        let name = strdup("attacca-media")
        defer { free(name) }
        var arguments: [UnsafeMutablePointer<CChar>?] = [name, nil]
        var environment = MediaSpawner.environment
        defer { for entry in environment { free(entry) } }
        let status = posix_spawn(
            &process, path, &actions, &attributes, &arguments, &environment)
        guard status == 0 else { throw .system("'\(path)'", status) }
        return process
    }
}

extension MediaChild {
    /// How it has ended: its exit status, or 128 and the signal; nil while it runs.
    func ending() -> Int32? {
        var status: Int32 = 0
        let found = waitpid(process, &status, WNOHANG)
        if found == 0 || found < 0 && errno == EINTR { return nil }
        guard found == process else { return MediaJob.Exit.failed }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    func closePipes() {
        for end in [input, output, events] {
            if let end, end >= 0 { Glibc.close(end) }
        }
    }

    /// Ends it, without waiting here.
    func abandon() {
        kill(process, SIGKILL)
        closePipes()
        let process = process
        DispatchQueue.names.async {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
    }
}
