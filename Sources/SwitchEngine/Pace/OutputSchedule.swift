// The output's transport schedule: when each packet leaves, in 27 MHz ticks of the output's own
// clock, and with it every PCR. Between the packets of the inputs it puts our tables and PCRs, and
// at a constant rate the null packets.
//
// Contract: packets go in by their wished time and come out in that order, each later than the one
// before; it adds packets, it drops none.

import TransportStream

/// Packets ready to leave, with their times.
struct OutputBatch {
    var bytes: [UInt8] = []
    /// Schedule time of each packet, 27 MHz ticks.
    var times: [Int64] = []

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
    }
}

struct OutputSchedule {
    /// Tables go out this often. Law 1 allows 100 ms as seen by a receiver, who knows the time
    /// between two PCRs only by counting bytes and may be off by most of a PCR interval, at both of
    /// two tables.
    static let tableTicks: Int64 = 40 * StreamTime.ticksPerMillisecond
    /// PCRs go out at least this often; law 3 allows 40 ms, and at a low constant rate a place may
    /// come some milliseconds late.
    static let clockTicks: Int64 = 30 * StreamTime.ticksPerMillisecond
    /// A packet that a constant rate sends later than this, 20 ms, shows that the rate is too low;
    /// less is the wait for a free place.
    static let lateTicks: Int64 = 20 * StreamTime.ticksPerMillisecond
    /// Bits of a packet.
    static let packetBits: Int64 = 1504
    /// The highest rate at which late packets are sent after each other, 100 Mbit/s, unless the
    /// mux rate sets another.
    static let peakBitsPerSecond: Int64 = 100_000_000

    /// A packet that is to leave later than this behind the one before, 10 s, has a time that is
    /// mistaken: it goes next, and the memory is not filled with tables for it.
    static let longestHoleTicks: Int64 = 10 * StreamTime.ticksPerSecond
    /// Tables and PCRs alone go out for this long at once, 5 s. Longer nobody has been awake: what
    /// would have gone out meanwhile is of no use to anybody.
    static let longestRunTicks: Int64 = 5 * StreamTime.ticksPerSecond

    /// Constant rate in bits per second; nil for as many as the inputs bring.
    let muxRate: Int64?
    /// The least distance of two packets, 27 MHz ticks.
    let packetTicks: Int64
    /// Where the output was before this schedule: it begins later.
    private let floor: Int64?
    private(set) var last: Int64?
    /// When tables and a PCR were sent last; nil when they are due at once.
    private var lastTables: Int64?
    private var lastClock: Int64?

    // Constant rate: packet n leaves at start + n · 1504 bit / rate.
    private var start: Int64 = 0
    private var slotCount: Int64 = 0
    private let nullPacket: [UInt8]
    /// Packets that a constant rate sent later than their time, and by how much at most.
    private(set) var latePackets: Int64 = 0
    private(set) var greatestLatenessTicks: Int64 = 0

    /// A PCR interval and what may have been sent behind the last PCR.
    static let resumeTicks: Int64 = 100 * StreamTime.ticksPerMillisecond

    /// - Parameter clock: the PCR sent last before this schedule; nil where nothing was.
    init(muxRate: Int64?, after clock: Int64? = nil) {
        self.muxRate = muxRate
        floor = clock.map { $0 + OutputSchedule.resumeTicks }
        let rate = muxRate ?? OutputSchedule.peakBitsPerSecond
        var bytes = [UInt8](repeating: 0, count: Packet.size)
        var span = bytes.mutableSpan
        PacketWriter.writeNull(in: &span, at: 0)
        nullPacket = bytes
        packetTicks = max(1, OutputSchedule.packetBits * StreamTime.ticksPerSecond / max(rate, 1))
    }

    /// The earliest time at which a packet could still be put on the schedule.
    var earliest: Int64? { last.map { $0 + packetTicks } }

    /// Puts what is due before a packet with wished time `time` into the batch, then gives the
    /// packet's own time.
    @inline(__always)
    mutating func place(
        _ time: Int64, in batch: inout OutputBatch, _ program: inout OutputProgram
    ) -> Int64 {
        if last == nil { begin(at: time, &batch, &program) }
        let last = last ?? time
        let time = time &- last > OutputSchedule.longestHoleTicks ? last : time
        if muxRate == nil, let lastTables, let lastClock {
            // Its own place, which of a late packet is behind its time: what is due before that
            // goes first.
            let place = max(time, last &+ packetTicks)
            if place < lastTables + OutputSchedule.tableTicks,
                place <= lastClock + OutputSchedule.clockTicks
            {
                self.last = place
                return place
            }
        }
        fill(upTo: time, &batch, &program)
        return next(wished: time, &batch)
    }

