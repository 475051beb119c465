// The counters of ETSI TR 101 290 §5.2, first and second priority.

import TransportStream

/// One counter.
public enum Indicator: UInt8, Sendable, CaseIterable {
    // §5.2.1, first priority
    case syncLoss, syncByte, association, continuity, programMap, absentPID
    // §5.2.2, second priority
    case transportError, checksum, clockRepetition, clockRepetitionDVB, clockDiscontinuity
    case clockAccuracy, presentation, conditionalAccess

    /// 1 or 2.
    public var priority: Int { rawValue <= Indicator.absentPID.rawValue ? 1 : 2 }

    /// The number of the clause's table.
    public var number: String {
        switch self {
        case .syncLoss: "1.1"
        case .syncByte: "1.2"
        case .association: "1.3.a"
        case .continuity: "1.4"
        case .programMap: "1.5.a"
        case .absentPID: "1.6"
        case .transportError: "2.1"
        case .checksum: "2.2"
        case .clockRepetition, .clockRepetitionDVB: "2.3a"
        case .clockDiscontinuity: "2.3b"
        case .clockAccuracy: "2.4"
        case .presentation: "2.5"
        case .conditionalAccess: "2.6"
        }
    }

    /// The name that the recommendation gives.
    public var name: String {
        switch self {
        case .syncLoss: "TS_sync_loss"
        case .syncByte: "Sync_byte_error"
        case .association: "PAT_error_2"
        case .continuity: "Continuity_count_error"
        case .programMap: "PMT_error_2"
        case .absentPID: "PID_error"
        case .transportError: "Transport_error"
        case .checksum: "CRC_error"
        case .clockRepetition: "PCR_repetition_error"
        case .clockRepetitionDVB: "PCR_repetition_over_40ms"
        case .clockDiscontinuity: "PCR_discontinuity_indicator_error"
        case .clockAccuracy: "PCR_accuracy_error"
        case .presentation: "PTS_error"
        case .conditionalAccess: "CAT_error"
        }
    }
}

/// What one counter stands at.
public struct IndicatorCount: Sendable, Equatable {
    public var indicator: Indicator
    public var count: Int64
    public var first: Place?
    /// PID of the first one, where it has one.
    public var pid: PID?
    /// Why the counter says nothing about this stream; nil where it was measured.
    public var notApplicable: String?
}

/// All counters, by index.
struct IndicatorTable: Sendable {
    private(set) var counts = Indicator.allCases.map {
        IndicatorCount(indicator: $0, count: 0, first: nil, pid: nil, notApplicable: nil)
    }

    /// Returns whether this is the first time.
    mutating func bump(_ indicator: Indicator) -> Bool {
        counts[Int(indicator.rawValue)].count &+= 1
        return counts[Int(indicator.rawValue)].count == 1
    }

    mutating func setFirst(_ indicator: Indicator, place: Place, pid: PID?) {
        counts[Int(indicator.rawValue)].first = place
        counts[Int(indicator.rawValue)].pid = pid
    }
}
