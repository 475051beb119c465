// Access units of real video streams. The numbers come from the catalogue beside the samples, made
// with an independent parser and ffprobe, and from ffmpeg's trace_headers; never from the detector.

import Testing

@testable import TransportStream

/// What is known of one video stream.
struct VideoFacts: Sendable, CustomTestStringConvertible {
    var file: String
    var pid: Int
    var codec: Codec
    var pictures: Int
    var closed = 0
    var open = 0
    /// Index of the first RAP among the pictures.
    var first: Int?
    var bidirectional: Int?
    /// B pictures that others refer to.
    var referenceB: Int?
    var fields = 0
    var skippedLeading = 0
    /// 27 MHz ticks that the stream states for a frame.
    var frameTicks: Int64?

    var testDescription: String { "\(file) \(pid)" }
}

private let h264Facts: [VideoFacts] = [
    VideoFacts(
        file: "fr_tnt_h264_mbaff_open_cc_14s.ts", pid: 0x140, codec: .h264, pictures: 340,
        open: 13, first: 15, bidirectional: 298, referenceB: 254, frameTicks: 1_080_000),
    // One more than the catalogue has: it counts from the first PES packet, and a whole access unit
    // stands before that.
    VideoFacts(
        file: "fr_tnt_h264_paff_eac3x3_dvbsub.ts", pid: 0x78, codec: .h264, pictures: 48 + 1,
        open: 1, first: 27 + 1, bidirectional: 41 + 1, referenceB: 35 + 1, fields: 19,
        frameTicks: 1_080_000),
    VideoFacts(
        file: "dvbt2_h264_paff_cbr_null.ts", pid: 0xBC3, codec: .h264, pictures: 113, open: 1,
        first: 59, bidirectional: 85, referenceB: 28, fields: 54, frameTicks: 900_900),
    VideoFacts(
        file: "contrib_h264_cbr30_scte2_smpte2038.ts", pid: 0x31, codec: .h264, pictures: 6,
        bidirectional: 0),
    VideoFacts(
        file: "cinegy_bars_field_idr_cbr.ts", pid: 0x1000, codec: .h264, pictures: 496, closed: 9,
        first: 0, bidirectional: 0, fields: 496, frameTicks: 1_080_000),
    VideoFacts(
        file: "h264_base_of_fuzz.ts", pid: 0x65, codec: .h264, pictures: 300, closed: 6, first: 0,
        bidirectional: 0, frameTicks: 1_080_000),
    VideoFacts(
        file: "pcr_jitter_h264_mp2.ts", pid: 0x100, codec: .h264, pictures: 299, closed: 2,
        first: 0, frameTicks: 900_000),
    VideoFacts(
        file: "h264_missing_dts.ts", pid: 0x100, codec: .h264, pictures: 120, closed: 1, first: 0,
        bidirectional: 59, referenceB: 59, frameTicks: 0),
    VideoFacts(
        file: "h264_missing_sei_and_pes.ts", pid: 0x100, codec: .h264, pictures: 12, closed: 1,
        first: 0, bidirectional: 7, referenceB: 3, frameTicks: 2_700_000),
    VideoFacts(
        file: "h264_dup_audio_dts.ts", pid: 0xFF, codec: .h264, pictures: 59, closed: 1, first: 0,
        frameTicks: 900_000),
    // Its second recovery point is a P picture of a gradual refresh: no decoder can start there.
    VideoFacts(
        file: "h264_gradual_refresh_recovery.ts", pid: 0x100, codec: .h264, pictures: 30,
        closed: 1, first: 0, bidirectional: 0),
    VideoFacts(
        file: "h264_nal_over_pes.ts", pid: 0x101, codec: .h264, pictures: 299, closed: 4, first: 0,
        bidirectional: 146, referenceB: 0),
    // No access unit delimiter anywhere.
    VideoFacts(
        file: "h264_opus.ts", pid: 0x100, codec: .h264, pictures: 216, closed: 4, first: 0,
        bidirectional: 0, frameTicks: 1_125_000),
    VideoFacts(
        file: "h264_mp3_id3pid.ts", pid: 0x100, codec: .h264, pictures: 150, closed: 6, first: 0,
        bidirectional: 58, referenceB: 14),
    VideoFacts(
        file: "h264_eac3_720p25.ts", pid: 0x102, codec: .h264, pictures: 150, closed: 6, first: 0,
        bidirectional: 96, referenceB: 0),
    VideoFacts(
        file: "h264_ac3_aac_captions.ts", pid: 0x100, codec: .h264, pictures: 879, closed: 6,
        first: 0, bidirectional: 632, referenceB: 212, frameTicks: 450_450),
    VideoFacts(
        file: "h264_empty_av.ts", pid: 0x100, codec: .h264, pictures: 300, closed: 10, first: 0,
        bidirectional: 210, referenceB: 70, frameTicks: 5_400_000),
    VideoFacts(
        file: "h264_mediainfo_sample.ts", pid: 0x100, codec: .h264, pictures: 119, closed: 2,
        first: 0, bidirectional: 78, referenceB: 27, frameTicks: 900_900),
    VideoFacts(
        file: "h264_resolution_change.ts", pid: 0x100, codec: .h264, pictures: 708, closed: 49,
        first: 0, bidirectional: 0),
    VideoFacts(
        file: "h264_bbb_1s.ts", pid: 0x100, codec: .h264, pictures: 26, closed: 2, first: 0,
        bidirectional: 10, referenceB: 3, frameTicks: 1_125_000),
    VideoFacts(
        file: "h264_avc_with_time.ts", pid: 0x200, codec: .h264, pictures: 10, closed: 1, first: 9,
        frameTicks: 540_000),
    VideoFacts(
        file: "h264_psi_in_middle.ts", pid: 0x100, codec: .h264, pictures: 15, closed: 1,
        first: 0),
    VideoFacts(
        file: "h264_aac_pid_absent.ts", pid: 0x100, codec: .h264, pictures: 134, closed: 9,
        first: 0),
    VideoFacts(
        file: "h264_3idr_b2.ts", pid: 0x100, codec: .h264, pictures: 30, closed: 3, first: 0,
        bidirectional: 17, referenceB: 5, frameTicks: 900_000),
    VideoFacts(
        file: "h264_3pics_b.ts", pid: 0x100, codec: .h264, pictures: 3, closed: 1, first: 0,
        bidirectional: 1),
    VideoFacts(
        file: "gst_h264_188.ts", pid: 0x41, codec: .h264, pictures: 3, closed: 1, first: 0),
    VideoFacts(
        file: "gst_h264_192.m2ts", pid: 0x41, codec: .h264, pictures: 3, closed: 1, first: 0),
]

