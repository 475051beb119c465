// What is said of wrong addresses, and what never is.

import SwitchIO
import Testing

/// A wrong address and what the complaint has to contain.
struct Mistake: Sendable, CustomStringConvertible {
    var text: String
    var part: String
    var found: String
    var allowed: String
    var isOutput = false
    var description: String { text }

    init(_ text: String, _ part: String, _ found: String, _ allowed: String, out: Bool = false) {
        self.text = text
        self.part = part
        self.found = found
        self.allowed = allowed
        isOutput = out
    }
}

/// The same numbers for the same seed, by a 64-bit linear congruence.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

@Suite struct AddressErrorTests {
    static let mistakes = [
        Mistake("", "address", "nothing", "srt://"),
        Mistake("rtmx://h/live", "scheme", "'rtmx:'", "rtmp://"),
        Mistake("rtmp:h/live/KEY", "address", "'rtmp' without ://", "rtmp://"),
        Mistake("rtmp://h/live", "path", "1 names", "an application and a stream key"),
        Mistake("rtmp://h:1935", "path", "0 names", "rtmp://host:port/live/key"),
        Mistake("rtmp://h:x/live/KEY", "port", "'x'", "1 to 65535"),
        Mistake("rtmp://239.1.1.1/live/KEY", "host", "'239.1.1.1'", "RTMP knows no multicast"),
        Mistake("rtmp://u:p@h/live/KEY", "host", "something before @", "rtmp://host:port"),
        Mistake("rtmp://h/live/KEY?cert=a", "options", "'cert'", "no option"),
        Mistake("rtmps://h/live/KEY", "cert", "nothing", "cert=FILE&key=FILE"),
        Mistake("rtmps://h/live/KEY?cert=c.pem", "key", "nothing", "cert=FILE&key=FILE"),
        Mistake("hls:dir", "scheme", "'hls:'", "begins with ./"),
        Mistake("udp:5000", "address", "'udp' without ://", "udp://"),
        Mistake("udp://@239.1.1.1", "port", "nothing", "1 to 65535"),
        Mistake("udp://h:0", "port", "'0'", "1 to 65535"),
        Mistake("udp://h:65536", "port", "'65536'", "1 to 65535"),
        Mistake("udp://h:+5", "port", "'+5'", "1 to 65535"),
        Mistake("udp://h:99999999999999999999", "port", "'99999", "1 to 65535"),
        Mistake("srt://h:9000&mode=caller", "port", "'9000&mode=…'", "behind a ?"),
        Mistake("udp://239.1.1.300:5000", "host", "'239.1.1.300'", "IPv4"),
        Mistake("udp://239.1.1:5000", "host", "'239.1.1'", "IPv4"),
        Mistake("udp://a b:5000", "host", "'a b'", "a name"),
        Mistake("udp://::1:5000", "host", "'::1'", "[IPv6 address]:port"),
        Mistake("udp://[1.2.3.4]:5000", "host", "'1.2.3.4'", "without brackets"),
        Mistake("udp://[]:5000", "host", "''", "[IPv6 address]:port"),
        Mistake("udp://[::1:5000", "host", "[ without ]", "[IPv6 address]:port"),
        Mistake("udp://[::1]5000", "port", "no colon", "[IPv6 address]:port"),
        Mistake("udp://[2001:db8::1%eth0]:5", "host", "'2001:db8::1%eth0'", "fe80::/10"),
        Mistake("udp://h:5000/live", "path", "a path", "behind a ?"),
        Mistake("udp://:5000?fifo_size=1", "options", "'fifo_size'", "localaddr, ttl, dscp"),
        Mistake("udp://:5000?ttl=1&ttl=2", "ttl", "twice", "once"),
        Mistake("udp://:5000?ttl", "ttl", "no value", "1 to 255"),
        Mistake("udp://:5000?ttl=256", "ttl", "'256'", "1 to 255"),
        Mistake("udp://:5000?dscp=64", "dscp", "'64'", "0 to 63"),
        Mistake("udp://:5000?buffer_size=1", "buffer_size", "'1'", "65536 to"),
        Mistake("udp://:5000?pkt_size=188", "pkt_size", "'188'", "1316"),
        Mistake("udp://:5000?localaddr=a/b", "localaddr", "'a/b'", "interface"),
        Mistake("udp://:5000?sources=192.0.2.1", "sources", "a source for", "multicast"),
        Mistake("udp://@239.1.1.1:5?sources=a,b", "sources", "'a,b'", "one host"),
        Mistake("udp://:5000?source=a.example", "source", "'a.example'", "address:port"),
        Mistake("udp://:5000?source=", "source", "''", "address:port"),
        Mistake("udp://:5000?source=192.0.2.1:0", "source", "'192.0.2.1:0'", "address:port"),
        Mistake("udp://:5000?source=192.0.2.1:", "source", "'192.0.2.1:'", "address:port"),
        Mistake("udp://:5000?source=192.0.2.1:65536", "source", "65536'", "address:port"),
        Mistake("udp://:5000?source=0.0.0.0", "source", "'0.0.0.0'", "address:port"),
        Mistake("udp://:5000?source=239.1.1.1", "source", "'239.1.1.1'", "address:port"),
        Mistake("udp://:5000?source=[::1]", "source", "'::1' for ''", "the same family"),
        Mistake("udp://[::1]:5?source=192.0.2.1", "source", "for '::1'", "the same family"),
        Mistake("udp://h:5000?source=192.0.2.1", "options", "'source'", "localaddr", out: true),
        Mistake("udp://:5000?ttl=%zz", "ttl", "hexadecimal", "%25"),
        Mistake("udp://:5000?localaddr=%00", "localaddr", "no text", "printable"),
        Mistake("udp://:5000?localaddr=%FF", "localaddr", "no text", "printable"),
        Mistake("udp://:5000", "host", "nothing", "send to", out: true),
        Mistake("udp://0.0.0.0:5000", "host", "'0.0.0.0'", "send to", out: true),
        Mistake("udp://a@h:5000", "host", "before @", "no @ for outputs", out: true),
        Mistake("udp://h:5000?sources=a", "options", "'sources'", "localaddr", out: true),
        Mistake("srt://h", "port", "nothing", "1 to 65535"),
        Mistake("srt://:9000?mode=caller", "host", "nothing", "mode=listener"),
        Mistake("srt://239.1.1.1:9000", "host", "'239.1.1.1'", "no multicast"),
        Mistake("srt://u:p@h:9000", "host", "before @", "passphrase="),
        Mistake("srt://h:9000?mode=push", "mode", "'push'", "caller, listener or rendezvous"),
        Mistake("srt://h:9000?latency=200000", "latency", "'200000'", "ffmpeg counts micro"),
        Mistake("srt://h:9000?latency=-1", "latency", "'-1'", "0 to 60000 milliseconds"),
        Mistake("srt://h:9000?rcvlatency=1", "options", "'rcvlatency'", "latency, passphrase"),
        Mistake("srt://h:9000?passphrase=short", "passphrase", "5 characters", "10 to 79"),
        Mistake("srt://h:9000?passphrase=", "passphrase", "0 characters", "10 to 79"),
        Mistake("srt://h:9000?pbkeylen=17", "pbkeylen", "'17'", "16, 24 or 32"),
        Mistake("srt://h:9000?streamid=", "streamid", "''", "1 to 512"),
        Mistake("srt://h:9000?packetfilter", "packetfilter", "no value", "fec,"),
        Mistake("srt://h:9000?connect_timeout=0", "connect_timeout", "'0'", "1 to 60000"),
        Mistake("srt://h:9000?transtype=file", "transtype", "'file'", "live"),
        Mistake("srt://h:9000?adapter=192.0.2.1", "adapter", "without mode", "mode=caller"),
        Mistake("srt://h:9000?adapter=eth0&mode=caller", "adapter", "'eth0'", "an address"),
        Mistake("srt://h:9000?bind=9000", "bind", "'9000'", "address:port"),
        Mistake("srt://:9000?bind=:9000", "bind", "mode=listener", "srt://address"),
        Mistake("srt://h:9?bind=:9&port=9", "bind", "beside it", "one of"),
        Mistake("srt://:9000?port=9", "port", "mode=listener", "mode=caller"),
        Mistake("srt://h:9?mode=rendezvous&streamid=a", "streamid", "rendezvous", "mode=caller"),
        Mistake("srt://a:1,b:2", "host", "2 hosts", "grouptype=broadcast"),
        Mistake("srt://a:1,:2?grouptype=backup", "host", "nothing", "behind each comma"),
        Mistake("srt://a:1,?grouptype=backup", "port", "nothing", "1 to 65535"),
        Mistake("srt://a:1,b?grouptype=backup", "port", "nothing", "1 to 65535"),
        Mistake("srt://a:1,::1:2?grouptype=backup", "host", "'::1'", "[IPv6 address]:port"),
        Mistake("srt://a:1,239.1.1.1:2?grouptype=backup", "host", "'239.1.1.1'", "no multicast"),
        Mistake("srt://a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9?grouptype=backup", "host", "9", "8"),
        Mistake("srt://a:1?grouptype=balancing", "grouptype", "'balancing'", "broadcast or"),
        Mistake("srt://:1?grouptype=backup", "grouptype", "mode=listener", "groupconnect=1"),
        Mistake("srt://a:1?groupconnect=1", "groupconnect", "mode=caller", "grouptype for"),
        Mistake("srt://:1?groupconnect=2", "groupconnect", "'2'", "1 or 0"),
        Mistake("srt://a:1,b:2?grouptype=backup&bind=:9", "bind", "1 own", "one for each"),
        Mistake("srt://a:1?bind=:8,:9", "bind", "2 own", "one for each"),
        Mistake("srt://a:1?grouptype=backup&port=9", "grouptype", "beside it", "bind="),
        Mistake("udp://a:1,b:2", "host", "'a:1,b'", "a name"),
        Mistake("file:", "path", "nothing", "a file"),
        Mistake("file://con", "host", "a host", "- for standard"),
        Mistake("a.ts?lop", "options", "'lop'", "loop"),
        Mistake("a.ts?loop=2", "loop", "'2'", "loop=0"),
        Mistake("a.ts?loop", "options", "'loop'", "no option", out: true),
        Mistake("hls:", "path", "nothing", "a folder", out: true),
        Mistake("hls:a", "scheme", "'hls:'", "srt://"),
        Mistake("hls://host/a", "host", "a host", "hls:PATH", out: true),
        Mistake("hls:a?segment=500ms", "segment", "'500ms'", "from 1s", out: true),
        Mistake("hls:a?segment=4", "segment", "'4'", "4s", out: true),
        Mistake("hls:a?window=2", "window", "'2'", "3 to", out: true),
        Mistake("hls:a?type=dash", "type", "'dash'", "live, event or vod", out: true),
        Mistake("hls:a?segments=mp4", "segments", "'mp4'", "ts or fmp4", out: true),
        Mistake("hls:a?name=../b", "name", "'../b'", "letters", out: true),
        Mistake("record:a?name=.b", "name", "'.b'", "no dot", out: true),
        Mistake("record:a?every=1s", "every", "'1s'", "from 10s", out: true),
        Mistake("record:a?size=99999999999999T", "size", "'9999", "2G", out: true),
        Mistake("record:a?segment=4s", "options", "'segment'", "every", out: true),
        Mistake("a\u{0}.ts", "path", "no text", "printable"),
        Mistake("srt://h:9?streamid=${NO}", "streamid", "${NO}, which is not set", "environment"),
        Mistake("${NO}", "address", "${NO}, which is not set", "environment"),
        Mistake("srt://h:${1}", "port", "${ without a name", "${NAME}"),
        Mistake("srt://h:9?streamid=${A", "streamid", "${ without", "$${ for ${"),
        Mistake("srt://h:${HOST}", "port", "'${HOST}'", "1 to 65535"),
        Mistake("${HOST}", "scheme", "what is in ${HOST}", "udp://"),
    ]

