// Sequence and picture parameter sets of H.264, as far as access units can be told apart with them.
// They are read once, when they arrive; what is kept is small.
// 14496-10 §7.3.2.1, §7.3.2.2, Annex E.

/// What is kept of a sequence parameter set.
struct H264SequenceParameters: Sendable {
    var profile: UInt32 = 0
    /// Three colour planes are coded as pictures of their own inside an access unit.
    var separateColourPlanes = false
    var frameNumberBits = 4
    var orderCountType = 0
    var orderCountBits = 4
    var deltaOrderAlwaysZero = false
    var referenceFrames: UInt8 = 0
    var frameMacroblocksOnly = true
    /// What is needed to reach pic_struct in a picture timing SEI message.
    var timing = PictureTimingLayout()
    /// Duration of two fields in 27 MHz ticks, 0 when not stated.
    var frameTicks: Int64 = 0
    var format: UInt32 = 0

    struct PictureTimingLayout: Sendable {
        /// Bits of the two delays before pic_struct; 0 when there are none.
        var delayBits = 0
        var hasPictureStructure = false
    }

    /// Arbitrary slice order (baseline and extended profile) or colour planes: slice 0 is then no
    /// sign of a new picture.
    var firstMacroblockBeginsPicture: Bool {
        !separateColourPlanes && profile != 66 && profile != 88
    }

    /// Reads an SPS (`bits` stands behind the NAL unit header). Nil when it is broken.
    static func parse(_ bits: BitReader) -> (id: Int, parameters: Self)? {
        var bits = bits
        var sps = Self()
        var hash = FormatHash(.h264)
        sps.profile = bits.bits(8)
        bits.skip(8)
        let level = bits.bits(8)
        let id = bits.ue(max: 31)
        hash.add(sps.profile << 8 | level)
        if Self.hasChromaFormat(sps.profile) { sps.readChromaFormat(&bits, &hash) }
        sps.frameNumberBits = bits.ue(max: 12) + 4
        sps.orderCountType = bits.ue(max: 2)
        if sps.orderCountType == 0 {
            sps.orderCountBits = bits.ue(max: 12) + 4
        } else if sps.orderCountType == 1 {
            sps.deltaOrderAlwaysZero = bits.flag()
            _ = bits.se()
            _ = bits.se()
            for _ in 0..<bits.ue(max: 255) where !bits.failed { _ = bits.se() }
        }
        sps.referenceFrames = UInt8(min(bits.ue(), 16))  // max_num_ref_frames
        bits.skip(1)  // gaps_in_frame_num_value_allowed_flag
        hash.add(bits.ue())  // pic_width_in_mbs_minus1
        hash.add(bits.ue())  // pic_height_in_map_units_minus1
        sps.frameMacroblocksOnly = bits.flag()
        hash.add(sps.frameMacroblocksOnly ? 1 : 0)
        if !sps.frameMacroblocksOnly { bits.skip(1) }
        bits.skip(1)  // direct_8x8_inference_flag
        if bits.flag() {  // frame_cropping_flag
            for _ in 0..<4 { hash.add(bits.ue()) }
        }
        guard !bits.failed else { return nil }
        sps.format = hash.value
        // A broken VUI costs only what it says.
        if bits.flag() { sps.readVUI(&bits) }
        return (id, sps)
    }

    private static func hasChromaFormat(_ profile: UInt32) -> Bool {
        switch profile {
        case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135: true
        default: false
        }
    }

    private mutating func readChromaFormat(_ bits: inout BitReader, _ hash: inout FormatHash) {
        let chroma = bits.ue(max: 3)
        if chroma == 3 { separateColourPlanes = bits.flag() }
        hash.add(UInt32(chroma))
        hash.add(bits.ue(max: 6) == 0 ? 8 : 9)
        hash.add(UInt32(bits.ue(max: 6)))
        bits.skip(1)  // qpprime_y_zero_transform_bypass_flag
        guard bits.flag() else { return }
        for list in 0..<(chroma == 3 ? 12 : 8) where bits.flag() {
            Self.skipScalingList(&bits, entries: list < 6 ? 16 : 64)
        }
    }

