// One publisher's connection: bytes to its session, what the session tells to its place. It has a
// limited time to say which stream it brings, and may not fall silent for long.

import NIOCore
import RTMP
import SwitchEngine

final class RTMPConnection: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: touched on the servers' only loop.
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Handshake and commands have to be here after so long.
    static let patience = TimeAmount.seconds(10)
    /// A publisher that sends nothing for so long is gone.
    static let silence = TimeAmount.seconds(30)

    private enum State {
        case greeting
        case publishing(RTMPPlace, Publication)
        case closed
    }

    private let server: RTMPServer
    private let channel: any Channel
    private let peer: String
    private var session: ServerSession
    private var state = State.greeting
    private var alarm: Scheduled<Void>?
    private var lastRead = NIODeadline.now()

    init(to server: RTMPServer, on channel: any Channel) {
        self.server = server
        self.channel = channel
        peer = channel.remoteAddress?.ipAddress ?? "a stranger"
        session = ServerSession(seed: .random(in: .min ... .max))
    }

    /// Whom the server has no room for is not watched.
    func handlerAdded(context: ChannelHandlerContext) { watch(for: RTMPConnection.patience) }

    var isPublishing: Bool { if case .publishing = state { true } else { false } }

    func publishes(at place: RTMPPlace) -> Bool {
        if case .publishing(let own, _) = state { own === place } else { false }
    }

    func close() { channel.close(promise: nil) }

    // MARK: Time

    private func watch(for time: TimeAmount) {
        alarm?.cancel()
        alarm = channel.eventLoop.scheduleTask(in: time) { self.judgeSilence() }
    }

    private func judgeSilence() {
        guard isPublishing else {
            server.note("\(peer) did not say in time what it publishes", at: nil)
            return leave(because: nil)
        }
        let quiet = NIODeadline.now() - lastRead
        guard quiet >= RTMPConnection.silence else {
            return watch(for: RTMPConnection.silence - quiet)
        }
        leave(because: "the publisher fell silent")
    }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if case .closed = state { return }
        lastRead = .now()
        let now = HostClock.now
        let bytes = buffer.readBytes(length: buffer.readableBytes) ?? []
        var media: [MediaMessage] = []
        var position = 0
        while let event = session.next(bytes.span, from: &position) {
            switch event {
            case .media(let message): media.append(message)
            case .publish(let path): answer(path, at: now)
            case .unpublish:
                deliver(media, at: now)
                media.removeAll()
                vacate(because: "the publisher has ended")
                watch(for: RTMPConnection.patience)
            case .fault(let fault):
                deliver(media, at: now)
                fail(fault)
                media.removeAll()
            }
        }
        deliver(media, at: now)
        send()
    }

    private func send() {
        let output = session.takeOutput()
        guard !output.isEmpty else { return }
        // Who does not read what little we say is not an encoder.
        guard channel.isWritable else { return leave(because: "the publisher does not read") }
        channel.writeAndFlush(ByteBuffer(bytes: output), promise: nil)
    }

    // MARK: Places

    private func answer(_ wish: StreamPath, at now: MonotonicInstant) {
        guard let place = server.place(answeringTo: wish) else {
            server.countRefusal()
            return refuse(.unknown, "no link has that stream key", at: nil)
        }
        switch place.admit(ObjectIdentifier(self), at: now.nanoseconds) {
        case .refused: return refuse(.taken, "somebody publishes that stream key", at: place)
        case .admitted(let before): if let before { server.close(before) }
        }
        session.accept()
        state = .publishing(place, Publication())
        watch(for: RTMPConnection.silence)
    }

    /// - Parameter place: where it is told; nil for any of the port's.
    private func refuse(_ refusal: Refusal, _ why: String, at place: RTMPPlace?) {
        server.note("refused a publisher from \(peer): \(why)", at: place)
        session.refuse(refusal)
        endSoon()
    }

    private func deliver(_ messages: [MediaMessage], at now: MonotonicInstant) {
        guard !messages.isEmpty, case .publishing(let place, var publication) = state else {
            return
        }
        // Moved out, so that it is not copied when it changes.
        state = .greeting
        guard place.isHeld(by: ObjectIdentifier(self)) else {
            state = .closed
            return close()
        }
        place.take(messages, of: &publication, at: now)
        for complaint in publication.takeComplaints() {
            server.note("the publisher from \(peer): \(complaint)", at: place)
        }
        state = .publishing(place, publication)
    }

    private func fail(_ fault: ProtocolFault) {
        server.note("sent \(peer) away: \(fault)", at: nil)
        if case .publishing(let place, _) = state { place.countRefusal() } else {
            server.countRefusal()
        }
        vacate(because: "\(fault)")
        endSoon()
    }

    /// Closes when what there is to say has been said.
    private func endSoon() {
        send()
        state = .closed
        let channel = channel
        channel.eventLoop.scheduleTask(in: .milliseconds(100)) { channel.close(promise: nil) }
    }

    private func leave(because reason: String?) {
        vacate(because: reason)
        state = .closed
        close()
    }

    private func vacate(because reason: String?) {
        if case .publishing(let place, _) = state {
            place.vacate(ObjectIdentifier(self), because: reason)
            state = .greeting
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        vacate(because: "the connection broke")
        state = .closed
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isPublishing { server.note("a connection from \(peer): \(error)", at: nil) }
        leave(because: "the connection broke")
    }
}
