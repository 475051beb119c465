// How a process and its channels are, as a document. Times are seconds, rates bits per second.

import Foundation
import SwitchEngine
import SwitchIO

public struct ProcessDocument: Codable, Sendable {
    public var process: Int32
    public var version: String
    public var channels: [ChannelDocument]
    /// Nil where nothing is served by HTTP.
    public var http: WebFacts?
    public var control: ControlFacts?

    public init(
        process: Int32, version: String, channels: [ChannelDocument], http: WebFacts? = nil,
        control: ControlFacts? = nil
    ) {
        self.process = process
        self.version = version
        self.channels = channels
        self.http = http
        self.control = control
    }
}

public struct ChannelDocument: Codable, Sendable {
    public struct Scheduled: Codable, Sendable {
        public var input: String
        public var reason: String
        public var at: String
    }

    public struct Pending: Codable, Sendable {
        /// Nil for the best there is.
        public var input: String?
        public var reason: String
    }

    public struct Seam: Codable, Sendable {
        public var at: String
        public var from: String
        public var to: String
        public var level: String
        public var reason: String
        public var framesLost: Int
        public var framesRepeated: Int
        public var why: String
    }

    public var name: String
    public var onAir: String?
    public var held: String?
    public var isInBreak: Bool
    public var isStandingStill: Bool
    public var pending: Pending?
    public var schedule: [Scheduled]
    /// How far the output runs behind.
    public var holdBack: Double
    /// How far it is to be.
    public var holdBackTarget: Double
    /// By level.
    public var seams: [String: Int64]
    public var lastSeam: Seam?
    public var damagedUnitsSent: Int64
    public var inputs: [InputDocument]
    public var outputs: [OutputDocument]
}

public struct InputDocument: Codable, Sendable {
    public var name: String
    public var isOnAir: Bool
    public var isSlate: Bool
    public var isUsable: Bool
    public var faults: [String]
    public var soundFor: Double?
    public var bitsPerSecond: Int64
    public var continuityErrors: Int64
    public var transportErrors: Int64
    public var damagedUnits: Int64
    /// Single time stamps that could not be true, and were written anew.
    public var wrongTimestamps: Int64
    /// How much later its content is stamped than that of the input on air; nil where not known.
    public var skew: Double?
    public var alignment: String?
    public var program: UInt16?
    public var codecs: [String]
    public var links: [LinkDocument]
}

public struct LinkDocument: Codable, Sendable {
    public struct SRT: Codable, Sendable {
        public var roundTripMilliseconds: Double
        public var lost: Int64
        public var retransmitted: Int64
        public var dropped: Int64
        public var megabitsPerSecond: Double
        /// Those of a socket group.
        public var paths: [Path]
    }

    /// One path of a socket group.
    public struct Path: Codable, Sendable {
        public var peer: String
        public var state: String
        public var roundTripMilliseconds: Double
        public var lost: Int64
    }

    /// What a bond makes of the link, in packets.
    public struct Bond: Codable, Sendable {
        /// What it brings goes out.
        public var isInUse: Bool
        public var packets: Int64
        public var lost: Int64
        public var late: Int64
        public var setAside: Int64
        public var mismatched: Int64
    }

    public var state: String
    public var datagrams: Int64
    public var bytes: Int64
    public var connections: Int64
    public var refusals: Int64
    /// Datagrams of others than the sender.
    public var strays: Int64
    /// Whose datagrams are taken, on a UDP port.
    public var sender: String?
    public var lastError: String?
    public var srt: SRT?
    public var bond: Bond
}

public struct OutputDocument: Codable, Sendable {
    public var name: String
    public var datagrams: Int64
    public var bytes: Int64
    public var dropped: Int64
    public var readers: Int
    /// Readers that there was no room for.
    public var refusals: Int64
    /// What is wrong now.
    public var trouble: String?
    public var lastError: String?
    /// Where a media process writes to, and how often it had to be started again.
    public var media: Media?

    public struct Media: Codable, Sendable {
        public var state: String
        public var place: String
        public var restarts: Int64
    }
}