private let hevcFacts: [VideoFacts] = [
    VideoFacts(
        file: "dvb_hevc_idr_radl_scte_pid.ts", pid: 0x79, codec: .hevc, pictures: 28, closed: 2,
        first: 1, frameTicks: 1_080_000),
    VideoFacts(
        file: "hevc_lowdelay_idr75.ts", pid: 0x100, codec: .hevc, pictures: 360, closed: 5,
        first: 0, frameTicks: 0),
    VideoFacts(
        file: "hevc_aac_seg0.ts", pid: 0x100, codec: .hevc, pictures: 150, closed: 1, first: 0,
        frameTicks: 900_000),
    VideoFacts(
        file: "hevc_aac_seg1.ts", pid: 0x100, codec: .hevc, pictures: 150, closed: 1, first: 0),
    VideoFacts(
        file: "hevc_unaligned_pes_cra_b.ts", pid: 0x65, codec: .hevc, pictures: 100, closed: 1,
        open: 1, first: 0, frameTicks: 1_080_000),
    VideoFacts(
        file: "hevc_cra_rasl_open_short.ts", pid: 0x100, codec: .hevc, pictures: 8, open: 1,
        first: 0, skippedLeading: 3, frameTicks: 0),
    VideoFacts(
        file: "hevc_30_idr_nlp.ts", pid: 0x100, codec: .hevc, pictures: 30, closed: 1, first: 0,
        frameTicks: 900_000),
    VideoFacts(
        file: "hevc_ateme_iframe.ts", pid: 0x3E8, codec: .hevc, pictures: 1, closed: 1, first: 0,
        frameTicks: 900_900),
]

