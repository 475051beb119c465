// Whether a decoder that puts pictures out by their H.264 picture order count goes on in order over
// a seam. An IDR picture begins the count anew; a recovery point does not, and what it counts on
// from is the other encoder's last reference picture (14496-10 §8.2.1).
//
//   outgoing   ... 88  92  90  96  94 |              count of the outgoing pictures, made whole
//   incoming                          | 128 136 132  rises: all is shown in order
//                                     |  64  72  68  falls: put out too early, or thrown away
//
// The lowest bits are what the incoming encoder wrote, so the rest follows from what stands before:
// the same recovery point rises behind one picture and falls behind another. Nothing may be
// rewritten (law 9). An end of sequence NAL unit before it is wrong without an IDR picture behind
// it, and ffmpeg passes over it. So it is left to the choice of the place.

import TransportStream

/// What a decoder keeps from picture to picture to make counts whole.
struct OrderCount {
    private var kind = PictureOrder.Kind.unknown
    /// prevPicOrderCntMsb, prevPicOrderCntLsb
    private var high: Int64 = 0
    private var low: Int64 = 0
    /// prevFrameNum, FrameNumOffset
    private var frameNumber: Int64 = 0
    private var frameNumberOffset: Int64 = 0
    /// frame_num of the last reference picture.
    private var referenceFrameNumber: Int64 = 0

    /// The whole count of the next picture in decoding order: exact up to a constant that is the
    /// same since the last IDR picture, or since the first one taken. Nil where it can not be told:
    /// type 1, and where another type goes on without an IDR picture.
    mutating func next(_ order: PictureOrder, isReference: Bool) -> Int64? {
        if order.isIDR { self = OrderCount() }
        let isFirst = kind == .unknown
        guard order.kind == .coded || order.kind == .decoding, isFirst || kind == order.kind
        else { return nil }
        kind = order.kind
        defer {
            frameNumber = Int64(order.frameNumber)
            if isReference { referenceFrameNumber = frameNumber }
        }
        guard order.kind == .coded else { return nextInDecodingOrder(order, isReference) }
        let bits = Int64(order.countLSB)
        let modulus: Int64 = 1 << Int64(order.countBits)
        if isFirst && !order.isIDR { low = bits }
        // §8.2.1.1
        var high = high
        if bits < low, low - bits >= modulus / 2 {
            high += modulus
        } else if bits > low, bits - low > modulus / 2 {
            high -= modulus
        }
        if isReference {
            self.high = high
            low = bits
        }
        return high + bits
    }

    /// §8.2.1.3
    private mutating func nextInDecodingOrder(_ order: PictureOrder, _ isReference: Bool) -> Int64 {
        if frameNumber > order.frameNumber {
            frameNumberOffset += 1 << Int64(order.frameNumberBits)
        }
        return 2 * (frameNumberOffset + Int64(order.frameNumber)) - (isReference ? 0 : 1)
    }

    /// How far above the last count a decoder may put the frames that it thinks are missing before
    /// a picture, because frame_num does not go on: two for each. While such a stand-in is kept it
    /// must not come between the incoming pictures, or B pictures take it for a reference. What was
    /// seen of ffmpeg: no more of them than max_num_ref_frames, but where frame_num has fewer bits
    /// than the last one needs.
    func standIns(before order: PictureOrder, referenceFrames: UInt8) -> Int64 {
        let modulus: Int64 = 1 << Int64(order.frameNumberBits)
        let number = Int64(order.frameNumber)
        return [frameNumber, referenceFrameNumber].map { last in
            guard number != last else { return 0 }
            let missing = ((number - last - 1) % modulus + modulus) % modulus
            return last >= modulus ? missing : min(missing, Int64(referenceFrames))
        }.reduce(0, max) * 2
    }

    /// Whether the type 2 count of a picture goes on rising for all decoders: frames that are
    /// missing in between hide from some of them that frame_num began anew.
    func mayFallBehind(_ order: PictureOrder) -> Bool {
        order.kind == .decoding && Int64(order.frameNumber) <= frameNumber
    }
}

extension SeamPlanner {
    /// The incoming pictures, as far as they have come, that a decoder may put out at a wrong place
    /// or not at all because their order count does not rise above that of the outgoing ones; 0
    /// where the count goes on or begins anew.
    static func picturesOutOfOrder(
        _ outgoing: ArraySlice<SeamPicture>, _ incoming: SeamSide, from entry: Int
    ) -> Int {
        let first = incoming.pictures[entry]
        guard first.order.kind != .unknown, !first.order.isIDR else { return 0 }
        var count = OrderCount()
        let greatest: Int64
        switch greatestCount(of: outgoing, &count) {
        case .otherCodec: return 0
        case .unknown: return 1
        case .count(let value): greatest = value
        }
        if count.mayFallBehind(first.order) { return 1 }
        let bound = greatest
            + count.standIns(before: first.order, referenceFrames: first.referenceFrames)
        var fallen = 0
        for picture in incoming.pictures[entry...] {
            // Leading pictures do not go out.
            guard picture.presentation >= first.presentation else { continue }
            if picture.order.isIDR { break }
            guard let value = picture.take(&count) else { return max(fallen, 1) }
            if value <= bound { fallen += 1 }
        }
        return fallen
    }

    private enum GreatestCount {
        /// No H.264: the decoder changes too.
        case otherCodec
        case unknown
        case count(Int64)
    }

    /// The greatest order count of pictures since the last IDR picture.
    private static func greatestCount(
        of pictures: ArraySlice<SeamPicture>, _ count: inout OrderCount
    ) -> GreatestCount {
        guard pictures.last.map({ $0.order.kind != .unknown }) ?? false else { return .otherCodec }
        let start = pictures.lastIndex { $0.order.isIDR }
            ?? pictures.firstIndex { $0.isReference && $0.order.kind != .unknown }
            ?? pictures.startIndex
        var greatest = Int64.min
        var shownLast = Int64.min
        var countOfLast = Int64.min
        for picture in pictures[start...] {
            guard let value = picture.take(&count) else { return .unknown }
            greatest = max(greatest, value)
            if picture.presentation > shownLast {
                shownLast = picture.presentation
                countOfLast = value
            }
        }
        // What is shown last has to have the greatest count. Where it has not, the count was set
        // back on the way (memory_management_control_operation 5), which is not looked for.
        return countOfLast == greatest ? .count(greatest) : .unknown
    }
}

extension SeamPicture {
    /// The order count of a frame, or of the first field of two.
    fileprivate func take(_ count: inout OrderCount) -> Int64? {
        let value = count.next(order, isReference: isReference)
        if let secondOrder { _ = count.next(secondOrder, isReference: isReference) }
        return value
    }
}
