// The world around a benchmark on the air: what is sent, who sends it, and who receives.

import CSockets
import Foundation
import Synchronization
import TransportStream

/// A recording at a constant rate, cut into datagrams, and the packets that are known again.
struct AirTraffic {
    static let datagramBytes = 7 * Packet.size
    let bytes: [UInt8]
    let bitsPerSecond: Int64
    /// A packet's print, and which packet of the recording it is. Two of one print are left out.
    let prints: [UInt64: Int32]

    init(path: String, seconds: Int) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.run("'\(path)' can not be read")
        }
        let all = [UInt8](data)
        guard let rate = AirTraffic.rate(all) else {
            throw CommandFailure.run("'\(path)' has no two PCRs")
        }
        bitsPerSecond = rate
        let wanted = Int(rate) / 8 * seconds / AirTraffic.datagramBytes * AirTraffic.datagramBytes
        guard all.count >= wanted else {
            throw CommandFailure.run("'\(path)' is shorter than \(seconds) s")
        }
        bytes = Array(all[..<wanted])
        prints = AirTraffic.prints(bytes)
    }

    /// From the first PCR to the last.
    private static func rate(_ bytes: [UInt8]) -> Int64? {
        var first: (place: Int, time: ClockReference)?
        var last: (place: Int, time: ClockReference)?
        for place in stride(from: 0, to: bytes.count - Packet.size, by: Packet.size) {
            guard let time = PacketHeader(bytes.span, at: place)?.clockReference else { continue }
            if first == nil { first = (place, time) }
            last = (place, time)
        }
        guard let first, let last, last.place > first.place else { return nil }
        let ticks = last.time.ticks - first.time.ticks
        return ticks > 0 ? Int64(last.place - first.place) * 8 * 27_000_000 / ticks : nil
    }

    private static func prints(_ bytes: [UInt8]) -> [UInt64: Int32] {
        var prints: [UInt64: Int32] = [:]
        var twice: Set<UInt64> = []
        for place in stride(from: 0, to: bytes.count, by: Packet.size) {
            guard let print = print(bytes.span, place) else { continue }
            if prints.updateValue(Int32(place / Packet.size), forKey: print) != nil {
                twice.insert(print)
            }
        }
        for print in twice { prints[print] = nil }
        return prints
    }

    /// Of packets that are all payload, in the middle of a PES packet: those go through unchanged.
    static func print(_ bytes: Span<UInt8>, _ place: Int) -> UInt64? {
        guard bytes[place + 3] & 0x30 == 0x10, bytes[place + 1] & 0x40 == 0,
            bytes[place + 1] & 0x1F != 0x1F || bytes[place + 2] != 0xFF
        else { return nil }
        var value: UInt64 = 0
        for offset in 0..<23 {
            var word: UInt64 = 0
            for byte in 0..<8 { word = word << 8 | UInt64(bytes[place + 4 + offset * 8 + byte]) }
            value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
            value ^= value >> 32
        }
        return value
    }
}

enum LoopbackPort {
    /// - Parameter port: 0 for one that the kernel chooses.
    static func open(
        _ port: UInt16 = 0, receiveBytes: Int32? = nil
    ) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = LoopbackPort.address(port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            let bound = bind(descriptor, pointer, length)
            return bound == 0 ? getsockname(descriptor, pointer, &length) : bound
        }
        guard descriptor >= 0, status == 0 else {
            if descriptor >= 0 { close(descriptor) }
            throw CommandFailure.run("no UDP port is free")
        }
        if var bytes = receiveBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, 4)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// Ports that were free a moment ago, all different, and below those that the kernel gives to
    /// sockets which ask for none (32768 and above): the outputs' sockets must not take them.
    static func free(_ count: Int) throws -> [UInt16] {
        var found: [(descriptor: Int32, port: UInt16)] = []
        defer { for (descriptor, _) in found { close(descriptor) } }
        var port = 10_000 + UInt16(getpid() % 10_000)
        while found.count < count {
            guard port < 32_768 else { throw CommandFailure.run("no UDP port is free") }
            if let opened = try? open(port) { found.append(opened) }
            port += 1
        }
        return found.map(\.port)
    }

    static func connected(to port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = address(port)
        _ = withUnsafeBytes(of: &address) { bytes in
            connect(
                descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        return descriptor
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }
}

/// Sends one recording to many ports, each datagram at its time. The ports are divided into groups
/// that send one after the other: encoders do not beat as one.
final class AirSender: @unchecked Sendable {
    // Unchecked: `times` is read after the thread has ended.
    private let traffic: AirTraffic
    private let sockets: [Int32]
    private let groups: Int
    private let isStopping = Atomic(false)
    /// When each datagram left for the first port of each group, wall clock, ns.
    private(set) var times: [[Int64]]

    init(_ traffic: AirTraffic, ports: [UInt16], groups: Int) {
        self.traffic = traffic
        self.groups = groups
        sockets = ports.map(LoopbackPort.connected)
        times = Array(repeating: [], count: groups)
    }

    func start() -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [self] in
            send()
            sockets.forEach { close($0) }
            done.signal()
        }
        return done
    }

    func stop() { isStopping.store(true, ordering: .relaxed) }

    private func send() {
        let count = traffic.bytes.count / AirTraffic.datagramBytes
        let begin = AirClock.now(CLOCK_MONOTONIC) + 500_000_000
        let bits = Int64(AirTraffic.datagramBytes * 8)
        traffic.bytes.withUnsafeBytes { bytes in
            for number in 0..<count {
                for group in 0..<groups {
                    let place = Int64(number * groups + group)
                    let due = begin + place * bits * 1_000_000_000
                        / (traffic.bitsPerSecond * Int64(groups))
                    AirClock.sleep(until: due)
                    times[group].append(AirClock.now(CLOCK_REALTIME))
                    let start = bytes.baseAddress! + number * AirTraffic.datagramBytes
                    // Inputs 2n and 2n + 1 are those of channel n.
                    for index in sockets.indices where index / 2 % groups == group {
                        _ = Glibc.send(sockets[index], start, AirTraffic.datagramBytes, 0)
                    }
                }
                if isStopping.load(ordering: .relaxed) { return }
            }
        }
    }
}

enum AirClock {
    static func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    static func sleep(until nanoseconds: Int64) {
        var time = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}
