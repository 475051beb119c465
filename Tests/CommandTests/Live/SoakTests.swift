// A channel with a fault every few seconds: `make soak` for half an hour, the tests for one minute.
// With each fault the media process that writes an MP4 beside is killed too.

import Foundation
import StreamContent
import Testing

extension LiveTests {
    @Suite struct SoakTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let seconds =
            60 * (environment["ATTACCA_SOAK_MINUTES"].flatMap(Int.init) ?? 1)
        private static let seed = environment["ATTACCA_SOAK_SEED"].flatMap(UInt64.init) ?? 1
        /// Where recordings are kept after the test, to look at them.
        private static let keep = environment["ATTACCA_SOAK_FOLDER"]

        /// One encoder with its way to the channel.
        private final class Source {
            let recording: String
            let way: DatagramRelay
            let start: Date
            private let isSRT: Bool
            private var encoder: Companion?

            init(_ recording: String, _ way: DatagramRelay, isSRT: Bool, start: Date) throws {
                (self.recording, self.way, self.start) = (recording, way, start)
                self.isSRT = isSRT
                try run()
            }

            /// Begins where the programme is now, with time stamps of its own.
            func run() throws {
                let url = isSRT
                    ? "srt://127.0.0.1:\(way.port)?pkt_size=1316&latency=200000"
                    : "udp://127.0.0.1:\(way.port)?pkt_size=1316"
                encoder = try Companion(
                    "ffmpeg",
                    [
                        "-nostdin", "-v", "error", "-re",
                        "-ss", String(format: "%.3f", Date().timeIntervalSince(start)),
                        "-i", recording, "-map", "0", "-c", "copy", "-f", "mpegts", url,
                    ], seconds: SoakTests.seconds + 60)
            }

            /// ffmpeg ends where its connection breaks; whoever runs an encoder begins it again.
            func look() throws {
                if encoder?.isRunning != true { try run() }
            }

            func signal(_ number: Int32) { encoder?.signal(number) }
            func end() throws { _ = try encoder?.finish(SIGKILL) }
        }

        /// The same programme by two encoders of different settings.
        private func encode(_ workspace: Workspace) throws -> [String] {
            let length = "\(SoakTests.seconds + 30)"
            return try [("main", "50", "2", "48000"), ("backup", "30", "0", "44100")].map {
                let path = workspace.path("\($0.0).ts")
                let outcome = try Command.run(
                    "ffmpeg",
                    [
                        "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                        "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i",
                        "sine=f=440:b=2:r=48000", "-t", length, "-c:v", "libx264",
                        "-preset", "ultrafast", "-g", $0.1, "-bf", $0.2, "-b:v", "600k",
                        "-maxrate", "600k", "-bufsize", "600k", "-c:a", "aac", "-ar", "48000",
                        path,
                    ])
                #expect(outcome.status == 0, "\(outcome.errorLines)")
                return path
            }
        }

        /// Breaks one source for a while, in one of the ways that encoders and networks have.
        private func breakDown(_ source: Source, _ random: inout SeededNumbers) async throws
            -> String
        {
            let time = 0.3 + Double(random.below(2000)) / 1000
            let faults: [DatagramRelay.Fault] = [
                .silent, .loses(percent: 5), .disorders(milliseconds: 30), .doubles,
                .corrupts(percent: 2), .babbles,
            ]
            let choice = random.below(faults.count + 2)
            switch choice {
            case faults.count:
                try source.end()
                try await pause(time)
                try source.run()
                return "killed"
            case faults.count + 1:
                source.signal(SIGSTOP)
                try await pause(time)
                source.signal(SIGCONT)
                return "stopped"
            default:
                source.way.become(faults[choice])
                try await pause(time)
                source.way.become(.none)
                return "\(faults[choice])"
            }
        }

        /// Waits until both inputs have been sound for a group of pictures and more: where both are
        /// broken there is nothing that could go on.
        private func recover(_ sources: [Source], _ channel: Companion) async throws {
            var quiet = 0
            var lines = 0
            for _ in 0..<60 where quiet < 7 {
                try await pause(0.5)
                for source in sources { try source.look() }
                // Who has a port now is no matter of health.
                let log = channel.errors.split(separator: "\n").filter {
                    $0.contains(" input ") && !$0.contains("127.0.0.1:")
                }
                let isSound = ["main", "backup"].allSatisfy { name in
                    log.last { $0.contains("input \(name)") }?.hasSuffix("is sound") ?? false
                }
                quiet = isSound && log.count == lines ? quiet + 1 : 0
                lines = log.count
            }
            if quiet < 7 {
                Issue.record("\(Date()): an input has not come back in 30 s")
            }
        }

