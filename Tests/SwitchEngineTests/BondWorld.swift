// A source's packets, the ways that carry them to a bond, and what comes out of it; all from seeds.

import Testing
import TransportStream

@testable import SwitchEngine

/// 188-byte packets of one encoder: video, sound, tables that repeat, null packets.
struct BondSource {
    var packets: [[UInt8]] = []

    /// - Parameters:
    ///   - label: goes into each payload: sources with different ones differ in everything but
    ///     the tables.
    ///   - nullShare: percent.
    init(seed: UInt64, label: UInt8 = 1, count: Int, nullShare: Int = 0) {
        var random = SeededNumbers(seed: seed)
        var counters: [Int: UInt8] = [0: 15, 0x100: 15, 0x101: 15, 0x102: UInt8(random.below(16))]
        packets.reserveCapacity(count)
        for number in 0..<count {
            var pid = 0x101
            if number % 133 == 0 {
                pid = 0
            } else if number % 133 == 1 {
                pid = 0x100
            } else if random.below(100) < nullShare {
                pid = 0x1FFF
            } else if random.below(25) == 0 {
                pid = 0x102
            }
            var packet = [UInt8](repeating: UInt8(truncatingIfNeeded: pid), count: 188)
            packet[0] = 0x47
            packet[1] = UInt8(pid >> 8)
            packet[2] = UInt8(pid & 0xFF)
            if pid == 0 || pid == 0x100 { packet[1] |= 0x40 }
            packet[3] = 0x10
            if pid != 0x1FFF {
                counters[pid] = (counters[pid]! + 1) & 15
                packet[3] |= counters[pid]!
            }
            if pid == 0x101 || pid == 0x102 {
                packet[4] = label
                for byte in 0..<8 { packet[5 + byte] = UInt8(number >> (8 * byte) & 0xFF) }
                for byte in 13..<188 { packet[byte] = UInt8(random.below(256)) }
            }
            packets.append(packet)
        }
    }
}

/// One link's way from the source.
struct BondWay {
    var link: Int
    var seed: UInt64
    /// Packets in a datagram, in turn.
    var cut = [7]
    var isRTP = false
    var firstSequence: UInt16 = 0
    var synchronizationSource: UInt32 = 1
    /// Percent.
    var loss = 0
    /// Each datagram comes up to so much later, so they change places; milliseconds.
    var jitter = 0
    /// Percent of the datagrams to which that happens.
    var jittered = 100
    /// Nanoseconds of a packet; the default is 5 Mbit/s.
    var pace: Int64 = bondPacketNanoseconds
    var skew = 0
    /// Percent.
    var doubled = 0
    /// Percent of the packets, one byte of each.
    var corrupted = 0
    /// Packets of which nothing comes.
    var isDroppedFrom = 0..<0
    /// The first packets are carried without loss and disorder.
    var calm = 0
}

struct BondDatagram {
    var time: Int64
    var link: Int
    var isRTP: Bool
    var bytes: [UInt8]
}

/// 5 Mbit/s, about.
let bondPacketNanoseconds: Int64 = 300_000
let bondMillisecond: Int64 = 1_000_000

struct BondTraffic {
    var datagrams: [BondDatagram] = []
    /// By packet of the source: links that brought it whole.
    var brought: [Int]

    init(count: Int) { brought = [Int](repeating: 0, count: count) }

    /// Carries packets `range` of the source.
    mutating func carry(_ source: BondSource, _ range: Range<Int>, _ way: BondWay) {
        var random = SeededNumbers(seed: way.seed)
        var at = range.lowerBound
        var sequence = way.firstSequence
        var turn = 0
        while at < range.upperBound {
            let end = min(range.upperBound, at + way.cut[turn % way.cut.count])
            turn += 1
            defer { at = end }
            var bytes: [UInt8] = []
            if way.isRTP { bytes = BondTraffic.header(sequence, at, way) }
            sequence &+= 1
            for number in at..<end {
                var packet = source.packets[number]
                if random.below(100) < way.corrupted { packet[20 + random.below(160)] ^= 0x55 }
                bytes += packet
            }
            let isStill = random.below(100) >= way.jittered
            let isCalm = at < range.lowerBound + way.calm
            let isLost = random.below(100) < way.loss && !isCalm
            let delay = way.jitter > 0 && !isCalm && !isStill ? random.below(way.jitter * 1000) : 0
            let copies = random.below(100) < way.doubled ? 2 : 1
            if isLost || way.isDroppedFrom.contains(at) { continue }
            for number in at..<end { brought[number] += 1 }
            for copy in 0..<copies {
                datagrams.append(
                    BondDatagram(
                        time: Int64(end) * way.pace + Int64(delay) * 1000
                            + Int64(way.skew + copy * 3) * bondMillisecond,
                        link: way.link, isRTP: way.isRTP, bytes: bytes))
            }
        }
    }

