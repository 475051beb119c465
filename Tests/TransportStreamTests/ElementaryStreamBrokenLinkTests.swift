// The marks of a broken link, bit by bit from the syntax tables, and on real random access points.

import Testing

@testable import TransportStream

private func marked(
    _ bytes: [UInt8], _ codec: Codec, _ leading: BrokenLink.LeadingPictures = .none
) -> (bytes: [UInt8], changed: Int) {
    var copy = bytes
    var span = copy.mutableSpan
    let changed = BrokenLink.mark(codec, accessUnit: &span, leading: leading)
    return (copy, changed)
}

@Suite struct ElementaryStreamBrokenLinkTests {
    @Test func cleanRandomAccessBecomesBrokenLinkAccess() {
        let unit: [UInt8] = [
            0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x2A, 1, 0xA0, 0, 0, 1, 0x2A, 1, 0x20,
        ]
        for (leading, header) in [
            (BrokenLink.LeadingPictures.all, UInt8(16 << 1)), (.decodable, 17 << 1),
            (.none, 18 << 1),
        ] {
            let result = marked(unit, .hevc, leading)
            var expected = unit
            expected[10] = header
            expected[16] = header
            #expect(result.bytes == expected)
            #expect(result.changed == 2)
        }
        let idr: [UInt8] = [0, 0, 1, 0x26, 1, 0xA0, 0x55]
        #expect(marked(idr, .hevc).changed == 0)
    }

    @Test func groupOfPicturesHeader() {
        let open: [UInt8] = [0, 0, 1, 0xB3, 9, 0, 0, 1, 0xB8, 0, 8, 0, 0x80, 0, 0, 1, 0, 0, 8]
        var expected = open
        expected[12] = 0xA0
        #expect(marked(open, .mpeg2Video).bytes == expected)
        #expect(marked(expected, .mpeg2Video).changed == 0)
        var closed = open
        closed[12] = 0x40
        #expect(marked(closed, .mpeg2Video).changed == 0)
        #expect(marked([0, 0, 1, 0xB8, 0, 8, 0], .mpeg2Video).changed == 0)
    }

    @Test func recoveryPointMessage() {
        // recovery_frame_cnt 0, exact_match_flag 1, broken_link_flag 0
        let plain: [UInt8] = [
            0, 0, 0, 1, 6, 5, 2, 0xAA, 0xBB, 6, 1, 0xC4, 0x80, 0, 0, 1, 0x61, 0x88,
        ]
        var expected = plain
        expected[11] = 0xE4
        #expect(marked(plain, .h264).bytes == expected)
        #expect(marked(plain, .h264).changed == 1)
        #expect(marked(expected, .h264).changed == 0)
        // recovery_frame_cnt 255: the flag is two bytes further
        let long: [UInt8] = [0, 0, 1, 6, 6, 3, 0x00, 0x80, 0x04, 0x80]
        #expect(marked(long, .h264).bytes == [0, 0, 1, 6, 6, 3, 0x00, 0x80, 0x24, 0x80])
        // 2^23 - 1: emulation prevention bytes stand in the message, but not before the flag
        let escaped: [UInt8] = [0, 0, 1, 6, 6, 7, 0, 0, 3, 1, 0, 0, 3, 0, 0x10, 0x80]
        #expect(
            marked(escaped, .h264).bytes
                == [0, 0, 1, 6, 6, 7, 0, 0, 3, 1, 0, 0, 3, 0, 0x90, 0x80])
        // 2^21 - 1: the flag's byte follows an emulation prevention byte and would not need it
        let refused: [UInt8] = [0, 0, 1, 6, 6, 6, 0, 0, 4, 0, 0, 3, 1, 0x80]
        #expect(marked(refused, .h264).changed == 0)
        #expect(marked(refused, .h264).bytes == refused)
        // The message ends before the flag.
        #expect(marked([0, 0, 1, 6, 6, 1, 0x02, 0x80], .h264).changed == 0)
        // A message behind the first slice is not this picture's.
        #expect(marked([0, 0, 1, 0x61, 0x88, 0, 0, 1, 6, 6, 1, 0xC4], .h264).changed == 0)
    }

    @Test(.needsSamples, arguments: [
        ("fr_tnt_h264_mbaff_open_cc_14s.ts", 0x140, Codec.h264),
        ("hevc_cra_rasl_open_short.ts", 0x100, .hevc),
        ("hevc_unaligned_pes_cra_b.ts", 0x65, .hevc),
        ("mpeg2_mp1l2_rreverser.ts", 0x100, .mpeg2Video),
        ("rai_dvbt_mpts_mpeg2_hevc_radio.ts", 0x1F4, .hevc),
    ])
    func realRandomAccessPoints(_ name: String, _ pid: Int, _ codec: Codec) throws {
        let file = try Samples.read("ts/" + name)
        let stream = DemuxedStream(file, pid: pid)
        let marks = allMarks(stream, codec)
        var count = 0
        for (mark, next) in zip(marks, marks.dropFirst()) where mark.randomAccess == .open {
            count += 1
            let unit = Array(stream.bytes[Int(mark.position)..<Int(next.position)])
            let result = marked(unit, codec)
            #expect(result.changed > 0)
            #expect(zip(unit, result.bytes).count { $0 != $1 } == result.changed)
            let after = bothWays(result.bytes, codec)
            #expect(after.count == 1)
            #expect(after.first?.randomAccess == (codec == .hevc ? .closed : .open))
            #expect(marked(result.bytes, codec).changed == 0)
        }
        #expect(count > 0)
    }

    @Test func noiseDoesNoHarm() {
        for seed in UInt64(1)...400 {
            var random = SeededNumbers(seed: seed)
            let bytes = (0..<random.next() % 60).map { _ in
                let byte = UInt8(truncatingIfNeeded: random.next())
                return random.next() % 2 == 0 ? byte : byte & 7
            }
            for codec in Codec.allCases { _ = marked(bytes, codec, .all) }
        }
    }
}
