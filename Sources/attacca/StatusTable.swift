// The status of a process for a person: what is on air, and what is wrong.

import ControlPlane
import Foundation
import SwitchEngine

enum StatusTable {
    static func text(_ process: ProcessDocument) -> String {
        var parts = process.channels.map { channel(String(process.process), $0) }
        if let http = process.http {
            var text = "http: \(http.readers) readers, \(http.cutOff) cut off for taking nothing"
            if http.displaced > 0 { text += ", \(http.displaced) idle ones closed for others" }
            if http.refused > 0 { text += ", \(http.refused) refused: no room" }
            parts.append(text + "\n")
        }
        if let control = process.control, control.displaced > 0 {
            parts.append("control: \(control.displaced) idle connections closed for others\n")
        }
        return parts.joined(separator: "\n")
    }

    private static func channel(_ process: String, _ channel: ChannelDocument) -> String {
        var lines = [head(channel) + "  (process \(process))"]
        if let pending = channel.pending {
            lines.append("  wants \(pending.input ?? "the best input"): \(pending.reason)")
        }
        for one in channel.schedule {
            lines.append("  at \(one.at) to \(one.input): \(one.reason)")
        }
        var rows = [["", "input", "rate", "skew", "errors", "how it is"]]
        for input in channel.inputs { rows += self.rows(input) }
        lines += columns(rows)
        rows = [["", "output", "datagrams", "dropped", "readers", ""]]
        for output in channel.outputs {
            rows.append([
                "", output.name, "\(output.datagrams)", "\(output.dropped)", "\(output.readers)",
                how(output),
            ])
        }
        lines += columns(rows)
        if let seam = channel.lastSeam {
            lines.append(
                "  last seam \(seam.at) \(seam.from) -> \(seam.to)  \(seam.level)  "
                    + "\(seam.reason): \(seam.why)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func how(_ output: OutputDocument) -> String {
        var words: [String] = []
        if let media = output.media {
            words.append("\(media.state) \(media.place)")
            if media.restarts > 0 { words.append("begun again \(media.restarts) times") }
        }
        if output.refusals > 0 { words.append("refused \(output.refusals) readers") }
        if let error = output.lastError { words.append(error) }
        return words.joined(separator: ", ")
    }

    private static func head(_ channel: ChannelDocument) -> String {
        var words = [channel.name, channel.onAir.map { "on air \($0)" } ?? "not on the air yet"]
        if let held = channel.held { words.append("held on \(held)") }
        if channel.isInBreak { words.append("in a break") }
        if channel.isStandingStill { words.append("standing still") }
        let tolerance = Double(ChannelStatus.holdBackTolerance) / 1e9
        let isOff = abs(channel.holdBack - channel.holdBackTarget) > tolerance
        words.append(
            String(format: "%.1f s behind", channel.holdBack)
                + (isOff ? String(format: " (to be %.1f s)", channel.holdBackTarget) : ""))
        let seams = channel.seams.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        words.append("seams: " + (seams.isEmpty ? "none" : seams.joined(separator: ", ")))
        return words.joined(separator: "  ")
    }

    private static func rows(_ input: InputDocument) -> [[String]] {
        let how =
            if let fault = input.faults.first {
                ([fault] + input.faults.dropFirst()).joined(separator: ", ")
            } else {
                "sound" + (input.soundFor.map { String(format: " for %.0f s", $0) } ?? "")
            }
        let skew = input.skew.map { String(format: "%+.3f s", $0) } ?? "-"
        var rows = [[
            input.isOnAir ? "*" : "", input.name,
            String(format: "%.2f Mbit/s", Double(input.bitsPerSecond) / 1e6),
            input.isOnAir ? "-" : skew,
            "\(input.continuityErrors + input.transportErrors)",
            input.isSlate ? "slate, \(how)" : how,
        ]]
        for (number, link) in input.links.enumerated() {
            let isChosen = input.links.count > 1 && link.bond.isInUse
            var text = link.state
            if let srt = link.srt {
                text += String(
                    format: ", RTT %.1f ms, lost %lld, sent again %lld, too late %lld",
                    srt.roundTripMilliseconds, srt.lost, srt.retransmitted, srt.dropped)
            }
            for path in link.srt?.paths ?? [] { text += ", \(path.peer) \(path.state)" }
            let bond = link.bond
            if bond.lost + bond.late + bond.mismatched > 0 {
                text += ", \(bond.lost) packets lost, \(bond.late) late, "
                    + "\(bond.mismatched) unlike the others'"
            }
            if let sender = link.sender { text += ", from \(sender)" }
            if link.strays > 0 { text += ", \(link.strays) strange datagrams" }
            if link.connections > 1 { text += ", connected \(link.connections) times" }
            if link.refusals > 0 { text += ", refused \(link.refusals)" }
            if let error = link.lastError { text += ", \(error)" }
            rows.append(["", "\(isChosen ? "+" : " ") link \(number + 1)", "", "", "", text])
        }
        return rows
    }

    private static func columns(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
