// SCTE-35 sections of a synthetic encoder, by the standard's own layout.

import TransportStream

enum SpliceWriter {
    /// SCTE 35 §9.7.4: time_signal with a time and no descriptors.
    static func timeSignal(at stamp: Timestamp) -> [UInt8] {
        section(type: 0x06, command: spliceTime(stamp))
    }

    /// What is announced at a whole second of source time: breaks that begin or end within the
    /// second after the next.
    static func announcements(_ profile: EncoderProfile, at time: Int64) -> [[UInt8]] {
        let window = (time + SyntheticEncoder.dataTicks)..<(time + 2 * SyntheticEncoder.dataTicks)
        var result: [[UInt8]] = []
        for each in profile.breaks {
            let start = InputPath.origin + each.start
            if window.contains(start) {
                result.append(insert(each, at: profile.base + start, isOut: true))
            }
            if !each.returnsByItself, window.contains(start + each.length) {
                result.append(insert(each, at: profile.base + start + each.length, isOut: false))
            }
        }
        return result
    }

    /// §9.7.3: splice_insert of a whole programme at a time.
    private static func insert(
        _ each: EncoderProfile.SpliceBreak, at time: Int64, isOut: Bool
    ) -> [UInt8] {
        var command: [UInt8] = []
        for shift in [24, 16, 8, 0] as [UInt32] {
            command.append(UInt8(truncatingIfNeeded: each.event >> shift))
        }
        let hasDuration = isOut && each.returnsByItself
        command += [0x7F, (isOut ? 0x80 : 0) | 0x40 | (hasDuration ? 0x20 : 0) | 0x0F]
        command += spliceTime(Timestamp(StreamTime(ticks: time)))
        if hasDuration {
            let ticks = each.length / StreamTime.ticksPerTimestampTick
            command.append(0xFE | UInt8(truncatingIfNeeded: ticks >> 32 & 1))
            append(ticks, to: &command)
        }
        return section(type: 0x05, command: command + [0, 1, 0, 0])
    }

    private static func spliceTime(_ stamp: Timestamp) -> [UInt8] {
        var bytes = [0xFE | UInt8(stamp.ticks >> 32)]
        append(stamp.ticks, to: &bytes)
        return bytes
    }

    /// The lower 32 bits.
    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        for shift in [24, 16, 8, 0] as [Int64] {
            bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// §9.6: the frame around a command, without descriptors.
    private static func section(type: UInt8, command: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [
            0xFC, 0x30, UInt8(17 + command.count), 0, 0, 0, 0, 0, 0, 0, 0xFF,
            0xF0, UInt8(command.count), type,
        ]
        bytes += command + [0, 0]
        let sum = CRC32MPEG.checksum(bytes.span, from: 0, to: bytes.count)
        append(Int64(sum), to: &bytes)
        return bytes
    }
}
