// What is read of playlists.

import MediaJobs
import Testing

@Suite struct HLSPlaylistTests {
    private func media(_ lines: String...) throws -> HLSPlaylist {
        try #require(HLSPlaylist((["#EXTM3U"] + lines).joined(separator: "\n")))
    }

    @Test func aLivePlaylistTellsItsSegments() throws {
        let playlist = try media(
            "#EXT-X-TARGETDURATION:6", "#EXT-X-MEDIA-SEQUENCE:17", "#EXTINF:5.96,", "a 1.ts",
            "#EXT-X-DISCONTINUITY", "#EXTINF:6,title", "sub/b.ts?x=1", "")
        #expect(playlist.targetSeconds == 6 && !playlist.hasEnded && playlist.variant == nil)
        #expect(playlist.segments == ["a 1.ts", "sub/b.ts?x=1"])
    }

    @Test func anEndIsSeen() throws {
        #expect(try media("#EXTINF:2,", "a.ts", "#EXT-X-ENDLIST").hasEnded)
        #expect(try #require(HLSPlaylist("#EXTM3U\r\n#EXT-X-ENDLIST\r\n")).hasEnded)
    }

    /// A player begins with the first.
    @Test func aMasterPlaylistLeadsToItsFirstVariant() throws {
        let playlist = try media(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\",URI=\"sound.m3u8\"",
            "#EXT-X-STREAM-INF:BANDWIDTH=1", "", "low/index.m3u8",
            "#EXT-X-STREAM-INF:BANDWIDTH=2", "high/index.m3u8")
        #expect(playlist.variant == "low/index.m3u8" && playlist.segments == [])
    }

    @Test(arguments: [
        ("4.8", 4), (" 10", 10), ("0", 1), ("99999999999", 3600),
    ] as [(String, Int64)])
    func durationsAreTakenAsTheyAreWritten(_ text: String, _ seconds: Int64) throws {
        #expect(try media("#EXT-X-TARGETDURATION:\(text)").targetSeconds == seconds)
    }

    @Test(arguments: ["", "#EXT-X-TARGETDURATION:2", "<html>", "\u{0}#EXTM3U"])
    func whatIsNoPlaylistIsNone(_ text: String) { #expect(HLSPlaylist(text) == nil) }

    @Test(arguments: [
        ("b.ts", "https://h:1/x/b.ts"), ("/y/b.ts?c=d", "https://h:1/y/b.ts?c=d"),
        ("//g/b.ts", "https://g/b.ts"), ("http://g/b.ts", "http://g/b.ts"),
        ("c/b.ts", "https://h:1/x/c/b.ts"),
    ])
    func referencesAreResolved(_ reference: String, _ expected: String) {
        #expect(
            HLSPlaylist.resolve(reference, in: "https://h:1/x/a.m3u8?t=/z/") == expected)
    }

    @Test func theNewestSegmentThatWasReadIsFound() throws {
        let playlist = try media(
            "#EXTINF:2,", "1.ts", "#EXTINF:2,", "../v/2.ts", "#EXTINF:2,", "http://g/3.ts")
        #expect(playlist.lastIndex(among: []) == nil)
        // Another one that ends so is another one.
        #expect(playlist.lastIndex(among: ["http://h/a/21.ts", "http://h/11.ts"]) == nil)
        #expect(playlist.lastIndex(among: ["http://h/a/1.ts"]) == 0)
        #expect(playlist.lastIndex(among: ["http://h/v/2.ts", "http://h/a/1.ts"]) == 1)
        #expect(playlist.lastIndex(among: ["http://g/3.ts"]) == 2)
    }

    @Test func otherTokensAreNoOtherSegments() throws {
        let playlist = try media("#EXTINF:2,", "1.ts?t=c", "#EXTINF:2,", "2.ts?t=c")
        #expect(playlist.lastIndex(among: ["http://h/1.ts?t=a", "http://h/0.ts?t=a"]) == 0)
        // Here they are all there is to tell segments apart by.
        let numbered = try media("#EXTINF:2,", "a.ts?n=1", "#EXTINF:2,", "a.ts?n=2")
        #expect(numbered.lastIndex(among: ["http://h/a.ts?n=1"]) == 0)
        #expect(numbered.lastIndex(among: ["http://h/a.ts?n=0"]) == nil)
    }
}
