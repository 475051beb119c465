// Streams of real encoders against what other tools say of them: the catalogue that lies beside
// the samples (facts by another parser, ffprobe and TSDuck) and the oracle folder.

import Conformance
import Foundation
import Testing
import TransportStream

/// The folder of samples, upwards from this file; nil where it is not there.
enum Samples {
    static let folder: URL? = {
        var place = URL(fileURLWithPath: #filePath)
        while place.pathComponents.count > 1 {
            place.deleteLastPathComponent()
            let folder = place.appendingPathComponent("shared/samples")
            if FileManager.default.fileExists(atPath: folder.appendingPathComponent("ts").path) {
                return folder
            }
        }
        return nil
    }()

    /// For tests that need them.
    static var isPresent: Bool { folder != nil }

    static func bytes(_ path: String) throws -> [UInt8] {
        let folder = try #require(Samples.folder)
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
    }

    static func streamNames() throws -> [String] {
        let folder = try #require(Samples.folder).appendingPathComponent("ts")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix("ts") }.sorted()
    }

    /// The lines of each file's chapter in the catalogue.
    static func catalogue() throws -> [String: [String]] {
        let text = String(decoding: try bytes("CATALOG.md"), as: UTF8.self)
        var result: [String: [String]] = [:]
        var name = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("### ") {
                name = String(line.dropFirst(4).split(separator: " ")[0])
            } else {
                result[name, default: []].append(String(line))
            }
        }
        return result
    }
}

/// The first match of a pattern's groups.
func groups(_ pattern: String, _ text: String) -> [String]? {
    guard let expression = try? NSRegularExpression(pattern: pattern),
        let match = expression.firstMatch(
            in: text, range: NSRange(text.startIndex..., in: text))
    else { return nil }
    return (1..<match.numberOfRanges).map {
        Range(match.range(at: $0), in: text).map { String(text[$0]) } ?? ""
    }
}

@Suite(.enabled(if: Samples.isPresent, "../shared/samples is not there"))
struct SampleTests {
    // MARK: - Against the catalogue

