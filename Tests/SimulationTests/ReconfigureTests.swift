// Another configuration in the middle of a run, in virtual time.

import Conformance
import Foundation
import Simulation
import SwitchEngine
import Testing
import TransportStream

private let second: Int64 = 1_000_000_000

@Suite("Reconfigure")
struct ReconfigureTests {
    private func source(_ name: String) throws -> Rehearsal.Source {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let bytes = [UInt8](
            try Data(contentsOf: folder.appendingPathComponent("SampleStreams/\(name).ts")))
        var position = 0
        return Rehearsal.Source(delay: 0) { buffer, places in
            let count = min(places.count, bytes.count - position)
            for offset in 0..<count {
                buffer[places.lowerBound + offset] = bytes[position + offset]
            }
            position += count
            return count
        }
    }

    private func configuration(_ names: [String]) -> ChannelConfiguration {
        var result = ChannelConfiguration(inputs: names.map { InputConfiguration(name: $0) })
        result.holdBack = 2 * second
        return result
    }

    /// Plays main and backup, does something at six seconds, and gives what went out and happened.
    private func run(
        _ script: [RehearsalEvent] = [], _ change: (inout Rehearsal) -> Void
    ) throws -> (events: [Event], broken: [String], status: ChannelStatus) {
        var rehearsal = Rehearsal(
            configuration(["main", "backup"]),
            sources: [try source("h264-main"), try source("h264-backup")], script: script)
        var inspector = StreamInspector()
        var events: [Event] = []
        var hasChanged = false
        var status: ChannelStatus?
        while rehearsal.step() {
            if !hasChanged, rehearsal.now.nanoseconds >= 6 * second {
                hasChanged = true
                events += rehearsal.engine.takeEvents()
                change(&rehearsal)
            }
            if rehearsal.now.nanoseconds < 14 * second { status = rehearsal.engine.status }
            rehearsal.engine.drain { bytes, _ in inspector.inspect(bytes) }
            events += rehearsal.engine.takeEvents()
        }
        rehearsal.engine.drain { bytes, _ in inspector.inspect(bytes) }
        events += rehearsal.engine.takeEvents()
        let broken = inspector.finish().brokenLaws.map { "\($0)" }
        return (events, broken, try #require(status))
    }

    private func seams(_ events: [Event]) -> [SeamRecord] {
        events.compactMap { if case .seam(let seam) = $0 { seam } else { nil } }
    }

    @Test("what changes nothing changes nothing")
    func sameAgain() throws {
        let result = try run { [self] in
            $0.engine.reconfigure(
                configuration(["main", "backup"]), origins: [InputID(0), InputID(1)])
        }
        #expect(result.broken == [] && seams(result.events).isEmpty)
    }

    @Test("inputs that change places keep what is known of them")
    func reordered() throws {
        let result = try run { [self] in
            var wanted = configuration(["new", "main", "backup"])
            wanted.holdBack = 7 * second
            // The sources go on under the numbers that they have, so each input gets another's
            // packets from the middle of a stream: that breaks no law either.
            $0.engine.reconfigure(wanted, origins: [nil, InputID(0), InputID(1)])
            #expect($0.engine.onAir == InputID(1))
            #expect($0.engine.status.inputs.map(\.name) == ["new", "main", "backup"])
            #expect($0.engine.status.inputs[2].soundFor ?? 0 > 4 * second)
            #expect($0.engine.configuration.holdBack == 2 * second)
        }
        #expect(result.broken == [])
    }

    @Test("an input that is removed on the air is left out of what is held, and then forgotten")
    func removed() throws {
        let script = [
            RehearsalEvent(time: 2 * second, action: .command(.hold(InputID(1)))),
            RehearsalEvent(time: 6 * second, action: .drop(InputID(1))),
        ]
        let result = try run(script) { [self] in
            #expect($0.engine.onAir == InputID(1) && $0.engine.status.held == InputID(1))
            $0.engine.reconfigure(configuration(["main"]), origins: [InputID(0)])
            #expect($0.engine.status.inputs.map(\.name) == ["main", "backup"])
            #expect($0.engine.status.held == nil)
        }
        let seam = try #require(seams(result.events).last)
        #expect(seam.level >= .l2 && seam.framesLost <= 3)
        #expect(result.broken == [])
        #expect(seams(result.events).count == 2)
        #expect(result.status.inputs.map(\.name) == ["main"])
        #expect(result.status.onAir == InputID(0))
    }

    @Test("an input that is removed while on air can be neither held nor scheduled")
    func removedIsNotHeld() throws {
        let script = [
            RehearsalEvent(
                time: 2 * second, action: .command(.switchTo(InputID(1), at: nil, holds: false))),
            RehearsalEvent(time: 6 * second, action: .drop(InputID(1))),
        ]
        var refusals: [String] = []
        let result = try run(script) { [self] in
            #expect($0.engine.onAir == InputID(1))
            $0.engine.reconfigure(configuration(["main"]), origins: [InputID(0)])
            // It stays behind the others until the failover has left it.
            let later = MonotonicInstant(nanoseconds: 60 * second)
            $0.engine.command(.hold(InputID(1)), at: $0.now)
            $0.engine.command(.switchTo(InputID(1), at: nil, holds: false), at: $0.now)
            $0.engine.command(.switchTo(InputID(1), at: later, holds: true), at: $0.now)
            refusals = $0.engine.takeEvents().compactMap {
                if case .refused(let why, _) = $0 { why } else { nil }
            }
            #expect($0.engine.status.held == nil)
        }
        #expect(refusals == [String](repeating: "backup is removed: it leaves the air", count: 3))
        #expect(result.status.held == nil)
        #expect(result.status.inputs.map(\.name) == ["main"])
        #expect(result.broken == [])
    }

    @Test("a threshold counts from the next look on")
    func threshold() throws {
        let result = try run { [self] in
            var wanted = configuration(["main", "backup"])
            wanted.inputs[0].detection = Detection()
            // More than the input brings.
            wanted.inputs[0].detection?.bitrateFloor = Detection.Limit(100_000_000)
            $0.engine.reconfigure(wanted, origins: [InputID(0), InputID(1)])
        }
        #expect(seams(result.events).map(\.reason) == [.bitrateLow])
        #expect(result.broken == [])
    }
}
