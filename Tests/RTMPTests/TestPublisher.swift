// A publisher for tests: what an encoder sends, in its order. The pictures are heads of slices with
// nothing behind them; their parameter sets are x264's.

@testable import RTMP

/// SplitMix64: one seed, one run.
struct Chance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

struct TestPublisher {
    /// As ffmpeg writes them around x264's parameter sets.
    static let configuration25 = bytes(
        """
        17 00 000000 01 42c00a ff e1 0015 6742c00ada11ec0440000003004000000c83c489a8
        01 0004 68ce0fc8
        """)
    static let configuration2997 = bytes(
        """
        17 00 000000 01 42c00a ff e1 0014 6742c00ada11ec04400000fa40003a9803c489a8
        01 0004 68ce0fc8
        """)
    static let sequenceSet25 = bytes("6742c00ada11ec0440000003004000000c83c489a8")
    static let pictureSet = bytes("68ce0fc8")
    /// AAC-LC, 44,100 Hz, mono; 48,000 Hz, stereo.
    static let sound44 = bytes("af 00 1208")
    static let sound48 = bytes("af 00 1190")

    var output: [UInt8] = []
    private var writer = ChunkWriter()

    /// Handshake, connect and all until publish.
    init(application: String = "live", name: String = "key", greeting: [UInt8]? = nil) {
        output = [3] + (greeting ?? [UInt8](repeating: 0, count: 1536))
        output += [UInt8](repeating: 0xA5, count: 1536)
        command([
            .string("connect"), .number(1),
            .object([
                AMFProperty("app", .string(application)),
                AMFProperty("tcUrl", .string("rtmp://host/" + application)),
            ]),
        ])
        command([.string("releaseStream"), .number(2), .null, .string(name)])
        command([.string("FCPublish"), .number(3), .null, .string(name)])
        command([.string("createStream"), .number(4), .null])
        command(
            [.string("publish"), .number(5), .null, .string(name), .string("live")], stream: 1)
    }

    mutating func command(_ values: [AMFValue], stream: UInt32 = 0) {
        send(MessageType.command, AMFWriter.bytes(values), at: 0, stream: stream, on: 3)
    }

    mutating func send(
        _ type: UInt8, _ payload: [UInt8], at milliseconds: UInt32, stream: UInt32 = 1,
        on chunkStream: UInt8 = 4
    ) {
        writer.append(
            Message(type: type, stream: stream, milliseconds: milliseconds, payload: payload),
            on: chunkStream, to: &output)
    }

    static func picture(isKey: Bool, composition: Int32 = 0, filler: Int = 300) -> [UInt8] {
        let unit = [isKey ? 0x65 : 0x41, isKey ? 0x88 : 0x9A, 0x84]
            + [UInt8](repeating: 0x55, count: filler)
        var tag: [UInt8] = [isKey ? 0x17 : 0x27, 1]
        tag.append(bigEndian: UInt32(bitPattern: composition), count: 3)
        tag.append(bigEndian: UInt32(unit.count), count: 4)
        return tag + unit
    }

    static func frame(_ count: Int = 200) -> [UInt8] {
        [0xAF, 1, 0x21] + [UInt8](repeating: 0x33, count: count)
    }
}

/// Everything that a session tells, with publishing allowed or not.
func events(
    of session: inout ServerSession, _ pieces: [[UInt8]], answer: Refusal? = nil
) -> [SessionEvent] {
    var result: [SessionEvent] = []
    for piece in pieces {
        var position = 0
        while let event = session.next(piece.span, from: &position) {
            result.append(event)
            guard case .publish = event else { continue }
            if let answer { session.refuse(answer) } else { session.accept() }
        }
    }
    return result
}

/// Cuts a row into pieces of random length.
func pieces(_ row: [UInt8], longest: Int, _ chance: inout Chance) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var start = 0
    while start < row.count {
        let end = min(row.count, start + Int.random(in: 1...longest, using: &chance))
        result.append(Array(row[start..<end]))
        start = end
    }
    return result
}
