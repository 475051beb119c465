// One thing that is wrong with a recording. A mutation is a value: it can be printed, left out and
// applied again, and does the same each time.
//
// What kinds there are is in the tables below; what each does stands in `Mutation+Bits`, `+Stamps`,
// `+Packets`, `+Tables` and `+Bytes`.

import TransportStream

public struct Mutation: Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, CaseIterable {
        // Bits of packets.
        case flipAnywhere, flipHeader, flipAdaptation, flipPESHeader, flipPayload
        case scramble, transportError, breakContinuity, malformAdaptation
        // Times.
        case wrongPTS, wrongDTS, wrongStamps, moveStamps, moveClock, moveAll, wrongClock
        case announceClock, removeClock, holdClock, removeStamps, wrapSoon
        // Packets.
        case drop, double, swap, insertNulls, insertNoise, dropStream, withoutStream, swapStreams
        case dropTables, audioFirst, stall
        // Tables.
        case flipSection, sectionLength, streamType, addStream, unlistStream, reorderStreams
        case clockPID, mapVersion, changePAT, moveMap, descriptors
        // The whole recording.
        case cutHead, cutTail, append, splice, repeatWhole
        // Bytes between packets, last of all.
        case zeros, garbage, loseBytes, spacing192, spacing204

        /// Leaves bytes that are not whole packets of 188.
        var breaksFraming: Bool {
            switch self {
            case .zeros, .garbage, .loseBytes, .spacing192, .spacing204: true
            default: false
            }
        }
    }

    public var kind: Kind
    /// Where, in parts of a million of all places that it could be.
    public var place: Int
    /// How many bits, packets or bytes.
    public var count: Int
    /// By how much, 90 kHz ticks.
    public var ticks: Int64
    /// For what else is drawn.
    public var seed: UInt64

    public init(kind: Kind, place: Int, count: Int, ticks: Int64 = 0, seed: UInt64 = 1) {
        self.kind = kind
        self.place = place
        self.count = count
        self.ticks = ticks
        self.seed = seed
    }

    /// Draws one. Two of five are near the begin: what is learnt first is believed for long.
    init(_ chance: inout SeededGenerator) {
        kind = Kind.allCases[chance.number(Kind.allCases.count)]
        place = chance.number(1_000_000)
        if chance.happens(perMillion: 400_000) { place /= 25 }
        count = 1 << chance.number(11)
        if count > 1 { count += chance.number(count) }
        if chance.happens(perMillion: 400_000) { count = 1 }
        // From one tick to all 33 bits, each power of two as often as the other.
        let power = Int64(1) << Int64(chance.number(33))
        ticks = power + Int64(chance.next() % UInt64(power))
        if chance.happens(perMillion: 500_000) { ticks = -ticks }
        seed = chance.next()
    }

    public var description: String {
        let percent = "\(place / 10_000).\(String(1_000_000 + place).suffix(4).prefix(2))"
        return "\(kind.rawValue) at \(percent) %, \(count) times, \(ticks) ticks, seed \(seed)"
    }

    /// Changes a recording.
    /// - Parameter corpus: other recordings, for what is taken from them.
    func apply(to mutant: inout Mutant, corpus: [FuzzRecording]) {
        guard mutant.count > 0 else { return }
        var chance = SeededGenerator(seed: seed)
        switch kind {
        case .flipAnywhere, .flipHeader, .flipAdaptation, .flipPESHeader, .flipPayload,
            .scramble, .transportError, .breakContinuity, .malformAdaptation:
            changeBits(&mutant, &chance)
        case .wrongPTS, .wrongDTS, .wrongStamps, .moveStamps, .moveClock, .moveAll, .wrongClock,
            .announceClock, .removeClock, .holdClock, .removeStamps, .wrapSoon:
            changeTimes(&mutant, &chance)
        case .drop, .double, .swap, .insertNulls, .insertNoise, .dropStream, .withoutStream,
            .swapStreams, .dropTables, .audioFirst, .stall:
            changePackets(&mutant, &chance)
        case .flipSection, .sectionLength, .streamType, .addStream, .unlistStream, .reorderStreams,
            .clockPID, .mapVersion, .changePAT, .moveMap, .descriptors:
            changeTables(&mutant, &chance)
        case .cutHead, .cutTail, .append, .splice, .repeatWhole:
            changeWhole(&mutant, corpus, &chance)
        case .zeros, .garbage, .loseBytes, .spacing192, .spacing204:
            breakFraming(&mutant, &chance)
        }
    }

    /// The one of some things that `place` names.
    func chosen(of things: [Int]) -> Int? {
        things.isEmpty ? nil : things[min(things.count * place / 1_000_000, things.count - 1)]
    }

    /// `count` of some things, from the one on that `place` names.
    func run(of things: [Int]) -> ArraySlice<Int> {
        let first = min(things.count * place / 1_000_000, max(things.count - 1, 0))
        return things[min(first, things.count)..<min(first + count, things.count)]
    }

    /// All things from the one on that `place` names.
    func rest(of things: [Int]) -> ArraySlice<Int> {
        things[min(things.count * place / 1_000_000, things.count)...]
    }
}
