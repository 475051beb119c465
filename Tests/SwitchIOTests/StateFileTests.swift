// The file from which the next process goes on, and what may have become of it.

import Foundation
import SwitchEngine
import Testing
import TransportStream

@testable import SwitchIO

@Suite struct StateFileTests {
    private let path = NSTemporaryDirectory() + "attacca-state-\(UUID().uuidString)"
    private let stream: [UInt8]

    init() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Studio.sample("h264-main.ts")))
        stream = [UInt8](bytes.prefix(1316 * 200))
    }

    /// Notes a stream's datagrams as if they left.
    private func note(_ state: StateFile, _ datagrams: Range<Int>) {
        for number in datagrams {
            let bytes = Array(stream[(number * 1316)..<((number + 1) * 1316)])
            state.note(
                bytes.span,
                DueDatagram(sequence: UInt16(truncatingIfNeeded: 65_500 + number), timestamp: 0))
        }
    }

    /// What is left of a process that was killed: the file as it is, without its lock.
    private func killed(_ datagrams: Int) throws -> [UInt8] {
        let state = try StateFile(path: path)
        state.use(synchronizationSource: 0xCAFE_F00D)
        note(state, 0..<datagrams)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        state.close()
        return bytes
    }

    private func found(_ bytes: [UInt8]) throws -> StateFile.Found {
        try? FileManager.default.removeItem(atPath: path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try StateFile(path: path).found
    }

    private func saved(_ found: StateFile.Found) -> SavedOutput? {
        if case .saved(let saved) = found { saved } else { nil }
    }

    private func isUnreadable(_ found: StateFile.Found) -> Bool {
        if case .unreadable = found { true } else { false }
    }

    @Test func whatLeftIsFoundAgainWithoutAnyFarewell() throws {
        let before = HostClock.now
        let saved = try #require(saved(try found(try killed(200))))
        // What the packets themselves say.
        var counters: [PID: UInt8] = [:]
        for at in stride(from: 0, to: stream.count, by: 188) {
            guard let header = PacketHeader(stream.span, at: at), header.hasPayload else {
                continue
            }
            counters[header.pid] = header.continuity.rawValue
        }
        for (pid, counter) in counters where pid != .null {
            #expect(saved.output.counters[pid.index] == counter)
        }
        let clocks = stride(from: 0, to: stream.count, by: 188).compactMap {
            PacketHeader(stream.span, at: $0)?.clockReference?.ticks
        }
        #expect(saved.output.clock == clocks.last)
        #expect(saved.output.latestStamp > saved.output.clock)
        #expect(saved.synchronizationSource == 0xCAFE_F00D)
        #expect(saved.nextSequence == UInt16(truncatingIfNeeded: 65_500 + 200))
        #expect(abs(saved.output.dueAt - before) < 5_000_000_000)
    }

    @Test func whoCutsTheFileOffEndsNoProcess() throws {
        let state = try StateFile(path: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        note(state, 0..<100)
        #expect(!state.isLost)
        try #require(truncate(path, 0) == 0)
        note(state, 100..<200)
        #expect(state.isLost)
        state.close()
        // The next one begins.
        let next = try StateFile(path: path)
        guard case .nothing = next.found else {
            Issue.record("not a begin")
            return
        }
        note(next, 0..<200)
        #expect(!next.isLost)
        next.close()
        #expect(saved(try StateFile(path: path).found) != nil)
    }

    @Test func oneAtATime() throws {
        let first = try StateFile(path: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let failure = #expect(throws: IOFailure.self) { _ = try StateFile(path: self.path) }
        #expect(failure?.description.contains("another channel or process") == true)
        first.close()
        _ = try StateFile(path: path)
    }

    @Test func ofATornRecordTheOtherIsWhole() throws {
        var bytes = try killed(200)
        let newest = bytes[64] > bytes[128] ? 64 : 128
        bytes[newest + 9] ^= 0x10
        let one = try #require(saved(try found(bytes)))
        #expect(one.nextSequence == UInt16(truncatingIfNeeded: 65_500 + 199))
        bytes[newest == 64 ? 128 : 64] ^= 0x10
        #expect(isUnreadable(try found(bytes)))
    }

    @Test func aDamagedFileIsBegunAnewAndServesAgain() throws {
        var bytes = try killed(200)
        // The PMT that went out.
        for place in [1024, 4096] { bytes[place + 1500 + 20] ^= 1 }
        #expect(isUnreadable(try found(bytes)))
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(saved(try found(try killed(200))) != nil)
    }

    @Test func anotherVersionIsNotRead() throws {
        var bytes = try killed(200)
        bytes[0] += 1
        #expect(isUnreadable(try found(bytes)))
    }

    @Test func anEmptyOneIsABegin() throws {
        for bytes in [[], [UInt8](repeating: 0, count: 16_384)] {
            guard case .nothing = try found(bytes) else {
                Issue.record("not a begin")
                continue
            }
        }
        guard case .nothing = try found(try killed(0)) else {
            Issue.record("nothing was sent")
            return
        }
    }

    @Test func somebodyElsesFileIsLeftAlone() throws {
        try Data(stream).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: IOFailure.self) { _ = try StateFile(path: self.path) }
        #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) == stream)
        #expect(throws: IOFailure.self) { _ = try StateFile(path: NSTemporaryDirectory()) }
    }

    @Test func noDamageIsFatal() throws {
        let bytes = try killed(100)
        var numbers = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...40, using: &numbers) {
                // The head is where everything but counters stands.
                let place = Int.random(in: 8..<(Bool.random() ? 192 : 16_384), using: &numbers)
                damaged[place] = UInt8.random(in: 0...255, using: &numbers)
            }
            if Bool.random() { damaged.removeLast(Int.random(in: 0...8000, using: &numbers)) }
            _ = try found(damaged)
        }
    }

    /// The numbers of the newest record and another one, with the check that belongs to them:
    /// number, PCR, wall clock, latest stamp, the rest. FNV-1a over 64-bit words.
    private func crafted(_ bytes: [UInt8], _ change: (inout [UInt64]) -> Void) -> [UInt8] {
        var result = bytes
        for place in [64, 128] {
            var words = (0..<5).map { word in
                (0..<8).reduce(UInt64(0)) {
                    $0 | UInt64(bytes[place + 8 * word + $1]) << (8 * UInt64($1))
                }
            }
            change(&words)
            words.append(
                words.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ $1) &* 0x0000_0100_0000_01B3 })
            for (index, word) in words.enumerated() {
                for byte in 0..<8 {
                    result[place + 8 * index + byte] = UInt8(
                        truncatingIfNeeded: word >> (8 * UInt64(byte)))
                }
            }
        }
        return result
    }

    /// The next process reads it, sends, and leaves what the one behind it can read.
    private func goOn(from bytes: [UInt8]) throws {
        try? FileManager.default.removeItem(atPath: path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let state = try StateFile(path: path)
        note(state, 0..<100)
        state.close()
        #expect(saved(try StateFile(path: path).found) != nil)
    }

    private static let extremes: [UInt64] = [
        0, 1, 1 << 31, 1 << 32, 1 << 55, 1 << 56, 1 << 57, 1 << 60, 1 << 61, 1 << 62,
        UInt64(Int64.max) - 1, UInt64(Int64.max), 1 << 63, (1 << 63) + 1, .max - 1, .max,
        UInt64(bitPattern: -(1 << 56)), UInt64(bitPattern: -(1 << 60)),
        // The years 2033 and 2200 on the wall, nanoseconds since 1970.
        2_000_000_000_000_000_000, 7_260_000_000_000_000_000,
    ]

    @Test(arguments: 0..<5)
    func noNumberIsFatalThatBelongsToItsCheck(_ word: Int) throws {
        let bytes = try killed(200)
        for number in Self.extremes {
            try goOn(from: crafted(bytes) { $0[word] = number })
            // PCR and stamp belong together.
            if word == 1 {
                try goOn(from: crafted(bytes) {
                    $0[1] = number
                    $0[3] = number
                })
            }
        }
    }

    @Test func noNumbersTogetherAreFatal() throws {
        let bytes = try killed(200)
        var numbers = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let all = (0..<5).map { _ in Self.extremes.randomElement(using: &numbers) ?? 0 }
            try goOn(from: crafted(bytes) { words in
                for index in words.indices where Bool.random(using: &numbers) {
                    words[index] = all[index]
                }
            })
        }
    }

    @Test func aCounterNearItsEndIsDamage() throws {
        let bytes = try killed(200)
        #expect(isUnreadable(try found(crafted(bytes) { $0[0] = .max })))
        #expect(saved(try found(crafted(bytes) { $0[0] = 1 << 62 })) != nil)
    }
}
