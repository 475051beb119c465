// Messages out of chunks (RTMP 1.0 §5.3). Messages of several chunk streams lie between each other;
// a chunk's head says only what differs from the chunk before it on its stream.
//
//   fmt 0   time (3) | length (3) | type (1) | message stream (4)
//   fmt 1   step (3) | length (3) | type (1)
//   fmt 2   step (3)
//   fmt 3   nothing: goes on with a message, or begins one that is like the last
//
// Where the three bytes of time are all ones, four more follow the head, on all chunks of the
// message; some encoders leave them out on the later ones.

struct ChunkReader {
    enum Item {
        case needsMore
        case message(Message)
        case fault(ProtocolFault)
    }

    /// What is known of a chunk stream.
    private struct Stream {
        let id: UInt32
        var milliseconds: UInt32 = 0
        /// The time field of the last head: an absolute time behind fmt 0, else a step.
        var timeField: UInt32 = 0
        var isExtended = false
        var length = 0
        var type: UInt8 = 0
        var messageStream: UInt32 = 0
        /// Of the message that has begun; nil between messages.
        var payload: [UInt8]?
    }

    private enum State {
        case head
        case payload(stream: Int, bytesLeft: Int)
    }

    /// As the peer has set it.
    private(set) var chunkSize = Limits.firstChunkSize
    /// Bytes of a message.
    var longestMessage = Limits.longestCommand
    private var state = State.head
    /// Of the head that is being read.
    private var head: [UInt8] = []
    /// Up to three bytes that were taken for a time and belong to what follows.
    private var pushedBack: [UInt8] = []
    private var streams: [Stream] = []
    private var heldBytes = 0

