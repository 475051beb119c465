// One libsrt socket, without waiting anywhere: libsrt's own threads do the protocol, the channel's
// loop asks on its tick.

import CSRT
import Glibc
import SwitchEngine

/// A libsrt socket, or a group of them, that is ours to close.
final class SRTSocket {
    /// Seven transport packets, libsrt's own live payload size.
    static let payloadBytes = 1316
    /// A peer that says nothing for so long is gone; libsrt's own value is 5 s.
    static let idleTimeoutMilliseconds: Int32 = 2000

    enum State { case connecting, connected, broken }

    private(set) var handle: SRTSOCKET
    /// Of a group that calls.
    var calledPaths: SRTPaths?

    /// Takes over an accepted socket.
    init(accepted handle: SRTSOCKET) { self.handle = handle }

    /// A socket, or a group where the address has several paths.
    init(for address: SRTAddress) throws(IOFailure) {
        guard SRTLibrary.isStarted else { throw .srt("libsrt") }
        if let failure = SRTLibrary.groupsAreMissing(for: address) { throw failure }
        handle =
            switch address.group {
            case .called(.broadcast, _): srt_create_group(SRT_GTYPE_BROADCAST)
            case .called(.backup, _): srt_create_group(SRT_GTYPE_BACKUP)
            case .accepted, nil: srt_create_socket()
            }
        guard handle != SRT_INVALID_SOCK else { throw .srt("SRT socket") }
    }

    deinit { close() }

    func close() {
        guard handle != SRT_INVALID_SOCK else { return }
        srt_close(handle)
        handle = SRT_INVALID_SOCK
    }

    /// Gives the handle away; this object closes nothing any more.
    func release() -> SRTSOCKET {
        defer { handle = SRT_INVALID_SOCK }
        return handle
    }

    /// Sets what has to be set before the connection.
    func prepare(_ address: SRTAddress) throws(IOFailure) {
        try set(SRTO_RCVSYN, false)
        try set(SRTO_SNDSYN, false)
        try set(SRTO_PAYLOADSIZE, Int32(SRTSocket.payloadBytes))
        try set(SRTO_LATENCY, Int32(address.latencyMilliseconds))
        try set(SRTO_CONNTIMEO, Int32(address.connectTimeoutMilliseconds))
        try set(SRTO_PEERIDLETIMEO, SRTSocket.idleTimeoutMilliseconds)
        if address.mode == .rendezvous { try set(SRTO_RENDEZVOUS, true) }
        if let filter = address.packetFilter { try set(SRTO_PACKETFILTER, filter) }
        if let length = address.keyLength { try set(SRTO_PBKEYLEN, Int32(length)) }
        // A listener's passphrases belong to its stream ids and are set as callers come.
        guard address.mode != .listener else { return }
        if let passphrase = address.passphrase { try set(SRTO_PASSPHRASE, passphrase) }
        if let streamID = address.streamID, address.mode == .caller {
            try set(SRTO_STREAMID, streamID)
        }
    }

    /// Whether libsrt takes the options; a group would look at them only when it connects.
    static func test(_ address: SRTAddress) throws(IOFailure) {
        if let failure = SRTLibrary.groupsAreMissing(for: address) { throw failure }
        var alone = address
        alone.group = nil
        try SRTSocket(for: alone).prepare(alone)
    }

    /// Begins to connect, as caller or in rendezvous.
    func connect(_ target: SRTTarget) throws(IOFailure) {
        switch target {
        case .paths(let paths): try connectGroup(paths)
        case .one(let peer, let local):
            if let local, local.withPointer({ srt_bind(handle, $0, Int32($1)) }) != 0 {
                throw .srt("local address")
            }
            guard peer.withPointer({ srt_connect(handle, $0, Int32($1)) }) == 0 else {
                throw .srt("connect")
            }
        }
    }

    var state: State {
        if isGroup { return groupState }
        return switch srt_getsockstate(handle) {
        case SRTS_CONNECTED: .connected
        case SRTS_INIT, SRTS_OPENED, SRTS_LISTENING, SRTS_CONNECTING: .connecting
        default: .broken
        }
    }

    /// Why a connection attempt failed, in libsrt's words.
    var rejection: String {
        String(cString: srt_rejectreason_str(srt_getrejectreason(handle)))
    }

    /// The stream id that a caller brought, a group's members all the same.
    var streamID: String {
        var bytes = [CChar](repeating: 0, count: 513)
        var count = Int32(bytes.count - 1)
        guard srt_getsockflag(handle, SRTO_STREAMID, &bytes, &count) == 0 else { return "" }
        return String(decoding: bytes[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Reads one message; nil when none is there. A broken socket tells by its `state`.
    func receive(into bytes: inout [UInt8]) -> Int? {
        let count = bytes.withUnsafeMutableBytes { room in
            srt_recvmsg2(
                handle, room.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(room.count),
                nil)
        }
        return count > 0 ? Int(count) : nil
    }

    enum Sending { case sent, full, broken }

    func send(_ datagram: Span<UInt8>) -> Sending {
        let sent = datagram.withUnsafeBytes { bytes in
            srt_sendmsg2(
                handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count),
                nil)
        }
        if sent >= 0 { return .sent }
        return srt_getlasterror(nil) == Int32(SRT_EASYNCSND.rawValue) ? .full : .broken
    }

    /// Packets of data that have come over the network, delivered or not; nil for a group.
    var arrivedPackets: Int64? {
        var numbers = SRT_TRACEBSTATS()
        guard !isGroup, srt_bistats(handle, &numbers, 0, 1) == 0 else { return nil }
        return numbers.pktRecvTotal
    }

    var facts: SRTFacts? { isGroup ? groupFacts : SRTSocket.facts(of: handle) }

    static func facts(of handle: SRTSOCKET) -> SRTFacts? {
        var numbers = SRT_TRACEBSTATS()
        guard srt_bistats(handle, &numbers, 0, 1) == 0 else { return nil }
        return SRTFacts(
            roundTripMilliseconds: numbers.msRTT,
            lostPackets: Int64(numbers.pktRcvLossTotal) + Int64(numbers.pktSndLossTotal),
            retransmittedPackets: Int64(numbers.pktRetransTotal),
            droppedPackets: Int64(numbers.pktRcvDropTotal) + Int64(numbers.pktSndDropTotal),
            megabitsPerSecond: max(numbers.mbpsRecvRate, numbers.mbpsSendRate))
    }

    // MARK: Options

    func set(_ option: SRT_SOCKOPT, _ value: Int32) throws(IOFailure) {
        var value = value
        guard srt_setsockflag(handle, option, &value, 4) == 0 else { throw .srt(name(option)) }
    }

    func set(_ option: SRT_SOCKOPT, _ value: Bool) throws(IOFailure) {
        var value = value
        guard srt_setsockflag(handle, option, &value, 1) == 0 else { throw .srt(name(option)) }
    }

    func set(_ option: SRT_SOCKOPT, _ value: String) throws(IOFailure) {
        let bytes = Array(value.utf8)
        guard srt_setsockflag(handle, option, bytes, Int32(bytes.count)) == 0 else {
            throw .srt(name(option))
        }
    }

    private func name(_ option: SRT_SOCKOPT) -> String {
        switch option {
        case SRTO_PASSPHRASE: "SRT passphrase"
        case SRTO_PBKEYLEN: "SRT key length"
        case SRTO_STREAMID: "SRT stream id"
        case SRTO_PACKETFILTER: "SRT packet filter"
        case SRTO_LATENCY: "SRT latency"
        default: "SRT option \(option.rawValue)"
        }
    }
}
