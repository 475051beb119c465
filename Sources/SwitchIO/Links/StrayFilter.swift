// Leaves out what a stranger sends to a port of ours: noise between a sender's datagrams would cost
// the packets around it, and look like a sender that is unsound.
//
// Nearly every sender puts whole packets into its datagrams. Where one has begun so, what is not
// made of whole packets is not its own; when nothing else comes any more, it has changed its ways.

import TransportStream

struct StrayFilter {
    /// Others in a row until they are taken for the sender's own.
    static let patience = 16

    private var sendsWholePackets = false
    private var others = 0

    mutating func passes(_ datagram: Span<UInt8>) -> Bool {
        if StrayFilter.isWhole(datagram) {
            sendsWholePackets = true
            others = 0
            return true
        }
        guard sendsWholePackets else { return true }
        others += 1
        guard others > StrayFilter.patience else { return false }
        sendsWholePackets = false
        others = 0
        return true
    }

    private static func isWhole(_ datagram: Span<UInt8>) -> Bool {
        guard datagram.count > 0, datagram.count % Packet.size == 0 else { return false }
        var at = 0
        while at < datagram.count && datagram[at] == Packet.syncByte { at += Packet.size }
        return at >= datagram.count
    }
}
