// Drives a rehearsal from begin to end and notes what happens.

import Conformance
import Foundation
import Simulation
import SwitchEngine

struct RehearsalPlay: ~Copyable {
    private var rehearsal: Rehearsal
    private let recordings: [Recording]
    private var inspector: StreamInspector?
    private let isQuiet: Bool
    private var progress = ProgressLine()
    private var seams: [SeamRecord] = []
    private var faults: [[FaultNote]]
    private var notes: [String] = []
    private var firstOnAir: InputID?
    private var packets: Int64 = 0

    /// Bytes that are written at a time.
    private static let drainBytes = 1 << 16

    /// A change in what is wrong with an input.
    struct FaultNote {
        var time: MonotonicInstant
        var faults: [Fault]
    }

    init(
        _ rehearsal: consuming Rehearsal, recordings: [Recording], judges: Bool, isQuiet: Bool
    ) {
        faults = recordings.map { _ in [] }
        self.rehearsal = rehearsal
        self.recordings = recordings
        self.isQuiet = isQuiet
        if judges { inspector = StreamInspector() }
    }

    mutating func run(into sink: OutputFile) throws {
        var isRunning = true
        while isRunning {
            isRunning = rehearsal.step()
            if !isRunning || rehearsal.engine.pendingBytes >= RehearsalPlay.drainBytes {
                try drain(into: sink)
            }
            for event in rehearsal.engine.takeEvents() { take(event) }
            if progress.isDue { progress.show(progressText()) }
        }
        progress.clear()
        for recording in recordings {
            if let failure = recording.failure { throw CommandFailure.run(failure) }
        }
    }

    private mutating func drain(into sink: OutputFile) throws {
        var failure: (any Error)?
        var count = 0
        var judge: StreamInspector?
        swap(&judge, &inspector)
        rehearsal.engine.drain { bytes, times in
            count = times.count
            do { try sink.write(bytes) } catch { failure = error }
            judge?.inspect(bytes)
        }
        swap(&judge, &inspector)
        packets += Int64(count)
        if let failure { throw failure }
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .onAir(let input, let time):
            firstOnAir = input
            say("\(clock(time))  on air    \(recordings[input.index].name)")
        case .seam(let seam):
            seams.append(seam)
            let names = "\(recordings[seam.from.index].name) -> \(recordings[seam.to.index].name)"
            say("\(clock(seam.time))  seam \(seams.count)    \(names)  \(seam.level.rawValue)  "
                + "\(seam.reason.rawValue): \(seam.why)")
        case .faults(let input, let list, let time):
            faults[input.index].append(FaultNote(time: time, faults: list))
        case .refused(let why, let time):
            say("\(clock(time))  refused   \(why)")
            notes.append("\(clock(time)) refused: \(why)")
        case .damagePassed(let input, let units, _, let time):
            let name = recordings[input.index].name
            let what = "\(units) damaged access unit\(units == 1 ? "" : "s") of \(name) went out"
            notes.append("\(clock(time)) \(what): nothing better was there")
        case .standstill(let time):
            let meaning = rehearsal.engine.configuration.standstillMode.meaning
            say("\(clock(time))  standstill: no input brings packets; \(meaning)")
            notes.append("\(clock(time)) standstill")
        case .hold(let input, let time):
            let what = input.map { "hold      \(recordings[$0.index].name)" } ?? "released"
            say("\(clock(time))  \(what)")
        }
    }

    private mutating func say(_ line: String) {
        guard !isQuiet else { return }
        progress.clear()
        print(line)
    }

    private func progressText() -> String {
        let shares = recordings.map { recording in
            let share = recording.size > 0 ? recording.position * 100 / recording.size : 100
            return "\(recording.name) \(share) %"
        }
        return "\(clock(rehearsal.now))  \(shares.joined(separator: ", "))  \(seams.count) seams"
    }

    private func clock(_ time: MonotonicInstant) -> String { TimeText.clock(time.nanoseconds) }

    /// What is to be told of the run.
    mutating func result(
        _ configuration: ChannelConfiguration, _ sink: OutputFile
    ) -> RehearsalResult {
        let statuses = recordings.indices.map { rehearsal.engine.status(of: InputID($0)) }
        let lateness = rehearsal.engine.lateness
        return RehearsalResult(
            configuration: configuration, recordings: recordings, seams: seams, faults: faults,
            notes: notes, firstOnAir: firstOnAir, packets: packets, bytes: sink.bytes,
            duration: rehearsal.now.nanoseconds, statuses: statuses,
            latePackets: lateness.packets, greatestLateness: lateness.greatestTicks,
            conformance: inspector?.finish())
    }
}

/// Times for people.
enum TimeText {
    /// `m:ss.mmm`, or `h:mm:ss.mmm` from an hour on.
    static func clock(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let seconds = milliseconds / 1000 % 60
        let minutes = milliseconds / 60_000 % 60
        let hours = milliseconds / 3_600_000
        let tail = String(format: "%02lld.%03lld", seconds, milliseconds % 1000)
        if hours == 0 { return "\(minutes):\(tail)" }
        return String(format: "%lld:%02lld:", hours, minutes) + tail
    }

    /// Seconds with three digits.
    static func seconds(_ nanoseconds: Int64) -> String {
        String(format: "%.3f s", Double(nanoseconds) / 1e9)
    }
}
