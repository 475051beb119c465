// What a session answers to encoders, and what it tells of them. Answers are read back message by
// message; what they have to be stands in RTMP 1.0 §7.2 and in what encoders wait for.

import Testing

@testable import RTMP

@Suite struct SessionTests {
    /// The commands among what a session has sent, behind its handshake.
    private func answers(_ output: [UInt8]) -> [[AMFValue]] {
        let rest = Array(output.dropFirst(1 + 2 * Handshake.partBytes))
        let found = messages([rest]) { _ = $0.setChunkSize(4096) }
        // Its first message sets that size; it is short enough for either.
        return found.messages.filter { $0.type == 20 }.map { AMFReader.values($0.payload) }
    }

    @Test func anEncoderIsLetInAndItsMediaCome() {
        var publisher = TestPublisher()
        publisher.send(MessageType.data, AMFWriter.bytes([.string("onMetaData")]), at: 0)
        publisher.send(MessageType.video, TestPublisher.configuration25, at: 0)
        publisher.send(MessageType.audio, TestPublisher.frame(), at: 40)
        var session = ServerSession(seed: 1)
        let told = events(of: &session, [publisher.output])
        #expect(told.count == 4)
        #expect(told.first == .publish(StreamPath(application: "live", name: "key")))
        #expect(
            told.last == .media(
                MediaMessage(kind: .audio, milliseconds: 40, payload: TestPublisher.frame())))
        let isIn = session.isPublishing
        #expect(isIn)
        let said = answers(session.takeOutput())
        #expect(
            said.map { $0.first?.string } == [
                "_result", "_result", "onFCPublish", "_result", "onStatus",
            ])
        #expect(said[0].last?["code"] == .string("NetConnection.Connect.Success"))
        #expect(said[3] == [.string("_result"), .number(4), .null, .number(1)])
        #expect(said[4].last?["code"] == .string("NetStream.Publish.Start"))
        #expect(session.takeOutput().isEmpty)
    }

    @Test(arguments: [Refusal.unknown, .taken])
    func whoIsRefusedIsToldWhyAndNotListenedTo(refusal: Refusal) {
        var publisher = TestPublisher()
        publisher.send(MessageType.video, TestPublisher.configuration25, at: 0)
        var session = ServerSession(seed: 1)
        #expect(events(of: &session, [publisher.output], answer: refusal).count == 1)
        let last = answers(session.takeOutput()).last
        #expect(last?.first == .string("onStatus"))
        #expect(last?.last?["code"] == .string("NetStream.Publish.BadName"))
        #expect(last?.last?["level"] == .string("error"))
        let isIn = session.isPublishing
        #expect(!isIn)
    }

    @Test func thePiecesThatBytesComeInMakeNoDifference() {
        var publisher = TestPublisher()
        for index in 0..<50 {
            publisher.send(
                MessageType.video, TestPublisher.picture(isKey: index % 10 == 0),
                at: UInt32(40 * index))
        }
        var whole = ServerSession(seed: 1)
        let expected = events(of: &whole, [publisher.output])
        #expect(expected.count == 51)
        let output = whole.takeOutput()
        var chance = Chance(seed: 5)
        for longest in [1, 7, 200, 5000] {
            var session = ServerSession(seed: 1)
            #expect(
                events(of: &session, pieces(publisher.output, longest: longest, &chance))
                    == expected, "pieces of up to \(longest)")
            #expect(session.takeOutput() == output)
        }
    }

    @Test func aStreamThatIsEndedMayBeginAgain() {
        var publisher = TestPublisher()
        publisher.command([.string("FCUnpublish"), .number(6), .null, .string("key")])
        publisher.command([.string("deleteStream"), .number(7), .null, .number(1)])
        publisher.command([.string("createStream"), .number(8), .null])
        publisher.command(
            [.string("publish"), .number(9), .null, .string("other")], stream: 2)
        publisher.send(MessageType.audio, TestPublisher.frame(), at: 0, stream: 2)
        // What still comes on the stream of before is nothing.
        publisher.send(MessageType.audio, TestPublisher.frame(), at: 0, stream: 1)
        var session = ServerSession(seed: 1)
        let told = events(of: &session, [publisher.output])
        #expect(
            told == [
                .publish(StreamPath(application: "live", name: "key")), .unpublish,
                .publish(StreamPath(application: "live", name: "other")),
                .media(MediaMessage(kind: .audio, milliseconds: 0, payload: TestPublisher.frame())),
            ])
    }

    @Test func pingsAreAnsweredAndBytesAcknowledged() {
        var publisher = TestPublisher()
        publisher.send(MessageType.windowSize, bytes("00002000"), at: 0, stream: 0, on: 2)
        publisher.send(MessageType.userControl, bytes("0006 01020304"), at: 0, stream: 0, on: 2)
        for index in 0..<40 {
            publisher.send(MessageType.video, TestPublisher.picture(isKey: true), at: UInt32(index))
        }
        var session = ServerSession(seed: 1)
        _ = events(of: &session, publisher.output.map { [$0] })
        let output = Array(session.takeOutput().dropFirst(1 + 2 * Handshake.partBytes))
        let said = messages([output]) { _ = $0.setChunkSize(4096) }.messages
        #expect(said.contains { $0.type == 4 && $0.payload == bytes("0007 01020304") })
        let acknowledged = said.filter { $0.type == 3 }
            .map { $0.payload.bigEndian(at: 0, count: 4) }
        #expect(acknowledged.count == publisher.output.count / 0x2000)
        #expect(acknowledged.last == UInt32(publisher.output.count / 0x2000 * 0x2000))
    }

    @Test func anAggregateGivesItsMessagesInOrder() {
        func part(_ type: UInt8, _ time: UInt32, _ payload: [UInt8]) -> [UInt8] {
            var bytes = [type]
            bytes.append(bigEndian: UInt32(payload.count), count: 3)
            bytes.append(bigEndian: time & 0xFF_FFFF, count: 3)
            bytes.append(bigEndian: time >> 24, count: 1)
            bytes += [0, 0, 0] + payload
            bytes.append(bigEndian: UInt32(payload.count + 11), count: 4)
            return bytes
        }
        var publisher = TestPublisher()
        publisher.send(
            MessageType.aggregate,
            part(9, 0x0100_0000, [1]) + part(8, 0x0100_0010, [2]) + part(9, 0x0100_0028, [3]),
            at: 500)
        var session = ServerSession(seed: 1)
        #expect(
            Array(events(of: &session, [publisher.output]).dropFirst()) == [
                .media(MediaMessage(kind: .video, milliseconds: 500, payload: [1])),
                .media(MediaMessage(kind: .audio, milliseconds: 516, payload: [2])),
                .media(MediaMessage(kind: .video, milliseconds: 540, payload: [3])),
            ])
    }

    @Test func whatIsNoPublisherIsSentAway() {
        var web = ServerSession(seed: 1)
        #expect(
            events(of: &web, [Array("GET / HTTP/1.1\r\n\r\n".utf8)])
                == [.fault(.notRTMP(firstByte: UInt8(ascii: "G")))])
        #expect(web.takeOutput().isEmpty)
        var player = TestPublisher()
        player.output.removeAll()
        var first = TestPublisher().output.prefix(1 + 2 * 1536)
        player.command([
            .string("connect"), .number(1), .object([AMFProperty("app", .string("live"))]),
        ])
        player.command([.string("createStream"), .number(2), .null])
        player.command([.string("play"), .number(3), .null, .string("key")], stream: 1)
        first += player.output
        var session = ServerSession(seed: 1)
        #expect(events(of: &session, [Array(first)]) == [.fault(.player)])
    }

    @Test func commandsBeforeTheirTimeAreFaults() {
        var early = TestPublisher()
        early.output.removeSubrange((1 + 2 * 1536)...)
        early.command([.string("publish"), .number(1), .null, .string("key")], stream: 1)
        var session = ServerSession(seed: 1)
        #expect(
            events(of: &session, [early.output]) == [.fault(.commandOrder("publish"))])
        // A message that is too long for a command, before its bytes are there.
        var long = TestPublisher()
        long.output.removeSubrange((1 + 2 * 1536)...)
        long.output += bytes("03 000000 020000 14 00000000")
        var second = ServerSession(seed: 1)
        #expect(events(of: &second, [long.output]) == [.fault(.messageLength(0x20000))])
    }

    @Test func aKeyAnswersToItsPathHoweverItIsCut() {
        let own = StreamPath(application: "live/event", name: "KEY")
        #expect(own.answers(to: StreamPath(application: "live/event", name: "KEY")))
        #expect(own.answers(to: StreamPath(application: "live", name: "event/KEY")))
        #expect(own.answers(to: StreamPath(application: "live/event/", name: "KEY?bandwidth=1")))
        #expect(own.answers(to: StreamPath(application: "live?auth=1", name: "event/KEY")))
        #expect(!own.answers(to: StreamPath(application: "live/event", name: "KEX")))
        #expect(!own.answers(to: StreamPath(application: "live/event", name: "KEY2")))
        #expect(!own.answers(to: StreamPath(application: "live/event", name: "")))
        // A question mark in the key itself.
        let odd = StreamPath(application: "live", name: "a?b")
        #expect(odd.answers(to: odd))
        #expect(!odd.answers(to: StreamPath(application: "live", name: "a")))
    }

    @Test func aKeyIsNeverPrinted() {
        let path = StreamPath(application: "live", name: "zq9zq9")
        var dumped = "\(path)" + String(reflecting: [path])
        dump(SessionEvent.publish(path), to: &dumped)
        #expect(!dumped.contains("zq9"))
    }
}
