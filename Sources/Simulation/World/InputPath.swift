// The way of one input's packets from its encoder to the engine: datagrams, network, faults. All
// chance comes from the seed, so one seed is one run.
//
//   SyntheticEncoder -> datagram -> faults of the moment -> arrival time -> engine

import SwitchEngine
import TransportStream

/// Something that goes wrong with one input for a while.
public struct Episode: Sendable {
    public enum Kind: Sendable, Equatable {
        /// A share of the datagrams is lost, in parts of a million.
        case loss(perMillion: Int)
        case duplication(perMillion: Int)
        /// Datagrams come up to 40 ms late, behind others.
        case reordering(perMillion: Int)
        /// Bits are flipped.
        case corruption(perMillion: Int)
        /// Datagrams lose their last bytes.
        case truncation(perMillion: Int)
        /// Bytes that are in no packet.
        case garbage(perMillion: Int)
        /// Datagrams are held and come in a burst at the end.
        case clog
        /// Nothing arrives.
        case vanish
        /// The encoder is switched off and on again; a new base (27 MHz) and other PIDs where told.
        case restart(base: Int64?, movesPIDs: Bool)
        case videoLoss
        case audioLoss
        /// Packets come without PCR.
        case clockStall
        /// The PAT, or the PMT, does not come.
        case associationLoss
        case mapLoss
        /// Packets of sound and pictures say that they are scrambled.
        case scrambling
        /// A share of the packets has transport_error_indicator set, in parts of a million.
        case errorIndicators(perMillion: Int)
        /// Only null packets come.
        case nulls
        /// The PCR alone jumps by ticks of 27 MHz, and back at the end; PTS and DTS go on.
        case clockJump(by: Int64)
        /// PTS and DTS jump by ticks of 90 kHz, and back at the end; the PCR goes on.
        case stampJump(by: Int64)
        /// The first stamp of a kind is off by ticks of 27 MHz; all others are right.
        case wrongStamp(Stamp, by: Int64)
    }

    /// A stamp that can be wrong.
    public enum Stamp: String, Sendable, CaseIterable {
        case videoPresentation, videoDecoding, audioPresentation, dataPresentation, clock
    }
    public var kind: Kind
    /// Host time, nanoseconds.
    public var start: Int64
    public var end: Int64

    public init(_ kind: Kind, from start: Int64, to end: Int64) {
        self.kind = kind
        self.start = start
        self.end = end
    }
}

/// One input of a world.
public struct InputPlan: Sendable {
    public var profile: EncoderProfile
    /// Host nanoseconds at which the encoder is switched on.
    public var start: Int64 = 0
    /// Network delay and its greatest variation, nanoseconds.
    public var delay: Int64 = 20_000_000
    public var jitter: Int64 = 0
    /// By how much the source's clock is slow against the host's, parts of 10^9.
    public var drift: Int64 = 0
    public var datagramPackets = 7
    public var episodes: [Episode] = []

    public init(_ profile: EncoderProfile) { self.profile = profile }

    /// When what leaves the encoder at a source time is here if nothing holds it up, host
    /// nanoseconds.
    func arrival(of source: Int64) -> Int64 {
        let ticks = source - InputPath.origin
        return (ticks + ticks.scaled(by: drift, over: 1_000_000_000))
            .scaled(by: 1_000, over: 27) + delay
    }
}

/// Delivers the datagrams of one input.
struct InputPath {
    /// Source time at host time 0, 27 MHz ticks: content indices are far from 0.
    static let origin: Int64 = 1_000 * StreamTime.ticksPerSecond

    struct Datagram {
        var arrival: Int64
        var bytes: [UInt8]
    }

    let plan: InputPlan
    private let number: Int
    private let end: Int64
    private var chance: SeededGenerator
    private(set) var encoder: SyntheticEncoder
    /// All lives so far.
    private(set) var lives: [SyntheticEncoder] = []
    private var restarts: [Episode]
    /// Episodes whose one stamp has been sent.
    private var wrongStamps: Set<Int> = []
    /// From the first episode's start to the last one's end.
    private let troubled: Range<Int64>
    private var pending: [Datagram] = []
    private var pendingFirst = 0
    /// No datagram that is still to be made arrives before this.
    private var horizon: Int64 = 0
    private var lastArrival: Int64 = 0
    private var isOver = false

