// The report as JSON. Keys are stable: new ones may come, none is renamed. Times are numbers in
// the unit that the key ends with; PTS and DTS are 90 kHz ticks of 33 bits; PIDs are integers; what
// is not known is null.
//
//   conformant            true when no law is broken
//   input                 bytes, garbageBytes, packetSize, packets, nullPackets, scrambledPackets,
//                         duplicatePackets, malformedPackets, announcedGaps
//   program               number, programsInPAT, transportStreamID, pmtPID, pmtVersion, pcrPID,
//                         patSections, pmtSections, formatChanges
//   time                  durationSeconds, pcrCount, pcrInterval{}, bitRate{mean,min,max},
//                         constantRate, worstPCRErrorNanoseconds
//   brokenLaws[]          law, name, count, pid, first{}, sentence
//   tr101290[]            number, priority, name, count, pid, first{}, notApplicable
//   streams[]             pid, streamType, codec, kind, language, packets, scrambledPackets,
//                         pesPackets, scrambledPESPackets, pesPacketsWithoutPTS, accessUnits,
//                         frames, unitsWithoutPTS, stampsWithoutUnit, randomAccessPoints,
//                         greatestRAPDistance, frameDurationMilliseconds,
//                         statedFrameDurationMilliseconds, reorderDepth, sampleRate, frameSamples,
//                         firstPTS, lastPTS, ptsSteps[ticks,count], otherPTSSteps, ptsMinusPCR{},
//                         dtsMargin{}, bitRate
//   timingEventCount      how many gaps and overlaps there were
//   timingEvents[]        kind (gap, overlap, uneven, drift), pid, pts, deviationTicks, frames,
//                         tolerated, first{}
//
//   first{}               packet, byteOffset, seconds (since the first PCR)
//   …{} of measurements   count, minMilliseconds, meanMilliseconds, maxMilliseconds

import TransportStream

extension ConformanceReport {
    /// The whole report as a JSON object, two blanks a level.
    public var json: String {
        let members: [(String, JSONValue)] = [
            ("conformant", .bool(isConformant)),
            ("input", inputJSON),
            ("program", programJSON),
            ("time", timeJSON),
            ("brokenLaws", .array(brokenLaws.map(\.jsonValue))),
            ("tr101290", .array(indicators.map(\.jsonValue))),
            ("streams", .array(streams.map(\.jsonValue))),
            ("timingEventCount", .integer(timingEventCount)),
            ("timingEvents", .array(timingEvents.map(\.jsonValue))),
        ]
        return JSONValue.object(members).text()
    }

    private var inputJSON: JSONValue {
        .object([
            ("bytes", .integer(bytes)),
            ("garbageBytes", .integer(garbageBytes)),
            ("packetSize", .optional(packetSize.map { Int64($0) })),
            ("packets", .integer(packets)),
            ("nullPackets", .integer(nullPackets)),
            ("scrambledPackets", .integer(scrambledPackets)),
            ("duplicatePackets", .integer(duplicatePackets)),
            ("malformedPackets", .integer(malformedPackets)),
            ("announcedGaps", .integer(announcedGaps)),
        ])
    }

    private var programJSON: JSONValue {
        .object([
            ("number", .optional(program.map { Int64($0) })),
            ("programsInPAT", .integer(Int64(programs))),
            ("transportStreamID", .optional(transportStreamID.map { Int64($0) })),
            ("pmtPID", .pid(programMapPID)),
            ("pmtVersion", .optional(programMapVersion.map { Int64($0) })),
            ("pcrPID", .pid(clockPID)),
            ("patSections", .integer(associations)),
            ("pmtSections", .integer(programMaps)),
            ("formatChanges", .integer(formatChanges)),
        ])
    }

    private var timeJSON: JSONValue {
        let lowest = rates.count > 0 ? rates.minimum : meanRate
        let highest = rates.count > 0 ? rates.maximum : meanRate
        let rate: [(String, JSONValue)] = [
            ("mean", .optional(meanRate)), ("min", .optional(lowest)), ("max", .optional(highest)),
        ]
        return .object([
            ("durationSeconds", .seconds(durationTicks)),
            ("pcrCount", .integer(clockReferences)),
            ("pcrInterval", clockSteps.jsonValue),
            ("bitRate", .object(rate)),
            ("constantRate", .bool(isConstantRate)),
            ("worstPCRErrorNanoseconds", .optional(worstClockErrorNanoseconds)),
        ])
    }
}

