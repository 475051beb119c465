// A process that is killed, and the one after it: one stream to whoever receives it.

import Foundation
import StreamContent
import Testing
import TransportStream

/// Datagrams of a port, with the times at which they came.
private final class Recorder: @unchecked Sendable {
    // Unchecked: `bytes` and `times` are read when the thread has ended.
    private(set) var bytes: [UInt8] = []
    private(set) var times: [Double] = []
    private let descriptor: Int32
    private let done = DispatchSemaphore(value: 0)
    private let lock = NSLock()
    private var isStopping = false

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var limit = timeval(tv_sec: 0, tv_usec: 100_000)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0)
        Thread.detachNewThread { self.receive() }
    }

    private func receive() {
        var piece = [UInt8](repeating: 0, count: 2000)
        while !lock.withLock({ isStopping }) {
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { continue }
            bytes += piece[..<count]
            times += [Double](repeating: Date().timeIntervalSince1970, count: count / 188)
        }
        close(descriptor)
        done.signal()
    }

    func stop() {
        lock.withLock { isStopping = true }
        done.wait()
    }
}

extension LiveTests {
    @Suite struct ResumeTests {
        private let workspace: Workspace
        private let state: String

        init() throws {
            workspace = try Workspace()
            state = workspace.path("one.state")
        }

        private func run(_ port: UInt16, _ extra: [String] = []) throws -> Companion {
            try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=file:\(Repository.sample("h264-main"))?loop",
                    "-i", "backup=file:\(Repository.sample("h264-backup"))?loop",
                    "-o", "udp://127.0.0.1:\(port)", "--hold-back", "500ms", "--state", state,
                    "--control", workspace.path("c.sock"),
                ] + extra)
        }

        private func wait(_ seconds: Double) async throws {
            try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
        }

        @Test(arguments: [SIGKILL, SIGTERM])
        func theNextProcessGoesOnWithCountersAndTime(_ signal: Int32) async throws {
            let port = try FreePorts.next()
            let recorder = try Recorder(port: port)
            let first = try run(port)
            try await first.untilItSays("on air: ")
            try await wait(4)
            _ = try first.finish(signal)
            try await wait(1)
            let second = try run(port)
            try await second.untilItSays("on air: ")
            try await wait(4)
            let (status, log) = try second.finish(SIGTERM)
            recorder.stop()
            #expect(status == 0 && log.contains("goes on from"), "\(log)")
            #expect(recorder.bytes.count % 188 == 0)
            #expect(counterErrors(recorder.bytes) == 0)

            // The clock on the wire and the clock on the wall, before the hole and behind it.
            let clocks = clocks(recorder)
            let hole = try #require(
                clocks.indices.dropFirst().max {
                    clocks[$0].time - clocks[$0 - 1].time < clocks[$1].time - clocks[$1 - 1].time
                })
            #expect(clocks[hole].time - clocks[hole - 1].time > 1)
            // A datagram may come late where others use the machine, and never early: of each side
            // the one that was least late.
            let (before, behind) = (lead(clocks[..<hole]), lead(clocks[hole...]))
            #expect(abs(before - behind) < 0.08)

            // And a foreign tool: no DTS of either stream runs backwards, none is far off.
            let file = workspace.path("both.ts")
            try Data(recorder.bytes).write(to: URL(fileURLWithPath: file))
            for stream in ["v:0", "a:0"] {
                let probe = try Command.run(
                    "ffprobe",
                    [
                        "-v", "error", "-select_streams", stream,
                        "-show_entries", "packet=dts_time",
                        "-of", "csv=p=0", file,
                    ])
                let times = probe.output.split(whereSeparator: \.isNewline)
                    .compactMap { Double($0.prefix { $0 != "," }) }
                #expect(times.count > 100)
                let steps = zip(times, times.dropFirst()).map { $1 - $0 }
                #expect(steps.allSatisfy { $0 > 0 })
                #expect(steps.count { $0 > 0.3 } == 1)
                #expect((steps.max() ?? 0) < 8)
            }
        }

        @Test func twoProcessesDoNotShareAFile() async throws {
            let first = try run(FreePorts.next())
            try await first.untilItSays("on air: ")
            let outcome = try Command.attacca([
                "run", "-i", "file:\(Repository.sample("h264-main"))?loop", "-o",
                "udp://127.0.0.1:\(try FreePorts.next())", "--state", state,
            ])
            #expect(outcome.status == 1 && outcome.errorLines.count == 1)
            #expect(outcome.errorLines.first?.contains(state) == true)
            #expect(outcome.errorLines.first?.contains("another") == true)
            #expect(try first.finish(SIGTERM).status == 0)
        }

        /// Packets whose counter does not follow, by hand: 13818-1 §2.4.3.3.
        private func counterErrors(_ bytes: [UInt8]) -> Int {
            var last: [Int: UInt8] = [:]
            var errors = 0
            for at in stride(from: 0, to: bytes.count, by: 188) {
                let pid = Int(bytes[at + 1] & 0x1F) << 8 | Int(bytes[at + 2])
                guard pid != 0x1FFF, bytes[at + 3] & 0x10 != 0 else { continue }
                let counter = bytes[at + 3] & 0x0F
                if let before = last[pid], (before + 1) & 0x0F != counter { errors += 1 }
                last[pid] = counter
            }
            return errors
        }

        /// How far the clock on the wire is before that on the wall at most, seconds.
        private func lead(_ clocks: ArraySlice<(time: Double, ticks: Int64)>) -> Double {
            clocks.map { Double($0.ticks) / 27e6 - $0.time }.max() ?? .nan
        }

        private func clocks(_ recorder: Recorder) -> [(time: Double, ticks: Int64)] {
            let bytes = recorder.bytes
            return stride(from: 0, to: bytes.count, by: 188).compactMap { at in
                guard bytes[at + 3] & 0x20 != 0, bytes[at + 4] >= 7, bytes[at + 5] & 0x10 != 0
                else { return nil }
                let base = (0..<4).reduce(Int64(0)) { $0 << 8 | Int64(bytes[at + 6 + $1]) } << 1
                    | Int64(bytes[at + 10] >> 7)
                let ext = Int64(bytes[at + 10] & 1) << 8 | Int64(bytes[at + 11])
                return (recorder.times[at / 188], base * 300 + ext)
            }
        }
    }
}