    /// - Parameter end: host nanoseconds at which the input ends.
    init(_ plan: InputPlan, number: Int, end: Int64, chance: SeededGenerator) {
        self.plan = plan
        self.number = number
        self.end = end
        self.chance = chance
        encoder = SyntheticEncoder(
            plan.profile, life: UInt8(number * 16),
            start: InputPath.sourceTime(plan.start, drift: plan.drift))
        lives = [encoder]
        let first = plan.episodes.map(\.start).min() ?? 0
        troubled = first..<max(first, plan.episodes.map(\.end).max() ?? 0)
        restarts = plan.episodes.filter { if case .restart = $0.kind { true } else { false } }
            .sorted { $0.start < $1.start }
    }

    private static func sourceTime(_ host: Int64, drift: Int64) -> Int64 {
        let ticks = host.scaled(by: 27, over: 1_000)
        return origin + ticks - ticks.scaled(by: drift, over: 1_000_000_000)
    }

    /// Arrival of the next datagram, host nanoseconds; nil at the end.
    var nextArrival: Int64? {
        mutating get {
            fill()
            return pendingFirst < pending.count ? pending[pendingFirst].arrival : nil
        }
    }

    /// Takes the next datagram.
    mutating func take() -> Datagram? {
        fill()
        guard pendingFirst < pending.count else { return nil }
        let result = pending[pendingFirst]
        pendingFirst += 1
        if pendingFirst > 256 {
            pending.removeFirst(pendingFirst)
            pendingFirst = 0
        }
        return result
    }

    private mutating func fill() {
        while !isOver, pendingFirst == pending.count || pending[pendingFirst].arrival > horizon {
            makeDatagram()
        }
    }

    // MARK: Datagrams

    private mutating func makeDatagram() {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(plan.datagramPackets * Packet.size)
        var time: Int64 = 0
        for _ in 0..<plan.datagramPackets {
            time = plan.arrival(of: encoder.next(into: &bytes))
            if restart(at: time) {
                bytes.removeAll(keepingCapacity: true)
                return
            }
            guard troubled.contains(time) else { continue }
            alter(&bytes, packetAt: bytes.count - Packet.size, time)
            if bytes.count >= Packet.size {
                mark(&bytes, packetAt: bytes.count - Packet.size, time)
            }
        }
        horizon = time
        guard time < end else {
            isOver = true
            return
        }
        for fate in damage(&bytes, time) { insert(bytes, fate) }
    }

    private mutating func restart(at time: Int64) -> Bool {
        guard let episode = restarts.first, time >= episode.start,
            case .restart(let base, let movesPIDs) = episode.kind
        else { return false }
        restarts.removeFirst()
        var profile = encoder.profile
        if let base { profile.base = base }
        if movesPIDs {
            profile.videoPID = PID(profile.videoPID.rawValue + 32)
            profile.audioPID = PID(profile.audioPID.rawValue + 32)
            profile.ownClockPID = PID(profile.ownClockPID.rawValue + 32)
            profile.secondAudioPID = PID(profile.secondAudioPID.rawValue + 32)
        }
        encoder = SyntheticEncoder(
            profile, life: encoder.life + 1,
            start: InputPath.sourceTime(episode.end - plan.delay, drift: plan.drift))
        lives.append(encoder)
        return true
    }

    /// Faults that work on packets.
    private mutating func alter(_ bytes: inout [UInt8], packetAt at: Int, _ time: Int64) {
        for (number, episode) in plan.episodes.enumerated()
        where episode.start <= time && time < episode.end {
            guard let header = PacketHeader(bytes.span, at: at) else { return }
            switch episode.kind {
            case .videoLoss where header.pid == encoder.profile.videoPID,
                .audioLoss
            where [encoder.profile.audioPID, encoder.profile.secondAudioPID].contains(header.pid),
                .associationLoss where header.pid == .pat,
                .mapLoss where header.pid == encoder.profile.mapPID:
                bytes.removeLast(Packet.size)
                return
            case .clockStall where header.clockReference != nil:
                guard header.hasPayload else {
                    bytes.removeLast(Packet.size)
                    return
                }
                var span = bytes.mutableSpan
                PacketWriter.removeClock(in: &span, at: at)
            case .clockJump(let ticks):
                guard let clock = header.clockReference else { continue }
                var span = bytes.mutableSpan
                PacketWriter.setClock(
                    ClockReference(wrapping: clock.ticks + ticks), in: &span, at: at)
            case .stampJump(let ticks): moveStamps(&bytes, at, header, by: ticks)
            case .wrongStamp(let stamp, let ticks) where !wrongStamps.contains(number):
                if spoil(stamp, &bytes, at, header, by: ticks) { wrongStamps.insert(number) }
            default: break
            }
        }
    }

