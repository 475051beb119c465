// An engine that goes on where another one was broken off: in virtual time, judged from the bytes.

import Conformance
import Foundation
import Simulation
import SwitchEngine
import Testing
import TransportStream

private let second: Int64 = 1_000_000_000

@Suite("Resume")
struct ResumeTests {
    /// What one engine sent.
    private struct Run {
        var bytes: [UInt8] = []
        var trail: OutputTrail
        /// When the first and the last packet were due, on the run's own clock; ns.
        var firstDue: Int64?
        var clockDue: Int64 = 0
        /// Of the first PCR: when it was due.
        var firstClockDue: Int64?
        var firstClock: Int64?

        mutating func take(_ packets: Span<UInt8>, _ due: [Int64]) {
            for index in due.indices {
                let packet = packets.extracting((index * 188)..<((index + 1) * 188))
                firstDue = firstDue ?? due[index]
                if trail.take(packet) {
                    clockDue = due[index]
                    if firstClock == nil {
                        firstClock = trail.clock
                        firstClockDue = due[index]
                    }
                }
            }
            packets.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        }
    }

    private func recording(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return [UInt8](
            try Data(contentsOf: folder.appendingPathComponent("SampleStreams/\(name).ts")))
    }

    /// Plays a recording until a time of the run's own clock.
    private func run(
        _ bytes: [UInt8], until end: Int64, continuing state: OutputState? = nil,
        muxRate: Int64? = nil, holdBack: Int64 = second, finishes: Bool = false
    ) -> Run {
        var configuration = ChannelConfiguration(inputs: [InputConfiguration(name: "main")])
        configuration.holdBack = holdBack
        configuration.muxRate = muxRate
        var position = 0
        let source = Rehearsal.Source(delay: 0) { buffer, places in
            let count = min(places.count, bytes.count - position)
            for offset in 0..<count {
                buffer[places.lowerBound + offset] = bytes[position + offset]
            }
            position += count
            return count
        }
        var rehearsal = Rehearsal(
            configuration, sources: [source], script: [], continuing: state)
        var run = Run(trail: OutputTrail(continuing: state))
        while rehearsal.now.nanoseconds < end, rehearsal.step() { drain(&rehearsal, &run) }
        if finishes {
            rehearsal.engine.finish(at: rehearsal.now)
            drain(&rehearsal, &run)
        }
        return run
    }

    private func drain(_ rehearsal: inout Rehearsal, _ run: inout Run) {
        var packets: [UInt8] = []
        var times: [Int64] = []
        rehearsal.engine.drain { bytes, schedule in
            bytes.withUnsafeBufferPointer { packets = Array($0) }
            times = (0..<schedule.count).map { schedule[$0] }
        }
        let offset = rehearsal.engine.hostOffset
        run.take(packets.span, times.map { ($0 + offset) * 1000 / 27 })
    }

    private func broken(_ bytes: [UInt8]) -> [LawBreach] {
        var inspector = StreamInspector()
        inspector.inspect(bytes.span)
        return inspector.finish().brokenLaws
    }

    /// The first run's state as the second one's clock has it, which began `pause` after the first
    /// was broken off.
    private func state(_ run: Run, brokenOffAt end: Int64, pause: Int64) throws -> OutputState {
        let due = MonotonicInstant(nanoseconds: run.clockDue - end - pause)
        return try #require(run.trail.state(clockDueAt: due))
    }

    /// Continuity counters from one run to the next, by PID.
    private func jumps(_ first: Run, _ second: Run) -> [PID] {
        var seen: Set<PID> = []
        var jumps: [PID] = []
        for at in stride(from: 0, to: second.bytes.count, by: 188) {
            guard let header = PacketHeader(second.bytes.span, at: at), header.hasPayload,
                header.pid != .null, seen.insert(header.pid).inserted
            else { continue }
            let before = first.trail.counters[header.pid.index]
            if before == OutputTrail.unseen || (before + 1) & 0x0F != header.continuity.rawValue {
                jumps.append(header.pid)
            }
        }
        return jumps
    }

    private static let hourTicks: Int64 = 3600 * 90_000

