// One port on which callers come, for any number of links and outputs: the stream id tells whose
// caller it is. Who is not expected is sent away and counted, and disturbs nobody.
//
//   caller --(stream id)--> hook on libsrt's thread: known? passphrase, or refused
//                           accepted by the loop that asks first, handed to its place
//
// Of a sender's group the first member that is through is accepted, as the group; libsrt lets the
// later ones join without asking again, but for the hook, which does not see whose group it is. So
// a second sender's group is let in by the hook and closed when it is accepted.

import CSRT
import Glibc
import Synchronization

/// A place on a listener that callers of one stream id come to.
final class SRTPlace: Sendable {
    /// Who has brought nothing for so long, 1 s, gives way to another caller: an encoder that was
    /// cut off is back long before libsrt knows that it was gone.
    static let patience: Int64 = 1_000_000_000

    /// Nil answers to any stream id that no other place answers to.
    let streamID: String?
    fileprivate let passphrase: String?
    /// One caller at a time; an output serves many.
    fileprivate let isExclusive: Bool
    fileprivate let acceptsGroups: Bool

    fileprivate struct State {
        /// Accepted handles that nobody has taken yet.
        var waiting: [SRTSOCKET] = []
        /// Whom a link has, so that a second one is refused.
        var holder: SRTSOCKET?
        /// When the holder brought something last, ns.
        var lastHeard: Int64 = 0
        var refusals: Int64 = 0

        /// Another one may come in the holder's stead.
        func mayBeSucceeded(at now: Int64) -> Bool {
            holder != nil && waiting.isEmpty && now - lastHeard > SRTPlace.patience
        }

        /// Who has an exclusive place, or is about to.
        var occupant: SRTSOCKET? { holder ?? waiting.first }
    }
    fileprivate let state = Mutex(State())

    fileprivate init(_ address: SRTAddress, isExclusive: Bool) {
        streamID = address.streamID
        passphrase = address.passphrase
        acceptsGroups = address.group == .accepted
        self.isExclusive = isExclusive
    }

    /// The next caller; an exclusive place is taken with it.
    func next() -> SRTSocket? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let handle = state.waiting.removeFirst()
            if isExclusive { state.holder = handle }
            state.lastHeard = HostClock.now.nanoseconds
            return SRTSocket(accepted: handle)
        }
    }

    /// The holder has brought something.
    func hear(at now: Int64) { state.withLock { $0.lastHeard = now } }

    /// The caller is gone, another one may come.
    func vacate() { state.withLock { $0.holder = nil } }

    var refusals: Int64 { state.withLock { $0.refusals } }

    /// Whether a caller that shakes hands may come in beside those who are there.
    fileprivate func hasRoom(forGroup isGroup: Bool) -> Bool {
        let now = HostClock.now.nanoseconds
        let (occupant, isStale) = state.withLock { ($0.occupant, $0.mayBeSucceeded(at: now)) }
        guard isExclusive, let occupant, !isStale else { return true }
        guard isGroup, SRTSocket.isGroup(occupant) else { return false }
        return SRTSocket.memberCount(occupant) < SRTSocket.mostMembers
    }

    /// Takes in who has been accepted; a second sender is sent away.
    fileprivate func admit(_ socket: SRTSocket) {
        let handle = socket.release()
        let isRefused = state.withLock { state in
            // A group all of whose members were lost, and one came back before that was seen.
            if state.holder == handle || state.waiting.contains(handle) { return false }
            let isStale = state.mayBeSucceeded(at: HostClock.now.nanoseconds)
            if isExclusive, state.occupant != nil, !isStale {
                state.refusals += 1
                return true
            }
            state.waiting.append(handle)
            return false
        }
        if isRefused { srt_close(handle) }
    }
}

final class SRTListener: Sendable {
    /// Callers that may wait to be accepted.
    private static let backlog: Int32 = 64
    private static let all = Mutex<[String: SRTListener]>([:])

    private let key: String
    private let handle: SRTSOCKET
    private let places = Mutex<[SRTPlace]>([])

