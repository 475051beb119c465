// What the merge by content knows of a packet: a hash of all its bytes, and what its continuity
// counter says.

import TransportStream

struct PacketPrint: Equatable {
    /// Of all 188 bytes. Two different packets of one window have the same one by chance once in
    /// 10^11 windows; it is no defence against someone who looks for such packets.
    var hash: UInt64
    var pid: UInt16
    /// Continuity counter, and the bits below.
    private var flags: UInt8

    private static let payloadBit: UInt8 = 0x10
    private static let discontinuityBit: UInt8 = 0x20
    private static let tableBit: UInt8 = 0x40
    static let nullPID: UInt16 = 0x1FFF
    static let none = PacketPrint(hash: 0, pid: nullPID, flags: 0)

    var isNull: Bool { pid == PacketPrint.nullPID }
    /// Of a table: it comes again and again, and may be in another stream as well.
    var isTable: Bool { flags & PacketPrint.tableBit != 0 }
    /// Its bytes tell which packet of which stream it is.
    var isTelling: Bool { !isNull && !isTable }
    var counter: UInt8 { flags & 15 }

    /// Whether this packet may come right behind one of its PID whose counter was `last`.
    /// 13818-1 §2.4.3.3: it counts packets with payload; a packet may be sent twice.
    func follows(_ last: UInt8) -> Bool {
        if flags & PacketPrint.discontinuityBit != 0 { return true }
        if flags & PacketPrint.payloadBit == 0 { return counter == last }
        return counter == (last &+ 1) & 15 || counter == last
    }

    private init(hash: UInt64, pid: UInt16, flags: UInt8) {
        self.hash = hash
        self.pid = pid
        self.flags = flags
    }

    /// The packet of 188 bytes at `offset`.
    @inline(__always)
    init(_ bytes: Span<UInt8>, at offset: Int) {
        pid = UInt16(bytes[offset + 1] & 0x1F) << 8 | UInt16(bytes[offset + 2])
        let control = bytes[offset + 3]
        flags = control & 0x1F
        if control & 0x20 != 0 && bytes[offset + 4] > 0 && bytes[offset + 5] & 0x80 != 0 {
            flags |= PacketPrint.discontinuityBit
        }
        // A unit that begins without the start code of a PES packet begins a section.
        // 13818-1 §2.4.3.6, Table 2-3.
        let payload = control & 0x20 == 0 ? 4 : min(5 + Int(bytes[offset + 4]), Packet.size - 3)
        let startsUnit = bytes[offset + 1] & 0x40 != 0 && control & 0x10 != 0
        let isStartCode = bytes[offset + payload] == 0 && bytes[offset + payload + 1] == 0
            && bytes[offset + payload + 2] == 1
        if pid < 0x20 || startsUnit && !isStartCode { flags |= PacketPrint.tableBit }
        hash = 0
        if !isNull { hash = PacketPrint.hash(bytes.bytes, at: offset) }
    }

    /// Four independent lanes of multiplications: one chain of 24 would wait for each other.
    @inline(__always)
    private static func hash(_ bytes: RawSpan, at offset: Int) -> UInt64 {
        var a: UInt64 = 0x243F_6A88_85A3_08D3
        var b: UInt64 = 0x1319_8A2E_0370_7344
        var c: UInt64 = 0xA409_3822_299F_31D0
        var d: UInt64 = 0x082E_FA98_EC4E_6C89
        var at = offset
        for _ in 0..<5 {
            a = mixed(a, bytes, at)
            b = mixed(b, bytes, at &+ 8)
            c = mixed(c, bytes, at &+ 16)
            d = mixed(d, bytes, at &+ 24)
            at &+= 32
        }
        // 160 ... 188, the last word over the one before.
        a = mixed(a, bytes, offset &+ 160)
        b = mixed(b, bytes, offset &+ 168)
        c = mixed(c, bytes, offset &+ 176)
        d = mixed(d, bytes, offset &+ 180)
        return folded(folded(folded(a, b), c), d)
    }

    @inline(__always)
    private static func folded(_ all: UInt64, _ lane: UInt64) -> UInt64 {
        let product = (all ^ lane) &* 0x9E37_79B9_7F4A_7C15
        return product ^ product >> 31
    }

    @inline(__always)
    private static func mixed(_ lane: UInt64, _ bytes: RawSpan, _ at: Int) -> UInt64 {
        let word = bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)
        let product = (lane ^ word) &* 0xBF58_476D_1CE4_E5B9
        return product ^ product >> 29
    }
}
