// Addresses as people write them, against values worked out by hand from the manuals of ffmpeg,
// srt-live-transmit and VLC.

import SwitchIO
import Testing

/// An address and what it means.
struct Written<Address: Sendable>: Sendable, CustomStringConvertible {
    var text: String
    var address: Address
    var description: String { text }

    init(_ text: String, _ address: Address) {
        self.text = text
        self.address = address
    }
}

func datagrams(
    _ host: String, _ port: UInt16, rtp: Bool = false,
    _ change: (inout DatagramAddress) -> Void = { _ in }
) -> DatagramAddress {
    var address = DatagramAddress(endpoint: HostPort(host: host, port: port), isRTP: rtp)
    change(&address)
    return address
}

func srt(
    _ mode: SRTAddress.Mode, _ host: String, _ port: UInt16,
    _ change: (inout SRTAddress) -> Void = { _ in }
) -> SRTAddress {
    var address = SRTAddress(mode: mode, endpoint: HostPort(host: host, port: port))
    change(&address)
    return address
}

func rtmp(
    _ host: String, _ port: UInt16, _ application: String, _ key: String,
    _ change: (inout RTMPAddress) -> Void = { _ in }
) -> RTMPAddress {
    var address = RTMPAddress(
        endpoint: HostPort(host: host, port: port), application: application, streamKey: key)
    change(&address)
    return address
}

@Suite struct AddressTests {
    @Test func anSRTAddressWaitsOneHundredTwentyMillisecondsUnlessToldOtherwise() {
        // libsrt's own default latency.
        let address = srt(.caller, "192.0.2.7", 9000)
        #expect(address.latencyMilliseconds == 120 && address.passphrase == nil)
    }