private let mpeg2Facts: [VideoFacts] = [
    VideoFacts(
        file: "dvb_mpeg2_mp2_latm_ttx_ait.ts", pid: 0x90A, codec: .mpeg2Video, pictures: 35,
        open: 1, first: 23, bidirectional: 24, referenceB: 0, frameTicks: 1_080_000),
    VideoFacts(
        file: "dvb_mpeg2_closedgop_pcr_pid_cbr.ts", pid: 0x1000, codec: .mpeg2Video, pictures: 75,
        closed: 5, first: 14, bidirectional: 50, referenceB: 0, frameTicks: 1_080_000),
    VideoFacts(
        file: "bd_mpeg2_dtshd_0x86_not_scte.ts", pid: 0x1011, codec: .mpeg2Video, pictures: 5,
        open: 1, first: 0, bidirectional: 3, frameTicks: 900_900),
    VideoFacts(
        file: "mpeg2_mp1l2_rreverser.ts", pid: 0x100, codec: .mpeg2Video, pictures: 149, open: 13,
        first: 0, bidirectional: 0, frameTicks: 900_000),
    VideoFacts(
        file: "m2ts192_mpeg2_bdav.m2ts", pid: 0x1011, codec: .mpeg2Video, pictures: 50, closed: 1,
        open: 4, first: 0, bidirectional: 0, frameTicks: 1_080_000),
    VideoFacts(
        file: "mpeg2_mp2_188_twin.ts", pid: 0x100, codec: .mpeg2Video, pictures: 125, closed: 1,
        open: 10, first: 0, bidirectional: 0),
    VideoFacts(
        file: "mpeg2_latm.ts", pid: 0x100, codec: .mpeg2Video, pictures: 3, open: 1, first: 0),
]