    @Test func packetsAndNullsAsInTheCatalogue() throws {
        let catalogue = try Samples.catalogue()
        var compared = 0
        for name in try Samples.streamNames() {
            let line = catalogue[name]?.first { $0.contains("-byte packets, ") } ?? ""
            guard let facts = groups(#"(\d+)-byte packets, (\d+) packets"#, line) else { continue }
            let report = inspect(try Samples.bytes("ts/" + name))
            #expect(report.packetSize.map { String($0) } == facts[0], "\(name)")
            #expect(String(report.packets) == facts[1], "\(name)")
            if let share = groups(#"nulls ([\d.]+) %"#, line).flatMap({ Double($0[0]) }) {
                let ours = Double(report.nullPackets) * 100 / Double(max(report.packets, 1))
                #expect(abs(ours - share) < 0.006, "\(name)")
            }
            compared += 1
        }
        #expect(compared > 60)
    }

    @Test func clockReferencesAsInTheCatalogue() throws {
        let catalogue = try Samples.catalogue()
        var compared = 0
        for name in try Samples.streamNames() where name != "err_cc144_scrambled_bits.ts" {
            let report = inspect(try Samples.bytes("ts/" + name))
            guard let pid = report.clockPID, report.clockReferences > 1 else { continue }
            let start = "- PCR 0x" + String(pid.rawValue, radix: 16) + ":"
            guard let line = catalogue[name]?.first(where: { $0.hasPrefix(start) }),
                let count = groups(#": (\d+),"#, line)
            else { continue }
            #expect(String(report.clockReferences) == count[0], "\(name)")
            if !line.contains("jumps"), let most = groups(#"max ([\d.]+) ms"#, line),
                let wanted = Double(most[0])
            {
                #expect(
                    abs(Double(report.clockSteps.maximum) / 27_000 - wanted) < 0.06, "\(name)")
            }
            compared += 1
        }
        #expect(compared > 45)
    }

    @Test func continuityAsInTheCatalogue() throws {
        let catalogue = try Samples.catalogue()
        // The three that break rules which the parsers judge differently: TEI, and a duplicate
        // too many, which only TSDuck and we call an error.
        let special: Set = ["err_cc144_scrambled_bits.ts", "cc_oracle_dups_gap_afonly.ts"]
        for name in try Samples.streamNames() where !special.contains(name) {
            let flags = catalogue[name]?.first { $0.hasPrefix("- flags/errors") } ?? ""
            let wanted = groups(#"CC errors (\d+)"#, flags).flatMap { Int64($0[0]) } ?? 0
            let report = inspect(try Samples.bytes("ts/" + name))
            #expect(report.count(.continuity) == wanted, "\(name)")
        }
    }

    /// Pictures and RAPs where the whole stream lies behind its first PMT.
    @Test func picturesAsInTheCatalogue() throws {
        let catalogue = try Samples.catalogue()
        var compared = 0
        for name in try Samples.streamNames() {
            let lines = catalogue[name] ?? []
            let isEarly = lines.contains { groups(#"PMT at ([0-4]);"#, $0) != nil }
            guard isEarly else { continue }
            let report = inspect(try Samples.bytes("ts/" + name))
            for stream in report.streams where stream.codec.kind == .video {
                let start = "- video 0x" + String(stream.pid.rawValue, radix: 16) + ":"
                guard let line = lines.first(where: { $0.hasPrefix(start) }),
                    let pictures = groups(#"(\d+) pictures,"#, line),
                    let points = groups(#"random access points \{([^}]*)\}"#, line)
                else { continue }
                #expect(String(stream.accessUnits) == pictures[0], "\(name)")
                var wanted: Int64 = 0
                for entry in points[0].split(separator: ",") where !entry.contains("gradual") {
                    wanted += groups(#": (\d+)"#, String(entry)).flatMap { Int64($0[0]) } ?? 0
                }
                #expect(stream.randomAccessPoints == wanted, "\(name)")
                if let depth = groups(#"reorder depth (\d+);"#, line) {
                    #expect(String(stream.reorderDepth) == depth[0], "\(name)")
                }
                compared += 1
            }
        }
        #expect(compared > 25)
    }

    // MARK: - Against TSDuck

    @Test func gapsOfTheLongCapture() throws {
        let report = inspect(try Samples.bytes("ts/fr_tnt_h264_mbaff_open_cc_14s.ts"))
        #expect(report.count(.continuity) == 145)
    }

    @Test func tsduckContinuityVerdicts() throws {
        let gaps = inspect(try Samples.bytes("ts/cc_oracle_missing3_missing7.ts"))
        #expect(gaps.count(.continuity) == 2)
        #expect(gaps.duplicatePackets == 1)
        #expect(gaps.indicators.first { $0.indicator == .continuity }?.first?.packet == 10)
        // "21 packets read, 3 discontinuities", the first at packet 9.
        let duplicates = inspect(try Samples.bytes("ts/cc_oracle_dups_gap_afonly.ts"))
        #expect(duplicates.count(.continuity) == 3)
        #expect(duplicates.indicators.first { $0.indicator == .continuity }?.first?.packet == 9)
    }

    @Test func clockValuesOfTSDuck() throws {
        let csv = String(
            decoding: try Samples.bytes("oracle/pcr_jitter_h264_mp2/test-064.pcr.csv"),
            as: UTF8.self)
        var values: [Int64] = []
        for row in csv.split(separator: "\n").dropFirst() {
            let cells = row.split(separator: ",")
            if cells.count > 5, cells[3] == "PCR", let value = Int64(cells[5]) {
                values.append(value)
            }
        }
        let report = inspect(try Samples.bytes("ts/pcr_jitter_h264_mp2.ts"))
        #expect(report.clockReferences == Int64(values.count))
        let steps: [Int64] = zip(values, values.dropFirst()).map { pair in pair.1 - pair.0 }
        let lazy = steps.filter { $0 > 1_080_000 }.count
        #expect(report.durationTicks == values[values.count - 1] - values[0])
        #expect(report.clockSteps.minimum == steps.min())
        #expect(report.clockSteps.maximum == steps.max())
        #expect(report.count(.clockRepetitionDVB) == Int64(lazy))
        // The file has its packets where its PCRs do not want them: TSDuck calls that jitter of
        // 100 ms and more; a rate that varies so much allows no verdict on accuracy.
        #expect(report.indicators.first { $0.indicator == .clockAccuracy }?.notApplicable != nil)
    }

    @Test func constantMultiplexIsSeenAsOne() throws {
        for name in ["rai_dvbt_mpts_mpeg2_hevc_radio.ts", "cinegy_bars_field_idr_cbr.ts"] {
            let report = inspect(try Samples.bytes("ts/" + name))
            #expect(report.isConstantRate, "\(name)")
            #expect(report.count(.clockAccuracy) == 0, "\(name)")
        }
        let report = inspect(try Samples.bytes("ts/h264_bbb_1s.ts"))
        #expect(!report.isConstantRate)
    }

    // MARK: - Wraps

    @Test func wrapsAreNoJumps() throws {
        for name in ["pts_wrap_h264_aac_4seg.ts", "eac3_joc_pcr_wrap.ts"] {
            let report = inspect(try Samples.bytes("ts/" + name))
            let broken = Set(report.brokenLaws.map(\.name))
            #expect(broken.isDisjoint(with: ["pcrOrder", "pcrJump", "dtsOrder"]), "\(name)")
            #expect(broken.isDisjoint(with: ["videoGap", "videoOverlap", "audioStep"]), "\(name)")
        }
    }

    @Test func fieldPairsCountAsFrames() throws {
        let report = inspect(try Samples.bytes("ts/cinegy_bars_field_idr_cbr.ts"))
        let video = try #require(report.streams.first { $0.codec == .h264 })
        #expect(video.accessUnits == 496)
        #expect(video.frames == 248)
        #expect(!report.brokenLaws.contains { $0.law == 4 })
        let paff = inspect(try Samples.bytes("ts/dvbt2_h264_paff_cbr_null.ts"))
        #expect(!paff.brokenLaws.contains { $0.law == 4 })
    }

    // MARK: - Every one

    @Test func everyReportIsSoundTextAndJSON() throws {
        for name in try Samples.streamNames() {
            let report = inspect(try Samples.bytes("ts/" + name))
            for line in report.table.split(separator: "\n") {
                #expect(line.count <= 100, "\(name): \(line)")
            }
            let value = try JSONSerialization.jsonObject(with: Data(report.json.utf8))
            let object = try #require(value as? [String: Any])
            #expect(object["conformant"] as? Bool == report.isConformant)
            #expect((object["tr101290"] as? [Any])?.count == Indicator.allCases.count)
        }
    }
}
