// Mutations of bits in single packets: noise on a line, faulty multiplexers, scramblers.

import TransportStream

extension Mutation {
    func changeBits(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        switch kind {
        case .flipAnywhere:
            for _ in 0..<count {
                mutant.bytes[chance.number(mutant.bytes.count)] ^= UInt8(1 << chance.number(8))
            }
        case .flipHeader:
            for packet in run(of: Array(0..<mutant.count)) {
                flip(&mutant, packet, 1..<4, &chance)
            }
        case .flipAdaptation:
            let packets = mutant.packets { mutant.header($0)?.hasAdaptationField ?? false }
            for packet in run(of: packets) { flip(&mutant, packet, 4..<12, &chance) }
        case .flipPESHeader:
            for packet in run(of: mutant.packets { mutant.stamps($0) != nil }) {
                let start = Int(mutant.header(packet)?.payloadOffset ?? 4)
                flip(&mutant, packet, start..<min(start + 19, Packet.size), &chance)
            }
        case .flipPayload:
            let packets = mutant.packets { mutant.header($0)?.payloadOffset ?? 188 < 180 }
            for packet in run(of: packets) {
                let start = Int(mutant.header(packet)?.payloadOffset ?? 4)
                flip(&mutant, packet, min(start, 187)..<Packet.size, &chance)
            }
        default: changeFlags(&mutant, &chance)
        }
    }

    private func changeFlags(_ mutant: inout Mutant, _ chance: inout SeededGenerator) {
        for packet in run(of: Array(0..<mutant.count)) {
            let at = mutant.offset(packet)
            switch kind {
            case .scramble: mutant.bytes[at + 3] |= [0x40, 0x80, 0xC0][chance.number(3)]
            case .transportError: mutant.bytes[at + 1] |= 0x80
            case .breakContinuity:
                let counter = UInt8(chance.number(16))
                mutant.bytes[at + 3] = mutant.bytes[at + 3] & 0xF0 | counter
            default:
                mutant.bytes[at + 3] |= 0x20
                mutant.bytes[at + 4] = UInt8(truncatingIfNeeded: chance.next())
                mutant.bytes[at + 5] = UInt8(truncatingIfNeeded: chance.next())
            }
        }
    }

    /// Changes some bits, or the whole, of one byte of a packet.
    private func flip(
        _ mutant: inout Mutant, _ packet: Int, _ places: Range<Int>,
        _ chance: inout SeededGenerator
    ) {
        guard !places.isEmpty else { return }
        let at = mutant.offset(packet) + places.lowerBound + chance.number(places.count)
        let isWhole = chance.happens(perMillion: 300_000)
        mutant.bytes[at] ^= isWhole
            ? UInt8(truncatingIfNeeded: chance.next()) : UInt8(1 << chance.number(8))
    }
}
