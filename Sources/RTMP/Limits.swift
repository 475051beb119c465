// What an RTMP peer may ask of us. Whoever goes beyond is told so and sent away: no length that a
// stranger announces takes memory before its bytes are there, and what is there has a limit.

enum Limits {
    /// The chunk size before anybody has set one (RTMP 1.0 §5.4.1).
    static let firstChunkSize = 128
    /// A message's length has 24 bits, so larger chunks say nothing more.
    static let longestChunk = 0xFF_FFFF
    /// Bytes of a message before publishing: commands are some hundred.
    static let longestCommand = 64 << 10
    /// Bytes of a message while publishing: an intra picture of 200 Mbit/s.
    static let longestMessage = 8 << 20
    /// Bytes of messages that have begun, all chunk streams together, over the longest message.
    static let heldBeyondLongest = 1 << 20
    /// Chunk streams of one connection; encoders use three to six.
    static let chunkStreams = 64
    /// How deep AMF objects may lie in each other.
    static let objectDepth = 8
    /// Values of one command, and properties of all its objects together.
    static let values = 1024
    /// Message streams that one connection may create; encoders take one.
    static let messageStreams = 16
    /// Messages in one aggregate.
    static let aggregateParts = 1024
    /// NAL units of one picture.
    static let pictureUnits = 1024
    /// Bytes of parameter sets in one configuration.
    static let parameterSetBytes = 64 << 10
}

/// Why a peer is sent away: it does not keep to the protocol, or to the limits.
public enum ProtocolFault: Error, Sendable, Equatable, CustomStringConvertible {
    case notRTMP(firstByte: UInt8)
    case chunkSize(UInt32)
    case chunkStreams
    case unknownChunkStream
    case messageLength(Int)
    case heldBytes
    case command
    case commandOrder(String)
    case player

    public var description: String {
        switch self {
        case .notRTMP(let byte): "no RTMP handshake: the first byte is \(byte), not 3"
        case .chunkSize(let size): "a chunk size of \(size)"
        case .chunkStreams: "more than \(Limits.chunkStreams) chunk streams"
        case .unknownChunkStream: "a chunk that refers to none before it"
        case .messageLength(let length): "a message of \(length) bytes"
        case .heldBytes: "too many messages begun and not ended"
        case .command: "a command that can not be read"
        case .commandOrder(let what): "\(what) out of order"
        case .player: "a player; streams are only taken here"
        }
    }
}
