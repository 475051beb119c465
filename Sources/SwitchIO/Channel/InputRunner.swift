// One input's links, and which of them delivers: the first in rank that is well.
//
// Each link's packets are framed by themselves, so that half a packet of one is never glued to the
// next one's. Where the link changes the engine sees a time line that goes on or breaks; both are
// its everyday business.

import SwitchEngine
import TransportStream

final class InputRunner {
    struct Place {
        var address: LinkAddress
        /// Nil while a cold backup is not needed.
        var link: (any Link)?
        var framing = PacketFraming()
        /// Since when it delivers without a pause, and when it did so last; host ns.
        var soundSince: Int64?
        var lastBytes: Int64?
        /// The throughput of the last second, in quarters; bytes without null packets.
        var rate = Throughput()
    }

    var places: [Place]
    var plan: MainBackupPlan
    /// The link that delivers.
    var active = 0
    var activeSince: Int64?
    private(set) var warnings: [String] = []
    private(set) var hasEnded = false
    /// The input came to its end with the last `poll`.
    private(set) var hasJustEnded = false
    private var packets: [UInt8] = []

    init(_ input: InputPlan) throws(IOFailure) {
        guard case .mainBackup(let plan) = input.bond else {
            throw IOFailure("bond: merge is not there yet; allowed: main-backup")
        }
        self.plan = plan
        places = input.links.map { Place(address: $0) }
        for index in places.indices where index == 0 || !plan.isCold { try open(index) }
    }

    /// With all its links closed.
    init(closed input: InputPlan) {
        if case .mainBackup(let plan) = input.bond { self.plan = plan } else { plan = .init() }
        places = input.links.map { Place(address: $0) }
    }

    func open(_ index: Int) throws(IOFailure) {
        switch places[index].address {
        case .datagrams(let address):
            let link = try DatagramLink(address)
            if let warning = link.warning { warnings.append(warning) }
            places[index].link = link
        case .srt(let address): places[index].link = try SRTLink(address)
        case .file(let path, let isLooped):
            places[index].link = try FileLink(path: path, isLooped: isLooped)
        case .standardInput: places[index].link = PipeLink()
        }
    }

    var facts: [LinkFacts] { places.map { $0.link?.facts ?? LinkFacts() } }

    /// Gives what the link that delivers has brought.
    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        for index in places.indices { poll(index, at: now, take) }
        choose(at: now.nanoseconds)
        let isOver = places.allSatisfy { $0.link?.facts.state == .ended }
        hasJustEnded = isOver && !hasEnded
        hasEnded = isOver
    }

    private func poll(
        _ index: Int, at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void
    ) {
        guard let link = places[index].link else { return }
        let isActive = index == active
        let isRTP = link.isRTP
        var framing = PacketFraming()
        swap(&framing, &places[index].framing)
        var payloadBytes: Int64 = 0
        var hasCome = false
        link.poll(at: now) { datagram, arrival in
            hasCome = true
            var start = 0
            if isRTP {
                guard case .success(let header) = RTPHeader.parse(datagram) else { return }
                start = header.payload.lowerBound
            }
            let payload = datagram.extracting(start..<datagram.count)
            framing.append(payload) { bytes, first, count, gap in
                packets.removeAll(keepingCapacity: true)
                for number in 0..<count {
                    let at = first + number * gap
                    if bytes[at + 1] & 0x1F != 0x1F || bytes[at + 2] != 0xFF {
                        payloadBytes += Int64(Packet.size)
                    }
                    guard isActive, gap != Packet.size else { continue }
                    for offset in 0..<Packet.size { packets.append(bytes[at + offset]) }
                }
                guard isActive else { return }
                if gap == Packet.size {
                    take(bytes.extracting(first..<(first + count * gap)), arrival)
                } else {
                    let whole = packets
                    take(whole.span, arrival)
                }
            }
        }
        swap(&framing, &places[index].framing)
        places[index].rate.add(payloadBytes, at: now.nanoseconds)
        if hasCome {
            places[index].lastBytes = now.nanoseconds
            places[index].soundSince = places[index].soundSince ?? now.nanoseconds
        } else if isSilent(index, at: now.nanoseconds) {
            places[index].soundSince = nil
        }
        if isTooThin(index, at: now.nanoseconds) { places[index].soundSince = nil }
    }

    private func isSilent(_ index: Int, at now: Int64) -> Bool {
        guard let last = places[index].lastBytes else { return true }
        return now - last > plan.trip
    }

    private func isTooThin(_ index: Int, at now: Int64) -> Bool {
        guard let wanted = plan.requiredBitsPerSecond, let since = places[index].soundSince,
            now - since > Throughput.window
        else { return false }
        return places[index].rate.bitsPerSecond(at: now) < wanted
    }

    /// Goes to a better link, or away from one that fails.
    private func choose(at now: Int64) {
        guard places.count > 1 else { return }
        let since = activeSince ?? now
        activeSince = since
        let isFailing = places[active].soundSince == nil
        // A new link gets its time to come up before the next one is tried.
        if isFailing, now - since > plan.trip { return leave(at: now) }
        guard !isFailing, let clear = plan.clear else { return }
        let better = (0..<active).first { index in
            places[index].soundSince.map { now - $0 >= clear } ?? false
        }
        if let better { go(to: better, at: now) }
    }

    private func leave(at now: Int64) {
        if let sound = places.indices.first(where: { places[$0].soundSince != nil }) {
            return go(to: sound, at: now)
        }
        // Nobody delivers: cold ones are opened, one after the other.
        for index in places.indices where places[index].link == nil {
            do {
                try open(index)
            } catch {
                warnings.append(error.description)
            }
            activeSince = now
            return
        }
    }

    private func go(to index: Int, at now: Int64) {
        guard index != active else { return }
        active = index
        activeSince = now
    }

    func close() {
        for place in places { place.link?.close() }
    }
}

/// Bytes of the last second.
struct Throughput {
    /// One second, in quarters.
    static let window: Int64 = 1_000_000_000
    private static let quarter: Int64 = 250_000_000

    private var quarters: [Int64] = [0, 0, 0, 0, 0]
    private var newest: Int64 = 0

    mutating func add(_ bytes: Int64, at now: Int64) {
        advance(to: now)
        quarters[Int(newest % 5)] += bytes
    }

    private mutating func advance(to now: Int64) {
        let number = now / Throughput.quarter
        guard number > newest else { return }
        for passed in max(newest + 1, number - 4)...number { quarters[Int(passed % 5)] = 0 }
        newest = number
    }

    /// The mean of the four quarters that are over.
    mutating func bitsPerSecond(at now: Int64) -> Int64 {
        advance(to: now)
        return (quarters.reduce(0, +) - quarters[Int(newest % 5)]) * 8
    }
}
