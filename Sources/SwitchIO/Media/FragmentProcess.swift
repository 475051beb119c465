// Fragments of MP4, made by a media process that is waited for: on an output's own thread, which
// may. One process makes one fragment after the other; one that dies or hangs is followed by
// another, which gets the same order again.

import Glibc
import MediaJobs

final class FragmentProcess {
    /// Of one order as many processes may die.
    private static let mostTries = 4
    /// After so long, 20 s, no other one is tried.
    private static let longestTime: Int64 = 20_000_000_000
    /// Milliseconds of one wait.
    private static let waitMilliseconds: Int32 = 250

    private struct Running {
        var child: MediaChild
        var listener = EventReader()
    }

    private enum Attempt {
        case made([FragmentTrack])
        case failed(why: String)
    }

    private var running: Running?
    /// Processes that ended before they should have.
    private(set) var restarts: Int64 = 0
    /// What it left out, or why the last one ended.
    private(set) var remark: String?

    /// For tests.
    var child: pid_t? { running?.child.process }

    // It has nothing that anybody would miss.
    deinit { running?.child.abandon() }

    func make(_ order: FragmentOrder) throws(IOFailure) -> [FragmentTrack] {
        guard let line = MediaLine.encode(order) else { throw IOFailure("the order is too long") }
        let begin = HostClock.now.nanoseconds
        var last = ""
        for _ in 0..<FragmentProcess.mostTries {
            switch attempt(line) {
            case .made(let tracks): return tracks
            case .failed(let why):
                last = why
                remark = why
            }
            if HostClock.now.nanoseconds - begin > FragmentProcess.longestTime { break }
        }
        throw IOFailure(last)
    }

    private func attempt(_ line: [UInt8]) -> Attempt {
        var process: Running
        if let running {
            process = running
            self.running = nil
        } else {
            switch MediaSpawner.start(.fragments, bringsBytes: false).wait() {
            case .success(let child): process = Running(child: child)
            case .failure(let failure): return .failed(why: failure.description)
            }
        }
        // The beats of its rest; one that is gone is seen below.
        process.listener.read(from: process.child.events) { _ in }
        let count = line.withUnsafeBytes {
            Glibc.write(process.child.input, $0.baseAddress, $0.count)
        }
        let outcome = wait(for: &process, isAsked: count == line.count)
        if case .made = outcome { running = process } else { restarts += 1 }
        return outcome
    }

    /// - Parameter isAsked: it has the order.
    private func wait(for process: inout Running, isAsked: Bool) -> Attempt {
        let child = process.child
        var lastBeat = HostClock.now.nanoseconds
        var lastWords: String?
        var tracks: [FragmentTrack]?
        if !isAsked { kill(child.process, SIGKILL) }
        while true {
            var pipe = pollfd(fd: child.events, events: Int16(POLLIN), revents: 0)
            _ = poll(&pipe, 1, FragmentProcess.waitMilliseconds)
            // Asked before the last lines are read: then they are there.
            let ending = child.ending()
            let isSpeaking = process.listener.read(from: child.events) { event in
                lastBeat = HostClock.now.nanoseconds
                switch event {
                case .fragment(let made): tracks = made
                case .failed(let why): lastWords = why
                case .remark(let text): remark = text
                default: break
                }
            }
            if let ending {
                child.closePipes()
                return .failed(why: lastWords ?? MediaProcess.text(ending))
            }
            if let tracks { return .made(tracks) }
            // Closed, and not gone yet: the poll would not wait.
            if !isSpeaking { usleep(20_000) }
            if HostClock.now.nanoseconds - lastBeat > MediaProcess.longestSilence {
                lastWords = "it gave no sign of life, and was ended"
                kill(child.process, SIGKILL)
            }
        }
    }
}
