// An input was silent and is here again. Late is not absent: a sender that stood still and then
// sends all that it had has lost nothing, and its line goes on as if nothing had been. Packets that
// were lost on the way begin a new piece of it.
//
//   silence ends    possible   counters, time stamps and the PCR go on         none: one line
//                              one of them does not                            certain: a new epoch
//   certain         until the first PCR, which tells whether the clock has gone on meanwhile

import TransportStream

extension InputTimeline {
    /// What a silence that has ended did to the line.
    enum Outage {
        case none
        /// Nothing shows yet that any packets are missing.
        case possible
        /// A new piece of the line has begun; its first PCR has not come.
        case certain
    }

    /// The input was silent and is here again.
    /// - Parameter isNew: what comes now is a new piece whatever it shows: the connection had come
    ///   to its end, or the output has gone on without it.
    mutating func resume(isNew: Bool) {
        health.forget()
        guard !isNew, epoch != nil, clock.last != nil else { return beginAgain() }
        // A second silence before the first one's PCR: what was found out stands.
        guard outage == .none else { return }
        outage = .possible
        outageEnd = ring.end
    }

    /// Packets are missing: what comes from here on is a new piece of the time line. If its clock
    /// has gone on meanwhile, what is known of it still holds; if not, the next PCR tells.
    mutating func beginAgain() {
        closeStamps()
        if let epoch {
            noteEnd(of: epoch)
            for index in epoch.streams {
                // The first packets behind the silence seemed to go on from those before it.
                if outage == .possible { streams[index].spoil(across: outageEnd) }
                streams[index].lose()
                streams[index].endEpoch(.cut)
                streams[index].lastPayloadTicks = nil
            }
            appendEpoch(map: epoch.map, streams: epoch.streams)
        }
        pendingSample = nil
        outage = .certain
        suspectClock = nil
        stampWatch.resume()
    }

    /// The next packet of a stream shows that others before it are missing. Where it is the first
    /// behind a break of the line, an encoder was switched off and on, and that the counters of
    /// other streams go on is chance.
    mutating func noteLoss(in stream: Int) {
        lossEnd = ring.end
        guard streams[stream].hasOpenEnd else { return }
        for index in epoch?.streams ?? [] where index != stream { streams[index].doubtEnd() }
    }

    /// The next packet of PAT or PMT shows that others before it are missing. It may come long
    /// behind a break of the line: what of a stream has come since says more.
    mutating func noteLoss() {
        lossEnd = ring.end
        for index in epoch?.streams ?? [] where streams[index].hasOpenEnd {
            streams[index].doubtEnd()
        }
    }

    /// The line breaks, and a stream's end with it. A PCR that jumps, or a stamp, is believed some
    /// packets later: a loss that was shown behind the stream's last packet may be where it broke.
    mutating func endStream(_ index: Int, _ end: StreamTrack.EpochEnd) {
        let last = streams[index].pes.last
        let isInDoubt = (last?.lastPacket ?? .max) < lossEnd && last?.missingBytes != 0
        streams[index].endEpoch(isInDoubt ? .cut : end)
    }

    /// Whether a packet behind a silence shows that others before it are missing.
    func showsLoss(
        _ index: Int, _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader
    ) -> Bool {
        guard streams[index].kind != .data else { return false }
        if streams[index].isInterrupted(by: header, bytes, at: offset, ring) { return true }
        guard header.startsUnit, header.hasPayload, !header.isScrambled,
            case .header(let pes) = PESHeader.read(
                bytes, from: offset + Int(header.payloadOffset), to: offset + Packet.size),
            let decoding = pes.decoding ?? pes.presentation
        else { return false }
        return !stampWatch.goesOn(stream: index, decoding)
    }
}