    static let links: [Written<LinkAddress>] = [
        Written("udp://:5000", .datagrams(datagrams("", 5000))),
        Written("udp://@:5000", .datagrams(datagrams("", 5000))),
        Written("UDP://192.0.2.1:5000", .datagrams(datagrams("192.0.2.1", 5000))),
        Written("udp://@239.1.1.1:5000", .datagrams(datagrams("239.1.1.1", 5000))),
        Written("udp://239.1.1.1:65535/", .datagrams(datagrams("239.1.1.1", 65535))),
        Written(
            "udp://@239.1.1.1:5000?localaddr=192.0.2.9&sources=192.0.2.1&ttl=4&buffer_size=65536",
            .datagrams(
                datagrams("239.1.1.1", 5000) {
                    $0.interface = "192.0.2.9"
                    $0.source = "192.0.2.1"
                    $0.timeToLive = 4
                    $0.receiveBufferBytes = 65_536
                })),
        Written(
            "udp://192.0.2.1@232.1.1.1:5000?adapter=eth0&pkt_size=1316",
            .datagrams(
                datagrams("232.1.1.1", 5000) {
                    $0.interface = "eth0"
                    $0.source = "192.0.2.1"
                })),
        Written(
            "udp://:5000?source=192.0.2.1",
            .datagrams(
                datagrams("", 5000) { $0.sender = HostPort(host: "192.0.2.1", port: 0) })),
        Written(
            "rtp://@239.1.1.1:5000?sources=192.0.2.1&source=192.0.2.1:6000",
            .datagrams(
                datagrams("239.1.1.1", 5000, rtp: true) {
                    $0.source = "192.0.2.1"
                    $0.sender = HostPort(host: "192.0.2.1", port: 6000)
                })),
        Written(
            "udp://[::]:5000?source=[2001:db8::1]:6000",
            .datagrams(
                datagrams("::", 5000) { $0.sender = HostPort(host: "2001:db8::1", port: 6000) })),
        Written(
            "udp://[::1]:5000?source=2001:db8::1",
            .datagrams(
                datagrams("::1", 5000) { $0.sender = HostPort(host: "2001:db8::1", port: 0) })),
        Written(
            "udp://[ff15::1%eth0]:5000",
            .datagrams(datagrams("ff15::1", 5000) { $0.interface = "eth0" })),
        Written(
            "udp://[ff02::1%25eth0]:5000",
            .datagrams(datagrams("ff02::1%eth0", 5000) { $0.interface = "eth0" })),
        Written("rtp://[::1]:5004", .datagrams(datagrams("::1", 5004, rtp: true))),
        Written("rtp://@239.1.1.1:5004", .datagrams(datagrams("239.1.1.1", 5004, rtp: true))),
        Written("srt://:9001", .srt(srt(.listener, "", 9001))),
        Written("srt://0.0.0.0:9001", .srt(srt(.listener, "0.0.0.0", 9001))),
        Written("srt://192.0.2.7:9001", .srt(srt(.caller, "192.0.2.7", 9001))),
        Written("srt://h:9001?mode=rendezvous", .srt(srt(.rendezvous, "h", 9001))),
        Written("srt://:9001?adapter=192.0.2.1", .srt(srt(.listener, "192.0.2.1", 9001))),
        Written(
            "srt://h:9001?mode=caller&adapter=192.0.2.1&port=9100",
            .srt(srt(.caller, "h", 9001) { $0.local = HostPort(host: "192.0.2.1", port: 9100) })),
        Written(
            "srt://h:9001?mode=rendezvous&adapter=192.0.2.1",
            .srt(
                srt(.rendezvous, "h", 9001) {
                    $0.local = HostPort(host: "192.0.2.1", port: 9001)
                })),
        Written(
            "srt://h:9001?bind=[2001:db8::1]:9100",
            .srt(srt(.caller, "h", 9001) { $0.local = HostPort(host: "2001:db8::1", port: 9100) })),
        Written(
            "srt://main.example:9001?latency=200&passphrase=tenletters%26&pbkeylen=32"
                + "&streamid=#!::r=live,m=publish&packetfilter=fec,cols:10,rows:5"
                + "&conntimeo=500&transtype=live",
            .srt(
                srt(.caller, "main.example", 9001) {
                    $0.latencyMilliseconds = 200
                    $0.passphrase = "tenletters&"
                    $0.keyLength = 32
                    $0.streamID = "#!::r=live,m=publish"
                    $0.packetFilter = "fec,cols:10,rows:5"
                    $0.connectTimeoutMilliseconds = 500
                })),
        Written(
            "srt://h:9001?streamid=%23!%3A%3Ar%3Da+b%20%C3%BC",
            .srt(srt(.caller, "h", 9001) { $0.streamID = "#!::r=a+b ü" })),
        Written(
            "srt://:9001?groupconnect=1", .srt(srt(.listener, "", 9001) { $0.group = .accepted })),
        Written(
            "srt://h:9001?mode=listener&groupconnect=true",
            .srt(srt(.listener, "h", 9001) { $0.group = .accepted })),
        Written("srt://:9001?groupconnect=0", .srt(srt(.listener, "", 9001))),
        Written(
            "srt://h:9001?grouptype=broadcast",
            .srt(srt(.caller, "h", 9001) { $0.group = .called(.broadcast, further: []) })),
        Written(
            "srt://a:9001,192.0.2.7:9002,[2001:db8::7]:9003?grouptype=backup&streamid=a,b",
            .srt(
                srt(.caller, "a", 9001) {
                    $0.streamID = "a,b"
                    $0.group = .called(
                        .backup,
                        further: [
                            SRTPath(endpoint: HostPort(host: "192.0.2.7", port: 9002)),
                            SRTPath(endpoint: HostPort(host: "2001:db8::7", port: 9003)),
                        ])
                })),
        Written(
            "srt://a:9001,a:9001?grouptype=broadcast&bind=192.0.2.1:0,:9100",
            .srt(
                srt(.caller, "a", 9001) {
                    $0.local = HostPort(host: "192.0.2.1", port: 0)
                    $0.group = .called(
                        .broadcast,
                        further: [
                            SRTPath(
                                endpoint: HostPort(host: "a", port: 9001),
                                local: HostPort(host: "", port: 9100))
                        ])
                })),
        Written("rtmp://:1936/live/KEY", .rtmp(rtmp("", 1936, "live", "KEY"))),
        Written("RTMP://h/live/a=b%2F%3F", .rtmp(rtmp("h", 1935, "live", "a=b/?"))),
        Written("rtmp://[::1]:1936/a/b//KEY/", .rtmp(rtmp("::1", 1936, "a/b", "KEY"))),
        Written(
            "rtmps://0.0.0.0/live/KEY?cert=/etc/c.pem&key=k.pem",
            .rtmp(
                rtmp("0.0.0.0", 443, "live", "KEY") {
                    $0.certificate = .init(certificate: "/etc/c.pem", key: "k.pem")
                })),
        Written("file:a.ts?loop", .file(path: "a.ts", isLooped: true)),
        Written("a.ts?loop=1", .file(path: "a.ts", isLooped: true)),
        Written("file:a.ts?loop=0", .file(path: "a.ts", isLooped: false)),
        Written("file:///tmp/a%20b%3F.ts", .file(path: "/tmp/a b?.ts", isLooped: false)),
        Written("file:/tmp/a.ts", .file(path: "/tmp/a.ts", isLooped: false)),
        Written("file:////tmp/a.ts", .file(path: "//tmp/a.ts", isLooped: false)),
        Written("./x:y=z&100%.ts", .file(path: "./x:y=z&100%.ts", isLooped: false)),
        Written("2026-01-01T10:00.ts", .file(path: "2026-01-01T10:00.ts", isLooped: false)),
        Written("/abs/ü.ts", .file(path: "/abs/ü.ts", isLooped: false)),
        Written("-", .standardInput),
    ]

