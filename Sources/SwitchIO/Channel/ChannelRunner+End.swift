// The end of a channel: what it holds is sent, its outputs are closed, its files written. Who says
// `stop` waits for a bounded time only, whatever an engine holds, a reader takes or a disk does.
//
//   0                      hold-back + 1.5 s     hold-back + 2 s
//   what is held leaves ──────┤ the rest is dropped ┤ whoever waits may give up
//         then what was sent last arrives, and files are written

import Dispatch
import Logging
import NIOCore
import SwitchEngine

extension ChannelRunner {
    /// So long behind the hold-back a channel that was told to stop has ended, 2 s.
    public static let endTime: Int64 = 2_000_000_000
    /// Of that, for closing what is open, 0.5 s.
    private static let closingTime: Int64 = 500_000_000

    /// Sends what is held, up to the end of an access unit, and ends.
    @discardableResult
    public func stop() -> EventLoopFuture<Void> {
        loop.execute {
            let longest = self.holdBack + ChannelRunner.endTime - ChannelRunner.closingTime
            self.sendingEnd = self.sendingEnd ?? HostClock.now.nanoseconds + longest
            self.drainAndEnd()
        }
        return stopped.futureResult
    }

    /// An output that is not done though it was given all that there was.
    public struct Unfinished: Sendable {
        public var name: String
        /// Attacca-media makes an MP4 plain, which takes its time, and does so without its parent.
        public var goesOnAlone: Bool
    }

    /// Those of now; callable from anywhere.
    public var unfinishedOutputs: [Unfinished] { unfinished.withLock { $0 } }

    func drainAndEnd() {
        guard !isStopping else { return }
        isStopping = true
        engine.finish(at: HostClock.now)
        drain()
        for event in engine.takeEvents() { take(event) }
        for index in inputs.indices { inputs[index].close() }
    }

    /// What is not due yet never will be.
    func dropRest() {
        guard pacer.waitingPackets >= Pacer.packets else { return }
        logger.error(
            "channel \(name): the time to end is over: \(pacer.waitingPackets) packets are dropped")
        pacer.removeAll()
    }

    func end() {
        pacer.flush(send)
        flushOutputs()
        var lingering = outputs.map(\.output.lingering).max() ?? 0
        if let sendingEnd {
            let left = sendingEnd + ChannelRunner.closingTime / 2 - HostClock.now.nanoseconds
            if lingering > max(left, 0) {
                logger.warning("channel \(name): what was sent last may not reach all readers")
                lingering = max(left, 0)
            }
        }
        loop.scheduleTask(in: .nanoseconds(lingering)) { self.close() }
    }

    /// The channel has ended when its files are written; the loop does not wait for disks.
    private func close() {
        let writing = DispatchGroup()
        unfinished.withLock { list in
            list = outputs.map { name, output in
                Unfinished(name: name, goesOnAlone: (output as? MediaOutput)?.isFile ?? false)
            }
        }
        for (name, output) in outputs {
            writing.enter()
            output.close {
                self.unfinished.withLock { list in
                    if let place = list.firstIndex(where: { $0.name == name }) {
                        list.remove(at: place)
                    }
                }
                writing.leave()
            }
        }
        state?.close()
        publish(at: HostClock.now)
        writing.notify(queue: .global()) { [stopped] in stopped.succeed() }
    }
}
