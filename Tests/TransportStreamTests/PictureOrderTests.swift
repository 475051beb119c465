// What marks say of the order of H.264 pictures, against ffmpeg's trace_headers filter: another
// parser of the same slice headers.

import Foundation
import Testing

@testable import TransportStream

/// A picture as ffmpeg's trace of its first slice tells it.
private struct TracedPicture: Equatable {
    var isIDR = false
    var frameNumber = 0
    var countLSB = 0
    var frameNumberBits = 0
    var countBits = 0
    var referenceFrames = 0

    static let ffmpeg = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// All pictures of the first video stream of a file.
    static func all(in path: String) throws -> [TracedPicture] {
        let trace = FileManager.default.temporaryDirectory
            .appendingPathComponent("trace-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: trace) }
        try Data().write(to: trace)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(ffmpeg))
        process.arguments = [
            "-nostdin", "-v", "info", "-i", path, "-map", "0:v:0", "-c", "copy", "-copyinkf",
            "-bsf:v", "trace_headers", "-f", "null", "-",
        ]
        process.standardError = try FileHandle(forWritingTo: trace)
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: trace), as: UTF8.self)
        return pictures(ofTrace: text)
    }

    /// Each line ends with a name, the bits and the value: "17  frame_num  0000 = 0".
    private static func pictures(ofTrace text: String) -> [TracedPicture] {
        var result: [TracedPicture] = []
        var sequence = TracedPicture()
        var type = 0
        var isFirstSlice = false
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 4, words[words.count - 2] == "=", let value = Int(words.last ?? "")
            else { continue }
            switch words[words.count - 4] {
            case "nal_unit_type": type = value
            case "log2_max_frame_num_minus4": sequence.frameNumberBits = value + 4
            case "pic_order_cnt_type": sequence.countBits = 0
            case "log2_max_pic_order_cnt_lsb_minus4": sequence.countBits = value + 4
            case "max_num_ref_frames": sequence.referenceFrames = value
            case "first_mb_in_slice":
                isFirstSlice = value == 0
                if isFirstSlice {
                    result.append(sequence)
                    result[result.count - 1].isIDR = type == 5
                }
            case "frame_num":
                if isFirstSlice { result[result.count - 1].frameNumber = value }
            case "pic_order_cnt_lsb":
                if isFirstSlice { result[result.count - 1].countLSB = value }
            default: break
            }
        }
        return result
    }
}

@Suite(.enabled(if: TracedPicture.ffmpeg != nil, "ffmpeg is not there"))
struct PictureOrderTests {
    /// As marks tell it.
    private func told(_ bytes: [UInt8], pid: Int) -> [TracedPicture] {
        let stream = DemuxedStream(bytes, pid: pid)
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        for piece in stream.pieces {
            detector.scan(
                stream.bytes.span, from: piece.start, to: piece.end, startsPES: piece.startsPES,
                into: &marks)
        }
        detector.finish(into: &marks)
        return marks.map { mark in
            TracedPicture(
                isIDR: mark.order.isIDR, frameNumber: Int(mark.order.frameNumber),
                countLSB: Int(mark.order.countLSB),
                frameNumberBits: Int(mark.order.frameNumberBits),
                countBits: Int(mark.order.countBits), referenceFrames: Int(mark.referenceFrames))
        }
    }

    @Test(arguments: [("h264-main", 0x100), ("h264-backup", 0x200), ("ntsc-backup", 0x200)])
    func marksOfTheSampleStreamsAgreeWithTheTrace(_ name: String, _ pid: Int) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "SampleStreams/\(name).ts").path
        let bytes = try #require(FileManager.default.contents(atPath: path))
        let expected = try TracedPicture.all(in: path)
        #expect(expected.count >= 900)
        #expect(told([UInt8](bytes), pid: pid) == expected)
    }

    /// Fields, adaptive frames and fields, no B pictures (type 2), and a change of resolution.
    @Test(.needsSamples, arguments: [
        ("cinegy_bars_field_idr_cbr.ts", 0x1000), ("h264_base_of_fuzz.ts", 0x65),
        ("dvbt2_h264_paff_cbr_null.ts", 0xBC3), ("h264_resolution_change.ts", 0x100),
    ])
    func marksOfRealStreamsAgreeWithTheTrace(_ name: String, _ pid: Int) throws {
        let bytes = try Samples.read("ts/" + name)
        let folder = try #require(Samples.folder)
        let expected = try TracedPicture.all(in: folder.appending(path: "ts/" + name).path)
        let told = told(bytes, pid: pid)
        // ffmpeg may have read parameter sets of further on before it begins, and may leave out
        // what is cut at the end.
        let known = told.drop { $0.frameNumberBits == 0 }
        let first = try #require(known.first)
        let traced = expected.drop { $0 != first }
        #expect(known.count > 4 && traced.count >= known.count - 2)
        #expect(Array(known.prefix(traced.count)) == Array(traced.prefix(known.count)))
    }

    @Test func aPictureWithoutItsParameterSetsHasNoOrder() {
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        let bytes: [UInt8] = [0, 0, 0, 1, 0x09, 0x10, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xA0]
        detector.scan(bytes.span, from: 0, to: bytes.count, startsPES: true, into: &marks)
        detector.finish(into: &marks)
        #expect(marks.map(\.order.kind) == [.unknown])
        #expect(marks.map(\.order.isIDR) == [true])
    }

    /// Marks are copied for every access unit.
    @Test func theOrderIsSmall() {
        #expect(MemoryLayout<PictureOrder>.size <= 8)
        #expect(MemoryLayout<AccessUnitMark>.size <= 48)
    }
}
