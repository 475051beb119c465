// Listens on the control socket, on a loop of its own: whatever comes there, no channel's loop has
// to do with it until a request has been read and found good.
//
// A connection brings one line and gets one. A longer line than any request, silence, or more
// connections than an operator has hands end the connection, the oldest first.

import Foundation
import Glibc
import NIOCore
import NIOPosix
import SwitchIO
import Synchronization

public final class ControlServer: Sendable {
    /// Bytes of a request.
    static let longestLine = 16 << 10
    /// Connections at a time, where descriptors are plenty.
    private static let mostConnections = 64
    /// A request has to be here after so long.
    static let patience = TimeAmount.seconds(5)

    public typealias Answer =
        @Sendable (ControlRequest, any EventLoop) -> EventLoopFuture<ControlReply>

    public let path: String
    private let loops: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// - Parameter tally: what the server counts.
    public init(
        path: String, tally: ControlTally = ControlTally(), answer: @escaping Answer
    ) throws(ControlFailure) {
        self.path = path
        let descriptor = try ControlSocket.listener(at: path)
        loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let guests = Guests(
            most: FileDescriptors.share(part: 8, most: ControlServer.mostConnections), tally: tally)
        do {
            channel = try ServerBootstrap(group: loops)
                .serverChannelOption(.backlog, value: 64)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guests.admit(channel)
                        try channel.pipeline.syncOperations.addHandler(ControlHandler(answer))
                    }
                }
                .withBoundSocket(descriptor).wait()
        } catch {
            unlink(path)
            throw ControlFailure("'\(path)': \(error)")
        }
    }

    /// Nobody answers any more, and the socket is gone.
    public func close() {
        unlink(path)
        try? channel.close().wait()
        try? loops.syncShutdownGracefully()
    }
}

/// What is told of the control socket.
public struct ControlFacts: Codable, Sendable, Equatable {
    /// Connections that said nothing and had to make room for others, since the begin.
    public var displaced = 0
}

/// Facts that the server writes, for whom it answers.
public final class ControlTally: Sendable {
    private let state = Mutex(ControlFacts())

    public init() {}

    public var facts: ControlFacts { state.withLock { $0 } }

    func noteDisplaced() { state.withLock { $0.displaced += 1 } }
}

/// Connections that are open, the oldest first.
private final class Guests: @unchecked Sendable {
    // Unchecked: touched on the server's only loop.
    private let most: Int
    private let tally: ControlTally
    private var channels: [any Channel] = []

    init(most: Int, tally: ControlTally) {
        self.most = most
        self.tally = tally
    }

    func admit(_ channel: any Channel) {
        if channels.count >= most || !channels.isEmpty && !FileDescriptors.hasRoomForGuests {
            tally.noteDisplaced()
            channels.removeFirst().close(promise: nil)
        }
        channels.append(channel)
        channel.closeFuture.whenComplete { _ in
            self.channels.removeAll { $0 === channel }
        }
    }
}

/// One connection: a line in, a line out.
private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case reading(ByteBuffer)
        case answering
    }

    private var state = State.reading(ByteBuffer())
    private let answer: ControlServer.Answer
    private var alarm: Scheduled<Void>?

    init(_ answer: @escaping ControlServer.Answer) { self.answer = answer }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        alarm = context.eventLoop.scheduleTask(in: ControlServer.patience) {
            channel.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .reading(var line) = state else { return }
        var piece = unwrapInboundIn(data)
        line.writeBuffer(&piece)
        if let end = line.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let bytes = Data(line.readableBytesView[..<end])
            return take(bytes, context)
        }
        guard line.readableBytes <= ControlServer.longestLine else {
            return reply(
                ControlReply(
                    error: "a line of more than \(ControlServer.longestLine) bytes; expected one "
                        + "request in a line"), context)
        }
        state = .reading(line)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Who says nothing more may have left out the end of the line.
        if case .reading(let line) = state, let event = event as? ChannelEvent,
            event == .inputClosed
        {
            guard line.readableBytes > 0 else { return context.close(promise: nil) }
            return take(Data(line.readableBytesView), context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func take(_ line: Data, _ context: ChannelHandlerContext) {
        do throws(ControlFailure) {
            guard line.count <= ControlServer.longestLine else {
                throw ControlFailure("a line of more than \(ControlServer.longestLine) bytes")
            }
            let request = try ControlRequest.read(line)
            state = .answering
            let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            answer(request, context.eventLoop).hop(to: context.eventLoop).whenComplete { result in
                let (handler, context) = own.value
                switch result {
                case .success(let reply): handler.reply(reply, context)
                case .failure(let error):
                    handler.reply(ControlReply(error: "\(error)"), context)
                }
            }
        } catch {
            reply(ControlReply(error: error.description), context)
        }
    }

    private func reply(_ reply: ControlReply, _ context: ChannelHandlerContext) {
        state = .answering
        let channel = context.channel
        let bytes = ByteBuffer(bytes: reply.line)
        context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
