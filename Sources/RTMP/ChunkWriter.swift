// Messages into chunks (RTMP 1.0 §5.3). A server says little, so each message has a whole head.

struct ChunkWriter {
    /// Chunk stream of what concerns the connection itself (§5.4).
    static let controlStream: UInt8 = 2
    /// Chunk stream of commands.
    static let commandStream: UInt8 = 3

    /// As we have told the peer.
    private(set) var chunkSize = Limits.firstChunkSize

    /// Appends a message on a chunk stream of 2 ... 63.
    func append(_ message: Message, on chunkStream: UInt8, to bytes: inout [UInt8]) {
        let isExtended = message.milliseconds >= 0xFF_FFFF
        bytes.append(chunkStream & 0x3F)
        bytes.append(bigEndian: isExtended ? 0xFF_FFFF : message.milliseconds, count: 3)
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: message.payload.count), count: 3)
        bytes.append(message.type)
        bytes.append(bigEndian: message.stream.byteSwapped, count: 4)
        if isExtended { bytes.append(bigEndian: message.milliseconds, count: 4) }
        var position = 0
        while position < message.payload.count {
            if position > 0 {
                bytes.append(0xC0 | chunkStream & 0x3F)
                if isExtended { bytes.append(bigEndian: message.milliseconds, count: 4) }
            }
            let end = min(position + chunkSize, message.payload.count)
            bytes += message.payload[position..<end]
            position = end
        }
    }

    /// Sets the size of the chunks behind this message.
    mutating func setChunkSize(_ size: Int, to bytes: inout [UInt8]) {
        var payload: [UInt8] = []
        payload.append(bigEndian: UInt32(size), count: 4)
        append(
            Message(type: MessageType.setChunkSize, stream: 0, milliseconds: 0, payload: payload),
            on: ChunkWriter.controlStream, to: &bytes)
        chunkSize = size
    }
}
