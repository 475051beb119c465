// MP4 files and pushes, by a media process. The loop puts whole packets into a queue that has an
// end, and what of it the process's pipe takes is gone with the tick. A process that ends is
// followed by another; what that one gets begins at a random access picture, which it looks for by
// itself.

import Glibc
import MediaJobs
import SwitchEngine

/// What the operator may know of a media process.
public struct MediaFacts: Sendable, Equatable {
    public enum State: String, Sendable { case starting, connecting, open, finishing }
    public var state = State.starting
    /// The file that is written, or where it goes, without secrets.
    public var place = ""
    /// Processes that ended before they should have.
    public var restarts: Int64 = 0
}

final class MediaOutput: Output {
    /// Bytes that may wait for the process: four seconds of 40 Mbit/s.
    private static let longestQueueBytes = 20 << 20

    /// Of the same bytes as many processes may die.
    private static let mostFruitless = 3

    private(set) var facts = OutputFacts()
    private let target: MediaTarget
    private let process: MediaProcess
    private var gate = PacketGate()
    private var queue: ReplayQueue
    private var media = MediaFacts()
    private var isClosed = false
    /// Processes in a row that ended by themselves without anything having become safe.
    private var fruitless = 0

    init(_ target: MediaTarget) throws(IOFailure) {
        self.target = target
        process = try MediaProcess(.output(target), bringsBytes: false)
        queue = ReplayQueue(forgets: !target.isFile)
        facts.readers = 0
        media.place = target.description
        facts.media = media
    }

    /// A server that is not there gets nothing of what it missed; a file gets all that there is
    /// room for.
    private var keepsWhileAway: Bool { target.isFile }

    var isFile: Bool { target.isFile }

    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        guard !isClosed else { return }
        facts.datagrams += 1
        facts.bytes += Int64(packets.count)
        guard process.isRunning || keepsWhileAway else {
            facts.dropped += 1
            return
        }
        let before = gate.refused
        let limit = MediaOutput.longestQueueBytes
        gate.pass(packets, fill: queue.waiting, limit: limit) { queue.append($0, limit: limit) }
        if gate.refused > before { facts.dropped += 1 }
    }

    func flush() { process.write(from: &queue) }

    func poll(at now: MonotonicInstant) {
        process.poll(at: now, hear)
        process.write(from: &queue)
        facts.media = media
    }

    private func hear(_ news: MediaProcess.News) {
        switch news {
        case .begun:
            queue.beginAgain()
            media.state = .connecting
        case .event(.safe(let position)):
            if queue.release(before: position) { fruitless = 0 }
        case .event(.opened(let what, _)):
            media.state = .open
            media.place = what
            facts.readers = 1
        case .event(.remark(let text)): facts.lastError = text
        case .event(.beat), .event(.finished), .event(.finishing), .event(.failed),
            .event(.passed), .event(.interrupted), .event(.fragment):
            break
        case .ended(let status, let why):
            media.state = .starting
            facts.readers = 0
            giveUp(after: status)
            if status != MediaJob.Exit.changed {
                media.restarts += 1
                facts.lastError = why
            }
            if !keepsWhileAway {
                queue.removeAll()
                gate.reset()
            }
        }
    }

    /// What one process after the other dies of is not given to the next.
    private func giveUp(after status: Int32) {
        guard status != 128 + SIGKILL, status != MediaJob.Exit.changed else { return }
        fruitless += 1
        guard fruitless >= MediaOutput.mostFruitless else { return }
        fruitless = 0
        facts.dropped += Int64((queue.count - queue.waiting) / SRTSocket.payloadBytes)
        queue.giveUp()
    }

    func close(_ done: @escaping @Sendable () -> Void) {
        guard !isClosed else { return done() }
        isClosed = true
        media.state = .finishing
        facts.media = media
        process.finish(queue, done)
        queue.removeAll()
    }
}

extension MediaTarget {
    fileprivate var isFile: Bool { if case .mp4 = self { true } else { false } }
}
