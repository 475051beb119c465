// How many may be connected by HTTP. There are never more than the process has descriptors for
// beside what its channels need: where one more comes, the oldest that is not being answered goes;
// where all are, the new one is told to come again.

import HTTPTypes
import NIOCore
import NIOHTTPTypes
import SwitchIO

/// The connections of one server, the oldest first.
final class WebGuests: @unchecked Sendable {
    // Unchecked: touched on the server's only loop.

    /// Those that are sent away and have not read it yet.
    private static let mostLeaving = 32

    private let most: Int
    private let tally: WebTally
    private let hasRoom: () -> Bool
    private var guests: [WebGuest] = []
    private var leaving = 0

    enum Admission { case admitted, refused, unheard }

    /// - Parameters:
    ///   - most: connections at a time.
    ///   - hasRoom: whether the process has a descriptor for one that has come.
    init(
        most: Int, tally: WebTally,
        hasRoom: @escaping () -> Bool = { FileDescriptors.hasRoomForGuests }
    ) {
        self.most = most
        self.tally = tally
        self.hasRoom = hasRoom
    }

    func admit(_ guest: WebGuest) -> Admission {
        if guests.count + leaving >= most || !hasRoom() {
            guard let idle = guests.firstIndex(where: { !$0.isBeingAnswered }) else {
                tally.note { $0.refused += 1 }
                guard leaving < WebGuests.mostLeaving, hasRoom() else { return .unheard }
                leaving += 1
                return .refused
            }
            tally.note { $0.displaced += 1 }
            guests.remove(at: idle).close()
        }
        guests.append(guest)
        return .admitted
    }

    func dismiss(_ guest: WebGuest) { guests.removeAll { $0 === guest } }

    /// One that was refused is gone.
    func dismissRefused() { leaving -= 1 }
}

/// One connection, between HTTP's codec and what answers.
final class WebGuest: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Who is refused has so long to read it.
    private static let farewell = TimeAmount.milliseconds(500)

    private enum State {
        case waiting
        case admitted(context: ChannelHandlerContext, unanswered: Int)
        case refused
        case closed
    }

    private let guests: WebGuests
    private var state = State.waiting

    init(of guests: WebGuests) { self.guests = guests }

    /// A request has come whose answer has not been given in full.
    var isBeingAnswered: Bool {
        if case .admitted(_, let unanswered) = state { unanswered > 0 } else { false }
    }

    func close() {
        if case .admitted(let context, _) = state { context.close(promise: nil) }
    }

    func channelActive(context: ChannelHandlerContext) {
        switch guests.admit(self) {
        case .admitted:
            state = .admitted(context: context, unanswered: 0)
        case .refused:
            state = .refused
            refuse(context)
        case .unheard:
            state = .closed
            return context.close(promise: nil)
        }
        context.fireChannelActive()
    }

    private func refuse(_ context: ChannelHandlerContext) {
        let answer = HTTPResponse(
            status: .serviceUnavailable,
            headerFields: [.connection: "close", .contentLength: "0", .retryAfter: "1"])
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // To close at once would be a reset where a request is under way, and lose the answer.
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: WebGuest.farewell) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .admitted(let own, var unanswered) = state else { return }
        if case .head = unwrapInboundIn(data) { unanswered += 1 }
        state = .admitted(context: own, unanswered: unanswered)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .admitted(let own, let unanswered) = state,
            case .end = unwrapOutboundIn(data)
        {
            state = .admitted(context: own, unanswered: max(0, unanswered - 1))
        }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        switch state {
        case .admitted: guests.dismiss(self)
        case .refused: guests.dismissRefused()
        case .waiting, .closed: break
        }
        state = .closed
    }
}