    @Test(arguments: links)
    func aLinkIsReadAndPrintsWhatReadsBack(_ written: Written<LinkAddress>) throws {
        let address = try LinkAddress(written.text)
        #expect(address == written.address)
        #expect(try LinkAddress(address.withoutPassphrase.description) == address.withoutPassphrase)
    }

    static let outputs: [Written<OutputAddress>] = [
        Written(
            "udp://239.1.1.1:5000?ttl=8&localaddr=eth0&dscp=46&pkt_size=1316",
            .datagrams(
                datagrams("239.1.1.1", 5000) {
                    $0.timeToLive = 8
                    $0.interface = "eth0"
                    $0.codePoint = 46
                })),
        Written("udp://@239.1.1.1:5000", .datagrams(datagrams("239.1.1.1", 5000))),
        Written(
            "rtp://[fe80::1%eth0]:5004",
            .datagrams(datagrams("fe80::1%eth0", 5004, rtp: true) { $0.interface = "eth0" })),
        Written("srt://:9002", .srt(srt(.listener, "", 9002))),
        Written("srt://play.example:9002", .srt(srt(.caller, "play.example", 9002))),
        Written("out.ts", .file(path: "out.ts")),
        Written("file:out.ts", .file(path: "out.ts")),
        Written("-", .standardOutput),
        Written("hls:/srv/www/one", .hls(HLSTarget(folder: "/srv/www/one"))),
        Written(
            "hls:///srv/a%20b?segment=1500ms&window=10&type=event&segments=fmp4&name=a.b-c_1"
                + "&keep-free=500M",
            .hls(
                hls("/srv/a b") {
                    $0.segment = 1_500_000_000
                    $0.window = 10
                    $0.kind = .event
                    $0.segments = .fmp4
                    $0.name = "a.b-c_1"
                    $0.keepFree = 500_000_000
                })),
        Written("record:archive", .record(RecordTarget(folder: "archive"))),
        Written(
            "record:/srv/a?every=1h&size=2G&name=one&sync=off&keep-free=0",
            .record(
                recording("/srv/a") {
                    $0.every = 3_600_000_000_000
                    $0.size = 2_000_000_000
                    $0.name = "one"
                    $0.sync = nil
                    $0.keepFree = 0
                })),
    ]

    private static func hls(_ folder: String, _ change: (inout HLSTarget) -> Void) -> HLSTarget {
        var target = HLSTarget(folder: folder)
        change(&target)
        return target
    }

    private static func recording(
        _ folder: String, _ change: (inout RecordTarget) -> Void
    ) -> RecordTarget {
        var target = RecordTarget(folder: folder)
        change(&target)
        return target
    }

    @Test(arguments: outputs)
    func anOutputIsReadAndPrintsWhatReadsBack(_ written: Written<OutputAddress>) throws {
        let address = try OutputAddress(written.text)
        #expect(address == written.address)
        #expect(try OutputAddress(address.description) == address)
    }

    @Test func whatIsPrintedIsWhatPeopleWrite() throws {
        let texts = [
            "udp://@239.1.1.1:5000?localaddr=eth0&sources=192.0.2.1", "udp://:5000",
            "rtp://@[ff02::1%eth0]:5000", "srt://:9001",
            "srt://main.example:9001?latency=200&streamid=#!::r=live,m=publish",
            "srt://192.0.2.7:9001?mode=listener", "file:slate.ts?loop", "-",
            "rtmp://:1935/live/…", "rtmps://h:443/a/b/…?cert=c.pem&key=k.pem",
            "srt://:9001?groupconnect=1", "srt://a:1,[::1]:2?grouptype=backup&bind=:3,[::1]:4",
        ]
        for text in texts { #expect(try LinkAddress(text).description == text) }
        let output = "udp://239.1.1.1:5000?ttl=8&dscp=46"
        #expect(try OutputAddress(output).description == output)
        let folder = "record:/srv/a?every=90m&size=1500M&sync=10s"
        #expect(try OutputAddress(folder).description == folder)
    }
}

extension LinkAddress {
    /// Without what is never printed.
    var withoutPassphrase: LinkAddress {
        switch self {
        case .srt(var address):
            address.passphrase = nil
            return .srt(address)
        case .rtmp(var address):
            address.streamKey = "…"
            return .rtmp(address)
        default: return self
        }
    }
}