    @Test(arguments: mistakes)
    func anErrorSaysWhereWhatAndWhatIsAllowed(_ mistake: Mistake) {
        let environment = ["HOST": "hidden:value"]
        let error = #expect(throws: AddressError.self) {
            if mistake.isOutput {
                _ = try OutputAddress(mistake.text, environment: environment)
            } else {
                _ = try LinkAddress(mistake.text, environment: environment)
            }
        }
        guard let error else { return }
        #expect(error.part == mistake.part)
        #expect(error.found.contains(mistake.found), "\(error)")
        #expect(error.allowed.contains(mistake.allowed), "\(error)")
        #expect(!"\(error)".contains("hidden"))
    }

    @Test func variablesStandForHostPortPathAndValues() throws {
        let environment = [
            "HOST": "main.example", "PORT": "9001", "KEY": "a&b=c%20?#${HOST}", "DIR": "/a?b",
            "URL": "srt://main.example:9001?streamid=${HOST}",
        ]
        let link = try LinkAddress(
            "srt://${HOST}:${PORT}?passphrase=${KEY}&streamid=r-${HOST}-$${X}%24{Y}",
            environment: environment)
        #expect(
            link == .srt(
                srt(.caller, "main.example", 9001) {
                    $0.passphrase = "a&b=c%20?#${HOST}"
                    $0.streamID = "r-main.example-${X}${Y}"
                }))
        #expect(
            try LinkAddress("${DIR}/x.ts", environment: environment)
                == .file(path: "/a?b/x.ts", isLooped: false))
        // What a variable holds asks for no further ones.
        #expect(
            try LinkAddress("${URL}", environment: environment)
                == .srt(srt(.caller, "main.example", 9001) { $0.streamID = "${HOST}" }))
    }

    @Test func aPassphraseIsNeverShown() throws {
        let link = try LinkAddress("srt://h:9000?passphrase=s3cret-s3cret&latency=60")
        #expect("\(link)" == "srt://h:9000?latency=60&passphrase=…")
        var dumped = ""
        dump(link, to: &dumped)
        let plan = InputPlan(links: [link])
        let output = OutputAddress.srt(srt(.caller, "h", 9) { $0.passphrase = "s3cret-s3cret" })
        let texts = [
            "\(link)", String(reflecting: link), "\([link])", "\(plan)", dumped,
            String(reflecting: plan), "\(output)", String(reflecting: output),
        ]
        for text in texts { #expect(!text.contains("s3cret"), "\(text)") }
    }

    @Test func aStreamKeyIsNeverShown() throws {
        let link = try LinkAddress("rtmp://h:1935/live/s3cret-s3cret")
        #expect("\(link)" == "rtmp://h:1935/live/…")
        var dumped = ""
        dump(link, to: &dumped)
        let plan = InputPlan(links: [link])
        dump(plan, to: &dumped)
        let texts = [
            "\(link)", String(reflecting: link), "\([link])", "\(plan)", dumped,
            String(reflecting: plan),
        ]
        for text in texts { #expect(!text.contains("s3cret"), "\(text)") }
    }

    @Test(arguments: [
        ("srt://host:9000?mode=caller&latency=20&passphrase=", "&pbkeylen=16"),
        ("rtmps://host:1935/live/event/", "?cert=a.pem&key=b.pem"),
    ]) func noMistypedAddressGivesItsPassphraseAway(before: String, behind: String) {
        let secret = "zq9zq9zq9zq9"
        let whole = before + secret + behind
        var random = Dice(seed: 1)
        let letters = Array("?&=:/@%#;$ {}ax0,[]~")
        let place = before.count
        for _ in 0..<20_000 {
            var text = Array(whole)
            // Behind the secret first, so that its place stays.
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let index = Int.random(in: (place + secret.count)..<text.count, using: &random)
                text[index] = letters.randomElement(using: &random) ?? "x"
            }
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let index = Int.random(in: 0..<place, using: &random)
                text[index] = letters.randomElement(using: &random) ?? "x"
            }
            do {
                _ = try LinkAddress(String(text))
            } catch {
                #expect(!"\(error)".contains("zq9"), "\(String(text)): \(error)")
            }
        }
    }

    @Test func noTextTraps() {
        var random = Dice(seed: 2)
        let words = [
            "udp:", "rtp:", "srt:", "file:", "//", "@", ":", "[", "]", "?", "&", "=", "%", "%4",
            "%41", "${", "}", "A", "$", "9", "65536", "::", "1.2.3.4", "239.1.1.1", "ff02::1",
            "e\u{301}", "\u{0}", "mode=", "caller", "listener", "latency=", "passphrase=",
            "bind=", "adapter=", "loop", "-", "\u{1F3B5}", "\r\n", " ", "99999999999999999999",
            "localaddr=", "sources=", "://", "udp://", "srt://h:9?", ",", "srt://h:9,i:9?",
            "grouptype=backup", "groupconnect=1", "rtmp://h/", "rtmps:",
            "/live/", "cert=a", "key=b",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random))
                .map { _ in words.randomElement(using: &random) ?? "" }.joined()
            let link = try? LinkAddress(text, environment: ["A": "b:\u{0}%"])
            if let link = link?.withoutPassphrase {
                #expect((try? LinkAddress(link.description)) == link, "\(text)")
            }
            if let output = try? OutputAddress(text, environment: ["A": "b"]),
                !text.contains("passphrase")
            {
                // A push address is shown without its key.
                if case .media(.push) = output { continue }
                #expect((try? OutputAddress(output.description)) == output, "\(text)")
            }
        }
    }
}
