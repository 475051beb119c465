// How many read by HTTP: counted on the server's loop, told on any thread.

import Synchronization

/// Readers of a process by HTTP, for the status.
public struct WebFacts: Codable, Sendable, Equatable {
    /// Connections that there are.
    public var readers = 0
    /// Those that were cut off since the begin, because they took nothing.
    public var cutOff = 0
    /// Those that said nothing and had to make room for others, since the begin.
    public var displaced = 0
    /// Those that there was no room for, since the begin.
    public var refused = 0

    public init(readers: Int = 0, cutOff: Int = 0, displaced: Int = 0, refused: Int = 0) {
        self.readers = readers
        self.cutOff = cutOff
        self.displaced = displaced
        self.refused = refused
    }
}

/// Facts that many connections write.
final class WebTally: Sendable {
    private let state = Mutex(WebFacts())

    var facts: WebFacts { state.withLock { $0 } }

    func note(_ change: (inout WebFacts) -> Void) { state.withLock { change(&$0) } }
}
