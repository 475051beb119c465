// How long this machine let threads wait for a processor, by the kernel's own account: what a hole
// in a stream may be longer where others use the machine too, to the nanosecond and no more.

import Foundation
import NIOPosix

/// The thread that makes it, and all event loops of the process.
///
/// Where there is no such account it says 0, and nothing is allowed for.
final class ProcessorWait {
    private var accounts: [Int32] = []

    init() {
        // Their threads are there from now on.
        for group in [Studio.loops, Studio.feeders] { _ = group.next() }
        let tasks = "/proc/self/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        let loops = threads.map { "\(tasks)/\($0)" }.filter { thread in
            let name = try? String(contentsOfFile: thread + "/comm", encoding: .utf8)
            return name?.hasPrefix("NIO-ELT") ?? false
        }
        for thread in loops + ["/proc/thread-self"] {
            let account = open(thread + "/schedstat", O_RDONLY | O_CLOEXEC)
            if account >= 0 { accounts.append(account) }
        }
    }

    deinit { accounts.forEach { close($0) } }

    /// The sum of all threads so far: of a chain of threads each may have waited for its own.
    var nanoseconds: Int64 {
        var sum: Int64 = 0
        var bytes = [UInt8](repeating: 0, count: 128)
        for account in accounts {
            let count = pread(account, &bytes, bytes.count, 0)
            // Time on a processor, time waiting for one, turns.
            let words = bytes.prefix(max(count, 0)).split(separator: UInt8(ascii: " "))
            guard words.count == 3 else { continue }
            sum += Int64(String(decoding: words[1], as: UTF8.self)) ?? 0
        }
        return sum
    }
}