extension JSONValue {
    static func pid(_ pid: PID?) -> JSONValue { .optional(pid.map { Int64($0.rawValue) }) }
}

extension Place {
    var jsonValue: JSONValue {
        .object([
            ("packet", .integer(packet)),
            ("byteOffset", .integer(byteOffset)),
            ("seconds", .seconds(elapsedTicks)),
        ])
    }
}

extension Tally {
    /// Of 27 MHz ticks.
    var jsonValue: JSONValue {
        .object([
            ("count", .integer(count)),
            ("minMilliseconds", .milliseconds(count > 0 ? minimum : nil)),
            ("meanMilliseconds", .milliseconds(count > 0 ? mean : nil)),
            ("maxMilliseconds", .milliseconds(count > 0 ? maximum : nil)),
        ])
    }
}

extension LawBreach {
    var jsonValue: JSONValue {
        .object([
            ("law", .integer(Int64(law))),
            ("name", .string(name)),
            ("count", .integer(count)),
            ("pid", .pid(pid)),
            ("first", first.jsonValue),
            ("sentence", .string(sentence)),
        ])
    }
}

extension IndicatorCount {
    var jsonValue: JSONValue {
        .object([
            ("number", .string(indicator.number)),
            ("priority", .integer(Int64(indicator.priority))),
            ("name", .string(indicator.name)),
            ("count", .integer(count)),
            ("pid", .pid(pid)),
            ("first", first?.jsonValue ?? .null),
            ("notApplicable", notApplicable.map { .string($0) } ?? .null),
        ])
    }
}

extension TimingEvent {
    var jsonValue: JSONValue {
        .object([
            ("kind", .string(kind.rawValue)),
            ("pid", .pid(pid)),
            ("pts", .integer(pts)),
            ("deviationTicks", .integer(deviationTicks)),
            ("frames", .integer(frames)),
            ("tolerated", .bool(isTolerated)),
            ("first", place.jsonValue),
        ])
    }
}

extension ElementaryFacts {
    var jsonValue: JSONValue { .object(countsJSON + timesJSON) }

    private var countsJSON: [(String, JSONValue)] {
        [
            ("pid", .pid(pid)),
            ("streamType", .integer(Int64(streamType))),
            ("codec", .string(codec.reportName)),
            ("kind", .string(kindName)),
            ("language", language.map { .string($0) } ?? .null),
            ("packets", .integer(packets)),
            ("scrambledPackets", .integer(scrambledPackets)),
            ("pesPackets", .integer(pesPackets)),
            ("scrambledPESPackets", .integer(scrambledPESPackets)),
            ("pesPacketsWithoutPTS", .integer(pesPacketsWithoutPTS)),
            ("accessUnits", .integer(accessUnits)),
            ("frames", .integer(frames)),
            ("unitsWithoutPTS", .integer(unitsWithoutPTS)),
            ("stampsWithoutUnit", .integer(stampsWithoutUnit)),
            ("randomAccessPoints", .integer(randomAccessPoints)),
            ("greatestRAPDistance", .integer(greatestRAPDistance)),
        ]
    }

    private var timesJSON: [(String, JSONValue)] {
        let stepValues = steps.map { step in
            JSONValue.object([("ticks", .integer(step.ticks)), ("count", .integer(step.count))])
        }
        return [
            ("frameDurationMilliseconds", .milliseconds(frameDurationTicks)),
            ("statedFrameDurationMilliseconds", .milliseconds(statedFrameDurationTicks)),
            ("reorderDepth", .integer(reorderDepth)),
            ("sampleRate", .integer(sampleRate)),
            ("frameSamples", .integer(frameSamples)),
            ("firstPTS", .optional(firstPTS)),
            ("lastPTS", .optional(lastPTS)),
            ("ptsSteps", .array(stepValues)),
            ("otherPTSSteps", .integer(otherSteps)),
            ("ptsMinusPCR", presentationLead.jsonValue),
            ("dtsMargin", decodingMargin.jsonValue),
            ("bitRate", .optional(bitRate)),
        ]
    }

    private var kindName: String {
        switch codec.kind {
        case .video: "video"
        case .audio: "audio"
        case .data: "data"
        }
    }
}
