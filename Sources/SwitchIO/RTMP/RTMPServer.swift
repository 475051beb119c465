// One port to which publishers come, for any number of links: application and stream key tell whose
// publisher it is. Who is not expected is sent away, counted and told of, and disturbs nobody: all
// servers have one loop of their own, and no channel's loop ever waits for it.

import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import RTMP
import Synchronization

final class RTMPServer: Sendable {
    /// Connections that the kernel keeps for us.
    private static let backlog: Int32 = 64
    /// Connections at a time, where descriptors are plenty; where one more comes, the oldest that
    /// does not publish goes.
    private static let mostConnections = 256
    /// A port without places is closed after so long: a reload may want it again at once.
    private static let idlePause = TimeAmount.milliseconds(500)

    private static let all = Mutex<[String: RTMPServer]>([:])
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let key: String
    /// Nil in the clear.
    private let security: Mutex<RTMPSecurity?>
    private let places = Mutex<[RTMPPlace]>([])
    private let channel = Mutex<(any Channel)?>(nil)
    private let guests = RTMPGuests(
        most: FileDescriptors.share(part: 4, most: RTMPServer.mostConnections))
    private let notes = Mutex(NoteLimit())

    /// The server of an address, made when it is asked for first, and a place for a stream key.
    static func place(
        for address: RTMPAddress
    ) throws(IOFailure) -> (server: RTMPServer, place: RTMPPlace) {
        let local = try SocketAddress(address.endpoint)
        // By its number: a name of it is the same port.
        let key = local.text
        let place = RTMPPlace(address.path)
        let found: Result<RTMPServer, IOFailure> = all.withLock { list in
            do throws(IOFailure) {
                let server: RTMPServer
                if let known = list[key] { server = known } else {
                    server = try RTMPServer(address, on: local, key: key)
                    list[key] = server
                }
                try server.add(place, address)
                return .success(server)
            } catch {
                return .failure(error)
            }
        }
        return (try found.get(), place)
    }

