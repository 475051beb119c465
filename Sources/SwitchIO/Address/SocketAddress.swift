// Host names and numbers as the kernel wants them.

import CSockets
import Glibc

/// A resolved address.
struct SocketAddress: Sendable {
    private(set) var storage = sockaddr_storage()
    private(set) var length: socklen_t = 0

    var family: Int32 { Int32(storage.ss_family) }

    /// Looks a host up, and waits for the answer; an empty one is any local address.
    /// - Parameter family: AF_UNSPEC takes what comes first.
    init(_ place: HostPort, family: Int32 = AF_UNSPEC) throws(IOFailure) {
        var hints = addrinfo()
        hints.ai_family = place.host.isEmpty && family == AF_UNSPEC ? AF_INET : family
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (place.host.isEmpty ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let host = place.host.isEmpty ? nil : place.host
        let status = getaddrinfo(host, String(place.port), &hints, &list)
        defer { if list != nil { freeaddrinfo(list) } }
        guard status == 0, let first = list?.pointee, let address = first.ai_addr else {
            throw IOFailure("'\(place.host)': \(String(cString: gai_strerror(status)))")
        }
        length = min(first.ai_addrlen, socklen_t(MemoryLayout<sockaddr_storage>.size))
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
    }

    init(_ storage: sockaddr_storage) {
        self.storage = storage
        length = storage.ss_family == sa_family_t(AF_INET6)
            ? socklen_t(MemoryLayout<sockaddr_in6>.size) : socklen_t(MemoryLayout<sockaddr_in>.size)
    }

    /// `192.0.2.7:9001`, `[2001:db8::7]:9001`.
    var text: String { numbers?.description ?? "?" }

    /// As a number: `192.0.2.7`, `2001:db8::7`.
    var host: String { numbers?.host ?? "?" }

    private var numbers: HostPort? {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: 8)
        let status = withPointer { address, length in
            getnameinfo(
                address, length, &host, socklen_t(host.count), &service, socklen_t(service.count),
                NI_NUMERICHOST | NI_NUMERICSERV)
        }
        guard status == 0 else { return nil }
        let port = UInt16(SocketAddress.string(service)) ?? 0
        return HostPort(host: SocketAddress.string(host), port: port)
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeBytes(of: storage) { bytes in
            // A sockaddr_storage is what a sockaddr of any family is kept in.
            body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
        }
    }

    /// 224.0.0.0/4 or ff00::/8.
    var isMulticast: Bool {
        withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET: bytes[4] & 0xF0 == 0xE0
            case AF_INET6: bytes[8] == 0xFF
            default: false
            }
        }
    }

    /// The index of an interface given by its name or by one of its addresses; 0 for nil.
    static func interfaceIndex(_ interface: String?) throws(IOFailure) -> UInt32 {
        guard let interface else { return 0 }
        let named = if_nametoindex(interface)
        if named != 0 { return named }
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { throw .system("interfaces") }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, text(of: address) == interface else { continue }
            return if_nametoindex(entry.ifa_name)
        }
        throw IOFailure("no interface is called '\(interface)' or has that address")
    }

    private static func text(of address: UnsafeMutablePointer<sockaddr>) -> String? {
        let family = Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        let size = family == AF_INET
            ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = getnameinfo(
            address, socklen_t(size), &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
        guard status == 0 else { return nil }
        // A link-local address says its scope behind a percent sign.
        return string(host).split(separator: "%").first.map(String.init)
    }

    private static func string(_ bytes: [CChar]) -> String {
        String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension DatagramSender {
    init(_ sender: csockets_sender) {
        self.init(address: (sender.high, sender.low), port: sender.port)
    }

    /// An address that is a number.
    init(_ place: HostPort) throws(IOFailure) {
        let found = try SocketAddress(HostPort(host: place.host, port: 0))
        var sender = csockets_sender()
        found.withPointer { address, _ in csockets_read_sender(address, &sender) }
        self.init(sender)
        port = place.port
    }

    /// `192.0.2.7:5000`, `[2001:db8::7]:5000`.
    var text: String {
        var storage = sockaddr_storage()
        let bytes = [address.high, address.low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
        let isFour = bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        withUnsafeMutableBytes(of: &storage) { raw in
            // The port and the address of a sockaddr_in stand at 2 and 4, those of a sockaddr_in6
            // at 2 and 8.
            raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            raw.baseAddress.map { $0 + (isFour ? 4 : 8) }?
                .copyMemory(from: isFour ? Array(bytes[12...]) : bytes, byteCount: isFour ? 4 : 16)
        }
        storage.ss_family = sa_family_t(isFour ? AF_INET : AF_INET6)
        return SocketAddress(storage).text
    }
}
