// An output as its channel's loop sees it: it is handed datagrams when they are due, and takes them
// at once or not at all. A slow one loses, alone.

import SwitchEngine

/// What the operator may know of an output.
public struct OutputFacts: Sendable, Equatable {
    public var datagrams: Int64 = 0
    public var bytes: Int64 = 0
    /// Datagrams that could not be taken.
    public var dropped: Int64 = 0
    /// Readers connected; 1 for what has no readers.
    public var readers = 1
    /// Readers that there was no room for.
    public var refusals: Int64 = 0
    public var lastError: String?
    /// Of an output that a media process writes.
    public var media: MediaFacts?
    /// What is wrong now, and mends itself; nil where nothing is.
    public var trouble: String?
}

/// Seven transport packets, or the last ones of a stream, that are due.
struct DueDatagram {
    /// RTP header of this datagram: the same for all outputs, so that two of them are the two legs
    /// of ST 2022-7.
    var sequence: UInt16
    /// 90 kHz.
    var timestamp: UInt32
}

protocol Output: AnyObject {
    var facts: OutputFacts { get }
    func send(_ packets: Span<UInt8>, _ datagram: DueDatagram)
    /// Nothing more is due now: what was kept to be sent together leaves.
    func flush()
    /// Something happened to the stream, for who keeps a record.
    func note(_ mark: OutputMark)
    /// Looks after connections; called on each tick of the channel.
    func poll(at now: MonotonicInstant)
    /// How long what was sent last is on its way, nanoseconds: the channel ends after that.
    var lingering: Int64 { get }
    /// Never waits.
    /// - Parameter done: called when all that was taken has left, on any thread.
    func close(_ done: @escaping @Sendable () -> Void)
}

extension Output {
    func flush() {}
    func note(_ mark: OutputMark) {}
    func poll(at now: MonotonicInstant) {}
    var lingering: Int64 { 0 }
    func close() { close {} }
}