        @Test func faultsEveryFewSecondsBreakNoLawAndLeakNothing() async throws {
            let workspace = try Workspace()
            let file = Self.keep.map { $0 + "/soak.ts" } ?? workspace.path("file.ts")
            let recordings = try encode(workspace)
            let ports = try (0..<2).map { _ in try FreePorts.next() }
            let channel = try Companion(
                try Binary.found.get(),
                [
                    "run", "-i", "main=srt://127.0.0.1:\(ports[0])?mode=listener&latency=200",
                    "-i", "backup=udp://127.0.0.1:\(ports[1])", "-o", file,
                    "-o", "udp://127.0.0.1:\(try FreePorts.next())",
                    "-o", "mp4:\(workspace.path("event.mp4"))",
                    "--hold-back", "3s", "--return", "4s",
                ], seconds: Self.seconds + 120)
            try await channel.untilPortsAreOpen(ports)
            let start = Date()
            let sources = try [
                Source(recordings[0], DatagramRelay(to: ports[0]), isSRT: true, start: start),
                Source(recordings[1], DatagramRelay(to: ports[1]), isSRT: false, start: start),
            ]
            var random = SeededNumbers(seed: Self.seed)
            var story: [String] = []
            var footprints: [Footprint] = []
            var killed = 0
            try await pause(6)
            while Date().timeIntervalSince(start) < Double(Self.seconds) {
                for source in sources { try source.look() }
                let index = random.below(2)
                let what = try await breakDown(sources[index], &random)
                story.append("\(Date()) to \(index == 0 ? "main" : "backup"): \(what)")
                // What writes the MP4 is nobody's loss but the MP4's.
                for process in channel.grandchildren where kill(process, SIGKILL) == 0 {
                    killed += 1
                }
                try await recover(sources, channel)
                try await pause(Double(random.below(2000)) / 1000)
                if let tool = channel.tools.first { footprints.append(try Footprint(tool)) }
            }
            let (status, log) = try channel.finish(SIGTERM)
            for source in sources {
                try source.end()
                source.way.close()
            }
            let seams = log.components(separatedBy: "notice seam").count - 1
            if let keep = Self.keep {
                let story = story.joined(separator: "\n")
                try story.write(
                    toFile: keep + "/soak-faults.txt", atomically: true, encoding: .utf8)
                try log.write(toFile: keep + "/soak.log", atomically: true, encoding: .utf8)
            }
            print("soak: \(Self.seconds) s, seed \(Self.seed), \(story.count) faults, "
                + "\(killed) media processes killed, \(seams) seams, "
                + "\(Footprint.text(footprints))")
            #expect(status == 0, "\(log)")
            #expect(killed >= story.count / 2)
            #expect(seams >= story.count / 8, "\(log)")
            let check = try Command.attacca(["check", file])
            #expect(check.status == 0, "\(story)\n\(log)\n\(check.output)")
            #expect(Footprint.isFlat(footprints), "\(footprints)")
        }
    }

    /// What a process holds.
    struct Footprint {
        let kibibytes: Int
        let descriptors: Int

        init(_ process: Int32) throws {
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
            kibibytes = Int(line.filter(\.isNumber)) ?? 0
            descriptors = try FileManager.default
                .contentsOfDirectory(atPath: "/proc/\(process)/fd").count
        }

        /// The last third is no larger than the one before it, some noise aside.
        static func isFlat(_ all: [Footprint]) -> Bool {
            guard all.count >= 6 else { return false }
            let second = all[all.count / 3..<2 * all.count / 3]
            let third = all[(2 * all.count / 3)...]
            func most(_ part: ArraySlice<Footprint>, _ key: KeyPath<Footprint, Int>) -> Int {
                part.map { $0[keyPath: key] }.max() ?? 0
            }
            // A connection that is being made or let go holds two descriptors more.
            return most(third, \.descriptors) <= most(second, \.descriptors) + 2
                && most(third, \.kibibytes) <= most(second, \.kibibytes) * 11 / 10 + 2048
        }

        static func text(_ all: [Footprint]) -> String {
            let middle = all.count / 3
            guard middle > 0 else { return "" }
            let before = all[middle..<2 * middle], after = all[(2 * middle)...]
            return "\(before.map(\.kibibytes).max() ?? 0) then "
                + "\(after.map(\.kibibytes).max() ?? 0) KiB, "
                + "\(before.map(\.descriptors).max() ?? 0) then "
                + "\(after.map(\.descriptors).max() ?? 0) descriptors"
        }
    }
}
