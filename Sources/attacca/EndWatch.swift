// What signals do to a run. The first that says to end lets the channels send what they hold; where
// they have not ended in the time that they have, the process ends all the same. The second ends it
// at once. None of that waits for an event loop, a disk, or what a library does at exit: whatever
// stands still, the process goes.

import Foundation
import Glibc
import Logging
import SwitchEngine
import SwitchIO
import Synchronization

/// How far a run has come.
final class Stage: Sendable {
    enum Place { case starting, running, ended }

    private let place = Mutex(Place.starting)

    var now: Place { place.withLock { $0 } }
    func enter(_ next: Place) { place.withLock { $0 = next } }
}

struct EndWatch {
    private let channels: ChannelSet
    private let stage: Stage
    private let logger: Logger
    private let reload: @Sendable () -> Void
    /// A reload waits for event loops, and signals do not wait for it.
    private let reloads = DispatchQueue(label: "attacca.reload")

    init(
        _ channels: ChannelSet, _ stage: Stage, _ logger: Logger,
        reload: @escaping @Sendable () -> Void
    ) {
        self.channels = channels
        self.stage = stage
        self.logger = logger
        self.reload = reload
    }

    /// Signals are blocked in all threads, those of the loops too, and waited for in one of their
    /// own.
    func start(_ signals: sigset_t) {
        let watch = self
        Thread.detachNewThread {
            watch.waitForEnd(signals)
            watch.waitForChannels(signals, nanoseconds: watch.channels.stop())
        }
    }

    private func waitForEnd(_ signals: sigset_t) {
        var signals = signals
        while true {
            var number: Int32 = 0
            sigwait(&signals, &number)
            guard number == SIGHUP else { return }
            if stage.now == .running {
                reloads.async(execute: reload)
            } else {
                logger.notice("SIGHUP: nothing to reload before all channels have begun")
            }
        }
    }

    /// Ends the process: at once where another signal says so, else when the time is over. Where
    /// the channels end in time the main thread does, and nobody comes back from here.
    private func waitForChannels(_ signals: sigset_t, nanoseconds: Int64) -> Never {
        var signals = signals
        let end = HostClock.now + nanoseconds
        while true {
            let left = max(end - HostClock.now, 0)
            var time = timespec(
                tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            let number = sigtimedwait(&signals, nil, &time)
            if number == SIGINT || number == SIGTERM { _exit(1) }
            if number < 0 && left == 0 { break }
        }
        // Channels have ended, and only what a library does at its end is waited for.
        if stage.now == .ended { _exit(0) }
        let channels = channels
        let isDone = channels.all.allSatisfy { runner in
            let outputs = runner.unfinishedOutputs
            return !outputs.isEmpty && outputs.allSatisfy(\.goesOnAlone)
        }
        // Whoever reads the log may be what stands still: it has a moment.
        let logger = logger
        let told = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            EndWatch.tell(channels, logger)
            told.signal()
        }
        _ = told.wait(timeout: .now() + .milliseconds(100))
        _exit(isDone ? 0 : 1)
    }

    private static func tell(_ channels: ChannelSet, _ logger: Logger) {
        for runner in channels.all {
            let outputs = runner.unfinishedOutputs
            for output in outputs where output.goesOnAlone {
                logger.notice(
                    "channel \(runner.name): attacca-media goes on with \(output.name) alone")
            }
            let rest = outputs.filter { !$0.goesOnAlone }.map(\.name).joined(separator: ", ")
            if outputs.isEmpty || !rest.isEmpty {
                let what = rest.isEmpty ? "has not ended" : "is not done with \(rest)"
                logger.error("channel \(runner.name) \(what): the process ends all the same")
            }
        }
    }
}
