// One connection of a publisher, the server's side: bytes in, events and bytes out. It knows no
// socket and no clock, and does not know which keys there are: whoever drives it answers a wish to
// publish.
//
//   handshake --> opened --connect--> connected --publish--> asked --accept--> publishing
//                                         ^                    |                   |
//                                         +----- unpublish, deleteStream ----------+
//
//   while let event = session.next(bytes, from: &position) { … }
//   send(session.takeOutput())

/// What a session tells its driver.
public enum SessionEvent: Sendable, Equatable {
    /// Somebody wishes to publish: `accept` or `refuse`, before the next event is asked for.
    case publish(StreamPath)
    case media(MediaMessage)
    /// The publisher has ended its stream; it may publish another one.
    case unpublish
    /// Nothing more is taken: send what there is to send, and close.
    case fault(ProtocolFault)
}

/// Why a publisher is not let in; both look alike to it, but for the words.
public enum Refusal: Sendable, Equatable {
    case unknown, taken

    var words: String {
        self == .unknown ? "No such stream." : "Somebody publishes this stream already."
    }
}

public struct ServerSession: ~Copyable, Sendable {
    enum State: Sendable {
        case handshake(Handshake)
        case opened
        case connected(application: String)
        case asked(StreamPath, stream: UInt32)
        case publishing(StreamPath, stream: UInt32)
        case ended
    }

    /// Bytes that we may send, and the peer, without an acknowledgement (§5.4.4).
    private static let windowBytes: UInt32 = 2_500_000
    /// Of what we send.
    private static let chunkSize = 4096

    var state: State
    private var reader = ChunkReader()
    private var writer = ChunkWriter()
    private var output: [UInt8] = []
    private var createdStreams: UInt32 = 0
    /// Messages out of an aggregate that have not been told yet, the last one first.
    private var queued: [MediaMessage] = []

    private var received: UInt64 = 0
    private var acknowledged: UInt64 = 0
    private var peerWindow = UInt64(ServerSession.windowBytes)

    /// - Parameter seed: fills what is random in the handshake.
    public init(seed: UInt64) { state = .handshake(Handshake(seed: seed)) }