    private init(
        _ address: RTMPAddress, on local: SocketAddress, key: String
    ) throws(IOFailure) {
        self.key = key
        security = Mutex(try RTMPServer.security(of: address))
        let descriptor = try RTMPServer.listen(on: local, port: address.endpoint.port)
        let bound = ServerBootstrap(group: RTMPServer.loops)
            .serverChannelOption(.backlog, value: RTMPServer.backlog)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try greet(channel) }
            }
            .withBoundSocket(descriptor)
        bound.whenComplete { [self] result in
            switch result {
            case .success(let listener): channel.withLock { $0 = listener }
            case .failure(let error): places.withLock { $0.first?.note("RTMP: \(error)") }
            }
        }
    }

    private static func security(of address: RTMPAddress) throws(IOFailure) -> RTMPSecurity? {
        try address.certificate.map { files throws(IOFailure) in try RTMPSecurity(files) }
    }

    /// Bound here and now: a port that is taken is told to who opens the link.
    private static func listen(
        on local: SocketAddress, port: UInt16
    ) throws(IOFailure) -> Int32 {
        let descriptor = socket(
            local.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        // Connections of before that the kernel still remembers are no reason not to listen.
        var on: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard local.withPointer({ bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, backlog) == 0
        else {
            let failure = IOFailure.system("RTMP port \(port)")
            Glibc.close(descriptor)
            throw failure
        }
        return descriptor
    }

    private func add(_ place: RTMPPlace, _ address: RTMPAddress) throws(IOFailure) {
        if security.withLock({ $0?.files }) != address.certificate {
            // A port that everybody has left is whose who comes next: a reload closes a link before
            // it opens another one with another certificate.
            guard places.withLock({ $0.isEmpty }) else {
                throw IOFailure(
                    "RTMP port \(address.endpoint.port): found two ways to secure it; allowed: "
                        + "the same certificate and key, or none, for all of a port")
            }
            let other = try RTMPServer.security(of: address)
            security.withLock { $0 = other }
        }
        let isFree = places.withLock { places in
            if places.contains(where: { $0.path == place.path }) { return false }
            places.append(place)
            return true
        }
        guard isFree else {
            throw IOFailure("RTMP port \(address.endpoint.port): two links have one stream key")
        }
    }

    /// Nobody comes to this place any more; the last one closes the port, soon.
    func leave(_ place: RTMPPlace) {
        places.withLock { places in places.removeAll { $0 === place } }
        RTMPServer.loops.next().scheduleTask(in: .zero) { [guests] in guests.close(at: place) }
        RTMPServer.loops.next().scheduleTask(in: RTMPServer.idlePause) { [self] in
            RTMPServer.all.withLock { list in
                guard places.withLock({ $0.isEmpty }), list[key] === self else { return }
                list[key] = nil
                channel.withLock { $0 }?.close(promise: nil)
            }
        }
    }

    // MARK: On the servers' loop

    private func greet(_ channel: any Channel) throws {
        let connection = RTMPConnection(to: self, on: channel)
        switch guests.admit(connection) {
        case .admitted: break
        case .displaced: countRefusal()
        case .refused:
            countRefusal()
            note("there is no room for another publisher", at: nil)
            channel.close(promise: nil)
            return
        }
        channel.closeFuture.whenComplete { [guests] _ in guests.dismiss(connection) }
        if let security = security.withLock({ $0 }) {
            try channel.pipeline.syncOperations.addHandler(security.handler())
        }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// The place for what a publisher wishes. Each is looked at, so that time tells nothing.
    func place(answeringTo wish: StreamPath) -> RTMPPlace? {
        places.withLock { places in
            places.reduce(nil as RTMPPlace?) { $1.path.answers(to: wish) ? $1 : $0 }
        }
    }

    /// Somebody came to no place: all of them tell.
    func countRefusal() { places.withLock { $0.forEach { $0.countRefusal() } } }

    /// Has whom held the place closed: it is given to another.
    func close(_ connection: ObjectIdentifier) { guests.close(connection) }

    /// A line for the operator, on one of the links where it belongs to none.
    func note(_ text: String, at place: RTMPPlace?) {
        let now = HostClock.now.nanoseconds
        guard let text = notes.withLock({ $0.pass(text, at: now) }) else { return }
        (place ?? places.withLock { $0.first })?.note(text)
    }
}

/// Lines about strangers, so many that a port that is searched by robots does not fill the log: ten
/// at once, then one a minute with what was left out.
struct NoteLimit {
    private static let most = 10
    private static let pause: Int64 = 60_000_000_000

    private var left = NoteLimit.most
    private var lastGain: Int64 = 0
    private var dropped = 0

    /// The line as it is to be told; nil where it is not.
    mutating func pass(_ text: String, at now: Int64) -> String? {
        if lastGain == 0 { lastGain = now }
        let gained = max(0, now - lastGain) / NoteLimit.pause
        if gained > 0 {
            left = Int(min(Int64(NoteLimit.most), Int64(left) + gained))
            lastGain += gained * NoteLimit.pause
        }
        guard left > 0 else {
            dropped += 1
            return nil
        }
        left -= 1
        defer { dropped = 0 }
        return dropped > 0 ? "\(text) (\(dropped) more of this kind were not told)" : text
    }
}

/// The connections of one server, the oldest first.
private final class RTMPGuests: @unchecked Sendable {
    // Unchecked: touched on the servers' only loop.
    private let most: Int
    private var connections: [RTMPConnection] = []

    enum Admission {
        case admitted
        /// Instead of one that did not publish.
        case displaced
        case refused
    }

    init(most: Int) { self.most = most }

    func admit(_ connection: RTMPConnection) -> Admission {
        var admission = Admission.admitted
        if connections.count >= most || !FileDescriptors.hasRoomForGuests {
            guard let idle = connections.firstIndex(where: { !$0.isPublishing }) else {
                return .refused
            }
            connections.remove(at: idle).close()
            admission = .displaced
        }
        connections.append(connection)
        return admission
    }

    func dismiss(_ connection: RTMPConnection) {
        connections.removeAll { $0 === connection }
    }

    func close(_ identifier: ObjectIdentifier) {
        connections.first { ObjectIdentifier($0) == identifier }?.close()
    }

    func close(at place: RTMPPlace) {
        for connection in connections where connection.publishes(at: place) { connection.close() }
    }
}