    /// The listener of an address, made when it is asked for first, and the place for a stream id.
    static func place(
        for address: SRTAddress, isExclusive: Bool
    ) throws(IOFailure) -> (listener: SRTListener, place: SRTPlace) {
        if let failure = SRTLibrary.groupsAreMissing(for: address) { throw failure }
        let local = try SocketAddress(address.endpoint)
        // By its number: a name of it is the same port.
        let key = local.text
        let found: Result<SRTListener, IOFailure> = all.withLock { list in
            if let known = list[key] { return .success(known) }
            do throws(IOFailure) {
                let made = try SRTListener(address, on: local, key: key)
                list[key] = made
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        let listener = try found.get()
        let place = SRTPlace(address, isExclusive: isExclusive)
        let isFree = listener.places.withLock { places in
            if places.contains(where: { $0.streamID == place.streamID }) { return false }
            places.append(place)
            return true
        }
        guard isFree else {
            throw IOFailure("SRT port \(address.endpoint.port): two places answer to "
                + (place.streamID.map { "stream id '\($0)'" } ?? "any stream id"))
        }
        return (listener, place)
    }

    private init(
        _ address: SRTAddress, on local: SocketAddress, key: String
    ) throws(IOFailure) {
        self.key = key
        let socket = try SRTSocket(for: address)
        try socket.prepare(address)
        // For all places, since those that come later may let groups in; the hook refuses for the
        // others, as libsrt would.
        if SRTLibrary.hasSocketGroups { try socket.set(SRTO_GROUPCONNECT, 1) }
        guard local.withPointer({ srt_bind(socket.handle, $0, Int32($1)) }) == 0 else {
            throw .srt("SRT port \(address.endpoint.port)")
        }
        handle = socket.release()
        // The listener lives in `all` until it is closed there, and libsrt calls nobody back on a
        // closed one.
        let own = Unmanaged.passUnretained(self).toOpaque()
        srt_listen_callback(
            handle,
            { own, caller, _, _, streamID in
                guard let own else { return -1 }
                let listener = Unmanaged<SRTListener>.fromOpaque(own).takeUnretainedValue()
                return listener.greet(caller, streamID.map { String(cString: $0) } ?? "")
            }, own)
        guard srt_listen(handle, SRTListener.backlog) == 0 else {
            srt_close(handle)
            throw .srt("SRT port \(address.endpoint.port)")
        }
    }

    /// Nobody comes to this place any more; the last one closes the port.
    func leave(_ place: SRTPlace) {
        let isLast = places.withLock { places in
            places.removeAll { $0 === place }
            return places.isEmpty
        }
        while let socket = place.next() { socket.close() }
        guard isLast else { return }
        SRTListener.all.withLock { list in
            // Closed inside, so that nobody binds the port again before it is free.
            srt_close(handle)
            list[key] = nil
        }
    }

    /// Takes in the callers that have come.
    func accept() {
        while true {
            let accepted = srt_accept(handle, nil, nil)
            guard accepted != SRT_INVALID_SOCK else { return }
            let socket = SRTSocket(accepted: accepted)
            try? socket.set(SRTO_RCVSYN, false)
            try? socket.set(SRTO_SNDSYN, false)
            guard let place = place(answeringTo: socket.streamID) else { continue }
            place.admit(socket)
        }
    }

    private func place(answeringTo streamID: String) -> SRTPlace? {
        places.withLock { places in
            places.first { $0.streamID == streamID } ?? places.first { $0.streamID == nil }
        }
    }

    /// A caller shakes hands, on libsrt's thread: 0 lets it in.
    private func greet(_ caller: SRTSOCKET, _ streamID: String) -> Int32 {
        guard let place = place(answeringTo: streamID) else {
            places.withLock { $0.forEach { place in place.state.withLock { $0.refusals += 1 } } }
            return refuse(caller, SRT_REJX_NOTFOUND)
        }
        let isGroup = SRTSocket.wishesGroup(caller)
        guard place.acceptsGroups || !isGroup else {
            place.state.withLock { $0.refusals += 1 }
            return refuse(caller, SRT_REJX_UNACCEPTABLE)
        }
        guard place.hasRoom(forGroup: isGroup) else {
            place.state.withLock { $0.refusals += 1 }
            return refuse(caller, SRT_REJX_CONFLICT)
        }
        if let passphrase = place.passphrase {
            let bytes = Array(passphrase.utf8)
            guard srt_setsockflag(caller, SRTO_PASSPHRASE, bytes, Int32(bytes.count)) == 0 else {
                return refuse(caller, SRT_REJX_UNAUTHORIZED)
            }
        }
        return 0
    }

    private func refuse(_ caller: SRTSOCKET, _ reason: Int32) -> Int32 {
        srt_setrejectreason(caller, reason)
        return -1
    }
}