    private static func header(_ sequence: UInt16, _ at: Int, _ way: BondWay) -> [UInt8] {
        let time = UInt32(truncatingIfNeeded: at * 27)
        let source = way.synchronizationSource
        return [
            0x80, 33, UInt8(sequence >> 8), UInt8(sequence & 0xFF),
            UInt8(time >> 24), UInt8(time >> 16 & 0xFF), UInt8(time >> 8 & 0xFF),
            UInt8(time & 0xFF), UInt8(source >> 24), UInt8(source >> 16 & 0xFF),
            UInt8(source >> 8 & 0xFF), UInt8(source & 0xFF),
        ]
    }
}

/// What came out of a bond.
struct BondOutcome {
    var bytes: [UInt8] = []
    /// Bytes of each piece, when it went, and what counts as its arrival.
    var pieces: [(count: Int, at: Int64, arrival: Int64)] = []
    var facts: [BondLinkFacts] = []

    var packets: [[UInt8]] {
        stride(from: 0, to: bytes.count, by: 188).map {
            Array(bytes[$0..<min(bytes.count, $0 + 188)])
        }
    }
}

/// Plays datagrams into a bond in the order of their times, with a tick every 5 ms.
func playBond(
    _ bond: inout Bond, _ traffic: [BondDatagram], links: Int = 2, until end: Int64? = nil
) -> BondOutcome {
    var outcome = BondOutcome()
    let tick = 5 * bondMillisecond
    var time: Int64 = 0
    func take(_ bytes: Span<UInt8>, _ arrival: MonotonicInstant) {
        #expect(arrival.nanoseconds <= time && bytes.count > 0)
        bytes.withUnsafeBufferPointer { outcome.bytes.append(contentsOf: $0) }
        outcome.pieces.append((bytes.count, time, arrival.nanoseconds))
    }
    let sorted = traffic.enumerated()
        .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    func advance(to limit: Int64) {
        while time + tick <= limit {
            time += tick
            bond.advance(to: MonotonicInstant(nanoseconds: time), take)
        }
    }
    for datagram in sorted {
        advance(to: datagram.time)
        let now = time
        time = max(time, datagram.time)
        bond.receive(
            datagram.bytes.span, isRTP: datagram.isRTP, from: datagram.link,
            at: MonotonicInstant(nanoseconds: datagram.time), take)
        time = now
    }
    let last = sorted.last?.time ?? 0
    advance(to: last + 50 * bondMillisecond)
    outcome.facts = (0..<links).map { bond.facts(of: $0) }
    advance(to: end ?? last + 2_000 * bondMillisecond)
    bond.finish(at: MonotonicInstant(nanoseconds: time), take)
    return outcome
}

/// The number of a source's packet of video or sound, or less than 0.
func bondNumber(_ packet: [UInt8]) -> Int {
    guard packet[2] == 1 || packet[2] == 2, packet[1] == 1 else { return -Int(packet[2]) - 1 }
    return (0..<4).reduce(0) { $0 | Int(packet[5 + $1]) << (8 * $1) }
}

/// Where an output differs from what it should be, for the eye.
func bondDifference(_ found: [[UInt8]], _ expected: [[UInt8]]) -> String {
    guard found != expected else { return "" }
    let first = zip(found, expected).enumerated().first { $1.0 != $1.1 }?.offset
        ?? min(found.count, expected.count)
    let have = found.map(bondNumber)
    let missing = Set(expected.map(bondNumber)).subtracting(have).count
    let ordered = have.filter { $0 >= 0 }
    let falls = zip(ordered, ordered.dropFirst()).count { $0 >= $1 }
    let around = max(0, first - 3)..<max(0, min(found.count, first + 12))
    let wanted = max(0, first - 3)..<max(0, min(expected.count, first + 12))
    return "\(found.count) for \(expected.count) packets, first at \(first): "
        + "\(have[around]) for \(expected[wanted].map(bondNumber)); "
        + "missing \(missing), falls \(falls)"
}
