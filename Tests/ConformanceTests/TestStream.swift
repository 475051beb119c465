// A transport stream that keeps every law, built packet by packet, with a knob for each way to
// break one: MPEG-2 pictures (I P B B, 25 a second) and MPEG audio (24 ms frames), PCR on a PID of
// its own, at a constant 2 Mb/s, tables every 80 ms, PCR every 30 ms.

import TransportStream

/// One PES packet to be sent.
struct TestPES {
    var pid: PID
    /// 27 MHz on the stream's own clock.
    var sendTime: Int64
    /// 90 kHz.
    var pts: Int64?
    var dts: Int64?
    var payload: [UInt8]
    /// Added to PES_packet_length.
    var lengthError = 0
}

struct TestStream {
    static let mapPID = PID(0x100)
    static let clockPID = PID(0x101)
    static let videoPID = PID(0x110)
    static let audioPID = PID(0x120)
    /// 188 · 8 bit at 2 Mb/s, 27 MHz.
    static let slotTicks: Int64 = 20_304
    static let millisecond: Int64 = 27_000

    /// PCR of the first slot but for the place in the packet.
    var base: Int64 = 270_000_000
    var associationInterval = 80 * millisecond
    var mapInterval = 80 * millisecond
    var clockInterval = 30 * millisecond
    var entries = [ProgramAssociation.Entry(program: 1, pid: mapPID)]
    /// PMTs and the time since the begin from which on each is sent.
    var maps: [(from: Int64, map: ProgramMap)] = [(0, TestStream.map())]
    /// Added to the PCR, by time since the begin.
    var clockError: @Sendable (Int64) -> Int64 = { _ in 0 }
    var units: [TestPES] = []
    /// How long the stream is, 27 MHz.
    var length: Int64 = 0

    static func map(
        version: UInt8 = 0, clock: PID = clockPID, video: PID = videoPID, audio: PID = audioPID,
        extra: [ProgramMap.Stream] = []
    ) -> ProgramMap {
        ProgramMap(
            program: 1, version: version, clockPID: clock, descriptors: [],
            streams: [
                .init(streamType: 0x02, pid: video, descriptors: []),
                .init(streamType: 0x03, pid: audio, descriptors: []),
            ] + extra)
    }

    /// - Parameter frameTicks: 27 MHz; 1,080,000 or 900,900.
    /// - Parameter lead: from sending a picture to its DTS, in milliseconds.
    init(
        pictures: Int = 72, frameTicks: Int64 = 1_080_000, closed: Bool = true,
        lead: Int64 = 300, framesPerPES: Int = 4, audioRate: Int64 = 48_000,
        base: Int64 = 270_000_000
    ) {
        self.base = base
        length = Int64(pictures) * frameTicks + 100 * TestStream.millisecond
        addPictures(pictures, frameTicks, closed: closed, lead: lead)
        addSound(framesPerPES: framesPerPES, rate: audioRate)
    }

    // MARK: - Content

    private mutating func addPictures(
        _ count: Int, _ frameTicks: Int64, closed: Bool, lead: Int64
    ) {
        let start = base + (lead + 20) * TestStream.millisecond
        for (order, shown) in TestStream.decodingOrder(count, closed: closed).enumerated() {
            let isIntra = shown % 12 == 0
            let isBidirectional = shown % 3 != 0 && !(closed && shown % 12 > 9)
            let dts = start + Int64(order) * frameTicks
            let pts = start + Int64(shown + 1) * frameTicks
            units.append(
                TestPES(
                    pid: TestStream.videoPID, sendTime: dts - lead * TestStream.millisecond,
                    pts: pts / 300, dts: isBidirectional ? nil : dts / 300,
                    payload: TestStream.picture(
                        shown % 12, type: isIntra ? 1 : isBidirectional ? 3 : 2, closed: closed,
                        rateCode: frameTicks == 900_900 ? 4 : 3)))
            if isBidirectional { units[units.count - 1].pts = dts / 300 }
        }
    }

    /// I0 P3 B1 B2 P6 ...; with closed groups the last two pictures of a group are P too.
    static func decodingOrder(_ count: Int, closed: Bool) -> [Int] {
        var order: [Int] = []
        var shown = 0
        while order.count < count {
            let place = shown % 12
            if place == 0 {
                order.append(shown)
                if !closed && shown > 0 { order += [shown - 2, shown - 1] }
                shown += 3
            } else if closed && place == 9 {
                order += [shown, shown - 2, shown - 1, shown + 1, shown + 2]
                shown += 3
            } else {
                order += [shown, shown - 2, shown - 1]
                shown += 3
            }
        }
        return Array(order.prefix(count))
    }

    /// 13818-2 §6.2: sequence and group headers before I pictures, picture header, one slice.
    static func picture(
        _ reference: Int, type: UInt8, closed: Bool, rateCode: UInt8 = 3
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        if type == 1 {
            bytes += [0, 0, 1, 0xB3, 0x14, 0x00, 0xF0, 0x10 | rateCode, 0xFF, 0xFF, 0xE0, 0x18]
            bytes += [0, 0, 1, 0xB5, 0x14, 0x8A, 0x00, 0x01, 0x00, 0x00]
            bytes += [0, 0, 1, 0xB8, 0x00, 0x08, 0x00, closed ? 0x40 : 0]
        }
        bytes += [
            0, 0, 1, 0x00, UInt8(reference >> 2), UInt8(reference & 3) << 6 | type << 3 | 7, 0xFF,
            0xF8,
        ]
        bytes += [0, 0, 1, 0xB5, 0x8F, 0xFF, 0xF3, 0x41, 0x80]
        bytes += [0, 0, 1, 0x01] + [UInt8](repeating: 0xAA, count: 600)
        return bytes
    }

