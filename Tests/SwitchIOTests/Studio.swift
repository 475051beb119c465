// What live tests are made of: feeders, a channel and a receiver in one process, on loopback.

import Conformance
import Foundation
import Logging
import NIOPosix
import StreamContent
import SwitchEngine

@testable import SwitchIO

/// Event loops for all tests of the module.
enum Studio {
    static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    /// Feeders stand for others' machines: what holds them up holds no channel up.
    static let feeders = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("SampleStreams")

    static func sample(_ name: String) -> String { samples.appendingPathComponent(name).path }

    static func freePort() throws -> UInt16 { try FreePorts.next() }

    static func loopback(_ port: UInt16, isRTP: Bool = false) -> DatagramAddress {
        DatagramAddress(endpoint: HostPort(host: "127.0.0.1", port: port), isRTP: isRTP)
    }

    /// Whoever asks for a name waits until this is signalled.
    static func holdNames() -> DispatchSemaphore {
        let gate = DispatchSemaphore(value: 0)
        DispatchQueue.names.async(flags: .barrier) { gate.wait() }
        return gate
    }

    /// Plays a recording to outputs, again and again if so wished.
    static func feed(
        _ path: String, to outputs: [OutputPlan], isLooped: Bool = true
    ) throws -> ChannelRunner {
        var engine = ChannelConfiguration(inputs: [InputConfiguration(name: "file")])
        engine.holdBack = 200_000_000
        var plan = ChannelPlan(
            name: "feed", engine: engine,
            inputs: [InputPlan(links: [.file(path: path, isLooped: isLooped)])], outputs: outputs)
        plan.endsWithInputs = !isLooped
        let runner = try ChannelRunner(plan, on: feeders.next(), logger: logger)
        runner.start()
        return runner
    }

    static func channel(
        _ inputs: [(name: String, plan: InputPlan)], to outputs: [OutputAddress],
        _ change: (inout ChannelConfiguration) -> Void = { _ in }
    ) throws -> ChannelRunner {
        var engine = ChannelConfiguration(inputs: inputs.map { InputConfiguration(name: $0.name) })
        change(&engine)
        let runner = try ChannelRunner(
            ChannelPlan(
                name: "channel", engine: engine, inputs: inputs.map(\.plan),
                outputs: outputs.map { OutputPlan(name: "out", address: $0) }),
            on: loops.next(), logger: logger)
        runner.start()
        return runner
    }
}

/// Receives what a link brings until it is told to stop.
final class Receiver: @unchecked Sendable {
    // Unchecked: touched by its own thread until that has ended.
    private let link: any Link
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    private var isStopping = false
    private var latest = LinkFacts()
    private(set) var bytes: [UInt8] = []
    /// Arrival of each datagram, ns, its size, and how long the machine had let the threads that
    /// it came by wait until then, ns.
    private(set) var arrivals: [(time: Int64, count: Int, waited: Int64)] = []

    init(_ link: any Link) {
        self.link = link
        Thread.detachNewThread { self.receive() }
    }

    private func receive() {
        let wait = ProcessorWait()
        while !lock.withLock({ isStopping }) {
            let first = arrivals.count
            link.poll(at: HostClock.now) { datagram, arrival in
                datagram.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
                arrivals.append((arrival.nanoseconds, datagram.count, 0))
            }
            if first < arrivals.count {
                let waited = wait.nanoseconds
                for index in first..<arrivals.count { arrivals[index].waited = waited }
            }
            lock.withLock { latest = link.facts }
            usleep(1000)
        }
        done.signal()
    }

    /// What the link knew a moment ago.
    var facts: LinkFacts { lock.withLock { latest } }

    func stop() {
        lock.withLock { isStopping = true }
        done.wait()
        link.close()
    }

    /// Laws that the received stream breaks.
    func brokenLaws() -> [LawBreach] {
        var inspector = StreamInspector()
        let bytes = bytes
        inspector.inspect(bytes.span)
        return inspector.finish().brokenLaws
    }

    /// The longest time between two datagrams, ns, less what the machine let the threads between
    /// sender and receiver wait for a processor in it.
    var longestHole: Int64 {
        zip(arrivals, arrivals.dropFirst()).map {
            ($1.time - $0.time) - ($1.waited - $0.waited)
        }.max() ?? 0
    }
}
