// The parts of the command's JSON documents that the tests look at.

import Foundation

/// What `attacca rehearse --report` writes.
struct Report: Decodable, Sendable {
    struct Seam: Decodable, Sendable, CustomStringConvertible {
        let time: Double
        let from: String
        let to: String
        let reason: String
        let level: String
        let framesLost: Int
        let framesRepeated: Int
        let framesOutOfOrder: Int
        /// 90 kHz ticks.
        let audioGap: Int64
        /// Seconds.
        let waited: Double
        let holdBack: Double

        var description: String {
            "\(from) -> \(to) at \(time) s, \(level) (\(reason)), "
                + "lost \(framesLost), repeated \(framesRepeated), "
                + "perhaps out of order \(framesOutOfOrder)"
        }
    }

    struct Input: Decodable, Sendable {
        let name: String
        let continuityErrors: Int64
    }

    struct Output: Decodable, Sendable {
        let packets: Int64
        let bytes: Int64
        let conformance: Judgement
    }

    let seams: [Seam]
    let inputs: [Input]
    let output: Output
}

/// What `attacca check --json` prints.
struct Judgement: Decodable, Sendable {
    struct Breach: Decodable, Sendable {
        let name: String
        let count: Int64
        let sentence: String

        var text: String { "\(name), \(count) times: \(sentence)" }
    }

    struct Indicator: Decodable, Sendable {
        let number: String
        let count: Int64
        let notApplicable: String?
    }

    struct Time: Decodable, Sendable {
        /// Nil where there are no two PCRs.
        let durationSeconds: Double?
        let constantRate: Bool
    }

    let conformant: Bool
    let brokenLaws: [Breach]
    let tr101290: [Indicator]
    let time: Time

    init(text: String) throws {
        self = try JSONDecoder().decode(Judgement.self, from: Data(text.utf8))
    }

    var sentences: [String] { brokenLaws.map(\.text) }
}
