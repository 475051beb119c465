// Law 7 for H.264: the picture order count goes on rising where a decoder may start without an IDR
// picture. An IDR picture begins the count anew (14496-10 §8.2.1); a recovery point does not, and a
// decoder that puts pictures out by their count shows those that fall too early or not at all,
// whatever their PTS say.
//
// Only order counts of type 0 can fall. A memory_management_control_operation 5 is not read: where
// counts and PTS disagree before the recovery point, nothing is said of it.

import TransportStream

/// Follows the order count of one H.264 stream.
struct OrderJudge: Sendable {
    private struct Picture {
        var count: Int64
        /// PTS, 90 kHz unwrapped.
        var presentation: Int64
    }

    /// prevPicOrderCntMsb and prevPicOrderCntLsb; nil before the first picture.
    private var previous: (msb: Int64, lsb: Int64)?
    /// The last pictures that have a PTS, in decoding order; none from before an IDR picture.
    private var recent: [Picture] = []

    /// Bytes are missing: what stands before them says nothing of what comes.
    mutating func lose() { self = OrderJudge() }

    /// An access unit begins.
    /// - Parameter presentation: its PTS, 90 kHz unwrapped.
    /// - Returns: by how much the count of a recovery point stays below what it must be; 0 where
    ///   all is well.
    mutating func take(_ mark: AccessUnitMark, presentation: Int64?) -> Int64 {
        let order = mark.order
        if order.isIDR { self = OrderJudge() }
        guard order.kind == .coded else {
            lose()
            return 0
        }
        let count = derive(order, isReference: mark.isReference)
        guard mark.field != .secondField, let presentation else { return 0 }
        defer {
            if recent.count >= SizeLimit.reorder { recent.removeFirst() }
            recent.append(Picture(count: count, presentation: presentation))
        }
        guard mark.randomAccess == .open else { return 0 }
        let before = recent.filter { $0.presentation < presentation }
        guard let greatest = before.map(\.count).max(), greatest >= count, isOrdered(before)
        else { return 0 }
        // From here on the new counts are what there is.
        recent.removeAll(keepingCapacity: true)
        return greatest - count + 1
    }

    /// §8.2.1.1
    private mutating func derive(_ order: PictureOrder, isReference: Bool) -> Int64 {
        let lsb = Int64(order.countLSB)
        let half: Int64 = (1 << Int64(order.countBits)) / 2
        guard let before = previous else {
            previous = (0, order.isIDR ? 0 : lsb)
            return lsb
        }
        var msb = before.msb
        let step = lsb - before.lsb
        if step <= -half {
            msb += 2 * half
        } else if step > half {
            msb -= 2 * half
        }
        if isReference { previous = (msb, lsb) }
        return msb + lsb
    }

    private func isOrdered(_ pictures: [Picture]) -> Bool {
        let shown = pictures.sorted { $0.presentation < $1.presentation }
        return zip(shown, shown.dropFirst()).allSatisfy { $0.count < $1.count }
    }
}
