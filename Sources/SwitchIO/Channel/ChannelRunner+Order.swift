// What an operator asks of a running channel, by the names that the operator knows. Names are
// looked up on the channel's loop: a reload may change them.

import NIOCore
import SwitchEngine

/// An operator's wish.
public enum Order: Sendable, Equatable {
    /// To an input now, or at a time; and to stay there.
    case switchTo(String, at: MonotonicInstant?, holds: Bool)
    /// Stay on the input on air, whatever happens.
    case hold
    case release
    /// No switch at a time any more.
    case clearSchedule
}

/// Why an order was not taken.
public struct OrderRefusal: Error, CustomStringConvertible, Sendable, Equatable {
    public var description: String

    public init(_ description: String) { self.description = description }
}

extension ChannelRunner {
    /// Hands the engine a wish. Succeeds when it is taken, which for a switch is not yet a seam;
    /// fails with an `OrderRefusal`.
    public func perform(_ order: Order) -> EventLoopFuture<Void> {
        loop.submit {
            let command = try self.command(for: order)
            for event in self.engine.takeEvents() { self.take(event) }
            self.engine.command(command, at: HostClock.now)
            var refusal: String?
            for event in self.engine.takeEvents() {
                if case .refused(let why, _) = event { refusal = why }
                self.take(event)
            }
            // Who asks next sees it.
            self.publish(at: HostClock.now)
            if let refusal { throw OrderRefusal(refusal) }
        }
    }

    private func command(for order: Order) throws(OrderRefusal) -> Command {
        switch order {
        case .switchTo(let wanted, let time, let holds):
            let names = plan.engine.inputs.map(\.name)
            guard let index = names.firstIndex(of: wanted) else {
                throw OrderRefusal(
                    "channel \(name) has no input \(ShownText(wanted)); allowed: "
                        + names.joined(separator: ", "))
            }
            return .switchTo(InputID(index), at: time, holds: holds)
        case .hold:
            guard let onAir = engine.onAir else {
                throw OrderRefusal("channel \(name) is not on the air yet")
            }
            return .hold(onAir)
        case .release:
            guard engine.status.held != nil else {
                throw OrderRefusal("channel \(name) holds no input")
            }
            return .release
        case .clearSchedule: return .clearSchedule
        }
    }
}
