// Tells whose datagrams come to a port. A stranger's between a sender's would cost the packets
// around them, and look like a sender that restarts again and again. So the first sender whose
// datagrams are whole has the port until it falls silent; what others send meanwhile is left out.
// A sender is its address and port, and with RTP its SSRC too: an encoder that begins again is
// another one.
//
// Nearly every sender puts whole packets into its datagrams. One that does not has a port that
// nobody else wants: it gives way at once to one that does.

import TransportStream

/// Who sent a datagram.
struct DatagramSender: Equatable, Sendable {
    /// Of an IPv6 address, or an IPv4 one mapped into it.
    var address: (high: UInt64, low: UInt64)
    var port: UInt16
    /// RTP's SSRC; 0 without RTP.
    var synchronizationSource: UInt32 = 0

    static func == (a: DatagramSender, b: DatagramSender) -> Bool {
        a.address == b.address && a.port == b.port
            && a.synchronizationSource == b.synchronizationSource
    }
}

struct SenderFilter {
    /// Who sent nothing for so long, 0.5 s, gives way to another. An encoder that is started again
    /// has another port: to wait longer would cost a hold-back of 2 s more than a quarter of it. A
    /// sender that pauses has it still, unless a stranger sends at that very time.
    static let patience: Int64 = 500_000_000
    /// Datagrams in a row that are not whole, until they are taken for the sender's own.
    static let mostCut = 16

    enum Verdict: Equatable {
        case own
        /// Of the sender that has the port from here on.
        case firstOfSender
        case stray
    }

    private struct Holder {
        var sender: DatagramSender
        var lastHeard: Int64
        var sendsWholePackets: Bool
        /// Not whole, in a row.
        var cut = 0
    }

    /// The only one that is heard; with port 0 any of its ports, and any SSRC.
    private let only: DatagramSender?
    /// The SSRC tells whose a datagram is, whatever is in it.
    private let isRTP: Bool
    private var holder: Holder?
    /// Others' datagrams in a row that are not whole, while the holder is silent.
    private var strangers = 0

    init(only: DatagramSender? = nil, isRTP: Bool = false) {
        self.only = only
        self.isRTP = isRTP
    }

    /// Whose datagrams are taken; nil before the first.
    var sender: DatagramSender? { holder?.sender }

    /// - Parameters:
    ///   - isWhole: it is made of whole transport packets.
    ///   - arrival: host nanoseconds; never less than the one before.
    mutating func judge(
        from sender: DatagramSender, isWhole: Bool, at arrival: Int64
    ) -> Verdict {
        guard isAllowed(sender) else { return .stray }
        guard let holder else { return hand(to: sender, isWhole, arrival) }
        if holder.sender == sender {
            strangers = 0
            return take(isWhole, arrival) ? .own : .stray
        }
        let isSilent = arrival - holder.lastHeard > SenderFilter.patience
        if isWhole {
            guard isSilent || !holder.sendsWholePackets else { return .stray }
            return hand(to: sender, true, arrival)
        }
        strangers = isSilent ? strangers + 1 : 0
        return strangers > SenderFilter.mostCut ? hand(to: sender, false, arrival) : .stray
    }

    private func isAllowed(_ sender: DatagramSender) -> Bool {
        guard let only else { return true }
        return only.address == sender.address && (only.port == 0 || only.port == sender.port)
    }

    private mutating func hand(
        to sender: DatagramSender, _ isWhole: Bool, _ arrival: Int64
    ) -> Verdict {
        holder = Holder(sender: sender, lastHeard: arrival, sendsWholePackets: isWhole)
        strangers = 0
        return .firstOfSender
    }

    /// One that the holder seems to have sent.
    private mutating func take(_ isWhole: Bool, _ arrival: Int64) -> Bool {
        guard var own = holder else { return false }
        if isWhole {
            own.sendsWholePackets = true
            own.cut = 0
        } else if own.sendsWholePackets {
            own.cut += 1
            // It has changed its ways where nothing else comes any more.
            if own.cut > SenderFilter.mostCut {
                own.sendsWholePackets = false
                own.cut = 0
            }
        }
        let isOwn = isWhole || isRTP || !own.sendsWholePackets
        if isOwn { own.lastHeard = arrival }
        holder = own
        return isOwn
    }

    /// Whether a datagram's bytes are whole transport packets.
    static func isWhole(_ datagram: Span<UInt8>) -> Bool {
        guard datagram.count > 0, datagram.count % Packet.size == 0 else { return false }
        var at = 0
        while at < datagram.count && datagram[at] == Packet.syncByte { at += Packet.size }
        return at >= datagram.count
    }
}
