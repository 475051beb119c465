// Where links come from and outputs go to, as values. How people write them stands in
// Address+URL.swift; what is done with them in Links and Outputs.

import MediaJobs
import RTMP

/// A host and a port.
public struct HostPort: Sendable, Equatable {
    /// A name, an IPv4 or an IPv6 address without brackets; empty for any local address.
    public var host: String
    /// 1 ... 65,535.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// A UDP or RTP address: what is bound or joined for a link, what is sent to for an output.
public struct DatagramAddress: Sendable, Equatable {
    /// For a link the local address or multicast group (empty for any); for an output the
    /// destination.
    public var endpoint: HostPort
    /// The interface, by name or by one of its addresses; nil leaves it to the routing table.
    public var interface: String?
    /// Source-specific multicast: only what this host sends.
    public var source: String?
    /// Only what comes from this address, a number, and from this port; 0 for any port of it.
    /// Unlike with `source` the kernel gets the others' too, and it need not be a group.
    public var sender: HostPort?
    /// Time to live, or hop limit, of what is sent, 1 ... 255; 1 for multicast where nil.
    public var timeToLive: Int?
    /// Differentiated services code point of what is sent, 0 ... 63.
    public var codePoint: Int?
    /// Bytes asked of the kernel for received datagrams.
    public var receiveBufferBytes = 8 << 20
    /// RTP (RFC 3550, RFC 2250 payload type 33) around the transport packets.
    public var isRTP = false

    public init(endpoint: HostPort, isRTP: Bool = false) {
        self.endpoint = endpoint
        self.isRTP = isRTP
    }
}

/// An SRT address.
public struct SRTAddress: Sendable, Equatable {
    public enum Mode: String, Sendable, CaseIterable { case caller, listener, rendezvous }

    public var mode: Mode
    /// The peer; for a listener the local address.
    public var endpoint: HostPort
    /// A caller's or rendezvous' own address, port 0 for any port; nil for any.
    public var local: HostPort?
    /// Receiver and peer latency in milliseconds, 0 ... 60,000.
    public var latencyMilliseconds = 120
    /// 10 ... 79 characters; never shown.
    public var passphrase: String?
    /// Bytes of the key: 16, 24 or 32; nil leaves it to the peer (16).
    public var keyLength: Int?
    /// What a caller asks for, or what a listener's link answers to; nil answers to any.
    public var streamID: String?
    /// libsrt's packet filter, `fec,cols:10,rows:5`.
    public var packetFilter: String?
    /// Milliseconds until a connection attempt is given up.
    public var connectTimeoutMilliseconds = 3000
    /// Several paths of one sender, where they are allowed or called.
    public var group: SRTGroup?

    public init(mode: Mode, endpoint: HostPort) {
        self.mode = mode
        self.endpoint = endpoint
    }
}

/// One way to a peer.
public struct SRTPath: Sendable, Equatable {
    public var endpoint: HostPort
    /// The own address, port 0 for any port; nil for any.
    public var local: HostPort?

    public init(endpoint: HostPort, local: HostPort? = nil) {
        self.endpoint = endpoint
        self.local = local
    }
}

/// libsrt's socket groups: several connections of one sender that are one link.
public enum SRTGroup: Sendable, Equatable {
    /// What goes over the paths: everything over all of them, or over the first that is well.
    public enum Kind: String, Sendable, CaseIterable { case broadcast, backup }

    /// A listener lets groups in, beside senders with one path.
    case accepted
    /// A caller's paths behind the address's own, which is the preferred one.
    case called(Kind, further: [SRTPath])
}

extension SRTAddress {
    /// Paths of one group.
    static let mostPaths = 8

    /// All ways to the peer, the preferred one first.
    public var paths: [SRTPath] {
        let first = SRTPath(endpoint: endpoint, local: local)
        guard case .called(_, let further) = group else { return [first] }
        return [first] + further
    }
}

/// A port to which an RTMP publisher comes, and what it has to ask for.
public struct RTMPAddress: Sendable, Equatable {
    /// Of RTMPS: PEM files.
    public struct Certificate: Sendable, Equatable {
        public var certificate: String
        public var key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The local address.
    public var endpoint: HostPort
    public var application: String
    /// Lets whoever knows it on the air; never shown.
    public var streamKey: String
    /// Nil for RTMP in the clear.
    public var certificate: Certificate?

    public init(endpoint: HostPort, application: String, streamKey: String) {
        self.endpoint = endpoint
        self.application = application
        self.streamKey = streamKey
    }

    /// Bytes of a stream key.
    static let longestName = 1024

    var path: StreamPath { StreamPath(application: application, name: streamKey) }
}

/// What an input's link is.
public enum LinkAddress: Sendable, Equatable {
    case datagrams(DatagramAddress)
    case srt(SRTAddress)
    /// Waits for a publisher.
    case rtmp(RTMPAddress)
    /// A recording, paced by its own clock.
    case file(path: String, isLooped: Bool)
    /// Transport packets on standard input, as they come.
    case standardInput
    /// What attacca-media reads.
    case media(MediaSource)
}

extension LinkAddress {
    /// Its times begin with its connection, as RTMP's do.
    var hasOwnTime: Bool { if case .rtmp = self { true } else { false } }
}

/// Where the channel's stream goes.
public enum OutputAddress: Sendable, Equatable {
    case datagrams(DatagramAddress)
    case srt(SRTAddress)
    case file(path: String)
    case standardOutput
    /// What attacca-media writes.
    case media(MediaTarget)
    /// A folder with segments and their playlist.
    case hls(HLSTarget)
    /// A folder with recordings.
    case record(RecordTarget)
}
