// What the channels of one event loop wake by. Each sleeps until its next datagram is due, hundreds
// of times a second: one timer for all of them costs the loop much less than one for each, and
// those that are due together are woken together.

import NIOCore
import NIOPosix
import SwitchEngine

/// Confined to its loop.
final class LoopAlarm: NIOScheduledCallbackHandler, @unchecked Sendable {
    private static let ofThread = ThreadSpecificVariable<LoopAlarm>()

    /// The loop's own; to be called on it.
    static func of(_ loop: any EventLoop) -> LoopAlarm {
        loop.preconditionInEventLoop()
        if let alarm = ofThread.currentValue { return alarm }
        let alarm = LoopAlarm(loop)
        ofThread.currentValue = alarm
        return alarm
    }

    private let loop: any EventLoop
    /// When each is to be woken, host nanoseconds.
    private var sleepers: [(runner: ChannelRunner, due: Int64)] = []
    /// What the timer is set to.
    private var nextDue = Int64.max
    private var timer: NIOScheduledCallback?

    private init(_ loop: any EventLoop) { self.loop = loop }

    /// Wakes a channel, and again whenever it wishes until it wishes no more.
    func wake(_ runner: ChannelRunner) {
        guard let due = runner.wake() else { return }
        sleepers.append((runner, due))
        guard due < nextDue else { return }
        timer?.cancel()
        setTimer(due)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        let now = HostClock.now.nanoseconds
        var next = Int64.max
        for index in sleepers.indices.reversed() {
            if sleepers[index].due <= now {
                guard let due = sleepers[index].runner.wake() else {
                    sleepers.remove(at: index)
                    continue
                }
                sleepers[index].due = due
            }
            next = min(next, sleepers[index].due)
        }
        setTimer(next)
    }

    private func setTimer(_ due: Int64) {
        nextDue = due
        guard due < .max else { return }
        // Fails on a loop that is shut down: then there is nobody to wake.
        timer = try? loop.scheduleCallback(
            at: NIODeadline(MonotonicInstant(nanoseconds: due)), handler: self)
    }
}
