// A movie fragment's own account of its times (ISO 14496-12 §8.8), read from the bytes.

struct MovieFragment {
    /// One track's run of samples, in the track's ticks.
    struct Run: Equatable {
        var begin: UInt64
        var duration: UInt64
        var end: UInt64 { begin + duration }
    }

    /// By track.
    private(set) var runs: [UInt32: Run] = [:]
    /// moof boxes.
    private(set) var count = 0

    init(_ bytes: [UInt8]) {
        Self.forEachBox(in: bytes, 0..<bytes.count) { name, body in
            guard name == "moof" else { return }
            count += 1
            Self.forEachBox(in: bytes, body) { name, body in
                if name == "traf" { takeTrack(bytes, body) }
            }
        }
    }

    private mutating func takeTrack(_ bytes: [UInt8], _ range: Range<Int>) {
        func number(_ at: Int, _ count: Int = 4) -> UInt64 {
            bytes[at..<(at + count)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        var (track, usual) = (UInt32(0), UInt64(0))
        var run = Run(begin: 0, duration: 0)
        Self.forEachBox(in: bytes, range) { name, body in
            let flags = number(body.lowerBound) & 0xFF_FFFF
            var at = body.lowerBound + 4
            switch name {
            case "tfhd":
                track = UInt32(number(at))
                // base_data_offset, sample_description_index, then default_sample_duration.
                at += 4 + (flags & 0x1 != 0 ? 8 : 0) + (flags & 0x2 != 0 ? 4 : 0)
                if flags & 0x8 != 0 { usual = number(at) }
            case "tfdt":
                run.begin = number(at, bytes[body.lowerBound] == 1 ? 8 : 4)
            case "trun":
                let samples = number(at)
                at += 4 + (flags & 0x1 != 0 ? 4 : 0) + (flags & 0x4 != 0 ? 4 : 0)
                let fields = [0x100, 0x200, 0x400, 0x800].filter { flags & $0 != 0 }.count
                for _ in 0..<samples {
                    run.duration += flags & 0x100 != 0 ? number(at) : usual
                    at += 4 * fields
                }
            default: break
            }
        }
        runs[track] = run
    }

    private static func forEachBox(
        in bytes: [UInt8], _ range: Range<Int>, _ take: (String, Range<Int>) -> Void
    ) {
        var at = range.lowerBound
        while at + 8 <= range.upperBound {
            let size = bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, at + size <= range.upperBound else { return }
            take(
                String(decoding: bytes[(at + 4)..<(at + 8)], as: UTF8.self),
                (at + 8)..<(at + size))
            at += size
        }
    }
}
