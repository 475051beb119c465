// Mutations of PTS, DTS and PCR: one that is wrong, all that move from a place on, some that are
// missing.

import TransportStream

extension Mutation {
    func changeTimes(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        switch kind {
        case .wrongPTS, .wrongDTS, .wrongStamps: changeOne(&mutant, &chance)
        case .wrongClock:
            if let packet = chosen(of: mutant.clocks) { moveClock(&mutant, packet) }
        case .moveStamps:
            // Of one stream; half the time for good.
            let all = mutant.stamped
            guard let first = chosen(of: all) else { return }
            let pid = mutant.pid(first)
            let packets = all.filter { $0 >= first && mutant.pid($0) == pid }
            let isForGood = chance.happens(perMillion: 500_000)
            for packet in isForGood ? packets[...] : packets.prefix(count) {
                move(&mutant, packet, presentation: true, decoding: true)
            }
        case .moveClock:
            let packets = rest(of: mutant.clocks)
            let isForGood = chance.happens(perMillion: 500_000)
            for packet in isForGood ? packets : packets.prefix(count) {
                moveClock(&mutant, packet)
            }
        case .moveAll:
            let first = mutant.count * place / 1_000_000
            moveEverything(&mutant, from: first)
        case .wrapSoon: moveToWrap(&mutant)
        default: changeClockFlags(&mutant, &chance)
        }
    }

    private func changeOne(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        var packets = mutant.stamped
        // The first ones of a stream in a third of all cases.
        if chance.happens(perMillion: 330_000) {
            let streams = Array(Set(packets.map(mutant.pid))).sorted()
            let pid = streams.isEmpty ? nil : streams[chance.number(streams.count)]
            packets = Array(packets.filter { mutant.pid($0) == pid }.prefix(20))
        }
        guard let packet = chosen(of: packets) else { return }
        move(&mutant, packet, presentation: kind != .wrongDTS, decoding: kind != .wrongPTS)
    }

    private func changeClockFlags(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        switch kind {
        case .announceClock:
            for packet in run(of: mutant.clocks) { mutant.bytes[mutant.offset(packet) + 5] |= 0x80 }
        case .removeClock:
            let clocks = mutant.clocks
            let isForGood = chance.happens(perMillion: 500_000)
            for packet in isForGood ? rest(of: clocks) : run(of: clocks) {
                var span = mutant.bytes.mutableSpan
                PacketWriter.removeClock(in: &span, at: packet * Packet.size)
            }
        case .holdClock:
            let packets = run(of: mutant.clocks)
            guard let first = packets.first, let clock = mutant.header(first)?.clockReference
            else { return }
            for packet in packets { setClock(&mutant, packet, clock) }
        default:
            for packet in run(of: mutant.stamped) {
                let start = mutant.offset(packet) + Int(mutant.header(packet)?.payloadOffset ?? 4)
                // PTS_DTS_flags; what stands there becomes stuffing.
                if start + 7 < mutant.offset(packet + 1) { mutant.bytes[start + 7] &= 0x3F }
            }
        }
    }

    /// Moves all times so that they wrap at `place`.
    private func moveToWrap(_ mutant: inout Mutant) {
        guard let packet = chosen(of: mutant.clocks),
            let clock = mutant.header(packet)?.clockReference
        else { return }
        var wrap = self
        wrap.ticks = -(clock.ticks / StreamTime.ticksPerTimestampTick)
        wrap.moveEverything(&mutant, from: 0)
    }

    private func moveEverything(_ mutant: inout Mutant, from first: Int) {
        for packet in first..<max(first, mutant.count) {
            moveClock(&mutant, packet)
            move(&mutant, packet, presentation: true, decoding: true)
        }
    }

    private func moveClock(_ mutant: inout Mutant, _ packet: Int) {
        guard let clock = mutant.header(packet)?.clockReference else { return }
        let moved = clock.ticks &+ ticks &* StreamTime.ticksPerTimestampTick
        setClock(&mutant, packet, ClockReference(wrapping: moved))
    }

    private func setClock(_ mutant: inout Mutant, _ packet: Int, _ clock: ClockReference) {
        var span = mutant.bytes.mutableSpan
        PacketWriter.setClock(clock, in: &span, at: packet * Packet.size)
    }

    private func move(
        _ mutant: inout Mutant, _ packet: Int, presentation: Bool, decoding: Bool
    ) {
        guard var stamps = mutant.stamps(packet) else { return }
        let start = mutant.offset(packet) + Int(mutant.header(packet)?.payloadOffset ?? 4)
        // Without a DTS of its own the PTS is both.
        if !presentation && stamps.decoding != nil { stamps.presentation = nil }
        if !decoding { stamps.decoding = nil }
        var span = mutant.bytes.mutableSpan
        PESHeader.shift(by: ticks, in: &span, at: start, header: stamps)
    }
}
