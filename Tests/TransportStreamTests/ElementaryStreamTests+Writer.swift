// Writes small streams bit by bit from the syntax tables, for cases that no sample has.

import Testing

@testable import TransportStream

/// Writes headers by the standards' descriptors.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var free = 0

    mutating func u(_ count: Int, _ value: Int) {
        for shift in stride(from: count - 1, through: 0, by: -1) {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            free -= 1
            if value >> shift & 1 == 1 { bytes[bytes.count - 1] |= 1 << UInt8(free) }
        }
    }

    mutating func ue(_ value: Int) {
        let length = (value + 1).bitWidth - (value + 1).leadingZeroBitCount
        u(length - 1, 0)
        u(length, value + 1)
    }

    /// rbsp_trailing_bits
    mutating func trail() {
        u(1, 1)
        free = 0
    }

    /// The bytes with emulation prevention, 14496-10 §7.4.1.1.
    var escaped: [UInt8] {
        var out: [UInt8] = []
        var zeros = 0
        for byte in bytes {
            if zeros >= 2, byte <= 3 {
                out.append(3)
                zeros = 0
            }
            out.append(byte)
            zeros = byte == 0 ? zeros + 1 : 0
        }
        return out
    }
}

/// A stream of H.264 NAL units with one SPS and one PPS.
struct H264Writer {
    var bytes: [UInt8] = []
    var profile = 77
    var isInterlaced = true
    var hasRedundantCount = false
    var separatePlanes = false
    var longStartCode = true

    mutating func unit(_ header: UInt8, _ payload: [UInt8]) {
        bytes += (longStartCode ? [0, 0, 0, 1] : [0, 0, 1]) + [header] + payload
    }

    mutating func parameterSets(_ levelIDC: Int = 30) {
        var sps = BitWriter()
        sps.u(8, separatePlanes ? 244 : profile)
        sps.u(8, 0)
        sps.u(8, levelIDC)
        sps.ue(0)
        if separatePlanes {
            sps.ue(3)
            sps.u(1, 1)
            sps.ue(0)
            sps.ue(0)
            sps.u(2, 0)
        }
        sps.ue(0)  // frame_num: 4 bits
        sps.ue(0)  // pic_order_cnt_type
        sps.ue(4)  // order count: 8 bits
        sps.ue(4)
        sps.u(1, 0)
        sps.ue(44)
        sps.ue(17)
        sps.u(1, isInterlaced ? 0 : 1)
        if isInterlaced { sps.u(1, 0) }
        sps.u(1, 1)
        sps.u(1, 0)
        // VUI: timing 1/50 s per field, pic_struct present
        sps.u(1, 1)
        sps.u(4, 0)
        sps.u(1, 1)
        sps.u(32, 1)
        sps.u(32, 50)
        sps.u(1, 1)
        sps.u(2, 0)
        sps.u(1, 1)
        sps.u(1, 0)
        sps.trail()
        unit(0x67, sps.escaped)
        var pps = BitWriter()
        pps.ue(0)
        pps.ue(0)
        pps.u(2, 0)
        pps.ue(0)
        pps.ue(0)
        pps.ue(0)
        pps.u(3, 0)
        pps.ue(0)
        pps.ue(0)
        pps.ue(0)
        pps.u(2, 0)
        pps.u(1, hasRedundantCount ? 1 : 0)
        pps.trail()
        unit(0x68, pps.escaped)
    }

    mutating func recoveryPoint(frames: Int = 0, behind padding: Int = 0) {
        var payload: [UInt8] = []
        if padding > 0 {
            payload = [5] + [UInt8](repeating: 255, count: padding / 255)
            payload += [UInt8(padding % 255)] + [UInt8](repeating: 0xAB, count: padding)
        }
        var message = BitWriter()
        message.ue(frames)
        message.u(4, 8)
        message.trail()
        payload += [6, UInt8(message.bytes.count)] + message.bytes + [0x80]
        unit(6, payload)
    }

    mutating func pictureTiming(_ structure: Int) {
        unit(6, [1, 1, UInt8(structure << 4 | 8), 0x80])
    }

    enum Parity { case frame, top, bottom }

    mutating func slice(
        type: Int, frame: Int, order: Int, parity: Parity = .frame, first: Int = 0,
        reference: Int = 1, idr: Int? = nil, redundant: Int = 0, plane: Int = 0
    ) {
        var bits = BitWriter()
        bits.ue(first)
        bits.ue(type)
        bits.ue(0)
        if separatePlanes { bits.u(2, plane) }
        bits.u(4, frame)
        if isInterlaced {
            bits.u(1, parity == .frame ? 0 : 1)
            if parity != .frame { bits.u(1, parity == .bottom ? 1 : 0) }
        }
        if let idr { bits.ue(idr) }
        bits.u(8, order)
        if hasRedundantCount { bits.ue(redundant) }
        bits.u(32, 0x5A5A_5A5A)
        bits.trail()
        unit(UInt8(reference << 5) | (idr == nil ? 1 : 5), bits.escaped)
    }
}

/// Marks of a byte stream that is given in pieces of one byte, and whole: both must agree.
func bothWays(_ bytes: [UInt8], _ codec: Codec) -> [AccessUnitMark] {
    var results: [[AccessUnitMark]] = []
    for step in [1, bytes.count] {
        var detector = AccessUnitDetector(codec: codec)
        var marks: [AccessUnitMark] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            detector.scan(
                bytes.span, from: start, to: min(start + step, bytes.count),
                startsPES: start == 0, into: &marks)
        }
        detector.finish(into: &marks)
        results.append(marks)
    }
    #expect(results[0] == results[1])
    return results[0]
}
