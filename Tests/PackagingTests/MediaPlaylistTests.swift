// Playlists as RFC 8216 has them.

import Packaging
import Testing
import TransportStream

@Suite struct MediaPlaylistTests {
    private func segment(
        _ number: Int, seconds: Double = 4, isDiscontinuous: Bool = false,
        isIndependent: Bool = true
    ) -> MediaPlaylist.Segment {
        MediaPlaylist.Segment(
            name: "a-\(number).ts", durationTicks: Int64((seconds * 90_000).rounded()),
            wallClock: 1_795_273_200_000_000_000 + Int64(number) * 4_000_000_000,
            isDiscontinuous: isDiscontinuous, isIndependent: isIndependent)
    }

    @Test func aLivePlaylistIsWrittenAsTheStandardHasIt() {
        var playlist = MediaPlaylist(.live, window: 3, leastSeconds: 4, sequence: 41)
        for number in 41...45 {
            _ = playlist.append(
                segment(number, isDiscontinuous: number == 44), end: 7)
        }
        #expect(
            playlist.text == """
                #EXTM3U
                #EXT-X-VERSION:3
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-TARGETDURATION:4
                #EXT-X-MEDIA-SEQUENCE:43
                #EXT-X-PROGRAM-DATE-TIME:2026-11-21T15:02:52.000Z
                #EXTINF:4.000000,
                a-43.ts
                #EXT-X-DISCONTINUITY
                #EXT-X-PROGRAM-DATE-TIME:2026-11-21T15:02:56.000Z
                #EXTINF:4.000000,
                a-44.ts
                #EXT-X-PROGRAM-DATE-TIME:2026-11-21T15:03:00.000Z
                #EXTINF:4.000000,
                a-45.ts
                # the next PTS is 7

                """)
    }

    /// §4.3.2.5: a map holds until the next one; §7: it is of version 6.
    @Test func aMapStandsBeforeTheFirstSegmentThatItIsFor() {
        var playlist = MediaPlaylist(.event, window: 3, leastSeconds: 4)
        for (number, map) in [(0, "a"), (1, "a"), (2, "b")] {
            _ = playlist.append(
                MediaPlaylist.Segment(
                    name: "\(number).m4s", map: map, durationTicks: 360_000, wallClock: nil,
                    isDiscontinuous: number == 2),
                end: 1 << 33)
        }
        #expect(
            playlist.text == """
                #EXTM3U
                #EXT-X-VERSION:6
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-PLAYLIST-TYPE:EVENT
                #EXT-X-TARGETDURATION:4
                #EXT-X-MEDIA-SEQUENCE:0
                #EXT-X-MAP:URI="a"
                #EXTINF:4.000000,
                0.m4s
                #EXTINF:4.000000,
                1.m4s
                #EXT-X-DISCONTINUITY
                #EXT-X-MAP:URI="b"
                #EXTINF:4.000000,
                2.m4s
                # the next PTS is 8589934592

                """)
        let read = MediaPlaylist(playlist.text, window: 3)
        #expect(read?.segments == playlist.segments && read?.end == 1 << 33)
        // A wrapped time stamp goes on from there, or stands a little before.
        let wrap: Int64 = 1 << 33
        #expect(read?.position(of: Timestamp(wrapping: 5)) == wrap + 5)
        #expect(read?.position(of: Timestamp(wrapping: -5)) == wrap - 5)
    }

    @Test func aPlaylistThatHasEndedSaysSo() {
        var playlist = MediaPlaylist(.vod, window: 3, leastSeconds: 1)
        for number in 0..<5 {
            let left = playlist.append(segment(number), end: 0)
            #expect(left.isEmpty)
        }
        playlist.finish()
        #expect(playlist.text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n"))
        #expect(playlist.text.hasSuffix("#EXT-X-ENDLIST\n"))
        #expect(playlist.text.contains("#EXT-X-MEDIA-SEQUENCE:0\n"))
    }

    /// §4.3.3.1: no EXTINF, rounded, is greater than the target duration.
    @Test func theTargetDurationIsThatOfTheFirstSegmentOrMoreAndStays() {
        var playlist = MediaPlaylist(.live, window: 3, leastSeconds: 4)
        #expect(playlist.longestTicks == nil)
        _ = playlist.append(segment(0, seconds: 5.5), end: 0)
        #expect(playlist.targetSeconds == 6)
        #expect(MediaPlaylist.seconds(playlist.longestTicks ?? 0) == 6)
        #expect(MediaPlaylist.seconds((playlist.longestTicks ?? 0) + 1) == 7)
        _ = playlist.append(segment(1, seconds: 3), end: 0)
        #expect(playlist.targetSeconds == 6)
    }

    /// §6.2.2: nothing leaves while less than three target durations would be left.
    @Test func theWindowNeverBecomesTooShort() {
        var playlist = MediaPlaylist(.live, window: 3, leastSeconds: 4)
        for number in 0..<40 {
            _ = playlist.append(segment(number, seconds: 1), end: 0)
            if number > 12 { #expect(playlist.durationTicks >= 12 * 90_000) }
        }
        #expect(playlist.segments.count == 12 && playlist.nextSequence == 40)
    }

    @Test func aDiscontinuityThatHasLeftIsCounted() {
        var playlist = MediaPlaylist(.live, window: 3, leastSeconds: 4)
        for number in 0..<9 {
            _ = playlist.append(
                segment(number, isDiscontinuous: number % 2 == 1), end: 0)
        }
        // 0 ... 5 have left, and with them 1, 3 and 5.
        #expect(playlist.discontinuitySequence == 3)
        #expect(playlist.text.contains("#EXT-X-DISCONTINUITY-SEQUENCE:3\n"))
    }

    @Test func segmentsThatDependOnOthersAreNotPromisedToBeIndependent() {
        var playlist = MediaPlaylist(.live, window: 3, leastSeconds: 4)
        _ = playlist.append(segment(0), end: 0)
        _ = playlist.append(segment(1, isIndependent: false), end: 0)
        #expect(!playlist.text.contains("INDEPENDENT"))
    }

    @Test(arguments: MediaPlaylist.Kind.allCases)
    func whatIsWrittenReadsBack(_ kind: MediaPlaylist.Kind) throws {
        var playlist = MediaPlaylist(kind, window: 4, leastSeconds: 4, sequence: 1_795_273_200)
        for number in 0..<9 {
            _ = playlist.append(
                segment(
                    number, seconds: 4.004, isDiscontinuous: number == 3,
                    isIndependent: number != 7),
                end: 8_589_934_591)
        }
        let read = try #require(MediaPlaylist(playlist.text, window: 4))
        #expect(read.text == playlist.text)
        #expect(read.segments == playlist.segments && read.end == playlist.end)
        #expect(read.nextSequence == playlist.nextSequence)
    }

    @Test func whatIsNoPlaylistIsNotRead() {
        let texts = [
            "", "#EXTM3U", "#EXTM3U\n#EXT-X-TARGETDURATION:4", "hello\n#EXTM3U",
            "#EXTM3U\n#EXT-X-TARGETDURATION:-4\n#EXT-X-MEDIA-SEQUENCE:1",
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:9223372036854775807",
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:x,\na.ts",
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:1.-5,\na.ts",
        ]
        for text in texts { #expect(MediaPlaylist(text, window: 3) == nil, "\(text)") }
    }

    /// By `date -u -d @…`.
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_795_273_445, "2026-11-21T15:04:05.000Z"), (4_107_542_399, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.000Z"),
    ])
    func timesAreWrittenAsDateWritesThem(_ seconds: Int64, _ text: String) {
        #expect(CivilTime.text(seconds * 1_000_000_000) == text)
        #expect(CivilTime.nanoseconds(text) == seconds * 1_000_000_000)
    }

    /// A folder's playlist and a recording's sidecar may say anything.
    @Test(arguments: [
        "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z", "2262-04-11T23:47:16.854Z",
        "2262-04-11T23:47:16.999Z", "1677-09-21T00:12:43.145Z", "2300-01-01T00:00:00.000Z",
    ])
    func aTimeBeyondAllOthersIsNone(_ text: String) {
        #expect(CivilTime.nanoseconds(text) == nil)
        let playlist = MediaPlaylist(
            """
            #EXTM3U
            #EXT-X-TARGETDURATION:4
            #EXT-X-MEDIA-SEQUENCE:1
            #EXT-X-PROGRAM-DATE-TIME:\(text)
            #EXTINF:4.0,
            a.ts
            """, window: 3)
        #expect(playlist?.segments.first?.wallClock == nil && playlist?.segments.count == 1)
    }

    @Test func numbersOfAPlaylistThatNobodyWroteAreNotGoneOnWith() {
        let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:1\n"
        #expect(MediaPlaylist(head + "#EXTINF:86401,\na.ts\n", window: 3) == nil)
        let end = MediaPlaylist(head + "# the next PTS is 4611686018427387904\n", window: 3)
        #expect(end != nil && end?.end == nil)
    }

    @Test func aSidecarIsJSONWhateverItsNames() throws {
        var index = RecordingIndex(
            file: "a\"\\\n.ts",
            begin: PieceStart(
                number: 1, presentation: Timestamp(wrapping: 90_000), wallClock: 0,
                isIndependent: true, isContinuous: false))
        let place = StreamPlace(
            piece: 1, byteOffset: 1880, presentation: Timestamp(wrapping: 180_000),
            wallClock: 1_000_000_000)
        index.note(RecordingIndex.Gap(.hole, seconds: 2.5), at: place)
        index.end = .lost
        #expect(
            index.text == """
                {
                  "file": "a\\"\\\\\\u000a.ts",
                  "isComplete": true,
                  "end": "lost",
                  "begin": "1970-01-01T00:00:00.000Z",
                  "firstPTS": 90000,
                  "bytes": 0,
                  "durationSeconds": 0.000000,
                  "seams": [],
                  "gaps": [
                    {"kind": "hole", "seconds": 2.500000, "time": "1970-01-01T00:00:01.000Z", \
                "pts": 180000, "byteOffset": 1880}
                  ]
                }

                """)
    }
}