    /// What is to be sent.
    public mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll(keepingCapacity: true) }
        return output
    }

    /// Whether the publisher has been let in.
    public var isPublishing: Bool { if case .publishing = state { true } else { false } }

    /// Takes bytes up to the next event; nil when all are taken.
    public mutating func next(_ bytes: Span<UInt8>, from position: inout Int) -> SessionEvent? {
        let start = position
        defer { count(position - start) }
        while true {
            if let media = queued.popLast() { return .media(media) }
            switch state {
            case .ended:
                position = bytes.count
                return nil
            case .handshake(var handshake):
                state = .opened
                switch handshake.next(bytes, from: &position) {
                case .done: continue
                case .answer(let answer): output += answer
                case .fault(let fault): return end(fault)
                case .needsMore:
                    state = .handshake(handshake)
                    return nil
                }
                state = .handshake(handshake)
            default:
                switch reader.next(bytes, from: &position) {
                case .needsMore: return nil
                case .fault(let fault): return end(fault)
                case .message(let message): if let event = take(message) { return event }
                }
            }
        }
    }

    /// Lets the publisher in.
    public mutating func accept() {
        guard case .asked(let path, let stream) = state else { return }
        state = .publishing(path, stream: stream)
        reader.longestMessage = Limits.longestMessage
        status(
            "NetStream.Publish.Start", "status", "Publishing.", on: stream)
    }

    /// Sends the publisher away; what it sends then is not looked at.
    public mutating func refuse(_ refusal: Refusal) {
        guard case .asked(_, let stream) = state else { return }
        status("NetStream.Publish.BadName", "error", refusal.words, on: stream)
        state = .ended
    }

    // MARK: Messages

    private mutating func take(_ message: Message) -> SessionEvent? {
        switch message.type {
        case MessageType.setChunkSize:
            guard let size = message.payload.bigEndian(at: 0, count: 4) else {
                return end(.command)
            }
            return reader.setChunkSize(size).map { end($0) }
        case MessageType.abort:
            if let id = message.payload.bigEndian(at: 0, count: 4) { reader.abort(id) }
        case MessageType.windowSize:
            // One of no bytes would have us acknowledge every byte.
            let size = message.payload.bigEndian(at: 0, count: 4) ?? 0
            peerWindow = UInt64(max(size, 4096))
        case MessageType.userControl: control(message.payload)
        case MessageType.command: return command(message, from: 0)
        case MessageType.commandAMF3:
            // AMF0 behind a byte, as all encoders write it.
            return command(message, from: 1)
        case MessageType.audio, MessageType.video, MessageType.data, MessageType.dataAMF3,
            MessageType.aggregate:
            return media(message)
        default: break
        }
        return nil
    }

    /// Answers pings; the other events are for players.
    private mutating func control(_ payload: [UInt8]) {
        guard payload.bigEndian(at: 0, count: 2) == UInt32(UserControl.pingRequest),
            let time = payload.bigEndian(at: 2, count: 4)
        else { return }
        sendControl(UserControl.pingResponse, time)
    }

    private mutating func media(_ message: Message) -> SessionEvent? {
        guard case .publishing(_, let stream) = state, message.stream == stream else { return nil }
        if message.type == MessageType.aggregate {
            queued = AggregateMessage.parts(of: message).reversed()
        }
        return MediaMessage(message).map { .media($0) }
    }

    private mutating func command(_ message: Message, from start: Int) -> SessionEvent? {
        let values = AMFReader.values(message.payload, from: start)
        guard let name = values.first?.string else { return end(.command) }
        let call = SessionCall(
            name: name, transaction: values.dropFirst().first?.number ?? 0,
            arguments: Array(values.dropFirst(2)), stream: message.stream)
        return take(call)
    }

    // MARK: What is sent

    mutating func begin() {
        writer.setChunkSize(ServerSession.chunkSize, to: &output)
        var window: [UInt8] = []
        window.append(bigEndian: ServerSession.windowBytes, count: 4)
        send(MessageType.windowSize, window)
        // 2: dynamic (§5.4.5).
        send(MessageType.peerBandwidth, window + [2])
        sendControl(UserControl.streamBegin, 0)
    }

    mutating func reply(_ values: [AMFValue], on stream: UInt32 = 0) {
        writer.append(
            Message(
                type: MessageType.command, stream: stream, milliseconds: 0,
                payload: AMFWriter.bytes(values)),
            on: ChunkWriter.commandStream, to: &output)
    }

    mutating func status(_ code: String, _ level: String, _ words: String, on stream: UInt32) {
        reply(
            [
                .string("onStatus"), .number(0), .null,
                .object([
                    AMFProperty("level", .string(level)), AMFProperty("code", .string(code)),
                    AMFProperty("description", .string(words)),
                ]),
            ], on: stream)
    }

    mutating func end(_ fault: ProtocolFault) -> SessionEvent {
        state = .ended
        return .fault(fault)
    }

    /// The number of the next message stream; nil where the peer has had enough.
    mutating func createStream() -> UInt32? {
        guard createdStreams < Limits.messageStreams else { return nil }
        createdStreams += 1
        return createdStreams
    }

    private mutating func send(_ type: UInt8, _ payload: [UInt8]) {
        writer.append(
            Message(type: type, stream: 0, milliseconds: 0, payload: payload),
            on: ChunkWriter.controlStream, to: &output)
    }

    private mutating func sendControl(_ event: UInt16, _ value: UInt32) {
        var payload: [UInt8] = []
        payload.append(bigEndian: UInt32(event), count: 2)
        payload.append(bigEndian: value, count: 4)
        send(MessageType.userControl, payload)
    }

    /// Acknowledges what has come (§5.4.3); encoders wait for it.
    private mutating func count(_ bytes: Int) {
        received &+= UInt64(bytes)
        guard received &- acknowledged >= peerWindow else { return }
        switch state {
        case .handshake, .opened, .ended: return
        case .connected, .asked, .publishing: break
        }
        acknowledged = received
        var payload: [UInt8] = []
        payload.append(bigEndian: UInt32(truncatingIfNeeded: received), count: 4)
        send(MessageType.acknowledgement, payload)
    }
}

extension MediaMessage {
    /// Nil for what is no media.
    init?(_ message: Message) {
        switch message.type {
        case MessageType.audio: kind = .audio
        case MessageType.video: kind = .video
        case MessageType.data, MessageType.dataAMF3: kind = .data
        default: return nil
        }
        milliseconds = message.milliseconds
        payload = message.payload
    }
}

/// Several messages in one (§7.1.6): FLV tags, each with its head and its length behind it. Their
/// times differ from the message's as they differ from the first one's.
enum AggregateMessage {
    static func parts(of message: Message) -> [MediaMessage] {
        var result: [MediaMessage] = []
        var position = 0
        var base: UInt32?
        let bytes = message.payload
        while result.count < Limits.aggregateParts,
            let length = bytes.bigEndian(at: position + 1, count: 3).map(Int.init),
            let low = bytes.bigEndian(at: position + 4, count: 3),
            let high = bytes.bigEndian(at: position + 7, count: 1),
            bytes.count - position - 11 >= length
        {
            let time = high << 24 | low
            let first = base ?? time
            base = first
            let start = position + 11
            let part = Message(
                type: bytes[position], stream: message.stream,
                milliseconds: message.milliseconds &+ (time &- first),
                payload: Array(bytes[start..<(start + length)]))
            if let media = MediaMessage(part) { result.append(media) }
            position = start + length + 4
        }
        return result
    }
}
