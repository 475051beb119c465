// A seam that is wanted, and the appointments that become one.

import TransportStream

/// A seam that is wanted.
struct Wish {
    enum Manner {
        /// The input on air can not stay: no waiting but for what is still in the hold-back.
        case failover
        /// It waits for a seam that loses nothing.
        case planned
        /// The first place from a moment on, whatever it loses.
        case prompt
        /// Away from the slate: as soon as the hold-back is filled again.
        case fromSlate
    }

    /// Where to go; nil for the best there is.
    var target: Int?
    var reason: SeamReason
    var manner: Manner
    /// Host ticks.
    var since: Int64
    /// When the input on air had brought payload last, host ticks: who fell silent with it is no
    /// better.
    var leftAt: Int64
    /// For so long the target must have been sound, 27 MHz ticks.
    var proofTicks: Int64 = 0
    /// The target is held once it is on air.
    var holds = false
    /// Where the operator wanted to go when the input on air failed.
    var preferred: Int?
    var bounds = SeamBounds()
    /// The appointment that it keeps.
    var appointment: Int?
    /// The least loss that a seam looked at so far would have had.
    var leastLossSeen: Int?
    /// The fault has cleared; what it did to the input lies before this packet.
    var clearedAt: Int?

    /// It may wait; a failover may not.
    var isPlanned: Bool { manner != .failover }
}

/// Where a seam may be.
struct SeamBounds {
    /// Not presented before this, on the output's line, 27 MHz ticks.
    var notBefore: Int64?
    /// The entry is not presented before this, on the incoming line, 27 MHz ticks.
    var entryNotBefore: Int64?
    /// The first place is better than a cheaper one behind it.
    var prefersNearest = false
}

/// A switch that is to be at a time to come.
struct Appointment {
    enum Time {
        /// When the seam is presented, host ticks.
        case host(Int64)
        /// Where it is presented on the output's line, 27 MHz ticks.
        case output(Int64)
        /// What of the target comes first, on the line of this epoch, 27 MHz ticks; and the host
        /// ticks at which that arrives, should the line end before.
        case incoming(Int64, epoch: Int, arrival: Int64)
    }

    var number: Int
    var target: Int
    var time: Time
    var reason: SeamReason
    /// splice_event_id of a cue.
    var event: UInt32?
    /// The target is held once it is on air.
    var holds = false
}
