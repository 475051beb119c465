// Chunks against bytes laid out by hand from RTMP 1.0 §5.3, with its own two examples.

import Testing

@testable import RTMP

/// All messages of a row of pieces, and the fault that ended them.
func messages(
    _ pieces: [[UInt8]], _ prepare: (inout ChunkReader) -> Void = { _ in }
) -> (messages: [Message], fault: ProtocolFault?) {
    var reader = ChunkReader()
    prepare(&reader)
    var result: [Message] = []
    for piece in pieces {
        var position = 0
        while true {
            let item = reader.next(piece.span, from: &position)
            if case .message(let message) = item {
                if message.type == MessageType.abort {
                    reader.abort(message.payload.bigEndian(at: 0, count: 4) ?? 0)
                }
                result.append(message)
                continue
            }
            if case .fault(let fault) = item { return (result, fault) }
            break
        }
        #expect(position == piece.count)
    }
    return (result, nil)
}

/// One row of bytes.
func row(_ parts: any Sequence<UInt8>...) -> [UInt8] { parts.flatMap { part in Array(part) } }

func message(
    _ type: UInt8, _ milliseconds: UInt32, _ payload: [UInt8], stream: UInt32 = 1
) -> Message {
    Message(type: type, stream: stream, milliseconds: milliseconds, payload: payload)
}

@Suite struct ChunkTests {
    private func filled(_ count: Int, _ first: UInt8 = 0) -> [UInt8] {
        (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
    }

    /// §5.3.2.1: four audio messages of 32 bytes on chunk stream 3, 20 ms apart.
    @Test func theStandardsFirstExampleGivesFourMessages() {
        let payload = filled(32)
        let head = bytes("03 0003e8 000020 08 39300000")
        let stream = row(
            head, payload, bytes("83 000014"), payload, bytes("c3"), payload, bytes("c3"), payload)
        let found = messages([stream])
        #expect(found.fault == nil)
        #expect(
            found.messages == [1000, 1020, 1040, 1060].map {
                message(8, $0, payload, stream: 12345)
            })
    }

    /// §5.3.2.2: a video message of 307 bytes in chunks of 128.
    @Test func theStandardsSecondExampleGivesOneMessage() {
        let payload = filled(307)
        let stream = row(
            bytes("04 0003e8 000133 09 3a300000"), payload[..<128], bytes("c4"),
            payload[128..<256], bytes("c4"), payload[256...])
        let found = messages([stream])
        #expect(found.messages == [message(9, 1000, payload, stream: 12346)])
        // And byte by byte.
        #expect(messages(stream.map { [$0] }).messages == found.messages)
    }

