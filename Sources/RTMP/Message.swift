// What the chunk stream carries (RTMP 1.0 §5.4, §6, §7.1).

/// One RTMP message.
struct Message: Sendable, Equatable {
    var type: UInt8
    /// 0 for what concerns the connection.
    var stream: UInt32
    /// Wraps every 49 days.
    var milliseconds: UInt32
    var payload: [UInt8]
}

/// Message type ids.
enum MessageType {
    static let setChunkSize: UInt8 = 1
    static let abort: UInt8 = 2
    static let acknowledgement: UInt8 = 3
    static let userControl: UInt8 = 4
    static let windowSize: UInt8 = 5
    static let peerBandwidth: UInt8 = 6
    static let audio: UInt8 = 8
    static let video: UInt8 = 9
    static let dataAMF3: UInt8 = 15
    static let commandAMF3: UInt8 = 17
    static let data: UInt8 = 18
    static let command: UInt8 = 20
    static let aggregate: UInt8 = 22
}

/// User control events (§7.1.7).
enum UserControl {
    static let streamBegin: UInt16 = 0
    static let pingRequest: UInt16 = 6
    static let pingResponse: UInt16 = 7
}

/// Pictures, sound and data of a publisher: FLV tags without their heads.
public struct MediaMessage: Sendable, Equatable {
    public enum Kind: Sendable { case audio, video, data }
    public var kind: Kind
    /// Wraps every 49 days.
    public var milliseconds: UInt32
    public var payload: [UInt8]

    public init(kind: Kind, milliseconds: UInt32, payload: [UInt8]) {
        self.kind = kind
        self.milliseconds = milliseconds
        self.payload = payload
    }
}

extension [UInt8] {
    /// Appends the low bytes of a number, the highest first.
    mutating func append(bigEndian value: some FixedWidthInteger, count: Int) {
        for index in 0..<count {
            append(UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - index))))
        }
    }

    /// The number in `count` (at most four) bytes at `position`; nil where they are not all there.
    func bigEndian(at position: Int, count: Int) -> UInt32? {
        guard position >= 0, count <= 4, self.count - position >= count else { return nil }
        var value: UInt32 = 0
        for index in position..<(position + count) { value = value << 8 | UInt32(self[index]) }
        return value
    }
}
