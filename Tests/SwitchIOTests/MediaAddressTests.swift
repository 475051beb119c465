// Addresses of what the media process reads and writes, and what of them may be shown.

import MediaJobs
import Testing

@testable import SwitchIO

private func pull(_ url: String) -> LinkAddress { .media(.pull(MediaURL(url))) }
private func push(_ url: String) -> OutputAddress { .media(.push(MediaURL(url))) }

@Suite struct MediaAddressTests {
    static let links: [Written<LinkAddress>] = [
        Written("https://host/live/a.m3u8?token=x", pull("https://host/live/a.m3u8?token=x")),
        Written("http://[2001:db8::1]:8080/a.ts", pull("http://[2001:db8::1]:8080/a.ts")),
        Written("rtsp://user:word@host/stream", pull("rtsp://user:word@host/stream")),
        Written("rist://@192.0.2.1:5000", pull("rist://@192.0.2.1:5000")),
        Written("rist://@:5000", pull("rist://@:5000")),
        Written("file:a.mp4?loop", .media(.file(path: "a.mp4", isLooped: true))),
        Written("./a b.MKV", .media(.file(path: "./a b.MKV", isLooped: false))),
        Written("a.ts", .file(path: "a.ts", isLooped: false)),
    ]

    @Test(arguments: links) func aLinkIsReadAsWritten(_ written: Written<LinkAddress>) throws {
        #expect(try LinkAddress(written.text) == written.address)
    }

    static let outputs: [Written<OutputAddress>] = [
        Written("rtmp://host/live/KEY", push("rtmp://host/live/KEY")),
        Written(
            "rtmps://host:443/app/KEY?sign=a&b=c", push("rtmps://host:443/app/KEY?sign=a&b=c")),
        Written("rist://192.0.2.1:5000", push("rist://192.0.2.1:5000")),
        Written("mp4:/v/a.mp4", .media(.mp4(path: "/v/a.mp4", staysFragmented: false))),
        Written("mp4:a.mov?fragmented", .media(.mp4(path: "a.mov", staysFragmented: true))),
        Written("a.mp4", .media(.mp4(path: "a.mp4", staysFragmented: false))),
    ]

    @Test(arguments: outputs)
    func anOutputIsReadAsWritten(_ written: Written<OutputAddress>) throws {
        #expect(try OutputAddress(written.text) == written.address)
    }

    @Test(arguments: [
        "rtmp://host/live", "rtmp://host", "rtmp:///live/key", "rtmp://host:99999/live/key",
        "rist://host", "rist://@:5000", "mp4:", "mp4:folder/", "mp4:a.mp4?fragmented=yes",
        "mp4://host/a.mp4",
        "http://host/a.m3u8",
    ])
    func anOutputThatIsNoneIsRefused(_ text: String) {
        #expect(throws: AddressError.self) { try OutputAddress(text) }
    }

    /// Its certificate would be taken unread.
    @Test func aServerThatCanNotBeAskedWhoItIsIsRefused() {
        let error = #expect(throws: AddressError.self) { try LinkAddress("rtsps://host/stream") }
        #expect(error?.description.contains("who it is") == true)
    }

    @Test func aKeyFromTheEnvironmentIsPutIn() throws {
        let address = try OutputAddress(
            "rtmp://host/live/${KEY}", environment: ["KEY": "secret%2Fkey"])
        #expect(address == push("rtmp://host/live/secret%2Fkey"))
    }

    static let shown: [(String, String)] = [
        ("rtmp://host:1935/live/KEY", "rtmp://host:1935/live/…"),
        ("rtmps://me:word@host/live/a/b?c=d", "rtmps://…@host/live/…"),
        ("https://me:word@host/p/a.m3u8?token=x", "https://…@host/p/a.m3u8?…"),
        ("rtsp://host/stream", "rtsp://host/stream"),
        ("rist://host:5000?secret=word", "rist://host:5000?…"),
    ]

    @Test(arguments: shown) func nothingSecretIsShown(_ text: String, _ expected: String) {
        let url = MediaURL(text)
        #expect("\(url)" == expected)
        #expect(String(reflecting: url) == expected)
        var dumped = ""
        dump(OutputAddress.media(.push(url)), to: &dumped)
        #expect(url.secrets.allSatisfy { !dumped.contains($0) })
    }

    @Test func allThatIsSecretIsKnown() {
        let url = MediaURL("rtmp://name:password@host/live/streamkey?sign=signature")
        for secret in ["name:password", "password", "streamkey", "signature"] {
            #expect(url.secrets.contains(secret))
        }
    }

    static let said: [(String, String)] = [
        ("no answer from my-key, sorry", "no answer from …, sorry"),
        (
            "HTTP error 403 for 'https://cdn.host/a/seg7.ts?sig=abc&exp=1' again",
            "HTTP error 403 for 'https://cdn.host/a/seg7.ts?…' again"
        ),
        ("opening https://me:word@host:81/x?a=b/c@d", "opening https://…@host:81/x?…"),
        ("\"/relative.ts?token=abc\": what? nothing", "\"/relative.ts?…\": what? nothing"),
        ("http://proxy/http://a:b@c/ü mail me@host", "http://proxy/http://…@c/ü mail me@host"),
        ("(https://host/a?b=c): reading", "(https://host/a?…): reading"),
        (
            "https://host/?" + String(repeating: "x", count: 100_000) + " ends",
            "https://host/?… ends"
        ),
    ]

    @Test(arguments: said) func noTokenIsRepeated(_ text: String, _ expected: String) {
        let filter = SecretFilter(["a-longer-my-key", "my-key", ""])
        #expect(filter.clean(text) == expected)
        #expect(filter.clean(expected) == expected)
    }

    @Test func aJobReadsBackAsItWasWritten() throws {
        let jobs: [MediaJob] = [
            .output(.push(MediaURL("rtmp://host/live/k\"\n\\"))),
            .output(.mp4(path: "/a/ü.mp4", staysFragmented: true)),
            .link(.file(path: "a.mp4", isLooped: true)), .package(inputs: ["a", "b"], output: "c"),
        ]
        for job in jobs {
            let line = try #require(MediaLine.encode(job))
            #expect(line.filter { $0 == UInt8(ascii: "\n") }.count == 1 && line.last == 10)
            #expect(MediaLine.job(line.dropLast()) == job)
        }
    }
}
