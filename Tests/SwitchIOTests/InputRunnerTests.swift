// One input's links: opened and closed as its bond wants them, and kept over a reload.

import Foundation
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite final class InputRunnerTests {
    private static let millisecond: Int64 = 1_000_000

    deinit { Foundation.close(sender) }

    /// One sender for all ports: another would be another sender on each.
    private let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)

    /// Sends one datagram of seven packets.
    private func send(_ number: Int, to port: UInt16, isRTP: Bool = false) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var bytes: [UInt8] =
            isRTP ? [0x80, 33, UInt8(number >> 8), UInt8(number & 255), 0, 0, 0, 0, 0, 0, 0, 1] : []
        for packet in 0..<7 {
            let count = number * 7 + packet
            bytes += [0x47, 1, 1, 0x10 | UInt8(count & 15)]
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
            bytes += [UInt8](repeating: 0xAA, count: 180)
        }
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    sender, bytes, bytes.count, 0, $0,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// The numbers of the packets in `bytes`.
    private static func numbers(_ bytes: [UInt8]) -> [Int] {
        stride(from: 0, to: bytes.count, by: 188).map { at in
            (0..<4).reduce(0) { $0 | Int(bytes[at + 4 + $1]) << (8 * $1) }
        }
    }

    @Test func aColdBackupIsClosedWhenTheMainIsBack() throws {
        let ports = try (0..<2).map { _ in try Studio.freePort() }
        var rule = MainBackupPlan()
        (rule.isCold, rule.trip, rule.clear) =
            (true, 100 * Self.millisecond, 300 * Self.millisecond)
        let runner = try InputRunner(
            InputPlan(
                links: ports.map { .datagrams(Studio.loopback($0)) }, bond: .mainBackup(rule)))
        defer { runner.close() }
        let start = HostClock.now
        func poll(_ step: Int) {
            runner.poll(at: start + Int64(step) * 50 * Self.millisecond) { _, _ in }
        }
        for step in 0..<5 { poll(step) }
        #expect(runner.facts.map(\.state) == [.connected, .connected])
        for step in 5..<15 {
            send(step, to: ports[0])
            poll(step)
        }
        #expect(runner.facts.map(\.state) == [.connected, .waiting])
        // The port is free for others.
        let other = try DatagramLink(Studio.loopback(ports[1]))
        other.close()
    }

    /// An answer of then may be of no use when it is needed again.
    @Test func aNameThatIsAskedForWhenItsLinkIsGivenUpIsAskedForAnew() throws {
        let ports = try (0..<2).map { _ in try Studio.freePort() }
        let named = DatagramAddress(endpoint: HostPort(host: "localhost", port: ports[1]))
        var rule = MainBackupPlan()
        (rule.isCold, rule.trip, rule.clear) =
            (true, 100 * Self.millisecond, 300 * Self.millisecond)
        let runner = try InputRunner(
            InputPlan(
                links: [.datagrams(Studio.loopback(ports[0])), .datagrams(named)],
                bond: .mainBackup(rule)))
        defer { runner.close() }
        let gate = Studio.holdNames()
        defer { gate.signal() }
        let start = HostClock.now
        func poll(_ step: Int) {
            runner.poll(at: start + Int64(step) * 50 * Self.millisecond) { _, _ in }
        }
        for step in 0..<5 { poll(step) }
        #expect(runner.places[1].names != nil && runner.places[1].link == nil)
        for step in 5..<15 {
            send(step, to: ports[0])
            poll(step)
        }
        #expect(runner.places[1].names == nil && runner.places[1].link == nil)
    }

    /// The second link is 200 ms behind; what goes and what comes changes neither bytes nor times.
    @Test(arguments: [false, true])
    func aMergesLinksComeAndGoWithoutAStep(isRTP: Bool) throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        func plan(_ links: [Int]) -> InputPlan {
            InputPlan(
                links: links.map { .datagrams(Studio.loopback(ports[$0], isRTP: isRTP)) },
                bond: .merge(skewWindow: 400 * Self.millisecond))
        }
        let runner = try InputRunner(plan([0, 1]))
        defer { runner.close() }
        // In the past, so that the kernel's stamps count as the time of the poll.
        let start = HostClock.now + -100_000 * Self.millisecond
        var bytes: [UInt8] = []
        var arrivals: [Int64] = []
        func take(_ span: Span<UInt8>, _ arrival: MonotonicInstant) {
            span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            arrivals.append(arrival.nanoseconds)
        }
        for step in 0..<400 {
            let now = start + Int64(step) * 10 * Self.millisecond
            if step == 100 { #expect(runner.apply(plan([2, 1]), at: now, take).isEmpty) }
            if step == 200 { #expect(runner.apply(plan([2]), at: now, take).isEmpty) }
            if step < 300 {
                send(step, to: ports[step < 100 ? 0 : 2], isRTP: isRTP)
                if step >= 20, step < 220 { send(step - 20, to: ports[1], isRTP: isRTP) }
            }
            runner.poll(at: now, take)
        }
        #expect(Self.numbers(bytes) == Array(0..<2_100))
        let steps = zip(arrivals, arrivals.dropFirst()).map { ($1 - $0) / Self.millisecond }
        #expect(steps.allSatisfy { $0 <= 20 }, "\(steps.max() ?? 0)")
        #expect(runner.facts.count == 1 && runner.facts[0].bond.packets == 1_400)
    }

    @Test func aLinkThatIsMissingIsOpenedAndTheOthersNoticeNothing() throws {
        let ports = try (0..<2).map { _ in try Studio.freePort() }
        let stranger = try DatagramLink(Studio.loopback(ports[1]))
        let plan = InputPlan(
            links: ports.map { .datagrams(Studio.loopback($0)) },
            bond: .merge(skewWindow: 400 * Self.millisecond))
        let runner = InputRunner(closed: plan)
        defer { runner.close() }
        let start = HostClock.now
        #expect(runner.openMissing(at: start).count == 1)
        for step in 0..<10 {
            send(step, to: ports[0])
            runner.poll(at: start + Int64(step) * 10 * Self.millisecond) { _, _ in
                Issue.record("before its time")
            }
        }
        stranger.close()
        #expect(runner.openMissing(at: start + 100 * Self.millisecond).isEmpty)
        #expect(!runner.lacksLink && runner.facts.map(\.bond.packets) == [70, 0])
    }
}
