// The programme's clock and the time of every byte (13818-1 §2.4.2.2): between two PCRs time is
// linear in bytes of transport packets,
//
//   t(i) = PCR(i')/f + (i - i') / rate(i),  rate(i) = (i'' - i') · f / (PCR(i'') - PCR(i'))
//
// before the first and behind the last PCR the rate of the nearest pair is taken. Where the PCR
// jumps a new time base begins; `elapsed` goes on across it at the rate of the pair before.

import TransportStream

/// Two readings of one moment.
struct Moment: Sendable {
    /// On the PCR's own time line, 27 MHz unwrapped.
    var clock: Int64
    /// Since the first PCR, 27 MHz; jumps of the PCR taken out.
    var elapsed: Int64
}

/// The PCRs of the programme.
struct TransportClock: Sendable {
    /// What a PCR says after the one before it, in 27 MHz ticks.
    enum Step: Sendable {
        case first
        case forward(Int64)
        /// 0 or back.
        case backward(Int64)
        /// Ahead by more than the bytes in between explain.
        case jump(Int64)
    }

    struct Reading: Sendable {
        var transportByte: Int64
        var clock: Int64
        var elapsed: Int64
        var startsTimeBase: Bool
    }

    /// A ring; `newest` is the index of the last one.
    private var ring: [Reading] = []
    private var newest = -1
    private(set) var count: Int64 = 0
    /// PCR steps that were neither jumps nor backward, 27 MHz.
    private(set) var steps = Tally()
    private var steadyBytes: Int64 = 0
    private var steadyTicks: Int64 = 0

    /// The last reading.
    var last: Reading? { newest < 0 ? nil : ring[newest] }

    /// Whether the PCRs around a byte are still remembered.
    func remembers(_ transportByte: Int64) -> Bool {
        guard ring.count == SizeLimit.clockHistory else { return true }
        return transportByte >= ring[(newest + 1) % SizeLimit.clockHistory].transportByte
    }

    /// Takes a PCR at a byte of the transport stream; later bytes only.
    /// - Parameter announced: the discontinuity_indicator is set.
    mutating func add(
        _ reference: ClockReference, at transportByte: Int64, announced: Bool
    ) -> Step {
        count &+= 1
        guard let last else {
            append(
                Reading(
                    transportByte: transportByte, clock: reference.ticks, elapsed: 0,
                    startsTimeBase: true))
            return .first
        }
        let clock = reference.unwrapped(near: StreamTime(ticks: last.clock)).ticks
        let delta = clock &- last.clock
        let bytes = transportByte &- last.transportByte
        let isJump =
            announced && delta > TimeLimit.clockInterval || isUnexplained(delta, bytes: bytes)
        if delta > 0 && !isJump {
            steadyBytes &+= bytes
            steadyTicks &+= delta
            steps.add(delta)
            append(
                Reading(
                    transportByte: transportByte, clock: clock, elapsed: last.elapsed &+ delta,
                    startsTimeBase: false))
            return .forward(delta)
        }
        let elapsed = estimate(at: transportByte)?.elapsed ?? last.elapsed
        append(
            Reading(
                transportByte: transportByte, clock: clock, elapsed: elapsed, startsTimeBase: true))
        return delta > 0 ? .jump(delta) : .backward(delta)
    }

    /// A constant or variable rate changes by factors, not by orders of magnitude over half a
    /// second; without a rate to compare with nothing is a jump.
    private func isUnexplained(_ delta: Int64, bytes: Int64) -> Bool {
        guard delta > TimeLimit.clockJump, steadyBytes > 0 else { return false }
        return bytes.scaled(by: steadyTicks, over: steadyBytes) < delta / 4
    }

    /// The mean rate in bits per second, nil before the second PCR.
    var meanRate: Int64? {
        steadyTicks <= 0 ? nil : (steadyBytes &* 8).scaled(by: 27_000_000, over: steadyTicks)
    }

    /// Time between two transport bytes at the mean rate, 27 MHz.
    func meanTicks(bytes: Int64) -> Int64? {
        steadyBytes <= 0 ? nil : bytes.scaled(by: steadyTicks, over: steadyBytes)
    }

    private mutating func append(_ reading: Reading) {
        if ring.isEmpty { ring.reserveCapacity(SizeLimit.clockHistory) }
        newest = (newest + 1) % SizeLimit.clockHistory
        if ring.count < SizeLimit.clockHistory {
            ring.append(reading)
        } else {
            ring[newest] = reading
        }
    }

    /// The reading `back` places before the last one.
    private func reading(back: Int) -> Reading? {
        guard back >= 0, back < ring.count else { return nil }
        return ring[(newest - back + ring.count) % ring.count]
    }

    /// The time of a byte, interpolated where PCRs stand on both sides, else at the nearest rate;
    /// nil while no rate is known.
    func estimate(at transportByte: Int64) -> Moment? {
        guard steadyBytes > 0 else { return nil }
        var back = 0
        while let candidate = reading(back: back), candidate.transportByte > transportByte {
            back += 1
        }
        guard let base = reading(back: back) else {
            guard let oldest = reading(back: ring.count - 1) else { return nil }
            return extend(oldest, to: transportByte, back: ring.count - 1)
        }
        return extend(base, to: transportByte, back: back)
    }

    /// Continues `base`, which stands `back` places before the last one, at the rate of the pair
    /// behind it, or of the pair before it, or at the mean rate.
    private func extend(_ base: Reading, to transportByte: Int64, back: Int) -> Moment? {
        let bytes = transportByte &- base.transportByte
        var span = steadyBytes
        var ticks = steadyTicks
        if let next = reading(back: back - 1), !next.startsTimeBase {
            span = next.transportByte &- base.transportByte
            ticks = next.clock &- base.clock
        } else if !base.startsTimeBase, let previous = reading(back: back + 1) {
            span = base.transportByte &- previous.transportByte
            ticks = base.clock &- previous.clock
        }
        guard span > 0 else { return nil }
        let offset = bytes.scaled(by: ticks, over: span)
        return Moment(clock: base.clock &+ offset, elapsed: base.elapsed &+ offset)
    }
}
