// The epochs of an input: stretches of one programme on one time line.

import TransportStream

/// A piece of an input's time line without a break.
struct Epoch {
    /// 0, 1, 2 … for each input.
    var number: Int
    var firstPacket: Int
    var map: ProgramMap
    /// Indices of the streams that the PMT names, in its order.
    var streams: [Int]
    /// How its content stood to the host's time when it ended; nil while it goes on.
    var alignment: AlignmentSide?
    /// `ClockTrack.hostOffset` when it ended; nil while it goes on.
    var hostOffset: Int64?
    /// Its clock ran away: what is left of it is out of proportion to its time.
    var hasRunAway = false

    static let none = Epoch(
        number: -1, firstPacket: 0,
        map: ProgramMap(program: 0, version: 0, clockPID: .null, descriptors: [], streams: []),
        streams: [])
}

extension InputTimeline {
    /// An epoch that is kept.
    func epoch(number: Int) -> Epoch? {
        epochs.indices.first { epochs[$0].number == number }.map { epochs[$0] }
    }

    /// The newest epoch ends: what is known of its time is kept with it.
    mutating func noteEnd(of epoch: Epoch) {
        epochs[epochs.end - 1].alignment = alignmentSide(of: epoch)
        epochs[epochs.end - 1].hostOffset = clock.hostOffset
    }

    /// The clock of an epoch has crept seconds away from the host's: what it says is worth nothing.
    /// Where it still goes on, a new line begins with the next PCR.
    /// - Returns: whether that is news.
    mutating func breakRunaway(epoch number: Int) -> Bool {
        guard let index = epochs.indices.first(where: { epochs[$0].number == number }),
            !epochs[index].hasRunAway
        else { return false }
        epochs[index].hasRunAway = true
        guard number == epochNumber else { return true }
        health.clockJumps += 1
        breakLine(.unknown)
        return true
    }
}