    @Test("a wild time stamp spoils nothing that is saved")
    func wildStamp() throws {
        var bytes = try recording("h264-main")
        // The third PES packet's PTS, in ten hours.
        let starts = stride(from: 0, to: bytes.count, by: 188).filter {
            guard let header = PacketHeader(bytes.span, at: $0) else { return false }
            return header.startsUnit && header.hasPayload && header.pid.rawValue > 0x20
                && bytes[$0 + Int(header.payloadOffset) + 7] & 0x80 != 0
        }
        let at = try #require(starts.dropFirst(2).first)
        guard let header = PacketHeader(bytes.span, at: at),
            case .header(let pes) = PESHeader.read(
                bytes.span, from: at + Int(header.payloadOffset), to: at + 188),
            let stamp = pes.presentation
        else { throw CancellationError() }
        let start = at + Int(header.payloadOffset)
        let wild = Timestamp(wrapping: stamp.ticks + 10 * ResumeTests.hourTicks)
        var span = bytes.mutableSpan
        PESHeader.write(wild, in: &span, at: start + 9)
        var trail = OutputTrail()
        _ = trail.take(bytes.span)
        let state = trail.state(clockDueAt: MonotonicInstant(nanoseconds: 0))
        #expect(state != nil)
    }

    @Test("a clock that is behind that of before, as after a pause of half its range, counts")
    func clockBehind() throws {
        let bytes = try recording("h264-main")
        var first = OutputTrail()
        _ = first.take(bytes.span)
        let due = MonotonicInstant(nanoseconds: 0)
        let ahead = 10 * 300 * ResumeTests.hourTicks
        let (clock, stamp) = (try #require(first.clock), try #require(first.latestStamp))
        let before = try #require(
            OutputState(
                association: first.association, map: first.map, counters: first.counters,
                clock: clock + ahead, latestStamp: stamp + ahead, dueAt: due))
        var trail = OutputTrail(continuing: before)
        _ = trail.take(bytes.span)
        let state = trail.state(clockDueAt: due)
        let after = try #require(state)
        #expect(after.clock == first.clock && after.latestStamp == first.latestStamp)
    }

    @Test("counters, tables and time go on as if there had been no break", arguments: [
        (Int64?.none, 3 * second), (3_000_000, 700_000_000),
    ])
    func goesOn(_ muxRate: Int64?, _ pause: Int64) throws {
        let bytes = try recording("h264-main")
        let end = 6 * second
        let first = run(bytes, until: end, muxRate: muxRate)
        let state = try state(first, brokenOffAt: end, pause: pause)
        let second = run(
            bytes, until: 8 * second, continuing: state, muxRate: muxRate, finishes: true)
        #expect(!first.bytes.isEmpty && !second.bytes.isEmpty)
        #expect(jumps(first, second) == [])
        // The clock ran on by the time that passed.
        let passed = try #require(second.firstClockDue) - state.dueAt.nanoseconds
        let counted = try #require(second.firstClock) - state.clock
        #expect(abs(counted * 1000 / 27 - passed) < 1_000_000)
        #expect(passed > pause)
        #expect(second.trail.map == first.trail.map)
        #expect(second.trail.association == first.trail.association)
        // Apart from the hole itself no law is broken: time is missing once, and nothing else.
        let laws = broken(first.bytes + second.bytes)
        let hole: Set = ["pcrJump", "videoGap", "videoUneven", "audioStep"]
        #expect(laws.filter { !hole.contains($0.name) || $0.count > 1 }.map { "\($0)" } == [])
        #expect(laws.contains { $0.name == "pcrJump" && $0.sentence.contains("ahead") })
        #expect(broken(second.bytes).map { "\($0)" } == [])
    }

    @Test("other PIDs and another order of the streams are put on the PIDs that went out")
    func keepsPIDs() throws {
        let end = 6 * second
        let first = run(try recording("h264-main"), until: end)
        let state = try state(first, brokenOffAt: end, pause: second)
        let next = run(
            try recording("h264-backup"), until: 8 * second, continuing: state, finishes: true)
        #expect(next.trail.map == first.trail.map)
        #expect(jumps(first, next) == [])
    }

    @Test("the map's version moves when the codec is another")
    func otherCodec() throws {
        let end = 6 * second
        let first = run(try recording("h264-main"), until: end)
        let state = try state(first, brokenOffAt: end, pause: second)
        let next = run(
            try recording("hevc-main"), until: 8 * second, continuing: state, finishes: true)
        let maps = [first, next].compactMap { ProgramMap(section: $0.trail.map.span) }
        try #require(maps.count == 2)
        let (old, new) = (maps[0], maps[1])
        #expect(new.version == (old.version + 1) & 0x1F && new.program == old.program)
        #expect(new.streams.map(\.pid) == old.streams.map(\.pid))
        #expect(jumps(first, next) == [])
    }

