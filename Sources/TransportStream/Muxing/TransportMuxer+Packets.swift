// Bytes into packets: the continuity counters, and what the adaptation field of a unit's first
// packet says.

/// What the first packet of a unit says of it.
struct FirstPacket: Sendable {
    /// random_access_indicator
    var isEntry = false
    var clock: ClockReference?
    /// discontinuity_indicator: the clock begins anew here.
    var isBroken = false

    /// Bytes of an adaptation field that says it, its length byte included; 0 for none.
    var fieldBytes: Int { clock != nil ? 8 : isEntry ? 2 : 0 }
}

extension TransportMuxer {
    mutating func append(section: [UInt8], pid: PID) {
        var counter = counters[pid] ?? ContinuityCounter(15)
        SectionPacketizer.append(section.span, pid: pid, continuity: &counter, to: &output)
        counters[pid] = counter
    }

    /// Cuts a PES packet, or more of one, into packets.
    /// - Parameters:
    ///   - header: empty where the bytes go on with the PES packet before them.
    ///   - first: nil there.
    mutating func packetize(
        _ header: [UInt8], _ bytes: [UInt8], pid: PID, first: FirstPacket?
    ) {
        var counter = counters[pid] ?? ContinuityCounter(15)
        var first = first
        var position = 0
        let count = header.count + bytes.count
        while position < count {
            let end = min(position + 184 - (first?.fieldBytes ?? 0), count)
            let start = output.count
            output += repeatElement(0, count: Packet.size - (end - position))
            counter = counter.next
            var span = output.mutableSpan
            _ = PacketWriter.writeHeader(
                pid: pid, continuity: counter, startsUnit: first != nil,
                randomAccess: first?.isEntry ?? false, clock: first?.clock,
                isBroken: first?.isBroken ?? false, payloadCount: end - position, in: &span,
                at: start)
            append(header, position..<end)
            append(bytes, (position - header.count)..<(end - header.count))
            position = end
            first = nil
        }
        counters[pid] = counter
    }

    /// Appends what there is of a range.
    private mutating func append(_ bytes: [UInt8], _ range: Range<Int>) {
        let part = range.clamped(to: 0..<bytes.count)
        guard !part.isEmpty else { return }
        bytes.span.extracting(part).withUnsafeBufferPointer { output.append(contentsOf: $0) }
    }

    mutating func writeClockPacket(pid: PID, clock: ClockReference, isBroken: Bool) {
        let start = output.count
        output += repeatElement(0xFF, count: Packet.size)
        let counter = counters[pid] ?? ContinuityCounter(15)
        var span = output.mutableSpan
        PacketWriter.writeClockPacket(
            pid: pid, continuity: counter, clock: clock, in: &span, at: start)
        if isBroken { span[start + 5] |= 0x80 }
    }
}
