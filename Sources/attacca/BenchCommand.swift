// `attacca bench engine`: what a packet costs, in CPU time of this process.
//
// First the parts, each over the same packets in memory: parsing alone, then the engine's timeline
// (receive), then its release (advance). Then the whole: a rehearsal from file to nowhere.

import ArgumentParser
import Foundation
import Simulation
import SwitchEngine
import TransportStream

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure what packets and channels cost.",
        subcommands: [BenchEngine.self, BenchAir.self])
}

struct BenchEngine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine",
        abstract: "Measure what a packet costs, on two recordings of one programme.")

    @Argument(help: "The input on air.") var main: String
    @Argument(help: "The standby.") var backup: String

    /// Bytes of the first recording that the parts are measured on, 64 MiB.
    static let sampleBytes = 64 << 20

    func run() throws {
        let sample = try load(main)
        let packets = sample.count / Packet.size
        print("parts, ns per packet (\(packets) packets):")
        print("  parse     \(perPacket(parse(sample), packets))")
        let engine = engineTimes(sample)
        print("  timeline  \(perPacket(engine.receive, engine.packets))")
        print("  restamp   \(perPacket(engine.release, engine.packets))")
        try whole()
    }

    private func load(_ path: String) throws -> [UInt8] {
        let recording = try Recording(name: "bench", path: path)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(BenchEngine.sampleBytes + Recording.pieceBytes)
        recording.forEachPiece { piece in
            piece.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            return bytes.count < BenchEngine.sampleBytes
        }
        return bytes
    }

    private func perPacket(_ nanoseconds: Int64, _ packets: Int) -> String {
        String(format: "%7.1f", Double(nanoseconds) / Double(max(packets, 1)))
    }

    /// Framing, header and continuity of every packet.
    private func parse(_ bytes: [UInt8]) -> Int64 {
        var framing = PacketFraming()
        var watches = [ContinuityWatch](repeating: ContinuityWatch(), count: PID.count)
        var gaps = 0
        let start = CPUTime.now
        for piece in stride(from: 0, to: bytes.count, by: Recording.pieceBytes) {
            let end = min(piece + Recording.pieceBytes, bytes.count)
            framing.append(bytes.span.extracting(piece..<end)) { buffer, first, count, spacing in
                for number in 0..<count {
                    guard let header = PacketHeader(buffer, at: first + number * spacing) else {
                        continue
                    }
                    if case .gap = watches[header.pid.index].judge(header) { gaps += 1 }
                }
            }
        }
        let spent = CPUTime.now - start
        if gaps < 0 { print(gaps) }
        return spent
    }

    /// The engine's two halves on one input, in pieces of 5 ms. The first two thirds only fill what
    /// the engine keeps: what is measured is the steady state.
    private func engineTimes(_ bytes: [UInt8]) -> (receive: Int64, release: Int64, packets: Int) {
        var engine = Engine(ChannelConfiguration(inputs: [InputConfiguration(name: "bench")]))
        var reader = PacedReader(program: nil)
        var times = (receive: Int64(0), release: Int64(0), packets: 0)
        var position = 0
        var wake: Int64 = 0
        while !reader.isAtEnd {
            if reader.needsBytes {
                reader.read { buffer, places in
                    let count = min(places.count, bytes.count - position)
                    for index in 0..<count {
                        buffer[places.lowerBound + index] = bytes[position + index]
                    }
                    position += count
                    return count
                }
                continue
            }
            guard let next = reader.nextTime, let batch = reader.take(before: next + 135_000)
            else { break }
            let isMeasured = position > bytes.count / 3 * 2
            let now = MonotonicInstant(nanoseconds: batch.time.scaled(by: 1000, over: 27))
            let start = CPUTime.now
            engine.receive(reader.bytes.span.extracting(batch.range), from: InputID(0), at: now)
            let middle = CPUTime.now
            if isMeasured {
                times.packets += batch.range.count / Packet.size
                times.receive += middle - start - CPUTime.cost
            }
            guard now.nanoseconds >= wake else { continue }
            engine.advance(to: now)
            engine.drain { _, _ in }
            if isMeasured { times.release += CPUTime.now - middle - CPUTime.cost }
            wake = engine.nextWakeup?.nanoseconds ?? 0
        }
        return times
    }

    private func whole() throws {
        let recordings = [
            try Recording(name: "main", path: main), try Recording(name: "backup", path: backup),
        ]
        let configuration = ChannelConfiguration(
            inputs: recordings.map { InputConfiguration(name: $0.name) })
        let sources = recordings.map { recording in
            Rehearsal.Source(delay: 0) { recording.read(into: &$0, $1) }
        }
        let sink = try OutputFile(path: "/dev/null", inputs: [])
        var play = RehearsalPlay(
            Rehearsal(configuration, sources: sources, script: []), recordings: recordings,
            judges: false, isQuiet: true)
        let start = CPUTime.now
        try play.run(into: sink)
        let spent = Double(CPUTime.now - start) / 1e9
        let bytes = recordings.reduce(0) { $0 + $1.position }
        var usage = rusage()
        getrusage(0, &usage)
        print("rehearsal: \(bytes) bytes of input in \(String(format: "%.2f", spent)) CPU seconds: "
            + String(format: "%.2f GB per CPU second", Double(bytes) / 1e9 / spent)
            + ", peak memory \(usage.ru_maxrss / 1024) MiB")
    }
}

/// CPU time of this process.
enum CPUTime {
    /// What asking costs, nanoseconds: the mean of many times.
    static let cost: Int64 = {
        let start = now
        for _ in 0..<10_000 { _ = now }
        return (now - start) / 10_001
    }()

    /// Nanoseconds.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
