// Socket groups as links and outputs, on loopback, with both ends ours. They run where the libsrt of
// the tests knows groups: `make test` gives them the one that it builds.

import StreamContent
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite(.serialized, .enabled(if: SRTLibrary.hasSocketGroups, "this libsrt has no socket groups"))
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

    @Test(arguments: SRTGroup.Kind.allCases)
    func pathsThatBreakAndComeBackAreOneConnection(_ kind: SRTGroup.Kind) async throws {
        let port = try Studio.freePort()
        let relays = try ["127.0.0.2", "127.0.0.3"].map { try DatagramRelay(host: $0, to: port) }
        defer { relays.forEach { $0.close() } }
        let link = try SRTLink(try listener(port))
        let receiver = Receiver(link)
        let sender = try feed(
            "srt://127.0.0.2:\(relays[0].port),127.0.0.3:\(relays[1].port)"
                + "?grouptype=\(kind.rawValue)&latency=300")
        try await wait(3)
        var paths: [[SRTPathFacts]] = [link.facts.srt?.paths ?? []]
        relays[0].isCut = true
        try await wait(5)
        paths.append(link.facts.srt?.paths ?? [])
        let hint = link.facts.lastError
        relays[0].isCut = false
        try await wait(5)
        paths.append(link.facts.srt?.paths ?? [])
        // The first path is needed again.
        relays[1].isCut = true
        try await wait(4)
        paths.append(link.facts.srt?.paths ?? [])
        try await sender.stop().get()
        receiver.stop()
        #expect(paths.map(\.count) == [2, 1, 2, 1], "\(paths)")
        #expect(paths[0].contains { $0.state == .running })
        #expect(hint?.hasPrefix("the path of 127.0.0.1:") == true)
        #expect(link.facts.connections == 1)
        // 17 s of some 260 kbit/s.
        #expect(receiver.bytes.count > 400_000)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    @Test func aSecondSenderIsRefusedHoweverManyPathsItHas() async throws {
        let port = try Studio.freePort()
        let link = try SRTLink(try listener(port))
        let receiver = Receiver(link)
        let paths = "127.0.0.1:\(port),127.0.0.1:\(port)"
        let sender = try feed("srt://\(paths)?grouptype=broadcast&latency=300")
        try await wait(2)
        let quiet = link.facts.refusals
        let group = try feed("srt://\(paths)?grouptype=broadcast&latency=300")
        try await wait(2)
        let afterGroup = link.facts.refusals
        try await group.stop().get()
        let alone = try feed("srt://127.0.0.1:\(port)?latency=300")
        try await wait(2)
        let afterAlone = link.facts.refusals
        try await alone.stop().get()
        try await sender.stop().get()
        receiver.stop()
        #expect(quiet == 0)
        #expect(afterGroup > quiet)
        #expect(afterAlone > afterGroup)
        #expect(link.facts.connections == 1)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    @Test func aPlaceThatDoesNotAskForGroupsRefusesThemAndTakesOthers() async throws {
        let port = try Studio.freePort()
        let link = try SRTLink(try listener(port, groups: false))
        let receiver = Receiver(link)
        let group = try feed("srt://127.0.0.1:\(port)?grouptype=broadcast")
        try await wait(2)
        let (refusals, connections) = (link.facts.refusals, link.facts.connections)
        try await group.stop().get()
        let alone = try feed("srt://127.0.0.1:\(port)")
        try await wait(2)
        try await alone.stop().get()
        receiver.stop()
        #expect(refusals > 0 && connections == 0)
        #expect(link.facts.connections == 1)
    }

    @Test func anEncryptedGroupOfAStreamIDFindsItsPlace() async throws {
        let port = try Studio.freePort()
        let query = "streamid=main&passphrase=0123456789&latency=300"
        let link = try SRTLink(try address("srt://:\(port)?groupconnect=1&\(query)"))
        let other = try SRTLink(try address("srt://:\(port)?groupconnect=1&streamid=other"))
        let receivers = [Receiver(link), Receiver(other)]
        let paths = "127.0.0.1:\(port),127.0.0.1:\(port)"
        let sender = try feed("srt://\(paths)?grouptype=broadcast&\(query)")
        try await wait(3)
        let found = link.facts.srt?.paths.count
        try await sender.stop().get()
        receivers.forEach { $0.stop() }
        #expect(found == 2)
        #expect(receivers[0].brokenLaws().map { "\($0)" } == [])
        #expect(receivers[0].bytes.count > 30_000 && receivers[1].bytes.isEmpty)
    }

    @Test func aGroupCallsAnOutputAndGetsItsLostPathBack() async throws {
        let port = try Studio.freePort()
        let relays = try ["127.0.0.2", "127.0.0.3"].map { try DatagramRelay(host: $0, to: port) }
        defer { relays.forEach { $0.close() } }
        let sender = try Studio.feed(
            Studio.sample("h264-main.ts"),
            to: [OutputPlan(name: "readers", address: .srt(try listener(port)))])
        let link = try SRTLink(
            try address(
                "srt://127.0.0.2:\(relays[0].port),127.0.0.3:\(relays[1].port)"
                    + "?grouptype=broadcast&latency=300"))
        let receiver = Receiver(link)
        try await wait(3)
        relays[0].isCut = true
        try await wait(5)
        let cut = link.facts.srt?.paths.filter(\.isConnected).count
        relays[0].isCut = false
        try await wait(6)
        relays[1].isCut = true
        try await wait(4)
        let readers = sender.status.outputs.map(\.facts.readers)
        receiver.stop()
        try await sender.stop().get()
        #expect(cut == 1)
        #expect(readers == [1])
        #expect(link.facts.connections == 1)
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
        #expect(receiver.bytes.count > 400_000)
    }
}
