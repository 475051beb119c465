// One job and the process that does it: started, listened to, ended when it gives no sign of life,
// and started again after a pause that grows. Asked on each tick of the channel; never waited for.

import Glibc
import MediaJobs
import SwitchEngine

public final class MediaProcess {
    /// Without a beat for so long it is ended, 6 s.
    static let longestSilence: Int64 = 6_000_000_000
    private static let firstPause: Int64 = 200_000_000
    private static let longestPause: Int64 = 5_000_000_000
    /// Who has run for so long begins with the first pause again, 10 s.
    private static let provenTime: Int64 = 10_000_000_000
    /// Bytes of one read.
    private static let longestRead = 256 << 10

    /// What is heard of it.
    enum News {
        case begun
        case event(MediaEvent)
        /// It is gone, with this exit status; another one comes after a pause.
        case ended(status: Int32, why: String)
    }

    private enum State {
        case idle(until: Int64)
        case starting(MediaBirth)
        case running(Running)
        /// Nothing is started any more.
        case over
    }

    private struct Running {
        var child: MediaChild
        var begin: Int64
        var lastBeat: Int64
        var lastWords: String?
        var isKilled = false
        /// Its exit status, which the system tells once; nil while it runs.
        var status: Int32?
        var listener = EventReader()
        /// Nothing comes of it any more: its output is read to the end.
        var isDrained: Bool
    }

    private let job: MediaJob
    private let bringsBytes: Bool
    private var state = State.idle(until: .min)
    private var pause = MediaProcess.firstPause

    /// - Throws: where there is no attacca-media at all.
    init(_ job: MediaJob, bringsBytes: Bool) throws(IOFailure) {
        _ = try MediaBinary.find()
        self.job = job
        self.bringsBytes = bringsBytes
    }

    deinit { stop() }

    // MARK: The tick

    func poll(at instant: MonotonicInstant, _ tell: (News) -> Void) {
        let now = instant.nanoseconds
        switch state {
        case .over: return
        case .idle(let until):
            guard now >= until else { return }
            state = .starting(MediaSpawner.start(job, bringsBytes: bringsBytes))
        case .starting(let birth):
            switch birth.take() {
            case nil: return
            case .success(let child):
                state = .running(
                    Running(child: child, begin: now, lastBeat: now, isDrained: !bringsBytes))
                tell(.begun)
            case .failure(let failure):
                rest(at: now)
                tell(.ended(status: MediaJob.Exit.failed, why: failure.description))
            }
        case .running(let running): look(after: running, at: now, tell)
        }
    }

    private func look(after running: Running, at now: Int64, _ tell: (News) -> Void) {
        var running = running
        // Asked before the last lines are read: then they are there.
        if running.status == nil { running.status = running.child.ending() }
        var events: [MediaEvent] = []
        running.listener.read(from: running.child.events) { events.append($0) }
        if !events.isEmpty { running.lastBeat = now }
        for case .failed(let why) in events { running.lastWords = why }
        if running.status == nil, !running.isKilled,
            now - running.lastBeat > MediaProcess.longestSilence
        {
            running.isKilled = true
            running.lastWords = "it gave no sign of life, and was ended"
            kill(running.child.process, SIGKILL)
        }
        state = .running(running)
        for event in events { tell(.event(event)) }
        // What it left in its pipe is taken first.
        guard let ending = running.status, running.isDrained else { return }
        running.child.closePipes()
        if now - running.begin > MediaProcess.provenTime || ending == MediaJob.Exit.changed {
            pause = MediaProcess.firstPause
        }
        rest(at: now)
        // Ended by us: what it was given may be the reason.
        let status = running.isKilled ? MediaJob.Exit.stuck : ending
        tell(.ended(status: status, why: running.lastWords ?? MediaProcess.text(ending)))
    }

    static func text(_ status: Int32) -> String {
        status > 128 ? "attacca-media was ended by signal \(status - 128)"
            : "attacca-media ended with \(status)"
    }

    private func rest(at now: Int64) {
        state = .idle(until: now + pause)
        pause = min(2 * pause, MediaProcess.longestPause)
    }

    // MARK: Bytes

    var isRunning: Bool { if case .running = state { true } else { false } }

    /// Hands over of the front of a queue what there is room for.
    func write(from queue: inout ReplayQueue) {
        guard case .running(let running) = state else { return }
        queue.handOver { bytes in
            // A child that is gone is seen by `poll`.
            Glibc.write(running.child.input, bytes.baseAddress, bytes.count)
        }
    }

    /// Takes what has come, up to so many bytes.
    func read(into queue: inout ByteQueue, most: Int) {
        guard case .running(var running) = state, let output = running.child.output,
            !running.isDrained
        else { return }
        // On most ticks nothing has come: no room is made, or kept, for it.
        let isAtEnd = withUnsafeTemporaryAllocation(
            of: UInt8.self, capacity: min(most, MediaProcess.longestRead)
        ) { piece in
            let count = Glibc.read(output, piece.baseAddress, piece.count)
            guard count > 0 else { return count == 0 || errno != EAGAIN && errno != EINTR }
            queue.append(UnsafeBufferPointer(rebasing: piece[..<count]).span)
            return false
        }
        if isAtEnd {
            running.isDrained = true
            state = .running(running)
        }
    }

    // MARK: The end

    /// Ends it at once.
    func stop() {
        switch state {
        case .running(let running):
            // The number of one that is gone may be another process's by now.
            if running.status == nil {
                running.child.abandon()
            } else {
                running.child.closePipes()
            }
        case .starting(let birth): birth.abandon()
        case .idle, .over: break
        }
        state = .over
    }

    /// Hands over what waits and lets it finish, on a thread that may wait for it.
    /// - Parameter done: called when it has ended, on any thread.
    func finish(_ rest: ReplayQueue, _ done: @escaping @Sendable () -> Void) {
        let job = job
        var end: MediaEnd?
        if case .running(let running) = state {
            end = MediaEnd(child: running.child, rest: rest, listener: running.listener)
            state = .over
        }
        stop()
        MediaEnd.queue.async { [end] in
            var left = rest
            if let end {
                if end.wait().status == MediaJob.Exit.done { return done() }
                left = end.left
            }
            // One that did not make it to its end is followed by one that has what is not safe.
            left.beginAgain()
            if left.count > 0,
                let child = try? MediaSpawner.start(job, bringsBytes: false).wait().get()
            {
                _ = MediaEnd(child: child, rest: left, listener: EventReader()).wait()
            }
            done()
        }
    }
}