    /// Faults that packets tell of themselves.
    private mutating func mark(_ bytes: inout [UInt8], packetAt at: Int, _ time: Int64) {
        for episode in plan.episodes where episode.start <= time && time < episode.end {
            guard let header = PacketHeader(bytes.span, at: at) else { return }
            switch episode.kind {
            case .scrambling
            where [encoder.profile.videoPID, encoder.profile.audioPID].contains(header.pid):
                bytes[at + 3] |= 0x80
            case .errorIndicators(let share) where chance.happens(perMillion: share):
                bytes[at + 1] |= 0x80
            case .nulls:
                bytes[at + 1] = 0x1F
                bytes[at + 2] = 0xFF
                bytes[at + 3] = 0x10
            default: break
            }
        }
    }

    private func moveStamps(
        _ bytes: inout [UInt8], _ at: Int, _ header: PacketHeader, by ticks: Int64
    ) {
        let profile = encoder.profile
        let start = at + Int(header.payloadOffset)
        guard header.startsUnit,
            [profile.videoPID, profile.audioPID, profile.dataPID, profile.secondAudioPID]
                .contains(header.pid),
            case .header(let pes) = PESHeader.read(bytes.span, from: start, to: at + Packet.size)
        else { return }
        var span = bytes.mutableSpan
        PESHeader.shift(by: ticks, in: &span, at: start, header: pes)
    }

    /// Makes one stamp wrong; false where the packet has none of the kind.
    private func spoil(
        _ stamp: Episode.Stamp, _ bytes: inout [UInt8], _ at: Int, _ header: PacketHeader,
        by ticks: Int64
    ) -> Bool {
        if stamp == .clock {
            guard let clock = header.clockReference else { return false }
            var span = bytes.mutableSpan
            PacketWriter.setClock(
                ClockReference(wrapping: clock.ticks &+ ticks), in: &span, at: at)
            return true
        }
        let profile = encoder.profile
        let pid = switch stamp {
        case .audioPresentation: profile.audioPID
        case .dataPresentation: profile.dataPID
        default: profile.videoPID
        }
        let start = at + Int(header.payloadOffset)
        guard header.startsUnit, header.pid == pid,
            case .header(let pes) = PESHeader.read(bytes.span, from: start, to: at + Packet.size),
            let old = stamp == .videoDecoding ? pes.decoding : pes.presentation
        else { return false }
        let wrong = Timestamp(
            wrapping: old.ticks &+ ticks / StreamTime.ticksPerTimestampTick)
        var span = bytes.mutableSpan
        PESHeader.write(wrong, in: &span, at: start + (stamp == .videoDecoding ? 14 : 9))
        return true
    }

    /// Faults that work on datagrams; gives the arrival times, none where it is lost.
    private mutating func damage(_ bytes: inout [UInt8], _ time: Int64) -> [Int64] {
        var arrival = time + (plan.jitter > 0 ? Int64(chance.next() % UInt64(plan.jitter)) : 0)
        var isReordered = false
        var copies = 1
        for episode in plan.episodes where episode.start <= time && time < episode.end {
            switch episode.kind {
            case .loss(let share): if chance.happens(perMillion: share) { copies = 0 }
            case .duplication(let share): if chance.happens(perMillion: share) { copies *= 2 }
            case .reordering(let share):
                guard chance.happens(perMillion: share) else { continue }
                isReordered = true
                arrival = time + Int64(chance.next() % 40_000_000)
            case .corruption(let share):
                guard chance.happens(perMillion: share), !bytes.isEmpty else { continue }
                for _ in 0..<(1 + chance.next() % 8) {
                    let place = Int(chance.next() % UInt64(bytes.count))
                    bytes[place] ^= 1 << UInt8(chance.next() & 7)
                }
            case .truncation(let share):
                guard chance.happens(perMillion: share), !bytes.isEmpty else { continue }
                bytes.removeLast(1 + Int(chance.next() % UInt64(bytes.count)))
            case .garbage(let share):
                guard chance.happens(perMillion: share) else { continue }
                for _ in 0..<(1 + chance.next() % 400) {
                    bytes.append(UInt8(truncatingIfNeeded: chance.next()))
                }
            case .clog: arrival = max(arrival, episode.end)
            case .vanish: copies = 0
            default: break
            }
        }
        guard copies > 0, !bytes.isEmpty else { return [] }
        if !isReordered {
            arrival = max(arrival, lastArrival)
            lastArrival = arrival
        }
        return [Int64](repeating: arrival, count: copies)
    }

    private mutating func insert(_ bytes: [UInt8], _ arrival: Int64) {
        var place = pending.count
        while place > pendingFirst, pending[place - 1].arrival > arrival { place -= 1 }
        pending.insert(Datagram(arrival: arrival, bytes: bytes), at: place)
    }
}
