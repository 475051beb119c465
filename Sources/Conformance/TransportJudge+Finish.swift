// The end of the stream: what is missing altogether, what was waiting, and the report.

import TransportStream

extension TransportJudge {
    /// The stream is over.
    mutating func finish() -> ConformanceReport {
        for index in streams.indices { streams[index].finish(&findings) }
        settle(all: true)
        judgeEnd()
        for place in accuracy.finishWindow() {
            findings.count(.clockAccuracy, pid: program.clockPID, at: place)
        }
        judgeAbsentTables()
        if totals.scrambled > 0, !totals.hasAccessTable {
            findings.count(.conditionalAccess, pid: nil, at: totals.firstScrambled)
        }
        return report()
    }

    /// What should have come between the last time and the end.
    private mutating func judgeEnd() {
        let end = Position(packet: slots, byteOffset: findings.here.byteOffset, inside: 0)
        guard let time = findings.clock.estimate(at: end.transportByte),
            let last = findings.clock.last
        else { return }
        // At the mean rate, and only where there is one: a burst is no missing PCR.
        if findings.clock.count >= 10,
            let rest = findings.clock.meanTicks(bytes: end.transportByte &- last.transportByte),
            rest > max(TimeLimit.clockEnd, findings.clock.steps.maximum &* 2)
        {
            findings.breach(.clockEnd, pid: program.clockPID, value: rest)
            findings.count(.clockRepetition, pid: program.clockPID)
        }
        // A rate that is only guessed must not find a gap: it has to end at the last PCR.
        let known = min(time.elapsed, last.elapsed)
        for table in [JudgedProgram.Table.association, .map] {
            guard let seen = program.lastElapsed(of: table), known > seen else { continue }
            tableSeen(table, at: known, findings.here)
        }
        for watch in sections.indices where sections[watch].kind == .programMap {
            let seen = sections[watch].lastElapsed ?? startElapsed
            if known &- seen > TimeLimit.tableInterval {
                findings.count(.programMap, pid: sections[watch].pid)
            }
        }
    }

    private mutating func judgeAbsentTables() {
        let start = Position()
        guard program.associations > 0 else {
            findings.breach(.noAssociation, pid: nil, at: start)
            if totals.packets > 0 { findings.count(.association, pid: .pat, at: start) }
            return
        }
        guard program.maps > 0 else {
            findings.breach(.noProgramMap, pid: program.mapPID, at: start)
            findings.count(.programMap, pid: program.mapPID, at: start)
            return
        }
        if findings.clock.count == 0 { findings.breach(.noClock, pid: program.clockPID, at: start) }
    }

    private func report() -> ConformanceReport {
        var report = ConformanceReport()
        report.packets = totals.packets
        report.nullPackets = totals.nulls
        report.scrambledPackets = totals.scrambled
        report.duplicatePackets = totals.duplicates
        report.malformedPackets = totals.malformed
        report.announcedGaps = totals.announcedGaps
        report.programs = program.entries.count
        report.program = program.number
        report.transportStreamID = program.transportStreamID
        report.programMapPID = program.mapPID
        report.programMapVersion = program.map?.version
        report.clockPID = program.clockPID
        report.associations = program.associations
        report.programMaps = program.maps
        report.formatChanges = program.formatChanges
        report.clockReferences = findings.clock.count
        report.clockSteps = findings.clock.steps
        report.rates = rates.rates
        report.meanRate = findings.clock.meanRate
        report.isConstantRate = accuracy.isConstantRate
        if accuracy.isConstantRate {
            report.worstClockErrorNanoseconds = accuracy.worstNanoseconds
        }
        if findings.clock.count > 1 { report.durationTicks = findings.clock.last?.elapsed }
        report.indicators = indicators()
        report.brokenLaws = findings.breaches.map(\.breach).sorted {
            ($0.law, $0.first.packet) < ($1.law, $1.first.packet)
        }
        report.timingEvents = findings.timingEvents
        report.timingEventCount = findings.timingEventCount
        report.streams = streams.map { stream in
            var facts = stream.facts
            if let span = report.durationTicks, span > 0 {
                facts.bitRate = (facts.packets &* 1_504).scaled(by: 27_000_000, over: span)
            }
            return facts
        }
        return report
    }

    private func indicators() -> [IndicatorCount] {
        findings.indicators.counts.map { count in
            var count = count
            switch count.indicator {
            case .clockAccuracy where !accuracy.isConstantRate:
                count.count = 0
                count.first = nil
                count.pid = nil
                count.notApplicable =
                    accuracy.variableWindows > 0 ? "variable rate" : "too few PCRs"
            case .clockRepetition, .clockRepetitionDVB, .clockDiscontinuity, .absentPID,
                .presentation:
                if findings.clock.count < 2 { count.notApplicable = "no time without PCRs" }
            default: break
            }
            return count
        }
    }
}