    @Test("time does not run backwards, whatever the clock on the wall did", arguments: [
        -1, -3600, 1_000_000,
    ])
    func neverBackwards(_ seconds: Int64) throws {
        let bytes = try recording("h264-main")
        let end = 6 * second
        let first = run(bytes, until: end)
        let state = try state(first, brokenOffAt: end, pause: second + seconds * second)
        let next = run(bytes, until: 8 * second, continuing: state, holdBack: 0, finishes: true)
        #expect(try #require(next.firstClock) > state.clock)
        #expect(jumps(first, next) == [])
        let stamps = firstStamps(next.bytes)
        #expect(stamps.count == 2)
        for stamp in stamps {
            let time = stamp.unwrapped(near: StreamTime(ticks: state.latestStamp)).ticks
            if seconds < 0 { #expect(time > state.latestStamp) }
        }
    }

    /// The first PTS of each PID.
    private func firstStamps(_ bytes: [UInt8]) -> [Timestamp] {
        var result: [PID: Timestamp] = [:]
        for at in stride(from: 0, to: bytes.count, by: 188) {
            guard let header = PacketHeader(bytes.span, at: at), header.startsUnit,
                case .header(let pes) = PESHeader.read(
                    bytes.span, from: at + Int(header.payloadOffset), to: at + 188),
                let stamp = pes.presentation
            else { continue }
            result[header.pid] = result[header.pid] ?? stamp
        }
        return Array(result.values)
    }

    @Test("what does not belong together is no state")
    func refusesNonsense() throws {
        let first = run(try recording("h264-main"), until: 4 * second)
        let trail = first.trail
        func made(
            _ association: [UInt8]? = nil, _ map: [UInt8]? = nil, counters: [UInt8]? = nil,
            clock: Int64? = nil, stamp: Int64? = nil
        ) -> OutputState? {
            OutputState(
                association: association ?? trail.association, map: map ?? trail.map,
                counters: counters ?? trail.counters, clock: clock ?? trail.clock!,
                latestStamp: stamp ?? trail.latestStamp!,
                dueAt: MonotonicInstant(nanoseconds: 0))
        }
        #expect(made() != nil)
        var torn = trail.map
        torn[torn.count / 2] ^= 1
        #expect(made(nil, torn) == nil && made([]) == nil && made(trail.map, trail.map) == nil)
        #expect(made(counters: []) == nil)
        #expect(made(counters: [UInt8](repeating: 16, count: 8192)) == nil)
        #expect(made(clock: .max) == nil && made(clock: .min) == nil)
        #expect(made(stamp: .max) == nil && made(stamp: trail.clock! - 1) == nil)
    }

    private static let extremes: [Int64] = [
        .min, .min + 1, -(1 << 61), -(1 << 60), -(1 << 56), -1, 0, 1, 1 << 56, 1 << 60, 1 << 61,
        .max - 1, .max,
    ]

    /// Clocks of any numbers: refused, or gone on with, and then the output is as clean as any.
    @Test("no number of a state ends an engine", arguments: extremes)
    func goesOnFromAnyNumbers(_ clock: Int64) throws {
        let bytes = try recording("h264-main")
        let first = run(bytes, until: 3 * second)
        var taken = 0
        for due in ResumeTests.extremes {
            let state = OutputState(
                association: first.trail.association, map: first.trail.map,
                counters: first.trail.counters, clock: clock,
                latestStamp: clock == .max ? clock : clock + 1,
                dueAt: MonotonicInstant(nanoseconds: due))
            guard let state else { continue }
            taken += 1
            let next = run(bytes, until: 3 * second, continuing: state, finishes: true)
            #expect(!next.bytes.isEmpty && jumps(first, next) == [], "due \(due)")
            #expect(broken(next.bytes).map { "\($0)" } == [], "due \(due)")
        }
        // What an output can have come to is taken.
        if (-1...1).contains(clock) { #expect(taken >= 4) }
        if clock.magnitude > 1 << 60 { #expect(taken == 0) }
    }
}