    @Test func aMessageThatGoesOnBehindAnAbsoluteTimeAddsItAgain() {
        // §5.3.1.2.4: fmt 3 behind fmt 0.
        let stream = bytes("05 000028 000001 08 01000000 aa c5 bb c5 cc")
        #expect(
            messages([stream]).messages == [
                message(8, 40, [0xAA]), message(8, 80, [0xBB]), message(8, 120, [0xCC]),
            ])
    }

    @Test func messagesOfSeveralStreamsLieBetweenEachOther() {
        let (video, audio) = (filled(300), filled(200, 7))
        let stream = row(
            bytes("06 000001 00012c 09 01000000"), video[..<128],
            bytes("04 000002 0000c8 08 01000000"), audio[..<128], bytes("c6"), video[128..<256],
            bytes("c4"), audio[128...], bytes("c6"), video[256...])
        #expect(messages([stream]).messages == [message(8, 2, audio), message(9, 1, video)])
    }

    @Test func anAbortedMessageIsForgotten() {
        let stream = row(
            bytes("06 000001 00012c 09 01000000"), filled(128),
            bytes("02 000000 000004 02 00000000 00000006"), bytes("46 000005 000002 09 0102"))
        let found = messages([stream])
        #expect(found.fault == nil)
        #expect(found.messages.last == message(9, 6, [1, 2]))
    }

    @Test(arguments: [true, false])
    func aLongTimeIsExtendedOnAllChunksOrOnTheFirstOnly(isRepeated: Bool) {
        let payload = filled(300, 9)
        let again = isRepeated ? "01020304" : ""
        let stream = row(
            bytes("06 ffffff 00012c 09 01000000 01020304"), payload[..<128], bytes("c6" + again),
            payload[128..<256], bytes("c6" + again), payload[256...], bytes("86 000001"),
            payload[..<128], bytes("c6"), payload[128..<256], bytes("c6"), payload[256...])
        let found = messages([stream])
        #expect(
            found.messages == [
                message(9, 0x0102_0304, payload), message(9, 0x0102_0305, payload),
            ])
    }

    @Test func bytesTakenForATimeBelongToTheChunksBehind() {
        // The last chunk has one byte; what was read with it are the next heads.
        let payload = filled(129, 3)
        let stream = row(
            bytes("06 ffffff 000081 09 01000000 01020304"), payload[..<128], bytes("c6"),
            payload[128...], bytes("04 000002 000002 08 01000000 eeff"))
        let all = stream
        for size in [1, 2, 3, 5, 1000] {
            let pieces = stride(from: 0, to: all.count, by: size).map {
                Array(all[$0..<min($0 + size, all.count)])
            }
            let found = messages(pieces)
            #expect(
                found.messages == [
                    message(9, 0x0102_0304, payload), message(8, 2, [0xEE, 0xFF]),
                ], "pieces of \(size)")
        }
    }

    @Test func chunkStreamsOfTwoAndThreeBytesAreRead() {
        let stream = row(
            bytes("00 09 000001 000001 08 01000000 aa"),
            bytes("01 34 12 000002 000001 08 01000000 bb"), bytes("c0 09 cc"), bytes("c1 34 12 dd"))
        #expect(
            messages([stream]).messages.map(\.payload) == [[0xAA], [0xBB], [0xCC], [0xDD]])
    }

    @Test func anEmptyMessageIsOne() {
        #expect(messages([bytes("03 000001 000000 08 01000000")]).messages.count == 1)
    }

    @Test func whatRefersToNothingIsAFault() {
        #expect(messages([bytes("c5")]).fault == .unknownChunkStream)
        #expect(messages([bytes("85 000001")]).fault == .unknownChunkStream)
    }

    @Test func lengthsBeyondTheLimitAreFaultsBeforeTheirBytesAreThere() {
        #expect(
            messages([bytes("03 000000 010001 08 01000000")]).fault == .messageLength(0x10001))
        var open: [UInt8] = []
        for id in 0..<70 { open += [0, UInt8(id)] + bytes("000000 000000 08 01000000") }
        #expect(messages([open]).fault == .chunkStreams)
    }

    @Test func messagesThatAreNeverEndedHoldLimitedMemory() {
        // 64 streams with chunks of 1 MB that are never ended.
        var reader = ChunkReader()
        #expect(reader.setChunkSize(1 << 20) == nil)
        reader.longestMessage = Limits.longestMessage
        let megabyte = [UInt8](repeating: 0, count: 1 << 20)
        var fault: ProtocolFault?
        for id in 0..<60 where fault == nil {
            for piece in [[0, UInt8(id)] + bytes("000000 7fffff 09 01000000"), megabyte] {
                var position = 0
                if case .fault(let found) = reader.next(piece.span, from: &position) {
                    fault = found
                }
            }
            if fault == nil { #expect(id < 12) }
        }
        #expect(fault == .heldBytes)
    }

    @Test func messagesBegunSmallAndContinuedLargeHoldLimitedMemory() {
        // 64 messages of 64 KB are begun with a byte each, which a stranger may do; then each goes
        // on but for its last byte.
        var reader = ChunkReader()
        #expect(reader.setChunkSize(1) == nil)
        let ids = (0..<64).map { UInt8($0) }
        var begun: [UInt8] = []
        for id in ids { begun += [0, id] + bytes("000000 010000 09 01000000 55") }
        var position = 0
        guard case .needsMore = reader.next(begun.span, from: &position) else {
            Issue.record("beginning is no fault")
            return
        }
        #expect(reader.setChunkSize(65_534) == nil)
        let rest = [UInt8](repeating: 0x55, count: 65_534)
        var fault: ProtocolFault?
        for id in ids where fault == nil {
            let piece = [0xC0, id] + rest
            position = 0
            if case .fault(let found) = reader.next(piece.span, from: &position) { fault = found }
            // 64 KB and 1 MB are 17 such messages.
            if fault == nil { #expect(id < 18) }
        }
        #expect(fault == .heldBytes)
    }

    @Test func aChunkSizeOfNothingOrOfTheHighestBitIsAFault() {
        var reader = ChunkReader()
        #expect(reader.setChunkSize(0) == .chunkSize(0))
        #expect(reader.setChunkSize(0x8000_0000) == .chunkSize(0x8000_0000))
        #expect(reader.setChunkSize(1) == nil && reader.chunkSize == 1)
        #expect(reader.setChunkSize(0x7FFF_FFFF) == nil && reader.chunkSize == 0xFF_FFFF)
    }

    @Test func whatIsWrittenIsRead() {
        let writer = ChunkWriter()
        var stream: [UInt8] = []
        let all = [
            message(20, 0, filled(1000)), message(9, 0xFF_FFFF, filled(129)),
            message(9, .max, filled(500)), message(8, 0xFF_FFFE, []),
        ]
        for message in all { writer.append(message, on: 3, to: &stream) }
        #expect(messages([stream]).messages == all)
        // The head of the first, by hand.
        #expect(hex(stream[..<12]) == "030000000003e81401000000")
    }
}
