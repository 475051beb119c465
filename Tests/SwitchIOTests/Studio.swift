// What live tests are made of: feeders, a channel and a receiver in one process, on loopback.

import Conformance
import Foundation
import Logging
import NIOPosix
import SwitchEngine

@testable import SwitchIO

/// Event loops for all tests of the module.
enum Studio {
    static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    /// Feeders stand for others' machines: what holds them up holds no channel up.
    private static let feeders = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("SampleStreams")

    static func sample(_ name: String) -> String { samples.appendingPathComponent(name).path }

    /// A port that was free a moment ago.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { Foundation.close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
    }

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
    /// Arrival of each datagram, ns, and its size.
    private(set) var arrivals: [(time: Int64, count: Int)] = []
    /// How long this machine held a thread up that had nothing to do but to sleep for 1 ms, ns.
    private(set) var longestStall: Int64 = 0

    init(_ link: any Link) {
        self.link = link
        Thread.detachNewThread { self.receive() }
    }

    private func receive() {
        while !lock.withLock({ isStopping }) {
            link.poll(at: HostClock.now) { datagram, arrival in
                datagram.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
                arrivals.append((arrival.nanoseconds, datagram.count))
            }
            lock.withLock { latest = link.facts }
            let asleep = HostClock.now.nanoseconds
            usleep(1000)
            longestStall = max(longestStall, HostClock.now.nanoseconds - asleep)
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

    /// What a hole may be longer for the machine's sake, 50 ms at most.
    var allowance: Int64 { min(longestStall, 50_000_000) }

    /// Laws that the received stream breaks.
    func brokenLaws() -> [LawBreach] {
        var inspector = StreamInspector()
        let bytes = bytes
        inspector.inspect(bytes.span)
        return inspector.finish().brokenLaws
    }

    /// The longest time between two datagrams, ns.
    var longestHole: Int64 {
        zip(arrivals, arrivals.dropFirst()).map { $1.time - $0.time }.max() ?? 0
    }
}
