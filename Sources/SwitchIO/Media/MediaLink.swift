// Links that libav reads: HLS, HTTP, RTSP, RIST, and recordings in other containers than a
// transport stream. A media process makes transport packets of them. Those of a recording or of a
// playlist come as fast as they are taken, and are taken when their own clock says (`MediaPass`).

import MediaJobs
import SwitchEngine

final class MediaLink: Link {
    /// Bytes that are read ahead: what a server is slow to give is there already.
    private static let aheadBytes = 8 << 20
    /// Bytes of one tick.
    private static let tickBytes = 1 << 20

    let isRTP = false
    private(set) var facts = LinkFacts()
    private let process: MediaProcess
    private var queue = ByteQueue()
    /// Bytes that have come of the pass whose end is not known yet.
    private var unended: Int64 = 0
    private var pace = Pace.unknown
    /// The recording is at its end, and what is left of it is in the queue.
    private var isWhole = false

    private enum Pace {
        /// The process has not opened its source yet.
        case unknown
        case arrival
        /// The pass that is given, and the ends of those behind it.
        case clock(MediaPass, ends: [MediaPass.End])
    }

    init(_ source: MediaSource) throws(IOFailure) {
        process = try MediaProcess(.link(source), bringsBytes: true)
        facts.state = .connecting
    }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        guard facts.state != .ended else { return }
        // Bytes before events: what was told before them is heard when they are given.
        if queue.count < MediaLink.aheadBytes {
            let before = queue.count
            process.read(into: &queue, most: MediaLink.tickBytes)
            unended += Int64(queue.count - before)
        }
        var ending: (status: Int32, why: String)?
        process.poll(at: now) { news in
            switch news {
            case .begun: break
            case .event(let event): hear(event)
            case .ended(let status, let why): ending = (status, why)
            }
        }
        if let ending { end(ending.status, ending.why) }
        deliver(at: now, take)
    }

    private func hear(_ event: MediaEvent) {
        switch event {
        case .opened(_, .arrival): open(.arrival)
        case .opened(_, .clock):
            guard case .clock = pace else { return open(.clock(MediaPass(), ends: [])) }
            // The next pass of a recording is no new connection.
            if facts.state == .connecting { connect() }
        case .passed(let bytes, let nanoseconds):
            endPass(MediaPass.End(bytes: bytes, nanoseconds: nanoseconds))
        case .interrupted(let why):
            facts.state = .connecting
            facts.lastError = why
        case .remark(let text): facts.lastError = text
        case .beat, .safe, .fragment, .finished, .finishing, .failed: break
        }
    }

    private func open(_ pace: Pace) {
        self.pace = pace
        connect()
    }

    private func connect() {
        facts.state = .connected
        facts.connections += 1
        facts.lastError = nil
    }

    /// What comes from here on is another pass.
    private func endPass(_ end: MediaPass.End) {
        guard case .clock(var pass, var ends) = pace else { return }
        if pass.end == nil { pass.finish(end) } else { ends.append(end) }
        pace = .clock(pass, ends: ends)
        unended -= end.bytes
    }

    private func end(_ status: Int32, _ why: String) {
        if status == MediaJob.Exit.done, case .clock = pace {
            isWhole = true
            process.stop()
            return
        }
        facts.state = .connecting
        if status != MediaJob.Exit.done { facts.lastError = why }
        if case .clock = pace {
            // What was read ahead is played to its end.
            return endPass(MediaPass.End(bytes: unended, nanoseconds: nil))
        }
        queue.removeAll()
        pace = .unknown
        unended = 0
    }

    private func deliver(
        at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void
    ) {
        switch pace {
        case .unknown: break
        case .arrival:
            var given = 0
            queue.take { bytes in
                given = bytes.count
                take(bytes.bindMemory(to: UInt8.self).span, now)
                return given
            }
            count(given)
        case .clock(var pass, var ends):
            // The place that holds it is not read meanwhile.
            pace = .unknown
            var given = 0
            while true {
                let outcome = pass.give(from: &queue, isWhole: isWhole, at: now) {
                    given += $0.count
                    take($0, $1)
                }
                guard case .over(let next) = outcome else { break }
                if isWhole && queue.count == 0 {
                    facts.state = .ended
                    break
                }
                pass = MediaPass(start: next)
                if !ends.isEmpty { pass.finish(ends.removeFirst()) }
            }
            pace = .clock(pass, ends: ends)
            count(given)
        }
    }

    private func count(_ bytes: Int) {
        guard bytes > 0 else { return }
        facts.datagrams += 1
        facts.bytes += Int64(bytes)
    }

    func close() {
        process.stop()
        facts.state = .ended
    }
}