    /// Takes bytes up to the next message.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) -> Item {
        while true {
            switch state {
            case .head:
                guard head.count >= headLength else {
                    guard let byte = takeByte(bytes, &position) else { return .needsMore }
                    head.append(byte)
                    continue
                }
                if let fault = takeHead() { return .fault(fault) }
            case .payload(let stream, let left):
                if left > 0, !pushedBack.isEmpty {
                    streams[stream].payload?.append(pushedBack.removeFirst())
                    heldBytes += 1
                    state = .payload(stream: stream, bytesLeft: left - 1)
                    continue
                }
                if left > 0 {
                    guard position < bytes.count else { return .needsMore }
                    let count = min(left, bytes.count - position)
                    bytes.extracting(position..<(position + count)).withUnsafeBufferPointer {
                        streams[stream].payload?.append(contentsOf: $0)
                    }
                    position += count
                    heldBytes += count
                    state = .payload(stream: stream, bytesLeft: left - count)
                    continue
                }
                state = .head
                if let message = takeMessage(stream) { return .message(message) }
            }
        }
    }

    /// The peer has said so.
    mutating func setChunkSize(_ size: UInt32) -> ProtocolFault? {
        // The highest bit shall be 0, and a chunk has at least one byte (§5.4.1).
        guard size > 0, size < 0x8000_0000 else { return .chunkSize(size) }
        chunkSize = min(Int(size), Limits.longestChunk)
        return nil
    }

    /// What has come of a message is not going to be continued (§5.4.2).
    mutating func abort(_ id: UInt32) {
        guard let index = streams.firstIndex(where: { $0.id == id }) else { return }
        drop(index)
    }

    private mutating func takeByte(_ bytes: Span<UInt8>, _ position: inout Int) -> UInt8? {
        if !pushedBack.isEmpty { return pushedBack.removeFirst() }
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    // MARK: Heads

    private var basicLength: Int {
        guard let first = head.first else { return 1 }
        return switch first & 0x3F {
        case 0: 2
        case 1: 3
        default: 1
        }
    }

    /// Bytes of the head, as far as those that are there tell.
    private var headLength: Int {
        guard let first = head.first, head.count >= basicLength else { return basicLength }
        let format = first >> 6
        let plain = basicLength + [11, 7, 3, 0][Int(format)]
        guard head.count >= plain else { return plain }
        let isExtended =
            format == 3
            ? streams.first { $0.id == chunkStream }?.isExtended == true
            : head.bigEndian(at: basicLength, count: 3) == 0xFF_FFFF
        return plain + (isExtended ? 4 : 0)
    }

    private var chunkStream: UInt32 {
        switch basicLength {
        case 2: (head.bigEndian(at: 1, count: 1) ?? 0) + 64
        // §5.3.1.1: here the low byte comes first.
        case 3: (head.bigEndian(at: 2, count: 1) ?? 0) * 256
            + (head.bigEndian(at: 1, count: 1) ?? 0) + 64
        default: UInt32(head.first ?? 0) & 0x3F
        }
    }

    /// Takes a whole head; the payload of its chunk follows.
    private mutating func takeHead() -> ProtocolFault? {
        guard let first = head.first else { return nil }
        let format = first >> 6
        let id = chunkStream
        let start = basicLength
        var index = streams.firstIndex { $0.id == id }
        if index == nil {
            // What differs from nothing: a first head without a message stream is seen, and means
            // the connection's own.
            guard format <= 1 else { return .unknownChunkStream }
            guard streams.count < Limits.chunkStreams else { return .chunkStreams }
            streams.append(Stream(id: id))
            index = streams.count - 1
        }
        guard let index else { return .unknownChunkStream }
        if format == 3 { return goOn(index, start) }
        // A message that was not ended is given up.
        drop(index)
        let field = head.bigEndian(at: start, count: 3) ?? 0
        streams[index].isExtended = field == 0xFF_FFFF
        streams[index].timeField = field
        if field == 0xFF_FFFF {
            streams[index].timeField = head.bigEndian(at: head.count - 4, count: 4) ?? 0
        }
        if format <= 1 {
            streams[index].length = Int(head.bigEndian(at: start + 3, count: 3) ?? 0)
            streams[index].type = head[start + 6]
        }
        if format == 0 {
            // The only number that is written the other way round.
            let stream = head.bigEndian(at: start + 7, count: 4) ?? 0
            streams[index].messageStream = stream.byteSwapped
            streams[index].milliseconds = streams[index].timeField
        } else {
            streams[index].milliseconds &+= streams[index].timeField
        }
        return begin(index)
    }

    /// A head of one to three bytes, and perhaps a time again.
    private mutating func goOn(_ index: Int, _ start: Int) -> ProtocolFault? {
        guard streams[index].payload != nil else {
            if streams[index].isExtended {
                streams[index].timeField = head.bigEndian(at: start, count: 4) ?? 0
            }
            // §5.3.1.2.4: behind fmt 0 its time is the step.
            streams[index].milliseconds &+= streams[index].timeField
            return begin(index)
        }
        guard !holdsTooMuch else { return .heldBytes }
        let left = chunkBytes(index)
        var rest: [UInt8] = []
        if streams[index].isExtended,
            head.bigEndian(at: start, count: 4) != streams[index].timeField
        {
            // Not the time again, so these are bytes of the message.
            rest = Array(head[start...])
        }
        let count = min(rest.count, left)
        streams[index].payload?.append(contentsOf: rest[..<count])
        heldBytes += count
        head.removeAll(keepingCapacity: true)
        pushedBack = Array(rest[count...])
        state = .payload(stream: index, bytesLeft: left - count)
        return nil
    }

    /// A message begins.
    private mutating func begin(_ index: Int) -> ProtocolFault? {
        head.removeAll(keepingCapacity: true)
        let length = streams[index].length
        guard length <= longestMessage else { return .messageLength(length) }
        guard !holdsTooMuch else { return .heldBytes }
        streams[index].payload = []
        state = .payload(stream: index, bytesLeft: chunkBytes(index))
        return nil
    }

    /// Asked before each chunk: one that begins a message may be small, those behind it large.
    private var holdsTooMuch: Bool { heldBytes > longestMessage + Limits.heldBeyondLongest }

    /// Bytes that the chunk of an open message still has.
    private func chunkBytes(_ index: Int) -> Int {
        min(chunkSize, max(0, streams[index].length - (streams[index].payload?.count ?? 0)))
    }

    // MARK: Messages

    private mutating func takeMessage(_ index: Int) -> Message? {
        guard let payload = streams[index].payload, payload.count >= streams[index].length else {
            return nil
        }
        heldBytes -= payload.count
        streams[index].payload = nil
        return Message(
            type: streams[index].type, stream: streams[index].messageStream,
            milliseconds: streams[index].milliseconds, payload: payload)
    }

    private mutating func drop(_ index: Int) {
        heldBytes -= streams[index].payload?.count ?? 0
        streams[index].payload = nil
    }
}
