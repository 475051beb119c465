// Nothing that waits may hold a channel's loop: names, pipes, disks.

import Foundation
import NIOCore
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite(.serialized) struct LoopTests {
    private func wait(_ seconds: Double) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    }

    private func path(_ name: String) -> String {
        NSTemporaryDirectory() + "attacca-\(name)-\(UUID().uuidString)"
    }

    /// Asks until something is true, for some seconds.
    private func comesTrue(_ isTrue: () -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if isTrue() { return true }
            try await wait(0.02)
        }
        return false
    }

    private func srt(_ mode: SRTAddress.Mode, _ host: String, _ port: UInt16) -> SRTAddress {
        SRTAddress(mode: mode, endpoint: HostPort(host: host, port: port))
    }

    // RFC 6761 §6.4: nobody has a name under `invalid`.
    @Test func anUnknownNameIsAskedForBesideTheLoopAndThenTold() async throws {
        let link = try SRTLink(srt(.caller, "nowhere.invalid", 9001))
        let output = try SRTOutput(srt(.caller, "nowhere.invalid", 9001))
        link.poll(at: HostClock.now) { _, _ in }
        output.poll(at: HostClock.now)
        // Who had waited for the answer would know it.
        #expect(link.facts.lastError == nil && output.facts.lastError == nil)
        let isTold = try await comesTrue {
            link.poll(at: HostClock.now) { _, _ in }
            output.poll(at: HostClock.now)
            return link.facts.lastError != nil && output.facts.lastError != nil
        }
        #expect(isTold && link.facts.state == .waiting)
        #expect(link.facts.lastError?.contains("nowhere.invalid") == true)
        link.close()
        output.close()
    }

    @Test func aNameIsReachedOnceItIsKnown() async throws {
        let port = try Studio.freePort()
        let output = try SRTOutput(srt(.listener, "127.0.0.1", port))
        let receiver = Receiver(try SRTLink(srt(.caller, "localhost", port)))
        let isThere = try await comesTrue {
            output.poll(at: HostClock.now)
            return output.facts.readers == 1 && receiver.facts.state == .connected
        }
        #expect(isThere)
        receiver.stop()
        output.close()
    }

    @Test func aLinkThatIsOpenedOnTheLoopDoesNotWaitForItsName() async throws {
        let address = DatagramAddress(endpoint: HostPort(host: "nowhere.invalid", port: 5000))
        let runner = InputRunner(closed: InputPlan(links: [.datagrams(address)]))
        runner.poll(at: HostClock.now) { _, _ in }
        #expect(runner.facts[0].lastError == nil)
        let isTold = try await comesTrue {
            runner.poll(at: HostClock.now) { _, _ in }
            return runner.facts[0].state == .failed
        }
        #expect(isTold && runner.facts[0].lastError?.contains("nowhere.invalid") == true)
    }

    @Test func aLinkWithANameIsOpenedWhenItIsKnown() async throws {
        let port = try Studio.freePort()
        let address = DatagramAddress(endpoint: HostPort(host: "localhost", port: port))
        let runner = InputRunner(closed: InputPlan(links: [.datagrams(address)]))
        let isOpen = try await comesTrue {
            runner.poll(at: HostClock.now) { _, _ in }
            return runner.facts[0].state == .connected
        }
        #expect(isOpen && !runner.lacksLink)
        runner.close()
    }

    @Test func aReloadAsksForTheNamesOfNewOutputsOnly() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        func plan(_ outputs: [UInt16], _ name: String) -> ChannelPlan {
            ChannelPlan(
                name: "one",
                engine: ChannelConfiguration(inputs: [InputConfiguration(name: name)]),
                inputs: [InputPlan(links: [.datagrams(Studio.loopback(ports[0]))])],
                outputs: outputs.map {
                    let endpoint = HostPort(host: "localhost", port: $0)
                    return OutputPlan(
                        name: "out", address: .datagrams(DatagramAddress(endpoint: endpoint)))
                })
        }
        let channel = try ChannelRunner(
            plan([ports[1]], "main"), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        let gate = Studio.holdNames()
        let (renamed, added) = (Answered(), Answered())
        channel.apply(plan([ports[1]], "other")).whenSuccess { renamed.set($0.isEmpty) }
        let isRenamed = try await comesTrue { renamed.isSet }
        channel.apply(plan([ports[1], ports[2]], "other")).whenSuccess { added.set($0.isEmpty) }
        try await wait(0.2)
        let wasAddedAtOnce = added.isSet
        gate.signal()
        let isAdded = try await comesTrue { added.isSet }
        #expect(isRenamed && !wasAddedAtOnce && isAdded)
        #expect(channel.status.outputs.count == 2)
        try await channel.stop().get()
    }

    @Test func allThatWantToSeeWhatTheChannelSendsDo() async throws {
        let ports = try (0..<2).map { _ in try Studio.freePort() }
        let file = Studio.sample("h264-main.ts")
        let channel = try Studio.channel(
            [("main", InputPlan(links: [.file(path: file, isLooped: true)]))]
                + ports.map { ("slate", InputPlan(links: [.datagrams(Studio.loopback($0))])) },
            to: []
        ) { $0.holdBack = 300_000_000 }
        let watchers = [Watcher(), Watcher()]
        try await channel.loop.submit {
            for (index, watcher) in watchers.enumerated() {
                channel.inputs[1 + index].places[0].link?.close()
                channel.inputs[1 + index].places[0].link = watcher
            }
        }.get()
        try await wait(3)
        try await channel.stop().get()
        #expect(watchers[0].count > 100_000 && watchers[0].count == watchers[1].count)
    }

    // In a debug build NIO ends the process for a promise that nobody keeps.
    @Test func aChannelThatCanNotBeOpenedLeavesNothingBehind() async throws {
        let port = try Studio.freePort()
        let stranger = try DatagramLink(Studio.loopback(port))
        defer { stranger.close() }
        #expect(throws: IOFailure.self) {
            _ = try Studio.channel(
                [("main", InputPlan(links: [.datagrams(Studio.loopback(port))]))], to: [])
        }
    }

    @Test func aPipeThatNobodyReadsIsAMistakeAndNoWait() async throws {
        let path = path("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let failure = #expect(throws: IOFailure.self) { _ = try FileOutput(path: path) }
        #expect(failure?.description.contains("nobody reads") == true)
    }

    @Test func aPipeAsALinkWaitsForItsWriterAndThenBringsWhatComes() async throws {
        let path = path("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let plan = InputPlan(links: [.file(path: path, isLooped: false)])
        let runner = try InputRunner(plan)
        var count = 0
        func poll() { runner.poll(at: HostClock.now) { bytes, _ in count += bytes.count } }
        poll()
        #expect(!runner.hasEnded && runner.facts[0].state == .connected)
        let output = try FileOutput(path: path)
        let bytes = [UInt8](repeating: 0x47, count: 1316)
        output.send(bytes.span, DueDatagram(sequence: 0, timestamp: 0))
        poll()
        #expect(!runner.hasEnded)
        output.close()
        let hasEnded = try await comesTrue {
            poll()
            return runner.hasEnded
        }
        #expect(hasEnded && count == 1316)
        runner.close()
    }

    @Test func aChannelWhoseDiskStallsHoldsNoOtherOneUp() async throws {
        let path = path("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        signal(SIGPIPE, SIG_IGN)
        // A reader that reads nothing: the pipe is full after 64 KiB.
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        let stalled = try Studio.channel(
            [("main", InputPlan(
                links: [.file(path: Studio.sample("h264-main.ts"), isLooped: true)]))],
            to: [.file(path: path)])
        try await wait(5)
        let ended = stalled.stop()
        try await wait(4)
        // The loop that it is on answers all the same.
        let answer = stalled.loop.submit { true }
        let answered = Answered()
        answer.whenSuccess { answered.set($0) }
        let isAnswered = try await comesTrue { answered.isSet }
        close(reader)
        try await ended.get()
        #expect(isAnswered)
    }
}

/// A link that brings nothing and looks on.
private final class Watcher: Link, @unchecked Sendable {
    // Unchecked: touched on its channel's loop until that has ended.
    let isRTP = false
    let facts = LinkFacts()
    let isWatching = true
    private(set) var count = 0
    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {}
    func watch(_ packets: Span<UInt8>) { count += packets.count }
    func close() {}
}

private final class Answered: @unchecked Sendable {
    // Unchecked: behind the lock.
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set(_ new: Bool) { lock.withLock { value = new } }
}
