// No call of libav takes for ever. Those to a network ask `isOver` and give up; one that does not
// ask, a parser in a loop for example, keeps the beats from being sent, and its parent ends the
// process. Waiting for the parent's bytes, or for it to take some, is no call.

import CLibAV
import Glibc
import MediaJobs
import Synchronization

enum Watch {
    /// When the call began, monotonic nanoseconds; 0 between calls.
    private static let since = Atomic<Int64>(0)
    private static let longest = Atomic<Int64>(10_000_000_000)
    /// Without beats for so much longer the process ends itself: there may be no parent any more.
    private static let grace: Int64 = 10_000_000_000

    private static let second: Int64 = 1_000_000_000

    static func start(for job: MediaJob) {
        switch job {
        case .output(.push): longest.store(10 * second, ordering: .relaxed)
        // A playlist may be read again and again until it has another segment.
        case .link: longest.store(20 * second, ordering: .relaxed)
        // A disk may take its time.
        case .output(.mp4), .package, .fragments: longest.store(30 * second, ordering: .relaxed)
        case .slate: longest.store(20 * second, ordering: .relaxed)
        }
        // Each of the beats is small; a full pipe must not hold the thread.
        let flags = fcntl(STDERR_FILENO, F_GETFL)
        var kind = stat()
        if fstat(STDERR_FILENO, &kind) == 0, kind.st_mode & S_IFMT == S_IFIFO {
            _ = fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK)
        }
        var thread = pthread_t()
        pthread_create(&thread, nil, { _ in Watch.beatForEver() }, nil)
        pthread_detach(thread)
    }

    /// A call begins, behind another one.
    static func begin() { since.store(now, ordering: .relaxed) }
    static func end() { since.store(0, ordering: .relaxed) }

    /// Waits for the parent, in the middle of a call.
    static func pause<Result>(_ wait: () -> Result) -> Result {
        end()
        defer { begin() }
        return wait()
    }

    /// What is waited for can not come.
    private static let isHopeless = Atomic<Bool>(false)

    static var isOver: Bool { isGivenUp || age > longest.load(ordering: .relaxed) }
    static var isGivenUp: Bool { isHopeless.load(ordering: .relaxed) }

    /// Ends the call that waits.
    static func giveUp() { isHopeless.store(true, ordering: .relaxed) }
    /// The next call waits for something else.
    static func goOn() { isHopeless.store(false, ordering: .relaxed) }

    /// How long a call may take from now on.
    static func setLongest(seconds: Int64) { longest.store(seconds * second, ordering: .relaxed) }

    private static var age: Int64 {
        let begin = since.load(ordering: .relaxed)
        return begin == 0 ? 0 : now - begin
    }

    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * second + Int64(time.tv_nsec)
    }

    /// For every context that may wait.
    static var interrupt: AVIOInterruptCB {
        AVIOInterruptCB(callback: { _ in Watch.isOver ? 1 : 0 }, opaque: nil)
    }

    private static func beatForEver() -> UnsafeMutableRawPointer? {
        while true {
            let age = age
            let limit = longest.load(ordering: .relaxed)
            // A call that is being given up gets the time to say so.
            if age < limit + second { Reporter.beat() }
            if age > limit + grace { _exit(MediaJob.Exit.stuck) }
            usleep(UInt32(MediaEvent.beatPause / 1000))
        }
    }
}
