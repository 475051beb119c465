// What a rehearsal tells at its end: a summary for people, a report for programs.

import Conformance
import Foundation
import Simulation
import SwitchEngine
import TransportStream

struct RehearsalResult {
    var configuration: ChannelConfiguration
    var recordings: [Recording]
    var seams: [SeamRecord]
    var faults: [[RehearsalPlay.FaultNote]]
    var notes: [String]
    var firstOnAir: InputID?
    var packets: Int64
    var bytes: Int64
    /// Virtual time at the end, nanoseconds.
    var duration: Int64
    var statuses: [InputStatus]
    var latePackets: Int64
    var greatestLateness: Int64
    /// The judgement of the output, where it was asked for.
    var conformance: ConformanceReport?

    // MARK: For people

    func summary(path: String) -> String {
        var lines: [String] = []
        let levels = ["L0", "L1", "L2", "L3", "L4"].compactMap { level -> String? in
            let count = seams.filter { $0.level.rawValue == level }.count
            return count == 0 ? nil : "\(count) \(level)"
        }
        let noun = seams.count == 1 ? "seam" : "seams"
        let seamText = seams.isEmpty
            ? "no seam" : "\(seams.count) \(noun) (\(levels.joined(separator: ", ")))"
        lines.append("\(path): \(bytes) bytes, \(seamText)")
        let lost = seams.reduce(0) { $0 + $1.framesLost }
        let repeated = seams.reduce(0) { $0 + $1.framesRepeated }
        let outOfOrder = seams.reduce(0) { $0 + $1.framesOutOfOrder }
        let order = outOfOrder > 0 ? ", perhaps out of order \(outOfOrder)" : ""
        if !seams.isEmpty { lines.append("pictures lost \(lost), repeated \(repeated)\(order)") }
        for status in statuses {
            let facts = [
                (status.continuityErrors, "continuity errors"),
                (status.transportErrors, "transport errors"),
                (status.damagedUnits, "damaged access units"),
                (status.clockJumps, "clock jumps"),
                (status.wrongTimestamps, "wrong time stamps"),
                (status.skippedBytes, "bytes in no packet"),
            ].filter { $0.0 > 0 }
            if !facts.isEmpty {
                let text = facts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
                lines.append("input \(status.name): \(text)")
            }
        }
        if latePackets > 0 {
            lines.append(
                "the mux rate is too low: \(latePackets) packets left late, by up to "
                    + TimeText.seconds(greatestLateness.scaled(by: 1000, over: 27)))
        }
        if let conformance {
            if conformance.isConformant {
                lines.append("the output breaks no law")
            } else {
                lines += conformance.brokenLaws.prefix(10).map { "broken law: \($0.sentence)" }
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Throws when the run gave nothing.
    func complain() throws {
        guard packets == 0 else { return }
        let reasons = zip(statuses, recordings).map { status, recording in
            "input \(status.name): '\(recording.path)' offset 0 to \(recording.position): "
                + reason(status)
        }
        throw CommandFailure.run("no input could go on air: " + reasons.joined(separator: "; "))
    }

    /// Why an input could not go on air.
    private func reason(_ status: InputStatus) -> String {
        let programs = status.programs.map(String.init).joined(separator: ", ")
        let wished = configuration.inputs.first { $0.name == status.name }?.program
        if status.program == nil {
            return programs.isEmpty
                ? "expected a PAT, there is none in \(status.packets) packets"
                : "programme \(wished ?? 0) is not in the PAT; it has \(programs)"
        }
        if status.codecs.isEmpty { return "expected a PMT of programme \(status.program ?? 0)" }
        if status.scrambledPackets > 0 { return "scrambled" }
        return "expected a random access point and PCRs in \(status.codecs.joined(separator: ", "))"
    }

    // MARK: For programs

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(document).write(to: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure.run("report: '\(path)' can not be written")
        }
    }

    private var document: ReportDocument {
        ReportDocument(
            seams: seams.map { ReportDocument.Seam($0, names: recordings.map(\.name)) },
            inputs: zip(recordings.indices, statuses).map { index, status in
                ReportDocument.Input(
                    status, file: recordings[index].path,
                    faults: faults[index].map { ($0.time.nanoseconds, $0.faults) })
            },
            output: ReportDocument.Output(
                packets: packets, bytes: bytes, virtualSeconds: Double(duration) / 1e9,
                firstOnAir: firstOnAir.map { recordings[$0.index].name },
                latePackets: latePackets,
                conformance: conformance.flatMap { JSONFragment(text: $0.json) }),
            notes: notes,
            settings: ReportDocument.Settings(
                holdBack: Double(configuration.holdBack) / 1e9,
                align: configuration.alignment.rawValue,
                plannedWait: Double(configuration.plannedWait) / 1e9))
    }
}