@Suite struct ElementaryStreamVideoTests {
    @Test(.needsSamples, arguments: h264Facts + hevcFacts + mpeg2Facts)
    func picturesAndRandomAccessPoints(_ facts: VideoFacts) throws {
        let file = try Samples.read("ts/" + facts.file)
        let marks = allMarks(DemuxedStream(file, pid: facts.pid), facts.codec)
        #expect(marks.count == facts.pictures)
        #expect(marks.count { $0.randomAccess == .closed } == facts.closed)
        #expect(marks.count { $0.randomAccess == .open } == facts.open)
        #expect(marks.firstIndex { $0.randomAccess != .none } == facts.first)
        #expect(marks.count { $0.field != .frame } == facts.fields)
        #expect(marks.count { $0.leading == .skipped } == facts.skippedLeading)
        #expect(marks.count { $0.leading == .decodable } == 0)
        let bidirectional = marks.filter { $0.coding == .bidirectional }
        if let expected = facts.bidirectional { #expect(bidirectional.count == expected) }
        if let expected = facts.referenceB {
            #expect(bidirectional.count { $0.isReference } == expected)
        }
        for mark in marks where mark.randomAccess != .none {
            #expect(mark.hasParameterSets)
            #expect(mark.coding == .intra)
            #expect(mark.format != 0)
            if let ticks = facts.frameTicks { #expect(mark.statedFrameTicks == ticks) }
        }
        for (mark, next) in zip(marks, marks.dropFirst()) {
            #expect(mark.position < next.position)
        }
    }

    /// The Italian multiplex: its tables come late, so the catalogue counts from there on; the
    /// numbers of whole files are ffprobe's (-show_frames on the PID's elementary stream).
    @Test(.needsSamples) func picturesOfMultiplex() throws {
        let file = try Samples.read("ts/rai_dvbt_mpts_mpeg2_hevc_radio.ts")
        let hevc = allMarks(DemuxedStream(file, pid: 0x1F4), .hevc)
        #expect(hevc.count { $0.randomAccess == .open } == 2)
        #expect(hevc[0].randomAccess == .open)
        #expect(hevc.count == 66)
        let mpeg = allMarks(DemuxedStream(file, pid: 0x201), .mpeg2Video)
        #expect(mpeg.count == 33)
        #expect(mpeg.count { $0.randomAccess == .open } == 3)
        #expect(mpeg.firstIndex { $0.randomAccess != .none } == 1)
        #expect(mpeg.allSatisfy { $0.randomAccess == .none || $0.hasParameterSets })
    }

    /// Field pictures: each second field follows its first one, RAPs are first fields.
    @Test(.needsSamples, arguments: [
        ("cinegy_bars_field_idr_cbr.ts", 0x1000), ("dvbt2_h264_paff_cbr_null.ts", 0xBC3),
        ("fr_tnt_h264_paff_eac3x3_dvbsub.ts", 0x78),
    ])
    func fieldsComeInPairs(_ name: String, _ pid: Int) throws {
        let file = try Samples.read("ts/" + name)
        let marks = allMarks(DemuxedStream(file, pid: pid), .h264)
        for (mark, next) in zip(marks, marks.dropFirst()) {
            #expect((mark.field == .firstField) == (next.field == .secondField))
        }
        for mark in marks {
            #expect(mark.displayedFields == (mark.field == .frame ? 2 : 1))
            if mark.field == .secondField { #expect(mark.randomAccess == .none) }
        }
        #expect(marks.contains { $0.field == .secondField })
    }

    /// The resolution changes inside the stream: the RAPs say so by their format.
    @Test(.needsSamples) func formatFollowsResolution() throws {
        let file = try Samples.read("ts/h264_resolution_change.ts")
        let marks = allMarks(DemuxedStream(file, pid: 0x100), .h264)
        let formats = Set(marks.map { $0.format })
        #expect(formats.count > 1)
        for (mark, next) in zip(marks, marks.dropFirst()) where mark.format != next.format {
            #expect(next.randomAccess == .closed)
        }
    }

    /// Most access units of this stream begin in the middle of a PES packet: 13 of 101 packets say
    /// that their data is aligned, and only these are.
    @Test(.needsSamples) func unitsStraddlePESPackets() throws {
        let file = try Samples.read("ts/hevc_unaligned_pes_cra_b.ts")
        let stream = DemuxedStream(file, pid: 0x65)
        let marks = allMarks(stream, .hevc)
        let starts = Set(stream.pieces.filter { $0.startsPES }.map { Int64($0.start) })
        #expect(starts.count == 101)
        #expect(marks.count { starts.contains($0.position) } == 13)
    }

    @Test(.needsSamples) func bytesAtMarksAreStartCodes() throws {
        let file = try Samples.read("ts/h264_ac3_aac_captions.ts")
        let stream = DemuxedStream(file, pid: 0x100)
        for mark in allMarks(stream, .h264) {
            let at = Int(mark.position)
            #expect(Array(stream.bytes[at..<at + 5]) == [0, 0, 0, 1, 9])
        }
    }

    /// After a loss no unit whose begin is gone is marked, and all whose begin is there are.
    @Test(.needsSamples) func lossForgetsOnlyWhatItHit() throws {
        let file = try Samples.read("ts/fr_tnt_h264_mbaff_open_cc_14s.ts")
        let stream = DemuxedStream(file, pid: 0x140)
        let all = allMarks(stream, .h264)
        let careful = allMarks(stream, .h264, resetsAfterLoss: true)
        let known = Set(all.map { $0.position })
        #expect(careful.allSatisfy { known.contains($0.position) })
        #expect(careful.count { $0.randomAccess == .open } == 13)
        #expect(all.count - careful.count < stream.pieces.count { $0.followsLoss })
    }
}

/// All marks of a demultiplexed stream, packet by packet.
func allMarks(
    _ stream: DemuxedStream, _ codec: Codec, resetsAfterLoss: Bool = false
) -> [AccessUnitMark] {
    var detector = AccessUnitDetector(codec: codec)
    var marks: [AccessUnitMark] = []
    for piece in stream.pieces {
        if resetsAfterLoss, piece.followsLoss { detector.reset() }
        detector.scan(
            stream.bytes.span, from: piece.start, to: piece.end, startsPES: piece.startsPES,
            into: &marks)
    }
    #expect(detector.position == Int64(stream.bytes.count))
    detector.finish(into: &marks)
    return marks
}
