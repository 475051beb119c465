// When packets leave: later and later, with tables and PCRs in between; at a constant rate in exact
// slots.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct OutputScheduleTests {
    private func program() -> OutputProgram {
        var program = OutputProgram()
        let stream = ProgramMap.Stream(streamType: 0x1B, pid: PID(0x100), descriptors: [])
        program.set(
            transportStreamID: 1, mapPID: PID(0x1000),
            map: ProgramMap(
                program: 1, version: 0, clockPID: PID(0x100), descriptors: [], streams: [stream]))
        program.announce(
            program.reserve(for: [StreamClaim(codec: .h264, language: nil, stream: stream)]))
        return program
    }

    /// Places packets of PID 0x100 at the wished times; gives all that left.
    private func send(
        _ wished: [Int64], _ schedule: inout OutputSchedule, until end: Int64? = nil
    ) -> (batch: OutputBatch, given: [Int64]) {
        var program = self.program()
        var batch = OutputBatch()
        var given: [Int64] = []
        for time in wished {
            let at = schedule.place(time, in: &batch, &program)
            given.append(at)
            let start = batch.bytes.count
            batch.bytes += [UInt8](repeating: 0, count: 188)
            var span = batch.bytes.mutableSpan
            _ = PacketWriter.writeHeader(
                pid: PID(0x100), continuity: program.nextContinuity(slot: 0), startsUnit: false,
                payloadCount: 184, in: &span, at: start)
            batch.times.append(at)
        }
        if let end {
            // As wake-ups do.
            for time in stride(from: wished.last ?? 0, through: end, by: Int(second / 50)) {
                schedule.run(to: time, in: &batch, &program)
            }
        }
        return (batch, given)
    }

    /// The laws that hold for every schedule: 1, 2 and 3.
    private func judge(_ batch: OutputBatch, clockLimit: Int64 = 40 * millisecond) {
        #expect(batch.bytes.count == batch.times.count * 188)
        #expect(zip(batch.times, batch.times.dropFirst()).allSatisfy { $0 < $1 }, "times grow")
        var watches: [PID: ContinuityWatch] = [:]
        var last: [PID: Int64] = [:]
        var lastClock: Int64?
        for (index, time) in batch.times.enumerated() {
            guard let header = readHeader(batch.bytes, at: index * 188) else { continue }
            if header.pid == .null { continue }
            if case .continuous = watches[header.pid, default: ContinuityWatch()].judge(header) {
            } else {
                Issue.record("counter of \(header.pid) at \(index)")
            }
            if let clock = header.clockReference {
                #expect(clock == ClockReference(wrapping: time), "the PCR is the packet's place")
                if let lastClock { #expect(time - lastClock <= clockLimit) }
                lastClock = time
            }
            if header.pid == .pat || header.pid == PID(0x1000) {
                if let before = last[header.pid] { #expect(time - before <= 100 * millisecond) }
                last[header.pid] = time
            }
        }
        guard let first = batch.times.first, let end = batch.times.last else { return }
        #expect(lastClock.map { end - $0 <= clockLimit } ?? false)
        #expect(last[.pat].map { end - $0 <= 100 * millisecond } ?? false)
        #expect((last[PID(0x1000)] ?? .min) >= first)
    }

    @Test func tablesAndAClockGoFirst() {
        var schedule = OutputSchedule(muxRate: nil)
        let (batch, given) = send([second], &schedule)
        let pids = batch.times.indices.map { readHeader(batch.bytes, at: $0 * 188)?.pid }
        #expect(pids == [.pat, PID(0x1000), PID(0x100), PID(0x100)])
        #expect(readHeader(batch.bytes, at: 376)?.clockReference != nil)
        #expect(given == [second] && batch.times.last == second)
        judge(batch)
    }

    @Test func wishedTimesAreKeptWherePacketsAreNotTooDense() {
        var schedule = OutputSchedule(muxRate: nil)
        let wished = (0..<5000).map { Int64($0) * 10_000 }
        let (batch, given) = send(wished, &schedule)
        judge(batch)
        // Tables and PCRs may push a packet by their own length.
        #expect(zip(wished, given).allSatisfy { $1 >= $0 && $1 - $0 <= 3 * schedule.packetTicks })
    }

    @Test func anyWishesGiveALawfulSchedule() {
        for seed in UInt64(0)..<12 {
            var random = SeededNumbers(seed: seed)
            var time = Int64(random.below(1_000_000)) - 500_000
            var wished: [Int64] = []
            for _ in 0..<3000 {
                switch random.below(200) {
                case 0: time += Int64(random.below(3000)) * millisecond
                case 1: time -= Int64(random.below(200)) * millisecond
                default: time += Int64(random.below(20_000))
                }
                wished.append(time)
            }
            var schedule = OutputSchedule(muxRate: nil)
            let (batch, given) = send(wished, &schedule)
            judge(batch)
            #expect(zip(wished, given).allSatisfy { $0 <= $1 }, "never early")
        }
    }

    @Test func packetsThatAreLateFollowAtTheHighestRate() {
        var schedule = OutputSchedule(muxRate: nil)
        let (batch, given) = send([0] + [Int64](repeating: -second, count: 500), &schedule)
        judge(batch)
        // 1504 bits at 100 Mbit/s: 406.08 ticks.
        #expect(schedule.packetTicks == 406)
        #expect(given.last.map { $0 <= 520 * 406 } ?? false)
    }

    /// What comes late in great numbers takes time too: tables and PCRs are due in between.
    @Test func tablesAndClocksGoOnBetweenLatePackets() {
        var schedule = OutputSchedule(muxRate: nil)
        let (batch, given) = send([0] + [Int64](repeating: -second, count: 20_000), &schedule)
        judge(batch)
        #expect(given.last.map { $0 > 200 * millisecond } ?? false)
    }

    @Test func withoutPacketsTablesAndClocksGoOn() {
        var schedule = OutputSchedule(muxRate: nil)
        let (batch, _) = send([0], &schedule, until: 30 * second)
        judge(batch)
        #expect(batch.times.last.map { $0 > 30 * second - 40 * millisecond } ?? false)
        #expect(batch.times.allSatisfy { $0 <= 30 * second })
    }

    /// However many packets have a time that is mistaken, nothing is put in for it.
    @Test func aHoleHasALimit() {
        for rate in [nil, 8_000_000] as [Int64?] {
            var schedule = OutputSchedule(muxRate: rate)
            let longest = OutputSchedule.longestHoleTicks
            let wished = [0, longest / 2] + (0..<50).map { 1000 * second * Int64($0 + 1) }
            let (batch, given) = send(wished, &schedule)
            #expect(given[1] >= longest / 2, "that is a hole")
            #expect(given.last.map { $0 < longest } ?? false)
            judge(batch)
        }
    }

    /// After a sleep of the whole machine there is nobody to send the tables of an hour to.
    @Test func whatNobodyWasAwakeForIsNotMadeUpFor() {
        var schedule = OutputSchedule(muxRate: 8_000_000)
        var program = self.program()
        var batch = OutputBatch()
        _ = schedule.place(0, in: &batch, &program)
        batch.removeAll()
        schedule.run(to: 3600 * second, in: &batch, &program)
        #expect(!batch.times.isEmpty && batch.bytes.count < 1_000_000)
        #expect(batch.times.last.map { $0 > 3599 * second } ?? false)
    }

    // MARK: Constant rate

    @Test(arguments: [Int64(1_000_000), 3_000_001, 8_000_000, 38_014_706])
    func aConstantRateFillsEverySlotExactly(rate: Int64) throws {
        // A source of 70 % of the rate, in bursts of five.
        let step = 5 * 1504 * second * 10 / (7 * rate)
        let wished = (0..<200).flatMap { [Int64](repeating: Int64($0) * step, count: 5) }
        var schedule = OutputSchedule(muxRate: rate)
        let (batch, given) = send(wished, &schedule)
        judge(batch, clockLimit: 40 * millisecond + 3 * schedule.packetTicks)
        let start = try #require(batch.times.first)
        for (slot, time) in batch.times.enumerated() {
            // start + slot · 1504 bit / rate, rounded down, in products that fit.
            #expect(time == start + Int64(slot) * 1504 * second / rate)
        }
        let late = zip(wished, given).map { $1 - $0 }.max() ?? 0
        #expect(late <= 8 * schedule.packetTicks + 8)
        // The wait for a free place is no lateness; here it is below 20 ms.
        #expect(schedule.latePackets == 0 && schedule.greatestLatenessTicks == 0)
        let nulls = batch.times.indices.filter { batch.bytes[$0 * 188 + 1] == 0x1F }.count
        #expect(nulls > 0)
    }

    @Test func aConstantRateThatIsTooLowFallsBehindAndTellsIt() {
        var schedule = OutputSchedule(muxRate: 1_000_000)
        let (batch, given) = send((0..<500).map { Int64($0) * 20_000 }, &schedule)
        judge(batch)
        #expect(given.last.map { $0 > 500 * 40_000 } ?? false)
        // More than 20 ms behind its wish: counted, and none else.
        let wished = (0..<500).map { Int64($0) * 20_000 }
        let late = zip(wished, given).map { $1 - $0 }.filter { $0 > 20 * millisecond }
        #expect(schedule.latePackets >= Int64(late.count) && late.count > 400)
        #expect(schedule.latePackets <= Int64(late.count + batch.times.count - given.count))
        #expect(schedule.greatestLatenessTicks >= late.max() ?? .max)
    }

    // MARK: The output's clock

    @Test func theClockFollowsItsInputAndNeverRunsBackwards() {
        var clock = OutputClock()
        #expect(clock.time(at: 5 * second) == .min)
        clock.begin(hostOffset: 7 * second, shift: 0, holdBackTicks: 2 * second, at: 10 * second)
        #expect(clock.time(at: 10 * second) == second)
        #expect(clock.hostTicks(of: second) == 10 * second)
        _ = clock.follow(hostOffset: 8 * second, shift: 0, at: 10 * second)
        #expect(clock.time(at: 10 * second) == second, "it waits")
        #expect(clock.time(at: 12 * second) == 2 * second)
        // The next input's packets come 2.5 s earlier against the output: the hold-back grows.
        clock.change(hostOffset: 100 * second, shift: 94_500 * millisecond, sent: nil)
        #expect(clock.holdBackTicks == 4_500 * millisecond)
        #expect(clock.time(at: 13 * second) == 3 * second)
        // One that is behind: no less than nothing.
        clock.change(hostOffset: 13 * second, shift: 0, sent: 3 * second)
        #expect(clock.holdBackTicks == 0 && clock.time(at: 14 * second) == 3 * second)
        // Something that was not true has led it an hour ahead: it is put back.
        clock.change(hostOffset: -3600 * second, shift: 0, sent: nil)
        clock.change(hostOffset: 3600 * second, shift: 0, sent: nil)
        #expect(clock.time(at: 3610 * second) == 10 * second)
    }

    @Test func whatWasNotSentDoesNotGoAheadOfAnInputThatIsBehind() {
        var clock = OutputClock()
        clock.begin(hostOffset: 0, shift: 0, holdBackTicks: second, at: 0)
        #expect(clock.time(at: 10 * second) == 9 * second)
        // A picture that was not whole held all back that came behind 8 s.
        clock.change(hostOffset: 1_500 * millisecond, shift: 0, sent: 8 * second)
        #expect(clock.holdBackTicks == 0)
        #expect(clock.time(at: 10 * second) == 8_500 * millisecond)
    }

    @Test func hostInstantsAndTicks() {
        #expect(MonotonicInstant(nanoseconds: 1000).ticks == 27)
        #expect(
            MonotonicInstant(nanoseconds: 37).ticks == 0
                && MonotonicInstant(nanoseconds: 38).ticks == 1)
        for ticks in [Int64(0), 1, 26, 27, 28, 1_000_000, 999_999_999_999] {
            let instant = MonotonicInstant(ticks: ticks)
            #expect(instant.ticks >= ticks)
            #expect(MonotonicInstant(nanoseconds: instant.nanoseconds - 1).ticks < ticks)
        }
    }

    /// A standstill that is configured to be silent.
    @Test("a schedule that passes sends nothing, and begins with tables and a PCR again",
        arguments: [nil, 2_000_000] as [Int64?])
    func passesInSilence(rate: Int64?) {
        var schedule = OutputSchedule(muxRate: rate)
        var program = self.program()
        var batch = OutputBatch()
        _ = schedule.place(0, in: &batch, &program)
        batch.removeAll()
        for step in 1...30 as ClosedRange<Int64> { schedule.pass(to: step * second) }
        #expect(batch.times.isEmpty)
        let time = schedule.place(30 * second + 5 * millisecond, in: &batch, &program)
        #expect(batch.times.first.map { $0 > 30 * second - 10 * millisecond } == true)
        #expect(abs(time - 30 * second) < 20 * millisecond)
        let pids = batch.times.indices.prefix(3).map { readHeader(batch.bytes, at: $0 * 188)?.pid }
        #expect(pids == [PID.pat, PID(0x1000), PID(0x100)])
    }
}
