// Mutations of packets as a whole: lost, doubled, in another order, of another stream.

import TransportStream

extension Mutation {
    func changePackets(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        switch kind {
        case .drop, .double, .insertNulls, .insertNoise: changeRun(&mutant, &chance)
        case .swap: swapPackets(&mutant, &chance)
        case .swapStreams: swapStreams(&mutant, &chance)
        case .audioFirst:
            // Nothing but tables and sound, up to `place` within the first third.
            let pictures = Set(mutant.streams(.video))
            let end = mutant.count * place / 3_000_000
            keep(&mutant) { packet, pid in packet >= end || !pictures.contains(pid) }
        case .dropTables:
            let map = mutant.map?.pid
            let tables = mutant.packets { mutant.pid($0) == .pat || mutant.pid($0) == map }
            remove(&mutant, Set(run(of: tables)))
        case .dropStream, .withoutStream:
            let pids = mutant.streams()
            guard !pids.isEmpty else { return }
            let pid = pids[chance.number(pids.count)]
            let packets = mutant.packets { mutant.pid($0) == pid }
            remove(&mutant, Set(kind == .withoutStream ? packets[...] : rest(of: packets)))
            // A stream that was never there is not in the PMT either, most of the time.
            if kind == .withoutStream && chance.happens(perMillion: 700_000) {
                mutant.rewriteMaps(from: 0) { $0.streams.removeAll { $0.pid == pid } }
            }
        default:
            // All streams but the tables stay away for a while.
            let map = mutant.map?.pid
            let packets = mutant.packets { mutant.pid($0) != .pat && mutant.pid($0) != map }
            remove(&mutant, Set(run(of: packets)))
        }
    }

    private func changeRun(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        let touched = Set(run(of: Array(0..<mutant.count)))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(mutant.bytes.count)
        for packet in 0..<mutant.count {
            let own = mutant.bytes[mutant.offset(packet)..<mutant.offset(packet + 1)]
            guard touched.contains(packet) else {
                bytes += own
                continue
            }
            switch kind {
            case .drop: continue
            case .double: bytes += own
            case .insertNulls:
                let start = bytes.count
                bytes += repeatElement(0, count: Packet.size)
                var span = bytes.mutableSpan
                PacketWriter.writeNull(in: &span, at: start)
            default:
                bytes.append(Packet.syncByte)
                for _ in 1..<Packet.size { bytes.append(UInt8(truncatingIfNeeded: chance.next())) }
            }
            bytes += own
        }
        mutant.bytes = bytes
    }

    /// Each packet of the run changes places with one up to 16 behind it.
    private func swapPackets(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        for packet in run(of: Array(0..<mutant.count)) {
            let other = packet + 1 + chance.number(16)
            guard other < mutant.count else { continue }
            for index in 0..<Packet.size {
                mutant.bytes.swapAt(mutant.offset(packet) + index, mutant.offset(other) + index)
            }
        }
    }

    /// Two streams change their PIDs from a place on, in the packets only.
    private func swapStreams(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        var pids = mutant.streams()
        if let map = mutant.map?.pid { pids += [map, .pat, .null] }
        guard pids.count > 1 else { return }
        let one = pids[chance.number(pids.count)]
        let other = pids[chance.number(pids.count)]
        for packet in rest(of: Array(0..<mutant.count)) {
            let pid = mutant.pid(packet)
            guard pid == one || pid == other else { continue }
            var span = mutant.bytes.mutableSpan
            PacketWriter.setPID(pid == one ? other : one, in: &span, at: packet * Packet.size)
        }
    }

    private func remove(_ mutant: inout Mutant, _ packets: Set<Int>) {
        keep(&mutant) { packet, _ in !packets.contains(packet) }
    }

    private func keep(_ mutant: inout Mutant, _ isKept: (Int, PID) -> Bool) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(mutant.bytes.count)
        for packet in 0..<mutant.count where isKept(packet, mutant.pid(packet)) {
            bytes += mutant.bytes[mutant.offset(packet)..<mutant.offset(packet + 1)]
        }
        mutant.bytes = bytes
    }
}
