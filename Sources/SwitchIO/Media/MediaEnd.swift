// A media process that is waited for: the last bytes handed over, its input closed, its last lines
// read. On a thread of its own, which may wait as long as the process gives signs of life: to make
// an MP4 plain takes a while.

import Dispatch
import Glibc
import MediaJobs
import Synchronization

final class MediaEnd: Sendable {
    static let queue = DispatchQueue(label: "attacca.media", attributes: .concurrent)
    /// Milliseconds of one wait.
    private static let waitMilliseconds: Int32 = 250

    private struct State {
        var rest: ReplayQueue
        var listener: EventReader
        var lastWords: String?
    }

    private let child: MediaChild
    private let state: Mutex<State>

    init(child: MediaChild, rest: ReplayQueue, listener: EventReader) {
        self.child = child
        state = Mutex(State(rest: rest, listener: listener))
    }

    /// What it was not given, or has not called safe.
    var left: ReplayQueue { state.withLock { $0.rest } }

    /// - Returns: its exit status, and why, where it says so.
    func wait(_ tell: (MediaEvent) -> Void = { _ in }) -> (status: Int32, why: String?) {
        var isInputOpen = true
        var lastBeat = HostClock.now.nanoseconds
        while true {
            isInputOpen = isInputOpen && handOver()
            var pipes = [pollfd(fd: child.events, events: Int16(POLLIN), revents: 0)]
            if isInputOpen {
                pipes.append(pollfd(fd: child.input, events: Int16(POLLOUT), revents: 0))
            }
            _ = poll(&pipes, nfds_t(pipes.count), MediaEnd.waitMilliseconds)
            let ending = child.ending()
            let isSpeaking = state.withLock { state in
                state.listener.read(from: child.events) { event in
                    lastBeat = HostClock.now.nanoseconds
                    if case .failed(let why) = event { state.lastWords = why }
                    if case .safe(let place) = event { state.rest.release(before: place) }
                    tell(event)
                }
            }
            if let ending {
                if isInputOpen { Glibc.close(child.input) }
                Glibc.close(child.events)
                if let output = child.output { Glibc.close(output) }
                return (ending, state.withLock { $0.lastWords })
            }
            // Closed, and not gone yet: the poll would not wait.
            if !isSpeaking { usleep(20_000) }
            if HostClock.now.nanoseconds - lastBeat > MediaProcess.longestSilence {
                kill(child.process, SIGKILL)
            }
        }
    }

    /// Writes what there is room for, and closes the input behind the last of it.
    /// - Returns: whether it is still open.
    private func handOver() -> Bool {
        state.withLock { state in
            var isBroken = false
            while state.rest.waiting > 0 && !isBroken {
                var isFull = false
                state.rest.handOver { bytes in
                    let count = Glibc.write(child.input, bytes.baseAddress, bytes.count)
                    isFull = count < 0 && (errno == EAGAIN || errno == EINTR)
                    isBroken = count < 0 && !isFull
                    return count
                }
                if isFull { return true }
            }
            Glibc.close(child.input)
            return false
        }
    }
}

extension MediaProcess {
    /// Does a job that needs nothing but itself, such as packaging. Returns when it is done: for a
    /// thread that may wait.
    /// - Parameter tell: what it says meanwhile.
    public static func run(
        job: MediaJob, _ tell: (MediaEvent) -> Void = { _ in }
    ) throws(IOFailure) {
        let child = try MediaSpawner.start(job, bringsBytes: false).wait().get()
        let end = MediaEnd(
            child: child, rest: ReplayQueue(forgets: true), listener: EventReader())
        let (status, why) = end.wait(tell)
        guard status == MediaJob.Exit.done else {
            throw IOFailure(why ?? "attacca-media ended with \(status)")
        }
    }
}
