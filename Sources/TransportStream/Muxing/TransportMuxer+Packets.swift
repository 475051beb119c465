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
    /// - Parameter first: nil where the bytes go on with the PES packet before them.
    mutating func packetize(_ bytes: [UInt8], pid: PID, first: FirstPacket?) {
        var position = 0
        var head = first
        while position < bytes.count {
            let counter = (counters[pid] ?? ContinuityCounter(15)).next
            counters[pid] = counter
            let room = 184 - (head?.fieldBytes ?? 0)
            let count = min(room, bytes.count - position)
            appendPacket(
                bytes[position..<(position + count)], pid: pid, counter,
                startsUnit: head != nil, head)
            position += count
            head = nil
        }
    }

    private mutating func appendPacket(
        _ payload: ArraySlice<UInt8>, pid: PID, _ counter: ContinuityCounter, startsUnit: Bool,
        _ head: FirstPacket?
    ) {
        let field = 184 - payload.count
        output.append(Packet.syncByte)
        output.append((startsUnit ? 0x40 : 0) | UInt8(pid.rawValue >> 8))
        output.append(UInt8(truncatingIfNeeded: pid.rawValue))
        output.append((field > 0 ? 0x30 : 0x10) | counter.rawValue)
        if field > 0 { output.append(UInt8(field - 1)) }
        if field > 1 { appendField(of: field - 1, head) }
        output += payload
    }

    /// The adaptation field behind its length byte (13818-1 §2.4.3.4).
    private mutating func appendField(of count: Int, _ head: FirstPacket?) {
        let start = output.count
        let flags: UInt8 = (head?.isBroken == true ? 0x80 : 0) | (head?.isEntry == true ? 0x40 : 0)
            | (head?.clock != nil ? 0x10 : 0)
        output.append(flags)
        output += repeatElement(0xFF, count: count - 1)
        guard let clock = head?.clock else { return }
        // The PCR's place is six bytes into the packet; the field begins five bytes into it.
        var span = output.mutableSpan
        PacketWriter.setClock(clock, in: &span, at: start - 5)
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
