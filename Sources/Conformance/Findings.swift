// Where and when something was found, and the book that it is written in.

import TransportStream

/// A place in the input.
struct Position: Sendable {
    /// Transport packets before this one.
    var packet: Int64 = 0
    /// Bytes of the input before the packet's sync byte.
    var byteOffset: Int64 = 0
    /// Bytes inside the packet, 0 ... 187.
    var inside: Int64 = 0

    /// i of 13818-1 §2.4.2.2: counts bytes of transport packets, neither garbage nor trailers.
    var transportByte: Int64 { packet &* 188 &+ inside }
}

/// Where something was seen first.
public struct Place: Sendable, Equatable {
    /// Index of the transport packet, from 0.
    public var packet: Int64
    /// Byte of the input that the packet begins at.
    public var byteOffset: Int64
    /// 27 MHz ticks since the first PCR of the programme (negative before it); nil without PCR.
    public var elapsedTicks: Int64?
}

/// A hole or an overlap in the presentation of one stream.
public struct TimingEvent: Sendable, Equatable {
    public enum Kind: String, Sendable { case gap, overlap, uneven, drift }
    public var kind: Kind
    public var pid: PID
    public var place: Place
    /// PTS that the event comes at, 90 kHz, 0 ..< 2^33.
    public var pts: Int64
    /// How far the PTS is from the one expected, in 90 kHz ticks; negative for an overlap.
    public var deviationTicks: Int64
    /// Whole frames missing (positive) or too many (negative).
    public var frames: Int64
    /// A gap that the least loss of a seam explains: listed, but no breach of law 4.
    public var isTolerated: Bool
}

/// Takes down what the judges see. It holds the clock, because every finding wants its time.
struct Findings: Sendable {
    var here = Position()
    var clock = TransportClock()
    private(set) var breaches: [BreachRecord] = []
    private(set) var indicators = IndicatorTable()
    private(set) var timingEvents: [TimingEvent] = []
    private(set) var timingEventCount: Int64 = 0
    /// Things that learn their time at the next PCR.
    var timed: [TimedEvent] = []

    init() { timed.reserveCapacity(SizeLimit.timedEvents) }

    func place(_ position: Position) -> Place {
        Place(
            packet: position.packet, byteOffset: position.byteOffset,
            elapsedTicks: clock.estimate(at: position.transportByte)?.elapsed)
    }

    /// A law is broken here.
    /// - Parameter value: the number that the sentence of the rule tells, in the rule's own unit.
    mutating func breach(_ rule: Rule, pid: PID?, value: Int64 = 0, at position: Position? = nil) {
        if let index = breaches.firstIndex(where: { $0.rule == rule && $0.pid == pid }) {
            breaches[index].count &+= 1
            if value.magnitude > breaches[index].worst.magnitude { breaches[index].worst = value }
            return
        }
        guard breaches.count < SizeLimit.breaches else { return }
        breaches.append(
            BreachRecord(
                rule: rule, pid: pid, count: 1, first: place(position ?? here), value: value,
                worst: value))
    }

    /// A TR 101 290 counter goes up.
    mutating func count(_ indicator: Indicator, pid: PID?, at position: Position? = nil) {
        if indicators.bump(indicator) {
            indicators.setFirst(indicator, place: place(position ?? here), pid: pid)
        }
    }

    /// Something here, or at an earlier place, wants to know its time.
    mutating func schedule(_ kind: TimedEvent.Kind, at position: Position? = nil) {
        guard timed.count < SizeLimit.timedEvents else { return }
        timed.append(TimedEvent(kind: kind, position: position ?? here))
    }

    mutating func timing(_ event: TimingEvent) {
        timingEventCount &+= 1
        if timingEvents.count < SizeLimit.timingEvents { timingEvents.append(event) }
    }
}

/// One kind of breach on one PID.
struct BreachRecord: Sendable {
    var rule: Rule
    var pid: PID?
    var count: Int64
    var first: Place
    var value: Int64
    var worst: Int64
}

/// Something whose transport time is known only when the next PCR has come.
struct TimedEvent: Sendable {
    enum Kind: Sendable {
        /// A section of the PAT.
        case association
        /// A PMT section on the section PID with this index.
        case programMap(Int)
        /// A PMT section of the programme that is judged.
        case judgedProgramMap
        /// A PTS, 90 kHz unwrapped, of the stream with this index.
        case presentation(stream: Int, stamp: Int64)
        /// The last byte of an access unit with this DTS, 90 kHz unwrapped.
        case unitEnd(stream: Int, decoding: Int64)
    }
    var kind: Kind
    var position: Position
}

/// Smallest, greatest and mean of a measured value.
public struct Tally: Sendable, Equatable {
    public private(set) var count: Int64 = 0
    public private(set) var minimum: Int64 = 0
    public private(set) var maximum: Int64 = 0
    private var sum: Int64 = 0

    mutating func add(_ value: Int64) {
        minimum = count == 0 ? value : Swift.min(minimum, value)
        maximum = count == 0 ? value : Swift.max(maximum, value)
        // 2^63 ticks of 27 MHz last for 10^10 access units of half a minute each.
        sum = sum &+ value
        count &+= 1
    }

    /// Rounded to the nearest; 0 while nothing was measured.
    public var mean: Int64 { count == 0 ? 0 : sum.roundedDivision(by: count) }
}