    /// Lets the schedule run on without packets: tables and PCRs (and null packets) only.
    mutating func run(to time: Int64, in batch: inout OutputBatch, _ program: inout OutputProgram) {
        if last == nil { begin(at: time, &batch, &program) }
        if time &- (last ?? time) > OutputSchedule.longestRunTicks {
            pass(to: time &- OutputSchedule.tableTicks)
        }
        fill(upTo: time, &batch, &program)
    }

    /// Lets the schedule run on without sending anything: when it goes on, tables and a PCR come
    /// first.
    mutating func pass(to time: Int64) {
        if last == nil { start = max(time, floor ?? .min) }
        let last = last ?? .min
        guard time > last else { return }
        if let rate = muxRate {
            let bits = OutputSchedule.packetBits * StreamTime.ticksPerSecond
            slotCount = max(slotCount, (time - start).scaled(by: rate, over: bits))
            self.last = slotTime(slotCount, rate)
            slotCount += 1
        } else {
            self.last = time
        }
        lastTables = nil
        lastClock = nil
    }

    /// Nothing follows: a last PCR lets a receiver date the packets before it.
    mutating func close(in batch: inout OutputBatch, _ program: inout OutputProgram) {
        // Where nothing has been sent since there is nothing to date.
        guard let last, lastClock != nil else { return }
        sendClock(wished: last + packetTicks, &batch, &program)
    }

    /// The PCR of a stream packet was written at `time`.
    mutating func wroteClock(at time: Int64) {
        lastClock = time
    }

    private mutating func begin(
        at time: Int64, _ batch: inout OutputBatch, _ program: inout OutputProgram
    ) {
        let packets = Int64(program.tablePacketCount + 1)
        start = max(time - packets * packetTicks, floor ?? .min)
        last = start - packetTicks
        lastTables = nil
        lastClock = nil
    }

    /// The tables have changed: they go out before the next packet.
    mutating func announceTables() { lastTables = nil }

    /// Sends tables and PCRs whose time comes before `time`.
    private mutating func fill(
        upTo time: Int64, _ batch: inout OutputBatch, _ program: inout OutputProgram
    ) {
        while true {
            let soonest = (last ?? time) + packetTicks
            let tables = lastTables.map { $0 + OutputSchedule.tableTicks } ?? soonest
            let clock = lastClock.map { $0 + OutputSchedule.clockTicks } ?? soonest
            let due = min(tables, clock)
            // What is due at once goes even before a packet that is late already.
            if due > max(time, soonest) { break }
            if muxRate != nil { padNulls(upTo: due, &batch) }
            if tables <= clock {
                sendTables(wished: tables, &batch, &program)
            } else {
                sendClock(wished: clock, &batch, &program)
            }
        }
        if muxRate != nil { padNulls(upTo: time, &batch) }
    }

    private mutating func sendTables(
        wished: Int64, _ batch: inout OutputBatch, _ program: inout OutputProgram
    ) {
        lastTables = max(wished, last ?? wished)
        program.appendTables(to: &batch.bytes)
        for _ in 0..<program.tablePacketCount {
            let time = next(wished: wished, &batch)
            batch.times.append(time)
        }
    }

    private mutating func sendClock(
        wished: Int64, _ batch: inout OutputBatch, _ program: inout OutputProgram
    ) {
        let time = next(wished: wished, &batch)
        let at = batch.bytes.count
        batch.bytes.append(contentsOf: repeatElement(0xFF, count: Packet.size))
        var span = batch.bytes.mutableSpan
        PacketWriter.writeClockPacket(
            pid: program.clockPID, continuity: program.clockPacketContinuity,
            clock: ClockReference(wrapping: time), in: &span, at: at)
        batch.times.append(time)
        wroteClock(at: time)
    }

    /// The time that the next packet gets.
    @inline(__always)
    private mutating func next(wished: Int64, _ batch: inout OutputBatch) -> Int64 {
        guard let rate = muxRate else {
            let time = max(wished, (last ?? wished) &+ packetTicks)
            last = time
            return time
        }
        let time = slotTime(slotCount, rate)
        slotCount += 1
        if time - wished > OutputSchedule.lateTicks {
            latePackets += 1
            greatestLatenessTicks = max(greatestLatenessTicks, time - wished)
        }
        last = time
        return time
    }

    private func slotTime(_ slot: Int64, _ rate: Int64) -> Int64 {
        start + slot.scaled(by: OutputSchedule.packetBits * StreamTime.ticksPerSecond, over: rate)
    }

    private mutating func padNulls(upTo time: Int64, _ batch: inout OutputBatch) {
        guard let rate = muxRate else { return }
        while true {
            let slot = slotTime(slotCount, rate)
            guard slot < time else { return }
            batch.bytes.append(contentsOf: nullPacket)
            batch.times.append(slot)
            slotCount += 1
            last = slot
        }
    }
}