    /// §7.3.2.1.1.1
    private static func skipScalingList(_ bits: inout BitReader, entries: Int) {
        var last: Int64 = 8
        for _ in 0..<entries where !bits.failed {
            let next = (last + bits.se() % 256 + 512) % 256
            guard next != 0 else { return }
            last = next
        }
    }

    /// §E.1.1
    private mutating func readVUI(_ bits: inout BitReader) {
        if bits.flag(), bits.bits(8) == 255 { bits.skip(32) }  // sample aspect ratio
        if bits.flag() { bits.skip(1) }  // overscan
        if bits.flag() {  // video_signal_type_present_flag
            bits.skip(4)
            if bits.flag() { bits.skip(24) }
        }
        if bits.flag() {  // chroma_loc_info_present_flag
            _ = bits.ue()
            _ = bits.ue()
        }
        if bits.flag() {  // timing_info_present_flag
            let units = bits.bits(32)
            let scale = bits.bits(32)
            bits.skip(1)
            guard !bits.failed else { return }
            frameTicks = statedTicks(units: 2 * UInt64(units), scale: UInt64(scale))
        }
        var layout = PictureTimingLayout()
        let hasNALParameters = bits.flag()
        if hasNALParameters { layout.delayBits = Self.readHRD(&bits) }
        let hasVCLParameters = bits.flag()
        if hasVCLParameters { layout.delayBits = Self.readHRD(&bits) }
        if hasNALParameters || hasVCLParameters { bits.skip(1) }
        layout.hasPictureStructure = bits.flag()
        if !bits.failed { timing = layout }
    }

    /// §E.1.2. Returns the bits of cpb_removal_delay and dpb_output_delay together.
    private static func readHRD(_ bits: inout BitReader) -> Int {
        let count = bits.ue(max: 31) + 1
        bits.skip(8)
        for _ in 0..<count where !bits.failed {
            _ = bits.ue()
            _ = bits.ue()
            bits.skip(1)
        }
        bits.skip(5)
        let removal = Int(bits.bits(5)) + 1
        let output = Int(bits.bits(5)) + 1
        bits.skip(5)
        return removal + output
    }
}

/// What is kept of a picture parameter set.
struct H264PictureParameters: Sendable {
    var sequence: UInt8 = 0
    /// bottom_field_pic_order_in_frame_present_flag
    var hasBottomOrder = false
    /// redundant_pic_cnt_present_flag
    var hasRedundantCount = false

    static func parse(_ bits: BitReader) -> (id: Int, parameters: Self)? {
        var bits = bits
        var pps = Self()
        let id = bits.ue(max: 255)
        pps.sequence = UInt8(truncatingIfNeeded: bits.ue(max: 31))
        bits.skip(1)  // entropy_coding_mode_flag
        pps.hasBottomOrder = bits.flag()
        let groups = bits.ue(max: 7) + 1
        if groups > 1 { skipSliceGroups(&bits, groups) }
        _ = bits.ue()
        _ = bits.ue()  // num_ref_idx_l0, l1
        bits.skip(3)  // weighted prediction
        _ = bits.se()
        _ = bits.se()
        _ = bits.se()  // initial quantisers, chroma offset
        bits.skip(2)
        pps.hasRedundantCount = bits.flag()
        return bits.failed ? nil : (id, pps)
    }

    private static func skipSliceGroups(_ bits: inout BitReader, _ groups: Int) {
        switch bits.ue(max: 6) {
        case 0:
            for _ in 0..<groups { _ = bits.ue() }
        case 2:
            for _ in 1..<groups {
                _ = bits.ue()
                _ = bits.ue()
            }
        case 3, 4, 5:
            bits.skip(1)
            _ = bits.ue()
        case 6:
            let width = groups > 4 ? 3 : groups > 2 ? 2 : 1
            let size = Int(bits.ue(max: 65535)) + 1
            bits.skip(size * width)
        default:
            break
        }
    }
}
