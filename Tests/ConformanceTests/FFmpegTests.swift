// Streams that ffmpeg makes on the spot. At a constant rate with short intervals its muxer keeps
// every law; with its defaults it is known to send tables and PCR too rarely, and nothing else.

import Conformance
import Foundation
import Testing

enum FFmpeg {
    static let path = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Runs ffmpeg and gives the bytes of the transport stream that it wrote.
    static func stream(_ arguments: [String]) throws -> [UInt8] {
        let output = FileManager.default.temporaryDirectory
            .appendingPathComponent("conformance-\(UUID().uuidString).ts")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = ["-v", "error", "-nostdin", "-y"] + arguments + [output.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return [UInt8](try Data(contentsOf: output))
    }

    static func content(rate: String, sampleRate: Int) -> [String] {
        [
            "-f", "lavfi", "-i", "testsrc=size=160x120:rate=\(rate):duration=4",
            "-f", "lavfi", "-i", "sine=sample_rate=\(sampleRate):duration=4",
        ]
    }

    static let steady = [
        "-f", "mpegts", "-muxrate", "3M", "-pcr_period", "20", "-pat_period", "0.05",
    ]
}

@Suite(.enabled(if: FFmpeg.path != nil, "ffmpeg is not there"))
struct FFmpegTests {
    private func expectClean(_ arguments: [String]) throws {
        let report = inspect(try FFmpeg.stream(arguments + FFmpeg.steady))
        #expect(report.brokenLaws.map(\.sentence) == [])
        #expect(report.isConstantRate)
        #expect(report.indicators.filter { $0.count > 0 }.map(\.indicator.name) == [])
        #expect(report.streams.allSatisfy { $0.accessUnits > 80 && $0.decodingMargin.count > 80 })
    }

    @Test func h264WithAAC() throws {
        try expectClean(
            FFmpeg.content(rate: "25", sampleRate: 48_000) + [
                "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "3", "-c:a", "aac",
            ])
    }

    @Test func h264At2997WithSoundAt44100() throws {
        try expectClean(
            FFmpeg.content(rate: "30000/1001", sampleRate: 44_100) + [
                "-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-c:a", "aac",
            ])
    }

    @Test func h264OpenGroups() throws {
        try expectClean(
            FFmpeg.content(rate: "60000/1001", sampleRate: 48_000) + [
                "-c:v", "libx264", "-preset", "veryfast", "-x264-params",
                "open-gop=1:keyint=30:bframes=3", "-c:a", "mp2",
            ])
    }

    @Test func hevcWithAC3() throws {
        try expectClean(
            FFmpeg.content(rate: "24000/1001", sampleRate: 48_000) + [
                "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                "log-level=none:keyint=24:bframes=3", "-c:a", "ac3",
            ])
    }

    @Test func mpeg2WithLayer2() throws {
        try expectClean(
            FFmpeg.content(rate: "25", sampleRate: 48_000) + [
                "-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-c:a", "mp2",
            ])
    }

    @Test func defaultsSendTablesAndClockTooRarely() throws {
        let report = inspect(
            try FFmpeg.stream(
                FFmpeg.content(rate: "30000/1001", sampleRate: 48_000) + [
                    "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-f", "mpegts",
                ]))
        #expect(
            Set(report.brokenLaws.map(\.name)).isSubset(
                of: ["patInterval", "pmtInterval", "pcrInterval"]))
        #expect(!report.isConformant)
    }

    @Test func durationsAndCountsAsFFprobeSays() throws {
        let report = inspect(
            try FFmpeg.stream(
                FFmpeg.content(rate: "25", sampleRate: 48_000) + [
                    "-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-c:a", "mp2",
                ] + FFmpeg.steady))
        let video = try #require(report.streams.first { $0.codec == .h264 })
        #expect(video.accessUnits == 100)
        #expect(video.frameDurationTicks == 1_080_000)
        #expect(video.greatestRAPDistance == 10)
        let sound = try #require(report.streams.first { $0.codec == .mpegAudio })
        #expect(sound.frameSamples == 1_152)
        #expect(sound.sampleRate == 48_000)
    }
}
