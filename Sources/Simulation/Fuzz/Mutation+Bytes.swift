// Mutations of the whole recording, and of the bytes between packets.

import TransportStream

extension Mutation {
    /// No mutant becomes longer, 12 MB: mutations multiply.
    static let longestMutant = 64_000 * Packet.size

    func changeWhole(
        _ mutant: inout Mutant, _ corpus: [FuzzRecording], _ chance: inout SeededGenerator
    ) {
        let at = mutant.offset(mutant.count * place / 1_000_000)
        switch kind {
        case .cutHead: mutant.bytes.removeFirst(at)
        case .cutTail: mutant.bytes.removeLast(mutant.bytes.count - at)
        case .repeatWhole: mutant.bytes += mutant.bytes
        default:
            guard !corpus.isEmpty else { return }
            // Another recording, or this one at another place.
            let isOwn = chance.happens(perMillion: 250_000)
            let other = isOwn ? mutant.bytes : corpus[chance.number(corpus.count)].bytes
            let packets = other.count / Packet.size
            let first = chance.number(packets)
            if kind == .append {
                mutant.bytes.removeLast(mutant.bytes.count - at)
                mutant.bytes += other[(first * Packet.size)...]
            } else {
                let end = min(first + count, packets)
                mutant.bytes.insert(
                    contentsOf: other[(first * Packet.size)..<(end * Packet.size)], at: at)
            }
        }
        if mutant.bytes.count > Mutation.longestMutant {
            mutant.bytes.removeLast(mutant.bytes.count - Mutation.longestMutant)
        }
    }

    func breakFraming(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        let at = min(mutant.bytes.count * place / 1_000_000, mutant.bytes.count - 1)
        let end = min(at + count * 8, mutant.bytes.count)
        switch kind {
        case .zeros: for index in at..<end { mutant.bytes[index] = 0 }
        case .garbage:
            // Sync bytes where none belong are the worst of it.
            let isSync = chance.happens(perMillion: 300_000)
            let noise = (0..<count).map { _ in
                isSync ? Packet.syncByte : UInt8(truncatingIfNeeded: chance.next())
            }
            mutant.bytes.insert(contentsOf: noise, at: at)
        case .loseBytes: mutant.bytes.removeSubrange(at..<min(at + count, mutant.bytes.count))
        case .spacing192: widen(&mutant, before: 4, behind: 0)
        default: widen(&mutant, before: 0, behind: 16)
        }
    }

    private func widen(_ mutant: inout Mutant, before: Int, behind: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(mutant.count * (Packet.size + before + behind))
        for packet in 0..<mutant.count {
            bytes += repeatElement(0, count: before)
            bytes += mutant.bytes[mutant.offset(packet)..<mutant.offset(packet + 1)]
            bytes += repeatElement(0, count: behind)
        }
        mutant.bytes = bytes
    }
}
