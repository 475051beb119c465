// Whose datagrams a port takes.

import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct SenderFilterTests {
    private static let ms: Int64 = 1_000_000

    private func sender(
        _ host: UInt64, _ port: UInt16 = 5000, source: UInt32 = 0
    ) -> DatagramSender {
        DatagramSender(
            address: (0, 0xFFFF_0000_0000 | host), port: port, synchronizationSource: source)
    }

    /// What becomes of datagrams, each some time behind the one before.
    private func verdicts(
        _ filter: inout SenderFilter,
        _ datagrams: [(from: DatagramSender, isWhole: Bool, milliseconds: Int64)]
    ) -> [SenderFilter.Verdict] {
        datagrams.map {
            filter.judge(from: $0.from, isWhole: $0.isWhole, at: $0.milliseconds * Self.ms)
        }
    }

    @Test func theFirstHasThePortWhileItSends() {
        var filter = SenderFilter()
        let (main, other) = (sender(1), sender(2))
        // Another address, another port of the same one.
        let found = verdicts(&filter, [
            (main, true, 0), (other, true, 1), (main, true, 400), (other, true, 899),
            (sender(1, 5001), true, 899), (main, true, 900), (other, true, 1400),
        ])
        #expect(
            found == [.firstOfSender, .stray, .own, .stray, .stray, .own, .stray])
        #expect(filter.sender == main)
    }

    @Test func whoFellSilentGivesWayToTheNextAndIsAStrangerThen() {
        var filter = SenderFilter()
        let (main, next) = (sender(1), sender(1, 6000))
        let found = verdicts(&filter, [
            (main, true, 0), (next, true, 500), (next, true, 501), (next, true, 502),
            (main, true, 503), (main, true, 1003), (main, true, 1103),
        ])
        #expect(
            found == [.firstOfSender, .stray, .firstOfSender, .own, .stray, .firstOfSender, .own])
    }

    @Test func anotherSSRCOfTheSameAddressIsAnotherSender() {
        var filter = SenderFilter(isRTP: true)
        let (main, other) = (sender(1, source: 7), sender(1, source: 8))
        let found = verdicts(&filter, [
            (main, true, 0), (other, true, 10), (main, false, 20), (other, true, 600),
            (main, true, 610),
        ])
        #expect(found == [.firstOfSender, .stray, .own, .firstOfSender, .stray])
    }

    @Test func whoseDatagramsAreWholeComesBeforeNoise() {
        var filter = SenderFilter()
        let (noise, main) = (sender(2), sender(1))
        let found = verdicts(&filter, [
            (noise, false, 0), (noise, false, 1), (main, true, 2), (noise, false, 3),
            (main, true, 4),
        ])
        #expect(found == [.firstOfSender, .own, .firstOfSender, .stray, .own])
    }

    @Test func noiseTakesNoPortButASenderThatCutsPacketsGetsOneThatIsFree() {
        var filter = SenderFilter()
        let (main, cutter) = (sender(1), sender(2))
        _ = verdicts(&filter, [(main, true, 0)])
        let during = (0..<400).map { (cutter, false, Int64($0)) }
        #expect(verdicts(&filter, during).allSatisfy { $0 == .stray })
        let after = verdicts(&filter, (0...20).map { (cutter, false, 600 + Int64($0)) })
        #expect(after.prefix(SenderFilter.mostCut).allSatisfy { $0 == .stray })
        #expect(after[SenderFilter.mostCut] == .firstOfSender && after.last == .own)
    }

    @Test func whatIsNoneOfTheSendersThoughItComesFromThereIsLeftOut() {
        var filter = SenderFilter()
        let main = sender(1)
        let found = verdicts(&filter, [
            (main, false, 0), (main, true, 1), (main, false, 2), (main, false, 3), (main, true, 4),
        ])
        #expect(found == [.firstOfSender, .own, .stray, .stray, .own])
        // A sender that cuts packets from now on.
        let later = verdicts(
            &filter, (0...SenderFilter.mostCut).map { (main, false, 5 + Int64($0)) })
        #expect(later.last == .own && later.dropLast().allSatisfy { $0 == .stray })
    }

    @Test func onlyWhoIsNamedIsHeard() {
        let (main, other) = (sender(1), sender(2))
        var any = SenderFilter(only: sender(1, 0))
        let found = verdicts(&any, [
            (other, true, 0), (main, true, 1), (other, true, 9000), (sender(1, 77), true, 9001),
        ])
        #expect(found == [.stray, .firstOfSender, .stray, .firstOfSender])
        var exact = SenderFilter(only: main)
        #expect(verdicts(&exact, [(sender(1, 77), true, 0)]) == [.stray])
        #expect(verdicts(&exact, [(sender(1, 5000, source: 9), true, 0)]) == [.firstOfSender])
    }

    @Test func wholePacketsAreToldByTheirSyncBytes() {
        let whole = [UInt8](repeating: 0x47, count: 7 * 188)
        var spoiled = whole
        spoiled[3 * 188] = 0
        let nothing: [UInt8] = []
        let found = [whole, Array(whole.prefix(1300)), spoiled, nothing].map {
            SenderFilter.isWhole($0.span)
        }
        #expect(found == [true, false, false, false])
    }

    @Test(arguments: [
        ("192.0.2.7", 5000, "192.0.2.7:5000"), ("2001:db8::7", 1, "[2001:db8::7]:1"),
    ])
    func aSenderIsPrintedAsPeopleWriteIt(_ host: String, _ port: UInt16, _ text: String) throws {
        #expect(try DatagramSender(HostPort(host: host, port: port)).text == text)
    }

    /// Two sockets, of one address and of two, send to one port.
    @Test(arguments: [false, true])
    func aLinkHearsItsSenderOnlyAndCountsOthers(_ isRTP: Bool) throws {
        let address = Studio.loopback(try Studio.freePort(), isRTP: isRTP)
        let link = try DatagramLink(address)
        let outputs = try [1, 2].map {
            try DatagramOutput(address, synchronizationSource: $0)
        }
        let packets = [UInt8](repeating: 0x47, count: 7 * 188)
        for number in 0..<10 {
            for output in outputs {
                output.send(
                    packets.span, DueDatagram(sequence: UInt16(number), timestamp: 0))
                output.flush()
            }
        }
        var came = 0
        link.poll(at: HostClock.now) { _, _ in came += 1 }
        #expect(came == 10 && link.facts.strays == 10 && link.facts.datagrams == 20)
        let sender = try #require(link.facts.sender)
        #expect(sender.hasPrefix("127.0.0.1:") && sender.hasSuffix("(SSRC 1)") == isRTP)
        let notes = link.takeNotes()
        #expect(notes.count == 1 && notes.first?.contains("\(sender) has the port") == true)
        #expect(link.takeNotes() == [])
    }

    @Test func aLinkHearsNobodyButTheOneThatItsAddressNames() throws {
        var address = Studio.loopback(try Studio.freePort())
        address.sender = HostPort(host: "127.0.0.66", port: 0)
        let link = try DatagramLink(address)
        let output = try DatagramOutput(address, synchronizationSource: 1)
        output.send(
            [UInt8](repeating: 0x47, count: 188).span, DueDatagram(sequence: 0, timestamp: 0))
        output.flush()
        link.poll(at: HostClock.now) { _, _ in Issue.record("a stranger's") }
        #expect(link.facts.strays == 1 && link.facts.sender == nil)
        #expect(link.takeNotes().first?.contains("source=") == true)
    }
}
