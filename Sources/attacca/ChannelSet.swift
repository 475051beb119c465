// The channels of one process, by name: started, stopped, and changed by a reload. What did not
// change is not touched, and what can not be done to one channel does nothing to another.

import Foundation
import Logging
import NIOCore
import SwitchIO

final class ChannelSet: @unchecked Sendable {
    // Unchecked: all that changes is behind `state`.
    private let loops: any EventLoopGroup
    private let logger: Logger
    private let state = NSCondition()
    private var runners: [ChannelRunner] = []
    private var isStopping = false

    init(on loops: any EventLoopGroup, logger: Logger) {
        self.loops = loops
        self.logger = logger
    }

    /// Those that run, in the order of the configuration.
    var all: [ChannelRunner] { state.withLock { runners } }

    /// Opens a channel's links and outputs and puts it on the air.
    func start(_ plan: ChannelPlan) throws(IOFailure) {
        let runner = try ChannelRunner(plan, on: loops.next(), logger: logger)
        let isLate = state.withLock {
            if !isStopping { runners.append(runner) }
            return isStopping
        }
        runner.start()
        if isLate { runner.stop() }
        runner.ended.whenComplete { _ in
            self.state.withLock {
                self.runners.removeAll { $0 === runner }
                self.state.broadcast()
            }
        }
    }

    /// Lets all channels send what they hold, and end.
    func stop() {
        let runners = state.withLock {
            isStopping = true
            return self.runners
        }
        runners.forEach { $0.stop() }
    }

    /// Waits until all channels have ended, or for so many seconds.
    /// - Returns: whether all have.
    func waitForEnd(seconds: Double) -> Bool {
        let limit = Date(timeIntervalSinceNow: seconds)
        return state.withLock {
            while !runners.isEmpty {
                if !state.wait(until: limit) { return runners.isEmpty }
            }
            return true
        }
    }

    /// Goes over to other plans. To be called from one thread, which is none of the loops'.
    func apply(_ plans: [ChannelPlan]) {
        let running = all
        let gone = running.filter { runner in !plans.contains { $0.name == runner.name } }
        for runner in gone {
            logger.notice("channel \(runner.name) is removed")
            runner.stop()
        }
        // Those that stay first: what they give up, new ones may take.
        let staying = plans.compactMap { plan in
            running.first { $0.name == plan.name }.map { ($0, plan) }
        }
        // What one of them could not open another may have given up since.
        let first = staying.map { runner, plan in runner.apply(plan) }
        let lacking = zip(staying, first).filter { ((try? $1.wait()) ?? []) != [] }.map(\.0)
        for (runner, plan) in lacking {
            for failure in (try? runner.apply(plan, isRetry: true).wait()) ?? [] {
                logger.error("\(failure)")
            }
        }
        for plan in plans where !running.contains(where: { $0.name == plan.name }) {
            do throws(IOFailure) {
                try start(plan)
                logger.notice("channel \(plan.name) is added")
            } catch {
                startLater(plan, error, gone)
            }
        }
        state.withLock {
            let order = plans.map(\.name)
            runners.sort {
                order.firstIndex(of: $0.name) ?? 0 < order.firstIndex(of: $1.name) ?? 0
            }
        }
    }

    /// What a channel could not open may be what one that ends still has.
    private func startLater(_ plan: ChannelPlan, _ failure: IOFailure, _ gone: [ChannelRunner]) {
        guard !gone.isEmpty else {
            return logger.error("channel \(plan.name): \(failure)")
        }
        Thread.detachNewThread {
            for runner in gone { try? runner.ended.wait() }
            do throws(IOFailure) {
                try self.start(plan)
                self.logger.notice("channel \(plan.name) is added")
            } catch {
                self.logger.error("channel \(plan.name): \(error)")
            }
        }
    }
}
