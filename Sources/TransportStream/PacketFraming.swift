// Packets out of bytes: finds the packet size (188; 192 with a 4-byte time stamp in front, as on
// Blu-ray; 204 with 16 bytes behind, as from a DVB demodulator), and finds it again after garbage.
//
// It may drop bytes that are in no packet, and counts them. It changes nothing.

/// Frames a byte stream that comes in pieces of any size.
public struct PacketFraming: Sendable {
    /// Bytes from one sync byte to the next.
    public enum Spacing: Int, Sendable, CaseIterable {
        case plain = 188
        case timestamped = 192
        case protected = 204
    }

    /// Sync bytes in a row before a size is believed, as in TR 101 290 §5.2.1 (1.1).
    public static let syncBytesNeeded = 5

    public private(set) var spacing: Spacing?
    /// Bytes that were in no packet.
    public private(set) var skippedBytes: Int64 = 0
    /// How often the packet border was lost after it had been found.
    public private(set) var syncLosses: Int64 = 0
    /// Bytes before the first sync byte that was believed, or nil so far.
    public private(set) var firstPacketPosition: Int64?

    private var buffer: [UInt8] = []
    private var start = 0
    private var consumed: Int64 = 0

    private let gathers: Bool

    /// - Parameter gathers: true to always give packets out of one buffer that begins at
    ///   `position`, for callers that want to know where in the stream they stand; false to give
    ///   them where they lie, without a copy, as far as that is possible.
    public init(gathers: Bool = false) { self.gathers = gathers }

    /// Bytes given so far that are not behind us.
    public var position: Int64 { consumed + Int64(start) }

    /// The border is known and the bytes so far end within a packet.
    public var isWithinPacket: Bool { spacing != nil && buffer.count > start }

    /// Takes bytes and gives whole packets, many at a time.
    /// - Parameter packets: called with a buffer, the offset of the first packet, how many packets
    ///   there are, and the distance between them.
    public mutating func append(
        _ bytes: Span<UInt8>,
        packets: (_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) -> Void
    ) {
        discardConsumed()
        var direct = 0
        if spacing == .plain && buffer.count < Packet.size && !gathers {
            // The rest of a packet begun in the piece before; then the others where they lie.
            direct = min(buffer.isEmpty ? 0 : Packet.size - buffer.count, bytes.count)
            bytes.withUnsafeBufferPointer { buffer.append(contentsOf: $0[..<direct]) }
            if direct > 0 {
                frame(isLast: false, packets)
                discardConsumed()
            }
            if buffer.isEmpty { direct += frameInPlace(bytes, from: direct, packets) }
        }
        guard direct < bytes.count else { return }
        bytes.withUnsafeBufferPointer { buffer.append(contentsOf: $0[direct...]) }
        frame(isLast: false, packets)
    }

    /// The common case, without a copy: the border is known and the bytes begin with a packet.
    /// Returns how many bytes were dealt with.
    private mutating func frameInPlace(
        _ bytes: Span<UInt8>, from start: Int,
        _ packets: (_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) -> Void
    ) -> Int {
        guard spacing == .plain, pendingSkip == 0 else { return 0 }
        var end = start
        while end + Packet.size <= bytes.count && bytes[end] == Packet.syncByte {
            end += Packet.size
        }
        guard end > start else { return 0 }
        packets(bytes, start, (end - start) / Packet.size, Packet.size)
        consumed += Int64(end - start)
        return end - start
    }

    /// Takes bytes that begin at a known border and are whole packets of 188 bytes, every sync byte
    /// in its place, and leaves them where they lie; false, having taken nothing, for any others.
    public mutating func passes(_ bytes: Span<UInt8>) -> Bool {
        guard spacing == .plain, pendingSkip == 0, buffer.count == start,
            bytes.count % Packet.size == 0
        else { return false }
        var at = 0
        while at < bytes.count && bytes[at] == Packet.syncByte { at += Packet.size }
        guard at >= bytes.count else { return false }
        consumed += Int64(bytes.count)
        return true
    }

    /// No more bytes follow: what is left is framed with as many sync bytes as there are.
    public mutating func finish(
        packets: (_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) -> Void
    ) {
        frame(isLast: true, packets)
        skippedBytes += Int64(buffer.count - start)
        start = buffer.count
        discardConsumed()
    }

    private mutating func discardConsumed() {
        guard start > 0 else { return }
        buffer.removeSubrange(0..<start)
        consumed += Int64(start)
        start = 0
    }

    private mutating func frame(
        isLast: Bool,
        _ packets: (_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) -> Void
    ) {
        while true {
            guard let spacing else {
                guard acquire(isLast: isLast) else { return }
                continue
            }
            let stride = spacing.rawValue
            if !skipTrailer() { return }
            var end = start
            while end + Packet.size <= buffer.count && buffer[end] == Packet.syncByte {
                end += stride
            }
            let count = (end - start) / stride
            if count > 0 { packets(buffer.span, start, count, stride) }
            start = min(end, buffer.count)
            // Behind the last packet of a 204-byte stream its trailer may not have come yet.
            if end > buffer.count {
                pendingSkip = end - buffer.count
            }
            if !skipTrailer() { return }
            if start + Packet.size > buffer.count && !isLast { return }
            guard start < buffer.count else { return }
            if buffer[start] == Packet.syncByte {
                if start + Packet.size > buffer.count { return }
                continue
            }
            if !passOneBadSyncByte(stride: stride, isLast: isLast) { return }
        }
    }

    /// Bytes still to come that belong to a packet already given.
    private var pendingSkip = 0

    private mutating func skipTrailer() -> Bool {
        let skip = min(pendingSkip, buffer.count - start)
        start += skip
        pendingSkip -= skip
        return pendingSkip == 0 && start < buffer.count
    }

    /// One damaged sync byte between good ones costs one packet, not the border.
    /// Returns false when more bytes are needed.
    private mutating func passOneBadSyncByte(stride: Int, isLast: Bool) -> Bool {
        let next = start + stride
        guard next < buffer.count else {
            if isLast { spacing = nil }
            return isLast
        }
        if buffer[next] == Packet.syncByte {
            skippedBytes += Int64(stride)
            start = next
        } else {
            syncLosses += 1
            spacing = nil
        }
        return true
    }

    /// Looks for sync bytes at one of the spacings. Returns false when more bytes are needed or
    /// nothing was found.
    private mutating func acquire(isLast: Bool) -> Bool {
        let longest = 204 * (PacketFraming.syncBytesNeeded - 1) + 1
        while start < buffer.count {
            if !isLast && buffer.count - start < longest { return false }
            if buffer[start] == Packet.syncByte,
                let found = Spacing.allCases.first(where: { matches($0, isLast: isLast) })
            {
                spacing = found
                if firstPacketPosition == nil { firstPacketPosition = position }
                return true
            }
            start += 1
            skippedBytes += 1
        }
        return false
    }

    private func matches(_ spacing: Spacing, isLast: Bool) -> Bool {
        var seen = 0
        var p = start
        while seen < PacketFraming.syncBytesNeeded && p < buffer.count {
            guard buffer[p] == Packet.syncByte else { return false }
            seen += 1
            p += spacing.rawValue
        }
        if seen == PacketFraming.syncBytesNeeded { return true }
        // At the end of the stream fewer must do, but one whole packet at least.
        return isLast && start + Packet.size <= buffer.count
    }
}
