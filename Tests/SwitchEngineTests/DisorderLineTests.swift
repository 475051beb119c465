// The input's own time when packets change places or a PCR is wrong: in the end the line is where
// the clock is, so that pictures keep their distance to it.

import Foundation
import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct DisorderLineTests {
    private struct Datagram {
        var due: Int64
        var bytes: [UInt8]
    }

    /// A recording as ffmpeg sends it with `-re`: each picture at its decoding time, but for the
    /// first second, which comes at once.
    private static let sent: [Datagram] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../SampleStreams/h264-main.ts")
        guard let data = try? Data(contentsOf: path) else { return [] }
        let bytes = [UInt8](data.prefix(7 * 188 * 280))
        var due: Int64 = 0
        var first: Int64?
        return stride(from: 0, to: bytes.count - 1315, by: 1316).map { start in
            let datagram = Array(bytes[start..<(start + 1316)])
            for at in stride(from: 0, to: 1316, by: 188) {
                guard let header = readHeader(datagram, at: at), header.startsUnit,
                    header.pid.rawValue == 0x100,
                    case .header(let pes) = PESHeader.read(
                        datagram.span, from: at + Int(header.payloadOffset), to: at + 188),
                    let decoding = pes.decoding ?? pes.presentation
                else { continue }
                let ticks = Int64(decoding.ticks) * 300
                first = first ?? ticks
                due = max(0, ticks - (first ?? 0) - second)
            }
            return Datagram(due: due, bytes: datagram)
        }
    }()

    /// How far the line is from the newest PCR when all has come, ms.
    private func shift(_ datagrams: [Datagram]) -> Int64 {
        var timeline = InputTimeline(program: nil)
        var clock: Int64 = 0
        let order = datagrams.enumerated().sorted {
            ($0.element.due, $0.offset) < ($1.element.due, $1.offset)
        }
        for (_, datagram) in order {
            timeline.receive(datagram.bytes.span, at: datagram.due)
            for at in stride(from: 0, to: datagram.bytes.count, by: 188) {
                clock = readHeader(datagram.bytes, at: at)?.clockReference?.ticks ?? clock
            }
        }
        return ((timeline.clock.last?.time.ticks ?? .min) - clock) / millisecond
    }

    @Test func thePlainStreamIsOnItsClock() {
        #expect(Self.sent.count == 280 && shift(Self.sent) == 0)
    }

    @Test func whatChangesPlacesInABurstLeadsTheLineNowhere() {
        for seed in UInt64(0)..<60 {
            var random = SeededNumbers(seed: seed)
            var datagrams = Self.sent
            for index in datagrams.indices where datagrams[index].due < second {
                datagrams[index].due += Int64(random.below(30_000)) * 27
            }
            #expect(shift(datagrams) == 0, "seed \(seed)")
        }
    }

    @Test func whatChangesPlacesLaterLeadsTheLineNowhere() {
        for seed in UInt64(0)..<60 {
            var random = SeededNumbers(seed: seed)
            var datagrams = Self.sent
            let time = 3 * second..<5 * second
            for index in datagrams.indices where time.contains(datagrams[index].due) {
                datagrams[index].due += Int64(random.below(60_000)) * 27
            }
            #expect(shift(datagrams) == 0, "seed \(seed)")
        }
    }

    /// One that goes forward by less than a lazy encoder's step is believed at first.
    @Test(arguments: [150, 300, 450, -120, -300, 2_000, -2_000] as [Int64])
    func oneWrongClockLeadsTheLineNowhere(_ milliseconds: Int64) throws {
        var datagrams = Self.sent
        let wrong = try #require(
            datagrams.firstIndex { datagram in
                datagram.due > 4 * second && readHeader(datagram.bytes)?.clockReference != nil
            })
        let clock = try #require(readHeader(datagrams[wrong].bytes)?.clockReference)
        let base = UInt64(bitPattern: clock.ticks / 300 + milliseconds * 90)
        // 13818-1 §2.4.3.5: 33 bits of base behind the flags.
        for byte in 0..<4 {
            datagrams[wrong].bytes[6 + byte] = UInt8(base >> (25 - 8 * byte) & 0xFF)
        }
        datagrams[wrong].bytes[10] = UInt8(base & 1) << 7 | datagrams[wrong].bytes[10] & 0x7F
        #expect(shift(datagrams) == 0)
    }

    /// Four seconds in which a few packets come and no PCR; then all goes on from where it was.
    @Test func packetsDoNotStayAheadOfAClockThatStoodStill() {
        var timeline = InputTimeline(program: nil)
        var farthest: Int64 = 0
        var clocksBehind = 0
        for (number, datagram) in Self.sent.enumerated() {
            var datagram = datagram
            if (150..<158).contains(number) {
                datagram.due += Int64(number - 150) * second / 2
                for at in stride(from: 0, to: datagram.bytes.count, by: 188)
                where readHeader(datagram.bytes, at: at)?.clockReference != nil {
                    datagram.bytes[at + 5] &= ~0x10
                }
            } else if number >= 158 {
                datagram.due += 4 * second
            }
            timeline.stampAhead(arrivedBefore: datagram.due)
            let before = timeline.clock.last?.time
            timeline.receive(datagram.bytes.span, at: datagram.due)
            guard let stamp = timeline.lastStamp, let clock = timeline.clock.last?.time else {
                continue
            }
            farthest = max(farthest, stamp - clock.ticks)
            if number >= 158, clock != before, stamp - clock.ticks > second { clocksBehind += 1 }
        }
        #expect(farthest > 2 * second)
        #expect(clocksBehind == 0)
    }
}
