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
    /// Those of them that a reload has removed and that still send what they hold.
    private var leaving: [ChannelRunner] = []
    /// Names of channels that come when those have ended.
    private var waiting: Set<String> = []
    /// What the last reload said.
    private var wanted: [ChannelPlan] = []
    private var isStopping = false
    /// One change at a time; behind it nothing of `loops` waits.
    private let changes = NSLock()

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
                self.leaving.removeAll { $0 === runner }
                self.state.broadcast()
            }
        }
    }

    /// Lets all channels send what they hold, and end.
    /// - Returns: how long that may take, nanoseconds.
    @discardableResult
    func stop() -> Int64 {
        let runners = state.withLock {
            isStopping = true
            return self.runners
        }
        runners.forEach { $0.stop() }
        return (runners.map(\.holdBack).max() ?? 0) + ChannelRunner.endTime
    }

    /// Waits until all channels have ended and none is to come, or for so many seconds.
    /// - Returns: whether all have.
    func waitForEnd(seconds: Double) -> Bool {
        let limit = Date(timeIntervalSinceNow: seconds)
        return state.withLock {
            while !(runners.isEmpty && waiting.isEmpty) {
                if !state.wait(until: limit) { return runners.isEmpty && waiting.isEmpty }
            }
            return true
        }
    }

    /// Goes over to other plans. To be called from a thread which is none of the loops'.
    func apply(_ plans: [ChannelPlan]) { changes.withLock { change(to: plans) } }

    private func change(to plans: [ChannelPlan]) {
        let (running, removed) = state.withLock {
            wanted = plans
            let running = runners.filter { !isLeaving($0) }
            let removed = running.filter { runner in !plans.contains { $0.name == runner.name } }
            leaving += removed
            return (running, removed)
        }
        for runner in removed {
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
            if !add(plan) { addLater(plan.name) }
        }
        sort()
    }

    /// In the order of the configuration.
    private func sort() {
        state.withLock {
            let order = wanted.map(\.name)
            runners.sort {
                order.firstIndex(of: $0.name) ?? 0 < order.firstIndex(of: $1.name) ?? 0
            }
        }
    }

    /// - Returns: false where it has to wait until those that are removed have ended.
    private func add(_ plan: ChannelPlan) -> Bool {
        let gone = state.withLock { leaving }
        // One that was removed a moment ago still sends what it holds.
        if gone.contains(where: { $0.name == plan.name }) { return false }
        do throws(IOFailure) {
            try start(plan)
            logger.notice("channel \(plan.name) is added")
        } catch {
            // What it could not open may be what one that ends still has.
            if !gone.isEmpty { return false }
            logger.error("channel \(plan.name): \(error)")
        }
        return true
    }

    private func addLater(_ name: String) {
        guard state.withLock({ waiting.insert(name).inserted }) else { return }
        logger.notice("channel \(name) waits for those that are removed to end")
        Thread.detachNewThread {
            repeat {
                self.state.withLock { while !self.leaving.isEmpty { self.state.wait() } }
            } while !self.changes.withLock { self.addAwaited(name) }
            self.state.withLock {
                self.waiting.remove(name)
                self.state.broadcast()
            }
        }
    }

    /// Another reload may have thought better of it, or changed it.
    private func addAwaited(_ name: String) -> Bool {
        let plan = state.withLock {
            isStopping || runners.contains { $0.name == name && !isLeaving($0) }
                ? nil : wanted.first { $0.name == name }
        }
        guard let plan else { return true }
        defer { sort() }
        return add(plan)
    }

    /// To be asked behind `state`.
    private func isLeaving(_ runner: ChannelRunner) -> Bool { leaving.contains { $0 === runner } }
}
