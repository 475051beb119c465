// Ends a connection whose reader takes nothing for a while: it holds memory and a place.

import NIOCore

final class StallGuard: ChannelOutboundHandler, RemovableChannelHandler {
    // Passes what it is given, whatever that is.
    typealias OutboundIn = Never

    private let patience: TimeAmount
    private let tally: WebTally
    private var waiting = 0
    private var progress = NIODeadline.distantPast
    private var alarm: Scheduled<Void>?

    init(patience: TimeAmount, tally: WebTally = WebTally()) {
        self.patience = patience
        self.tally = tally
    }

    func handlerAdded(context: ChannelHandlerContext) { tally.note { $0.readers += 1 } }

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        let promise = promise ?? context.eventLoop.makePromise()
        let loop = context.eventLoop
        if waiting == 0 { progress = loop.now }
        waiting += 1
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.waiting -= 1
            self.progress = loop.now
        }
        if alarm == nil { watch(context) }
        context.write(data, promise: promise)
    }

    private func watch(_ context: ChannelHandlerContext) {
        alarm = context.eventLoop.assumeIsolated().scheduleTask(deadline: progress + patience) {
            self.alarm = nil
            guard self.waiting > 0 else { return }
            if self.progress + self.patience <= context.eventLoop.now {
                self.tally.note { $0.cutOff += 1 }
                context.close(promise: nil)
            } else {
                self.watch(context)
            }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm?.cancel()
        tally.note { $0.readers -= 1 }
    }
}
