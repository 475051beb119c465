// What the detectors say of one access unit: where it begins and what a switcher has to know of it.

/// Whether and how a decoder may start at an access unit.
public enum RandomAccess: UInt8, Sendable {
    /// A decoder can not start here.
    case none
    /// Decoding may start here, but pictures that follow in decoding order and precede in
    /// presentation order ("leading pictures") may need what came before: HEVC CRA and BLA_W_LP,
    /// an H.264 I picture with a recovery point SEI (recovery_frame_cnt 0), MPEG-2 open GOP.
    case open
    /// Nothing after this needs anything before it: H.264 and HEVC IDR, BLA_N_LP and BLA_W_RADL,
    /// MPEG-2 closed GOP, every audio frame.
    case closed
}

/// The part that a coded picture plays in its frame. In H.264 and MPEG-2 each field is a picture
/// of its own; the two fields of a frame are never separated.
public enum FieldRole: UInt8, Sendable { case frame, firstField, secondField }

/// How the pictures of an access unit are coded, as far as the standard's own marks tell.
public enum PictureCoding: UInt8, Sendable { case unknown, intra, predicted, bidirectional }

/// HEVC leading pictures (23008-2 §3.1): RADL can be decoded from the RAP on, RASL can not.
public enum LeadingPicture: UInt8, Sendable { case no, decodable, skipped }

/// What an H.264 slice header says of its picture's place in output order, and what its SPS says of
/// how to read that (14496-10 §7.4.2.1.1, §7.4.3). The count itself depends on the pictures before
/// (§8.2.1) and is not worked out here. Marks are copied for every access unit: this is 8 bytes.
public struct PictureOrder: Sendable, Equatable {
    /// pic_order_cnt_type
    public enum Kind: UInt8, Sendable {
        /// Not H.264, or the SPS has not come.
        case unknown
        /// Type 0: the count's lowest bits are in the slice header.
        case coded
        /// Type 1: differences from a cycle that the SPS gives. They are not kept.
        case cyclic
        /// Type 2: output order is decoding order.
        case decoding
    }

    public var kind = Kind.unknown
    public var isIDR = false
    /// Bits of frame_num and of pic_order_cnt_lsb, 4 ... 16; the latter 0 but for `coded`.
    public var frameNumberBits: UInt8 = 0
    public var countBits: UInt8 = 0
    public var frameNumber: UInt16 = 0
    /// pic_order_cnt_lsb, 0 but for `coded`.
    public var countLSB: UInt16 = 0

    public init() {}
}

/// One access unit as a detector saw it begin. The fields stand by size: 48 bytes, no holes.
public struct AccessUnitMark: Sendable, Equatable {
    /// Byte position of the access unit's first byte (the zero_byte or start code prefix of its
    /// first NAL unit, the sync word of an audio frame), counted in the bytes given to the
    /// detector.
    public var position: Int64
    /// Length in bytes where the unit itself tells it (audio frames), 0 where only the next
    /// unit's begin tells it.
    public var length: Int32 = 0
    /// Samples in an audio frame; 0 for video.
    public var samples: Int32 = 0
    /// Samples per second of an audio frame; 0 for video.
    public var sampleRate: Int32 = 0
    /// A hash of what a decoder must be set up again for (parameter sets' picture size, profile,
    /// chroma format and level; sample rate and channels). 0 where not known.
    public var format: UInt32 = 0
    /// Duration of a frame (two fields) in 27 MHz ticks as the sequence's parameters state it, 0
    /// where they do not.
    public var statedFrameTicks: Int64 = 0
    public var randomAccess: RandomAccess = .none
    public var coding: PictureCoding = .unknown
    public var field: FieldRole = .frame
    public var leading: LeadingPicture = .no
    /// False when no other picture refers to this one (nal_ref_idc 0, MPEG-2 B, HEVC sub-layer
    /// non-reference of the highest sub-layer).
    public var isReference: Bool = true
    /// True when the unit holds all parameter sets that a decoder needs to start: SPS and PPS,
    /// VPS too for HEVC, a sequence header for MPEG-2. Always true for audio.
    public var hasParameterSets: Bool = false
    /// max_num_ref_frames of H.264, 0 ... 16.
    public var referenceFrames: UInt8 = 0
    /// How many fields the unit is displayed for (pic_struct, repeat_first_field): 2 for a plain
    /// frame, 1 for a field, 3 with a repeated field, 4 and 6 for frame doubling and tripling.
    public var displayedFields: UInt8 = 2
    /// The place in output order as H.264 tells it; `unknown` for other codecs.
    public var order = PictureOrder()

    public init(position: Int64) { self.position = position }
}
