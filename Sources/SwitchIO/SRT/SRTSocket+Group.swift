// A socket group is used like a socket: one handle, one order of packets. What is more are its
// members, one connection for each path. libsrt takes a broken member out and forgets it; a caller
// connects it again, a listener's sender does so by itself.
//
//   caller                                     listener
//   group --- member --- 192.0.2.7:9001 ------ member --- group
//         '-- member --- 198.51.100.7:9001 --- member --'

import CSRT
import Glibc

extension SRTSocket {
    /// Members of a sender's group that a listener lets in; more are refused.
    static let mostMembers = 16
    /// The bit of a handle that tells groups from sockets, `SRTGROUP_MASK`.
    private static let groupBit: SRTSOCKET = 1 << 30

    static func isGroup(_ handle: SRTSOCKET) -> Bool {
        handle != SRT_INVALID_SOCK && handle & groupBit != 0
    }

    var isGroup: Bool { SRTSocket.isGroup(handle) }

    /// Whether a caller that shakes hands wishes to be one of a group.
    static func wishesGroup(_ caller: SRTSOCKET) -> Bool {
        var value: Int32 = 0
        var count: Int32 = 4
        return srt_getsockflag(caller, SRTO_GROUPCONNECT, &value, &count) == 0 && value != 0
    }

    static func memberCount(_ group: SRTSOCKET) -> Int {
        var count = 0
        return srt_group_data(group, nil, &count) == 0 ? count : 0
    }

    /// The members that libsrt has, broken ones of a moment ago included.
    var members: [SRT_SOCKGROUPDATA] {
        var list = [SRT_SOCKGROUPDATA](repeating: SRT_SOCKGROUPDATA(), count: SRTSocket.mostMembers)
        var count = list.count
        guard srt_group_data(handle, &list, &count) >= 0 else { return [] }
        return Array(list.prefix(count))
    }

    /// A group is what its best member is.
    var groupState: State {
        if srt_getsockstate(handle) == SRTS_CONNECTED { return .connected }
        // libsrt gives the state of any one member otherwise.
        let isConnecting = members.contains { member in
            switch member.sockstate {
            case SRTS_INIT, SRTS_OPENED, SRTS_CONNECTING: true
            default: false
            }
        }
        return isConnecting ? .connecting : .broken
    }

    /// Begins to connect all paths.
    func connectGroup(_ called: SRTPaths) throws(IOFailure) {
        calledPaths = called
        try connectMissing(called)
    }

    /// A group that calls gets its lost paths again; for others it is not ours to do.
    func mend() throws(IOFailure) {
        guard let calledPaths else { return }
        calledPaths.askAgain()
        try connectMissing(calledPaths)
    }

    private func connectMissing(_ called: SRTPaths) throws(IOFailure) {
        var targets = called.targets(without: members)
        guard !targets.isEmpty else { return }
        guard srt_connect_group(handle, &targets, Int32(targets.count)) != SRT_ERROR else {
            throw .srt("connect")
        }
    }

    /// What is known of each path.
    var paths: [SRTPathFacts] {
        members.map { member in
            var path = SRTPathFacts(
                peer: SocketAddress(member.peeraddr).text, state: SRTSocket.state(of: member))
            if let facts = SRTSocket.facts(of: member.id) {
                path.roundTripMilliseconds = facts.roundTripMilliseconds
                path.lostPackets = facts.lostPackets
            }
            return path
        }
    }

    private static func state(of member: SRT_SOCKGROUPDATA) -> SRTPathFacts.State {
        switch member.memberstate {
        case SRT_GST_PENDING: .connecting
        case SRT_GST_IDLE: .idle
        case SRT_GST_RUNNING: .running
        default: .broken
        }
    }

    /// A group's own numbers are few; what is one for each path is added up.
    var groupFacts: SRTFacts? {
        let each = members.compactMap { SRTSocket.facts(of: $0.id) }
        guard var sum = each.first else { return nil }
        for facts in each.dropFirst() {
            sum.roundTripMilliseconds = max(sum.roundTripMilliseconds, facts.roundTripMilliseconds)
            sum.lostPackets += facts.lostPackets
            sum.retransmittedPackets += facts.retransmittedPackets
            sum.megabitsPerSecond = max(sum.megabitsPerSecond, facts.megabitsPerSecond)
        }
        // What one path drops another one may have brought.
        sum.droppedPackets = SRTSocket.facts(of: handle)?.droppedPackets ?? 0
        sum.paths = paths
        return sum
    }
}