    /// A layer II frame of 1,152 samples, mono, 64 kb/s.
    static func soundFrame(rate: Int64) -> [UInt8] {
        let size = Int(144 * 64_000 / rate)
        return [0xFF, 0xFD, rate == 48_000 ? 0x44 : 0x40, 0xC0]
            + [UInt8](repeating: 0x33, count: size - 4)
    }

    private mutating func addSound(framesPerPES: Int, rate: Int64) {
        let start = base + 200 * TestStream.millisecond
        var frame: Int64 = 0
        while true {
            let time = start + frame * 1152 * 27_000_000 / rate
            guard time < base + length else { return }
            var payload: [UInt8] = []
            for _ in 0..<framesPerPES { payload += TestStream.soundFrame(rate: rate) }
            units.append(
                TestPES(
                    pid: TestStream.audioPID, sendTime: time - 150 * TestStream.millisecond,
                    pts: time / 300, dts: nil, payload: payload))
            frame += Int64(framesPerPES)
        }
    }

    /// Indices of the units of a PID, in the order of sending.
    func indices(_ pid: PID) -> [Int] { units.indices.filter { units[$0].pid == pid } }

    // MARK: - Multiplex

    /// The whole stream.
    func bytes() -> [UInt8] {
        var output: [UInt8] = []
        var counters: [PID: ContinuityCounter] = [:]
        let queue = units.filter { $0.sendTime < base + length }.enumerated()
            .sorted { ($0.element.sendTime, $0.offset) < ($1.element.sendTime, $1.offset) }
            .map(\.element)
        var next = 0
        var waiting: [UInt8] = []
        var due = (association: Int64(0), map: Int64(0), clock: Int64(0))
        var time: Int64 = 0
        while time < length {
            if due.association <= time {
                due.association += associationInterval
                let table = ProgramAssociation(transportStreamID: 1, version: 0, entries: entries)
                append(table.sectionBytes(), .pat, &counters, &output)
            } else if due.map <= time, let map = maps.last(where: { $0.from <= time })?.map {
                due.map += mapInterval
                append(map.sectionBytes(), TestStream.mapPID, &counters, &output)
            } else if due.clock <= time {
                due.clock += clockInterval
                appendClock(at: time, &output)
            } else if !waiting.isEmpty {
                output += waiting.prefix(188)
                waiting.removeFirst(188)
            } else if next < queue.count, queue[next].sendTime <= base + time {
                waiting = packets(of: queue[next], &counters)
                next += 1
                continue
            } else {
                appendNull(&output)
            }
            time = Int64(output.count / 188) * TestStream.slotTicks
        }
        return output
    }

    private func append(
        _ section: [UInt8], _ pid: PID, _ counters: inout [PID: ContinuityCounter],
        _ output: inout [UInt8]
    ) {
        SectionPacketizer.append(
            section.span, pid: pid, continuity: &counters[pid, default: ContinuityCounter(15)],
            to: &output)
    }

    private func appendClock(at time: Int64, _ output: inout [UInt8]) {
        let pid = maps.last { $0.from <= time }?.map.clockPID ?? TestStream.clockPID
        let start = output.count
        output += [UInt8](repeating: 0, count: 188)
        // 10 of 188 bytes of the slot have passed.
        let value = base + time + TestStream.slotTicks * 10 / 188 + clockError(time)
        var span = output.mutableSpan
        PacketWriter.writeClockPacket(
            pid: pid, continuity: ContinuityCounter(0), clock: ClockReference(wrapping: value),
            in: &span, at: start)
    }

    private func appendNull(_ output: inout [UInt8]) {
        let start = output.count
        output += [UInt8](repeating: 0, count: 188)
        var span = output.mutableSpan
        PacketWriter.writeNull(in: &span, at: start)
    }

    private func packets(
        of unit: TestPES, _ counters: inout [PID: ContinuityCounter]
    ) -> [UInt8] {
        let isVideo = unit.pid == TestStream.videoPID
        var data = PESHeader.bytes(
            streamID: isVideo ? 0xE0 : 0xC0, presentation: unit.pts.map(Timestamp.init(wrapping:)),
            decoding: unit.dts.map(Timestamp.init(wrapping:)), payloadLength: unit.payload.count,
            dataAlignment: false)
        if unit.lengthError != 0 {
            let length = (Int(data[4]) << 8 | Int(data[5])) + unit.lengthError
            data[4] = UInt8(length >> 8)
            data[5] = UInt8(length & 0xFF)
        }
        data += unit.payload
        var output: [UInt8] = []
        var position = 0
        while position < data.count {
            let count = min(184, data.count - position)
            let counter = counters[unit.pid, default: ContinuityCounter(15)].next
            counters[unit.pid] = counter
            let start = output.count
            output += [UInt8](repeating: 0, count: 188)
            var span = output.mutableSpan
            let place = PacketWriter.writeHeader(
                pid: unit.pid, continuity: counter, startsUnit: position == 0,
                payloadCount: count, in: &span, at: start)
            for index in 0..<count { span[place + index] = data[position + index] }
            position += count
        }
        return output
    }
}

/// Offsets of the packets of a PID.
func packetOffsets(_ bytes: [UInt8], _ pid: PID) -> [Int] {
    stride(from: 0, to: bytes.count - 187, by: 188).filter {
        Int(bytes[$0 + 1] & 0x1F) << 8 | Int(bytes[$0 + 2]) == pid.index
    }
}
