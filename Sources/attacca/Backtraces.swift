// Swift's runtime writes a backtrace when a process crashes. That takes seconds in which nothing
// goes out and nobody can start the next process: so only where somebody asks for it.

import Glibc

enum Backtraces {
    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]

    /// Lets a crash end the process at once, unless SWIFT_BACKTRACE says something. The runtime
    /// reads that before `main`, so here its handlers are taken back.
    static func leaveToWhoAsks() {
        guard getenv("SWIFT_BACKTRACE") == nil else { return }
        for number in signals { signal(number, SIG_DFL) }
    }
}
