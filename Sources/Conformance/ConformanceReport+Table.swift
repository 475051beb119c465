// The report for people: at most 100 columns, the verdict first.

import TransportStream

extension ConformanceReport {
    /// Aligned text, several lines, each ended by a line feed.
    public var table: String {
        var lines = [verdict] + lawLines
        lines += ["", inputLine, programLine, timeLine, ""]
        lines += streamLines
        lines += stepLines
        lines += indicatorLines
        lines += eventLines
        return lines.flatMap { ConformanceReport.wrapped($0) }.joined(separator: "\n") + "\n"
    }

    static let columns = 100

    /// Cuts a long line at blanks; what follows is indented.
    static func wrapped(_ line: String) -> [String] {
        guard line.count > columns else { return [line] }
        let head = line.prefix(columns)
        guard let cut = head.lastIndex(of: " "), line.distance(from: line.startIndex, to: cut) > 20
        else { return [String(head)] + wrapped("      " + line.dropFirst(columns)) }
        return [String(line[..<cut])] + wrapped("      " + line[line.index(after: cut)...])
    }

    private var verdict: String {
        isConformant
            ? "no broken law (1-4, 6-8; 5, 9 and 10 need the inputs)"
            : "BROKEN LAWS: \(brokenLaws.count)"
    }

    private var lawLines: [String] {
        guard !isConformant else { return [] }
        var table = TextTable(
            ["  law", "name", "count", "PID", "first", "packet"], numbers: [2, 5])
        for breach in brokenLaws {
            table.add([
                "    \(breach.law)", breach.name, String(breach.count), hex(breach.pid),
                time(breach.first), String(breach.first.packet),
            ])
        }
        return table.lines + brokenLaws.map { "  \($0.law) \($0.name): \($0.sentence)" }
    }

    private var inputLine: String {
        var parts = ["\(packets) packets"]
        if let packetSize { parts[0] += " of \(packetSize) bytes" }
        let share = FixedPoint.text(nullPackets &* 100, over: max(packets, 1), places: 2)
        parts.append("nulls \(share) %")
        for (name, count) in [
            ("garbage bytes", garbageBytes), ("scrambled", scrambledPackets),
            ("duplicates", duplicatePackets), ("malformed", malformedPackets),
        ] where count > 0 {
            parts.append("\(name) \(count)")
        }
        return "input    " + parts.joined(separator: ", ")
    }

    private var programLine: String {
        guard let program else {
            return "program  none found, \(programs) in the PAT"
        }
        var parts = ["\(program)"]
        parts[0] += " of \(programs)"
        parts.append("PMT \(hex(programMapPID))")
        if let programMapVersion { parts.append("version \(programMapVersion)") }
        parts.append("PCR \(hex(clockPID))")
        if formatChanges > 0 { parts.append("changes of format \(formatChanges)") }
        return "program  " + parts.joined(separator: ", ")
    }

    private var timeLine: String {
        guard let durationTicks else { return "time     unknown: \(clockReferences) PCR" }
        var parts = [FixedPoint.text(durationTicks, over: 27_000_000, places: 3) + " s"]
        parts.append("\(clockReferences) PCR")
        parts.append("at most \(milliseconds(clockSteps.maximum)) ms apart")
        if let meanRate {
            var rate = kilobits(meanRate)
            if rates.count > 1 {
                rate += " (\(kilobits(rates.minimum))-\(kilobits(rates.maximum)))"
            }
            parts.append(rate + " kb/s" + (isConstantRate ? " constant" : " variable"))
        }
        return "time     " + parts.joined(separator: ", ")
    }

    private var streamLines: [String] {
        guard !streams.isEmpty else { return ["no streams", ""] }
        var table = TextTable(
            [
                "PID", "codec", "lang", "AUs", "RAPs", "far", "frame ms", "kb/s", "margin ms min",
                "mean", "PTS-PCR max",
            ], numbers: [3, 4, 5, 6, 7, 8, 9, 10])
        for stream in streams {
            let margin = stream.decodingMargin
            let lead = stream.presentationLead
            table.add([
                hex(stream.pid), stream.codec.reportName, stream.language ?? "-",
                String(stream.accessUnits), String(stream.randomAccessPoints),
                String(stream.greatestRAPDistance),
                stream.frameDurationTicks.map { milliseconds($0) } ?? "-",
                stream.bitRate.map { kilobits($0) } ?? "-",
                margin.count > 0 ? milliseconds(margin.minimum) : "-",
                margin.count > 0 ? milliseconds(margin.mean) : "-",
                lead.count > 0 ? milliseconds(lead.maximum) : "-",
            ])
        }
        return table.lines + [""]
    }

    private var stepLines: [String] {
        let lines = streams.compactMap { stream -> String? in
            guard !stream.steps.isEmpty else { return nil }
            let steps = stream.steps.sorted { $0.count > $1.count }
                .map { "\($0.ticks) x \($0.count)" }.joined(separator: ", ")
            let others = stream.otherSteps > 0 ? ", others x \(stream.otherSteps)" : ""
            return "  \(hex(stream.pid))  \(steps)\(others)"
        }
        return lines.isEmpty ? [] : ["PTS steps (90 kHz)"] + lines + [""]
    }

    private var indicatorLines: [String] {
        var table = TextTable(
            ["TR 101 290", "", "count", "PID", "first", "packet"], numbers: [2, 5])
        for entry in indicators {
            table.add([
                "  " + entry.indicator.number, entry.indicator.name,
                entry.notApplicable == nil ? String(entry.count) : "-",
                entry.first == nil ? "" : hex(entry.pid),
                entry.first.map { time($0) } ?? entry.notApplicable ?? "",
                entry.first.map { String($0.packet) } ?? "",
            ])
        }
        return table.lines
    }

    private var eventLines: [String] {
        guard !timingEvents.isEmpty else { return [] }
        var table = TextTable(
            ["gaps and overlaps", "PID", "frames", "ticks", "PTS", "at", ""], numbers: [2, 3, 4])
        for event in timingEvents {
            table.add([
                "  " + event.kind.rawValue, hex(event.pid), String(event.frames),
                String(event.deviationTicks), String(event.pts), time(event.place),
                event.isTolerated ? "tolerated" : "",
            ])
        }
        let more = timingEventCount - Int64(timingEvents.count)
        return [""] + table.lines + (more > 0 ? ["  and \(more) more"] : [])
    }

    // MARK: - Cells

    private func hex(_ pid: PID?) -> String {
        pid.map { "0x" + String($0.rawValue, radix: 16) } ?? "-"
    }

    private func time(_ place: Place) -> String {
        place.elapsedTicks.map { FixedPoint.text($0, over: 27_000_000, places: 3) + " s" } ?? "-"
    }

    private func milliseconds(_ ticks: Int64) -> String {
        FixedPoint.text(ticks, over: 27_000, places: 1)
    }

    private func kilobits(_ rate: Int64) -> String { FixedPoint.text(rate, over: 1_000, places: 0) }
}
