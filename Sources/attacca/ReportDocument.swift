// The report file. Keys are promises: they are only ever added.
//
// Times are seconds of virtual time; `shift`, `pts`, `audioGap` and `skew` are 90 kHz ticks.

import Foundation
import SwitchEngine

struct ReportDocument: Encodable {
    struct Seam: Encodable {
        var time: Double
        var from: String
        var to: String
        var reason: String
        var level: String
        var framesLost: Int
        var framesRepeated: Int
        var framesOutOfOrder: Int
        var audioGap: Int64
        var shift: Int64
        var pts: Int64
        var why: String
        var alignment: String?
        var contentOffset: Int64?
        var waited: Double
        var holdBack: Double
        var health: [String: [String]]

        init(_ seam: SeamRecord, names: [String]) {
            time = Double(seam.time.nanoseconds) / 1e9
            from = names[seam.from.index]
            to = names[seam.to.index]
            reason = seam.reason.rawValue
            level = seam.level.rawValue
            framesLost = seam.framesLost
            framesRepeated = seam.framesRepeated
            framesOutOfOrder = seam.framesOutOfOrder
            audioGap = seam.audioGap
            shift = seam.shift
            pts = seam.presentation.ticks
            why = seam.why
            alignment = seam.alignment?.rawValue
            contentOffset = seam.contentOffset
            waited = Double(seam.waited) / 1e9
            holdBack = Double(seam.holdBack) / 1e9
            health = Dictionary(
                uniqueKeysWithValues: zip(names, seam.health.map { $0.map(\.rawValue) }))
        }
    }

    struct Input: Encodable {
        struct Change: Encodable {
            var time: Double
            var faults: [String]
        }
        var name: String
        var file: String
        var program: UInt16?
        var streams: [String]
        var packets: Int64
        var continuityErrors: Int64
        var transportErrors: Int64
        var damagedUnits: Int64
        var scrambledPackets: Int64
        var clockJumps: Int64
        var wrongTimestamps: Int64
        var programChanges: Int64
        var skippedBytes: Int64
        var syncLosses: Int64
        var skew: Int64?
        var alignment: String?
        var health: [Change]

        init(_ status: InputStatus, file: String, faults: [(Int64, [Fault])]) {
            name = status.name
            self.file = file
            program = status.program
            streams = status.codecs
            packets = status.packets
            continuityErrors = status.continuityErrors
            transportErrors = status.transportErrors
            damagedUnits = status.damagedUnits
            scrambledPackets = status.scrambledPackets
            clockJumps = status.clockJumps
            wrongTimestamps = status.wrongTimestamps
            programChanges = status.programChanges
            skippedBytes = status.skippedBytes
            syncLosses = status.syncLosses
            skew = status.skew
            alignment = status.alignment?.rawValue
            health = faults.map {
                Change(time: Double($0.0) / 1e9, faults: $0.1.map(\.rawValue))
            }
        }
    }

    struct Output: Encodable {
        var packets: Int64
        var bytes: Int64
        var virtualSeconds: Double
        var firstOnAir: String?
        var latePackets: Int64
        var conformance: JSONFragment?
    }

    struct Settings: Encodable {
        var holdBack: Double
        var align: String
        var plannedWait: Double
    }

    var seams: [Seam]
    var inputs: [Input]
    var output: Output
    var notes: [String]
    var settings: Settings
}

/// Any JSON, to put one document into another.
indirect enum JSONFragment: Codable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONFragment])
    case object([String: JSONFragment])

    init?(text: String) {
        guard let value = try? JSONDecoder().decode(JSONFragment.self, from: Data(text.utf8)) else {
            return nil
        }
        self = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONFragment].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONFragment].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