extension ChannelDocument {
    public init(_ report: ChannelReport) {
        let state = report.engine
        func name(_ input: InputID) -> String {
            guard let inputs = state?.inputs, inputs.indices.contains(input.index) else {
                return "?"
            }
            return inputs[input.index].name
        }
        func time(_ instant: MonotonicInstant) -> String {
            WallClockValue(nanoseconds: HostClock.wallClock(of: instant)).text
        }
        self.name = report.name
        onAir = report.onAir
        held = state?.held.map(name)
        isInBreak = state?.isInBreak ?? false
        isStandingStill = state?.isStandingStill ?? false
        pending = state?.pending.map {
            Pending(input: $0.target.map(name), reason: $0.reason.rawValue)
        }
        schedule = (state?.appointments ?? []).map {
            Scheduled(input: name($0.target), reason: $0.reason.rawValue, at: time($0.time))
        }
        holdBack = seconds(state?.holdBack ?? 0)
        holdBackTarget = seconds(state?.holdBackTarget ?? 0)
        seams = Dictionary(
            uniqueKeysWithValues: (state?.seams ?? [:]).map { ($0.key.rawValue, $0.value) })
        if let seam = report.lastSeam, let way = report.lastWay {
            lastSeam = Seam(
                at: time(seam.time), from: way.from, to: way.to, level: seam.level.rawValue,
                reason: seam.reason.rawValue, framesLost: seam.framesLost,
                framesRepeated: seam.framesRepeated, why: seam.why)
        }
        damagedUnitsSent = state?.damagedUnitsSent ?? 0
        inputs = report.inputs.map { InputDocument($0) }
        outputs = report.outputs.map {
            OutputDocument(
                name: $0.name, datagrams: $0.facts.datagrams, bytes: $0.facts.bytes,
                dropped: $0.facts.dropped, readers: $0.facts.readers,
                refusals: $0.facts.refusals, trouble: $0.facts.trouble,
                lastError: $0.facts.lastError,
                media: $0.facts.media.map {
                    OutputDocument.Media(
                        state: $0.state.rawValue, place: $0.place, restarts: $0.restarts)
                })
        }
    }
}

extension InputDocument {
    init(_ report: InputReport) {
        let status = report.status
        name = status.name
        isOnAir = report.isOnAir
        isSlate = status.isSlate
        isUsable = status.isUsable
        faults = status.faults.map(\.rawValue)
        soundFor = status.soundFor.map(seconds)
        bitsPerSecond = status.bitsPerSecond
        continuityErrors = status.continuityErrors
        transportErrors = status.transportErrors
        damagedUnits = status.damagedUnits
        wrongTimestamps = status.wrongTimestamps
        skew = status.skew.map { Double(-$0) / 90_000 }
        alignment = status.alignment?.rawValue
        program = status.program
        codecs = status.codecs
        links = report.links.map { LinkDocument($0) }
    }
}

extension LinkDocument {
    init(_ facts: LinkFacts) {
        state = facts.state.rawValue
        datagrams = facts.datagrams
        bytes = facts.bytes
        connections = facts.connections
        refusals = facts.refusals
        strays = facts.strays
        sender = facts.sender
        bond = Bond(
            isInUse: facts.bond.isInUse, packets: facts.bond.packets, lost: facts.bond.lost,
            late: facts.bond.late, setAside: facts.bond.setAside,
            mismatched: facts.bond.mismatched)
        lastError = facts.lastError
        srt = facts.srt.map {
            SRT(
                roundTripMilliseconds: $0.roundTripMilliseconds, lost: $0.lostPackets,
                retransmitted: $0.retransmittedPackets, dropped: $0.droppedPackets,
                megabitsPerSecond: $0.megabitsPerSecond,
                paths: $0.paths.map {
                    Path(
                        peer: $0.peer, state: $0.state.rawValue,
                        roundTripMilliseconds: $0.roundTripMilliseconds, lost: $0.lostPackets)
                })
        }
    }
}

private func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e9 }
