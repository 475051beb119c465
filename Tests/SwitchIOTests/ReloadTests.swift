// Another plan for a channel on the air, on loopback.

import Foundation
import SwitchEngine
import Testing

@testable import SwitchIO

@Suite(.serialized) struct ReloadTests {
    private func wait(_ seconds: Double) async throws {
        try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    }

    private func plan(
        _ inputs: [(String, UInt16)], _ outputs: [UInt16],
        _ change: (inout ChannelConfiguration) -> Void = { _ in }
    ) -> ChannelPlan {
        var engine = ChannelConfiguration(inputs: inputs.map { InputConfiguration(name: $0.0) })
        engine.muxRate = 3_000_000
        change(&engine)
        return ChannelPlan(
            name: "one", engine: engine,
            inputs: inputs.map { InputPlan(links: [.datagrams(Studio.loopback($0.1))]) },
            outputs: outputs.map {
                OutputPlan(name: "out", address: .datagrams(Studio.loopback($0)))
            })
    }

    private func feed(_ sample: String, to port: UInt16) throws -> ChannelRunner {
        try Studio.feed(
            Studio.sample(sample),
            to: [OutputPlan(name: "a", address: .datagrams(Studio.loopback(port)))])
    }

    @Test func outputsComeAndGoAndTheOthersNoticeNothing() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        let stays = Receiver(try DatagramLink(Studio.loopback(ports[1])))
        let comes = Receiver(try DatagramLink(Studio.loopback(ports[2])))
        let main = try feed("h264-main.ts", to: ports[0])
        let channel = try ChannelRunner(
            plan([("main", ports[0])], [ports[1]]), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        try await wait(5)
        #expect(comes.bytes.isEmpty)
        #expect(
            try await channel.apply(plan([("main", ports[0])], [ports[1], ports[2]])).get() == [])
        try await wait(2)
        let atRemoval = channel.status.outputs.count
        _ = try await channel.apply(plan([("main", ports[0])], [ports[1]])).get()
        try await wait(1)
        let facts = channel.status
        try await channel.stop().get()
        try await main.stop().get()
        stays.stop()
        comes.stop()
        #expect(atRemoval == 2 && facts.outputs.count == 1 && facts.seams == 0)
        #expect(stays.brokenLaws().map { "\($0)" } == [])
        #expect(comes.bytes.count > 400_000 && comes.bytes.count < stays.bytes.count / 2)
        #expect(stays.longestHole < 50_000_000)
    }

    @Test func theInputOnAirIsRemovedAndAnotherThatWasAddedTakesOver() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        let receiver = Receiver(try DatagramLink(Studio.loopback(ports[2])))
        let main = try feed("h264-main.ts", to: ports[0])
        let backup = try feed("h264-backup.ts", to: ports[1])
        let channel = try ChannelRunner(
            plan([("main", ports[0])], [ports[2]]), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        try await wait(4)
        // The new one is the preferred one: the old one changes its place.
        _ = try await channel.apply(
            plan([("backup", ports[1]), ("main", ports[0])], [ports[2]])
        ).get()
        try await wait(5)
        let added = channel.status
        _ = try await channel.apply(plan([("backup", ports[1])], [ports[2]])).get()
        try await wait(4)
        let removed = channel.status
        try await channel.stop().get()
        try await main.stop().get()
        try await backup.stop().get()
        receiver.stop()
        #expect(added.onAir == "main" && added.seams == 0)
        #expect(added.inputs.map(\.status.name) == ["backup", "main"])
        #expect(added.inputs.map { $0.links.map(\.connections) } == [[1], [1]])
        #expect(removed.onAir == "backup" && removed.seams == 1)
        #expect(removed.inputs.map(\.status.name) == ["backup"])
        let seam = try #require(removed.lastSeam)
        #expect(seam.level >= .l2 && seam.framesLost <= 3, "\(seam.why)")
        #expect(receiver.brokenLaws().map { "\($0)" } == [])
    }

    @Test func whatCanNotBeOpenedIsToldAndTheRestIsDone() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        // Somebody else has the port.
        let stranger = Receiver(try DatagramLink(Studio.loopback(ports[2])))
        let srt = try SRTOutput(
            SRTAddress(mode: .listener, endpoint: HostPort(host: "127.0.0.1", port: ports[1])))
        let channel = try ChannelRunner(
            plan([("main", ports[0])], []), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        var wanted = plan([("main", ports[0]), ("more", ports[2])], [ports[0]])
        wanted.outputs.append(
            OutputPlan(
                name: "srt",
                address: .srt(
                    SRTAddress(
                        mode: .listener, endpoint: HostPort(host: "127.0.0.1", port: ports[1])))))
        let failures = try await channel.apply(wanted).get()
        #expect(failures.count == 2)
        #expect(failures.contains { $0.contains("output srt") })
        #expect(failures.contains { $0.contains("input more") })
        #expect(channel.status.outputs.map(\.name) == ["out"])
        // Once the others are gone the same plan is whole.
        stranger.stop()
        srt.close()
        #expect(try await channel.apply(wanted).get() == [])
        #expect(channel.status.outputs.map(\.name) == ["out", "srt"])
        try await channel.stop().get()
    }

    @Test func aPolicyCountsAtOnceAndWhatCanNotChangeStays() async throws {
        let ports = try (0..<3).map { _ in try Studio.freePort() }
        let main = try feed("h264-main.ts", to: ports[0])
        let backup = try feed("h264-backup.ts", to: ports[1])
        let inputs = [("main", ports[0]), ("backup", ports[1])]
        let channel = try ChannelRunner(
            plan(inputs, [ports[2]]), on: Studio.loops.next(), logger: Studio.logger)
        channel.start()
        try await wait(4)
        try await channel.perform(.switchTo("backup", at: nil, holds: false)).get()
        try await wait(6)
        #expect(channel.status.onAir == "backup")
        _ = try await channel.apply(
            plan(inputs, [ports[2]]) {
                $0.returning = .after(nanoseconds: 1_000_000_000)
                $0.holdBack = 5_000_000_000
                $0.plannedWait = 1_000_000_000
            }
        ).get()
        try await wait(5)
        // An operator's choice is not returned from; released, the new policy counts.
        #expect(channel.status.onAir == "backup")
        try await channel.perform(.hold).get()
        try await channel.perform(.release).get()
        try await wait(7)
        let status = channel.status
        try await channel.stop().get()
        try await main.stop().get()
        try await backup.stop().get()
        #expect(status.onAir == "main" && status.lastSeam?.reason == .returnToBetter)
    }
}
