// Video, sequence and picture parameter sets of HEVC, as far as access units and their timing are
// concerned. 23008-2 §7.3.2.1 to §7.3.2.3, §7.3.3, §7.3.4, §7.3.7, Annex E.

/// What is kept of a sequence parameter set.
struct HEVCSequenceParameters: Sendable {
    var video = 0
    /// TemporalId of the highest sub-layer.
    var highestSubLayer: UInt8 = 0
    /// Each picture is a field.
    var fieldsOnly = false
    /// Picture timing SEI messages begin with pic_struct.
    var hasPictureStructure = false
    /// Duration of a frame in 27 MHz ticks, 0 when the VUI does not state it.
    var frameTicks: Int64 = 0
    var format: UInt32 = 0

    /// Reads an SPS (`bits` stands behind the two bytes of NAL unit header).
    static func parse(_ bits: BitReader) -> (id: Int, parameters: Self)? {
        var bits = bits
        var sps = Self()
        var hash = FormatHash(.hevc)
        sps.video = Int(bits.bits(4))
        let subLayers = Int(bits.bits(3))
        sps.highestSubLayer = UInt8(subLayers)
        bits.skip(1)
        hash.add(readProfileTierLevel(&bits, subLayers))
        let id = bits.ue(max: 15)
        let chroma = bits.ue(max: 3)
        hash.add(UInt32(chroma))
        if chroma == 3 { bits.skip(1) }
        hash.add(bits.ue())  // width
        hash.add(bits.ue())  // height
        if bits.flag() {  // conformance_window_flag
            for _ in 0..<4 { hash.add(bits.ue()) }
        }
        hash.add(UInt32(bits.ue(max: 8)))  // bit depths
        hash.add(UInt32(bits.ue(max: 8)))
        let orderCountBits = bits.ue(max: 12) + 4
        guard !bits.failed else { return nil }
        sps.format = hash.value
        // What follows is only the way to the VUI; where it is broken, the VUI is not believed.
        skipSubLayerOrdering(&bits, subLayers)
        for _ in 0..<6 { _ = bits.ue() }
        if bits.flag(), bits.flag() { skipScalingLists(&bits) }
        bits.skip(2)
        if bits.flag() {  // pcm_enabled_flag
            bits.skip(8)
            _ = bits.ue()
            _ = bits.ue()
            bits.skip(1)
        }
        skipReferencePictureSets(&bits)
        if bits.flag() {  // long_term_ref_pics_present_flag
            for _ in 0..<bits.ue(max: 32) { bits.skip(orderCountBits + 1) }
        }
        bits.skip(2)
        if !bits.failed, bits.flag() { sps.readVUI(&bits) }
        return (id, sps)
    }

    /// §E.2.1
    private mutating func readVUI(_ bits: inout BitReader) {
        if bits.flag(), bits.bits(8) == 255 { bits.skip(32) }
        if bits.flag() { bits.skip(1) }
        if bits.flag() {
            bits.skip(4)
            if bits.flag() { bits.skip(24) }
        }
        if bits.flag() {
            _ = bits.ue()
            _ = bits.ue()
        }
        bits.skip(1)  // neutral_chroma_indication_flag
        let fields = bits.flag()
        let structure = bits.flag()
        if bits.flag() {  // default_display_window_flag
            for _ in 0..<4 { _ = bits.ue() }
        }
        let hasTiming = bits.flag()
        guard !bits.failed else { return }
        fieldsOnly = fields
        hasPictureStructure = structure
        guard hasTiming else { return }
        let units = UInt64(bits.bits(32))
        let scale = UInt64(bits.bits(32))
        guard !bits.failed else { return }
        frameTicks = statedTicks(units: fields ? units * 2 : units, scale: scale)
    }

    /// §7.3.7
    private static func skipReferencePictureSets(_ bits: inout BitReader) {
        let sets = bits.ue(max: 64)
        var deltas = 0
        for set in 0..<sets where !bits.failed {
            if set > 0, bits.flag() {  // inter_ref_pic_set_prediction_flag
                bits.skip(1)
                _ = bits.ue()
                var kept = 0
                for _ in 0...deltas where !bits.failed {
                    // used_by_curr_pic_flag, else use_delta_flag
                    if bits.flag() || bits.flag() { kept += 1 }
                }
                deltas = kept
            } else {
                let negative = bits.ue(max: 16)
                let positive = bits.ue(max: 16)
                deltas = negative + positive
                for _ in 0..<deltas where !bits.failed {
                    _ = bits.ue()
                    bits.skip(1)
                }
            }
        }
    }

    /// §7.3.4
    private static func skipScalingLists(_ bits: inout BitReader) {
        for size in 0..<4 {
            for _ in stride(from: 0, to: 6, by: size == 3 ? 3 : 1) where !bits.failed {
                guard bits.flag() else {
                    _ = bits.ue()
                    continue
                }
                if size > 1 { _ = bits.se() }
                for _ in 0..<min(64, 1 << (4 + size * 2)) where !bits.failed { _ = bits.se() }
            }
        }
    }
}

/// The timing of a video parameter set in 27 MHz ticks per picture, with its id.
func parseHEVCVideoTiming(_ bits: BitReader) -> (id: Int, ticks: Int64)? {
    var bits = bits
    let id = Int(bits.bits(4))
    bits.skip(8)
    let subLayers = Int(bits.bits(3))
    bits.skip(17)
    _ = readProfileTierLevel(&bits, subLayers)
    skipSubLayerOrdering(&bits, subLayers)
    let highestLayer = Int(bits.bits(6))
    let sets = bits.ue(max: 1023)
    bits.skip(sets * (highestLayer + 1))
    guard bits.flag() else { return bits.failed ? nil : (id, 0) }
    let units = UInt64(bits.bits(32))
    let scale = UInt64(bits.bits(32))
    return bits.failed ? nil : (id, statedTicks(units: units, scale: scale))
}

/// §7.3.3. Returns the general profile, tier and level in one number.
private func readProfileTierLevel(_ bits: inout BitReader, _ subLayers: Int) -> UInt32 {
    let profile = bits.bits(8)
    bits.skip(80)
    let level = bits.bits(8)
    var length = 0
    for _ in 0..<subLayers {
        if bits.flag() { length += 88 }
        if bits.flag() { length += 8 }
    }
    if subLayers > 0 { bits.skip((8 - subLayers) * 2) }
    bits.skip(length)
    return profile << 8 | level
}

private func skipSubLayerOrdering(_ bits: inout BitReader, _ subLayers: Int) {
    let count = bits.flag() ? subLayers + 1 : 1
    for _ in 0..<count * 3 { _ = bits.ue() }
}

/// What is kept of a picture parameter set.
struct HEVCPictureParameters: Sendable {
    var sequence = 0
    /// num_extra_slice_header_bits
    var extraSliceBits = 0

    static func parse(_ bits: BitReader) -> (id: Int, parameters: Self)? {
        var bits = bits
        var pps = Self()
        let id = bits.ue(max: 63)
        pps.sequence = bits.ue(max: 15)
        bits.skip(2)
        pps.extraSliceBits = Int(bits.bits(3))
        return bits.failed ? nil : (id, pps)
    }
}
