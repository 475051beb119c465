// The slice header of H.264, read as far as the end of redundant_pic_cnt: that is what tells one
// primary coded picture from the next. 14496-10 §7.3.3, §7.4.1.2.4.

/// What a slice says of its picture.
struct H264Slice: Sendable {
    var firstMacroblock: UInt32 = 0
    /// slice_type modulo 5: 0 P, 1 B, 2 I, 3 SP, 4 SI.
    var type: UInt32 = 0
    var pictureParameters = 0
    var referenceIDC: UInt8 = 0
    var isIDR = false
    /// The sequence parameter set, when it is known; the fields below hold only then.
    var sequence: H264SequenceParameters?
    var frameNumber: UInt32 = 0
    var isField = false
    var isBottom = false
    var idrID: UInt32 = 0
    var orderCount: UInt32 = 0
    var deltaBottom: Int64 = 0
    var delta0: Int64 = 0
    var delta1: Int64 = 0
    var redundantCount: UInt32 = 0

    var coding: PictureCoding {
        switch type {
        case 2, 4: .intra
        case 1: .bidirectional
        default: .predicted
        }
    }

    /// What a mark keeps of the picture's place in output order.
    var order: PictureOrder {
        var order = PictureOrder()
        order.isIDR = isIDR
        guard let sequence else { return order }
        order.kind =
            switch sequence.orderCountType {
            case 0: .coded
            case 1: .cyclic
            default: .decoding
            }
        order.frameNumberBits = UInt8(truncatingIfNeeded: sequence.frameNumberBits)
        order.frameNumber = UInt16(truncatingIfNeeded: frameNumber)
        if order.kind == .coded {
            order.countBits = UInt8(truncatingIfNeeded: sequence.orderCountBits)
            order.countLSB = UInt16(truncatingIfNeeded: orderCount)
        }
        return order
    }

    /// Reads a slice header; nil when bits are missing or it is broken.
    static func parse(
        _ unit: borrowing UnitBuffer, header: UInt8, sequences: [H264SequenceParameters?],
        pictures: [H264PictureParameters?]
    ) -> H264Slice? {
        var bits = unit.reader(from: 1)
        var slice = H264Slice()
        slice.referenceIDC = header >> 5 & 3
        slice.isIDR = header & 31 == 5
        slice.firstMacroblock = bits.ue()
        slice.type = UInt32(bits.ue(max: 9) % 5)
        slice.pictureParameters = bits.ue(max: 255)
        guard !bits.failed else { return nil }
        guard let pps = pictures[slice.pictureParameters], let sps = sequences[Int(pps.sequence)]
        else { return slice }
        if sps.separateColourPlanes { bits.skip(2) }
        slice.frameNumber = bits.bits(sps.frameNumberBits)
        if !sps.frameMacroblocksOnly {
            slice.isField = bits.flag()
            if slice.isField { slice.isBottom = bits.flag() }
        }
        if slice.isIDR { slice.idrID = bits.ue() }
        if sps.orderCountType == 0 {
            slice.orderCount = bits.bits(sps.orderCountBits)
            if pps.hasBottomOrder, !slice.isField { slice.deltaBottom = bits.se() }
        } else if sps.orderCountType == 1, !sps.deltaOrderAlwaysZero {
            slice.delta0 = bits.se()
            if pps.hasBottomOrder, !slice.isField { slice.delta1 = bits.se() }
        }
        if pps.hasRedundantCount { slice.redundantCount = bits.ue() }
        slice.sequence = sps
        return bits.failed ? nil : slice
    }

    /// §7.4.1.2.4: whether this slice belongs to another primary coded picture than `other`, the
    /// slice before it.
    func beginsPicture(after other: H264Slice) -> Bool {
        if pictureParameters != other.pictureParameters || isIDR != other.isIDR { return true }
        if (referenceIDC == 0) != (other.referenceIDC == 0) { return true }
        guard let sequence, other.sequence != nil else { return firstMacroblock == 0 }
        if frameNumber != other.frameNumber || isField != other.isField { return true }
        if isBottom != other.isBottom || orderCount != other.orderCount { return true }
        if deltaBottom != other.deltaBottom || delta0 != other.delta0 { return true }
        if delta1 != other.delta1 || isIDR && idrID != other.idrID { return true }
        // Two pictures of a conforming stream differ above. A damaged one may hide that.
        return firstMacroblock == 0 && sequence.firstMacroblockBeginsPicture
    }

    /// Whether this picture is the second field of the frame that `first` began (§3.30: opposite
    /// parity, same frame_num, and only the first field of an IDR picture is IDR; encoders that
    /// mark both do so with the same idr_pic_id).
    func completes(_ first: H264Slice) -> Bool {
        isField && first.isField && isBottom != first.isBottom
            && frameNumber == first.frameNumber
            && (!isIDR || first.isIDR && idrID == first.idrID)
    }
}
