// Bytes as no encoder sends them: no trap, no memory beyond the limits, nothing that is no packet.

import Testing
import TransportStream

@testable import RTMP

@Suite struct FuzzTests {
    /// A publisher of ten seconds.
    private static let sound: [UInt8] = {
        var publisher = TestPublisher()
        publisher.send(
            MessageType.data,
            AMFWriter.bytes([
                .string("@setDataFrame"), .string("onMetaData"),
                .object([AMFProperty("framerate", .number(25))]),
            ]), at: 0)
        publisher.send(MessageType.video, TestPublisher.configuration25, at: 0)
        publisher.send(MessageType.audio, TestPublisher.sound48, at: 0)
        for index in 0..<250 {
            publisher.send(
                MessageType.video, TestPublisher.picture(isKey: index % 50 == 0),
                at: UInt32(index * 40), on: 6)
            publisher.send(MessageType.audio, TestPublisher.frame(), at: UInt32(index * 40))
        }
        return publisher.output
    }()

    /// Lets a server take a row of bytes, and gives the packets.
    private func serve(_ pieces: [[UInt8]], seed: UInt64) -> (packets: [UInt8], faults: Int) {
        var session = ServerSession(seed: seed)
        var muxed = Muxed()
        var faults = 0
        for piece in pieces {
            var position = 0
            while let event = session.next(piece.span, from: &position) {
                switch event {
                case .publish: session.accept()
                case .media(let message):
                    muxed.take(message.kind, message.milliseconds, message.payload)
                    _ = muxed.publication.takeComplaints()
                case .unpublish: break
                case .fault: faults += 1
                }
            }
            #expect(session.takeOutput().count < 200_000)
        }
        return (muxed.bytes, faults)
    }

    private func judge(_ packets: [UInt8], _ comment: String) {
        #expect(packets.count % Packet.size == 0, "\(comment)")
        let lost = stride(from: 0, to: packets.count, by: Packet.size).first {
            packets[$0] != Packet.syncByte
        }
        #expect(lost == nil, "\(comment)")
    }

    @Test func aSoundPublisherIsServedInWhateverPieces() {
        let whole = serve([Self.sound], seed: 1)
        #expect(whole.faults == 0 && whole.packets.count > 100_000)
        var chance = Chance(seed: 9)
        let cut = serve(pieces(Self.sound, longest: 3000, &chance), seed: 1)
        #expect(cut.packets == whole.packets)
    }

    @Test(arguments: 1...6) func damagedBytesNeverTrap(seed: Int) {
        var chance = Chance(seed: UInt64(seed))
        for round in 0..<120 {
            var bytes = Self.sound
            for _ in 0..<Int.random(in: 1...30, using: &chance) {
                // Half of the damage where the commands and configurations are.
                let end = Bool.random(using: &chance) ? min(5000, bytes.count) : bytes.count
                let place = Int.random(in: 1..<end, using: &chance)
                switch Int.random(in: 0..<6, using: &chance) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
                case 1: bytes[place] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &chance) ?? 0
                case 2:
                    let length = min(Int.random(in: 1...300, using: &chance), bytes.count - place)
                    bytes.removeSubrange(place..<(place + length))
                case 3:
                    bytes.insert(
                        contentsOf: bytes[place..<min(place + 40, bytes.count)], at: place)
                case 4:
                    for index in place..<min(place + 30, bytes.count) {
                        bytes[index] = UInt8.random(in: 0...255, using: &chance)
                    }
                default: bytes.removeSubrange(place...)
                }
                if bytes.count < 4000 { break }
            }
            let cut = pieces(bytes, longest: 20_000, &chance)
            judge(serve(cut, seed: UInt64(round)).packets, "seed \(seed), round \(round)")
        }
    }

    @Test(arguments: 1...4) func damagedMessagesNeverTrap(seed: Int) {
        var chance = Chance(seed: UInt64(seed) &* 77)
        let tags = [
            TestPublisher.configuration25, TestPublisher.configuration2997, TestPublisher.sound44,
            TestPublisher.sound48, TestPublisher.picture(isKey: true), TestPublisher.frame(),
            TestPublisher.picture(isKey: false, composition: -5000), bytes("90 68766331 01"),
            bytes("91 68766331 000028 00000002 2601"),
        ]
        for round in 0..<60 {
            var muxed = Muxed()
            for _ in 0..<200 {
                var tag = tags.randomElement(using: &chance) ?? []
                for _ in 0..<Int.random(in: 0...3, using: &chance) where !tag.isEmpty {
                    let place = Int.random(in: 0..<min(tag.count, 50), using: &chance)
                    switch Int.random(in: 0..<4, using: &chance) {
                    case 0: tag[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
                    case 1: tag[place] = UInt8.random(in: 0...255, using: &chance)
                    case 2: tag.removeSubrange(place...)
                    default: tag.insert(0, at: place)
                    }
                }
                let time = Bool.random(using: &chance)
                    ? UInt32.random(in: .min ... .max, using: &chance)
                    : UInt32.random(in: 0...2000, using: &chance)
                let kind: [MediaMessage.Kind] = [.video, .audio, .data]
                muxed.take(kind.randomElement(using: &chance) ?? .video, time, tag)
                if Int.random(in: 0..<100, using: &chance) == 0 { muxed.muxer.begin() }
            }
            judge(muxed.bytes, "seed \(seed), round \(round)")
        }
    }

    @Test(arguments: 1...4) func noiseNeverTraps(seed: Int) {
        var chance = Chance(seed: UInt64(seed) &* 1001)
        let head = Array(Self.sound.prefix(1 + 2 * 1536))
        for _ in 0..<300 {
            let count = Int.random(in: 0...3000, using: &chance)
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
            _ = serve([noise], seed: 1)
            _ = serve([head + noise], seed: 1)
            _ = AMFReader.values(noise)
            _ = VideoConfiguration(avc: [1] + noise, from: 0)
            _ = VideoConfiguration(hevc: [1] + noise, from: 0)
            _ = SoundConfiguration.read(noise, from: 0)
        }
    }
}
