// Socket groups as links and outputs, on loopback, with both ends ours. They run where the libsrt
// of the tests knows groups: `make test` gives them the one that it builds.

import StreamContent
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite(.enabled(if: SRTLibrary.hasSocketGroups, "this libsrt has no socket groups"))
struct SRTGroupTests {
    private func wait(_ seconds: Double) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    }

    private func listener(_ port: UInt16, groups: Bool = true) throws -> SRTAddress {
        try address("srt://:\(port)?latency=300\(groups ? "&groupconnect=1" : "")")
    }

    private func address(_ text: String) throws -> SRTAddress {
        guard case .srt(let address) = try LinkAddress(text) else { throw IOFailure(text) }
        return address
    }

    private func feed(_ url: String) throws -> ChannelRunner {
        try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "group", address: .srt(try address(url)))])
    }

    /// Waits until a link has so many connected paths; a silent one is given up after some 5 s.
    ///
    /// - Parameter isSo: of these paths, whatever else is waited for. One that is connected is not
    ///   yet one that brings what is sent: the receiver has it before the sender knows of it, and
    ///   what the sender sends in between goes over the other one alone.
    private func paths(
        _ count: Int, of receiver: Receiver,
        until isSo: ([SRTPathFacts]) -> Bool = { _ in true }
    ) async throws -> [SRTPathFacts] {
        var found: [SRTPathFacts] = []
        for _ in 0..<300 {
            found = receiver.facts.srt?.paths.filter(\.isConnected) ?? []
            if found.count == count && isSo(found) { return found }
            try await wait(0.1)
        }
        Issue.record("\(found) are not \(count) paths")
        return found
    }

    @Test(arguments: SRTGroup.Kind.allCases)
    func pathsThatBreakAndComeBackAreOneConnection(_ kind: SRTGroup.Kind) async throws {
        let port = try Studio.freePort()
        let relays = try ["127.0.0.2", "127.0.0.3"].map { try DatagramRelay(host: $0, to: port) }
        defer { relays.forEach { $0.close() } }
        let receiver = Receiver(try SRTLink(try listener(port)))
        let sender = try feed(
            "srt://127.0.0.2:\(relays[0].port),127.0.0.3:\(relays[1].port)"
                + "?grouptype=\(kind.rawValue)&latency=300")
        // Of a backup group one path brings something; the other one too where that one was slow.
        _ = try await paths(2, of: receiver) { paths in
            paths.count { $0.state == .running } >= (kind == .broadcast ? 2 : 1)
        }
        try await wait(1)
        relays[0].become(.silent)
        let rest = try await paths(1, of: receiver)
        #expect(rest.allSatisfy { $0.state == .running })
        #expect(receiver.facts.lastError?.hasPrefix("the path of 127.0.0.1:") == true)
        relays[0].become(.none)
        _ = try await paths(2, of: receiver) { paths in
            paths.contains { $0.state == .running && $0.peer != rest.first?.peer }
        }
        // Now the first path is all there is.
        relays[1].become(.silent)
        let before = receiver.facts.bytes
        try await wait(4)
        let facts = receiver.facts
        try await sender.stop().get()
        receiver.stop()
        // 4 s of some 260 kbit/s.
        #expect(facts.bytes - before > 80_000)
        #expect(facts.state == .connected && facts.connections == 1)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    @Test func aSecondSenderIsRefusedHoweverManyPathsItHas() async throws {
        let port = try Studio.freePort()
        let receiver = Receiver(try SRTLink(try listener(port)))
        let ways = "127.0.0.1:\(port),127.0.0.1:\(port)"
        let sender = try feed("srt://\(ways)?grouptype=broadcast&latency=300")
        _ = try await paths(2, of: receiver)
        let quiet = receiver.facts.refusals
        let group = try feed("srt://\(ways)?grouptype=broadcast&latency=300")
        try await wait(2.5)
        let afterGroup = receiver.facts.refusals
        try await group.stop().get()
        let alone = try feed("srt://127.0.0.1:\(port)?latency=300")
        try await wait(2.5)
        let facts = receiver.facts
        try await alone.stop().get()
        try await sender.stop().get()
        receiver.stop()
        #expect(quiet == 0)
        #expect(afterGroup > quiet)
        #expect(facts.refusals > afterGroup)
        #expect(facts.connections == 1 && facts.srt?.paths.count == 2)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    @Test func aPlaceThatDoesNotAskForGroupsRefusesThemAndTakesOthers() async throws {
        let port = try Studio.freePort()
        let receiver = Receiver(try SRTLink(try listener(port, groups: false)))
        let group = try feed("srt://127.0.0.1:\(port)?grouptype=broadcast")
        try await wait(2)
        let refusing = receiver.facts
        try await group.stop().get()
        let alone = try feed("srt://127.0.0.1:\(port)")
        try await wait(2)
        let taking = receiver.facts
        try await alone.stop().get()
        receiver.stop()
        #expect(refusing.connections == 0)
        #expect(taking.connections == 1 && taking.srt?.paths == [])
        #expect(taking.refusals > 0)
    }

    @Test func anEncryptedGroupOfAStreamIDFindsItsPlace() async throws {
        let port = try Studio.freePort()
        let query = "streamid=main&passphrase=0123456789&latency=300"
        let main = Receiver(try SRTLink(try address("srt://:\(port)?groupconnect=1&\(query)")))
        let other = Receiver(
            try SRTLink(try address("srt://:\(port)?groupconnect=1&streamid=other")))
        let ways = "127.0.0.1:\(port),127.0.0.1:\(port)"
        let sender = try feed("srt://\(ways)?grouptype=broadcast&\(query)")
        _ = try await paths(2, of: main)
        try await wait(2)
        try await sender.stop().get()
        main.stop()
        other.stop()
        #expect(main.brokenLaws().map { "\($0)" } == [])
        #expect(main.bytes.count > 30_000 && other.bytes.isEmpty)
    }

    @Test func aGroupCallsAnOutputAndGetsItsLostPathBack() async throws {
        let port = try Studio.freePort()
        let relays = try ["127.0.0.2", "127.0.0.3"].map { try DatagramRelay(host: $0, to: port) }
        defer { relays.forEach { $0.close() } }
        let sender = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "readers", address: .srt(try listener(port)))])
        let receiver = Receiver(
            try SRTLink(
                try address(
                    "srt://127.0.0.2:\(relays[0].port),127.0.0.3:\(relays[1].port)"
                        + "?grouptype=broadcast&latency=300")))
        let areRunning = { (paths: [SRTPathFacts]) in paths.allSatisfy { $0.state == .running } }
        _ = try await paths(2, of: receiver, until: areRunning)
        relays[0].become(.silent)
        _ = try await paths(1, of: receiver)
        relays[0].become(.none)
        _ = try await paths(2, of: receiver, until: areRunning)
        relays[1].become(.silent)
        let before = receiver.facts.bytes
        try await wait(4)
        let readers = sender.status.outputs.map(\.facts.readers)
        let facts = receiver.facts
        receiver.stop()
        try await sender.stop().get()
        #expect(readers == [1])
        #expect(facts.bytes - before > 80_000)
        #expect(facts.connections == 1)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }
}
