// From a PMT entry to a codec. Sources: 13818-1 table 2-34, ETSI EN 300 468 §6.2 (descriptors of
// private PES streams), ATSC A/53 and SCTE 35 (user private range), HDMV registrations.

extension Codec {
    /// The codec that a PMT entry names.
    /// - Parameter programDescriptors: the PMT's programme_info loop; its registrations decide what
    ///   the user private stream types mean.
    public init(stream: ProgramMap.Stream, programDescriptors: [UInt8]) {
        let isBluRay = Descriptors.registration(programDescriptors) == .hdmv
        let registration = Descriptors.registration(stream.descriptors)
        switch stream.streamType {
        case 0x01, 0x02: self = .mpeg2Video
        case 0x03, 0x04: self = .mpegAudio
        case 0x0F: self = .aacADTS
        case 0x11: self = .aacLATM
        case 0x1B: self = .h264
        case 0x24: self = .hevc
        case 0x05, 0x0A...0x0D, 0x13, 0x16...0x18: self = .otherSections
        case 0x81: self = .ac3
        case 0x84 where isBluRay: self = .eac3
        case 0x87: self = .eac3
        case 0x86 where !isBluRay && registration != .hdmv: self = .scte35
        case 0x06: self = Codec.privatePES(stream.descriptors, registration: registration)
        default:
            switch registration {
            case .ac3: self = .ac3
            case .eac3: self = .eac3
            default: self = .otherPES
            }
        }
    }

    private static func privatePES(
        _ descriptors: [UInt8], registration: Descriptors.Registration?
    ) -> Codec {
        switch registration {
        case .ac3: return .ac3
        case .eac3: return .eac3
        case .opus: return .opus
        case .hevc: return .hevc
        default: break
        }
        if Descriptors.contains(0x7A, in: descriptors) { return .eac3 }
        if Descriptors.contains(0x6A, in: descriptors) { return .ac3 }
        return .otherPES
    }
}

/// Reading descriptor loops (13818-1 §2.6): tag, length, bytes, again and again.
public enum Descriptors {
    public struct Registration: Sendable, Equatable {
        public let formatIdentifier: UInt32
        static let hdmv = Registration(formatIdentifier: 0x4844_4D56)
        static let ac3 = Registration(formatIdentifier: 0x4143_2D33)
        static let eac3 = Registration(formatIdentifier: 0x4541_4333)
        static let opus = Registration(formatIdentifier: 0x4F70_7573)
        static let hevc = Registration(formatIdentifier: 0x4845_5643)
    }

    /// The first body with this tag, as a range of `loop`.
    public static func first(_ tag: UInt8, in loop: [UInt8]) -> Range<Int>? {
        var p = 0
        while p + 2 <= loop.count {
            let end = p + 2 + Int(loop[p + 1])
            guard end <= loop.count else { return nil }
            if loop[p] == tag { return (p + 2)..<end }
            p = end
        }
        return nil
    }

    public static func contains(_ tag: UInt8, in loop: [UInt8]) -> Bool {
        first(tag, in: loop) != nil
    }

    /// registration_descriptor, tag 5 (§2.6.8).
    public static func registration(_ loop: [UInt8]) -> Registration? {
        guard let body = first(5, in: loop), body.count >= 4 else { return nil }
        let id = loop[body].prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Registration(formatIdentifier: id)
    }

    /// The language code of the ISO_639_language_descriptor (§2.6.18), lower case, or nil.
    public static func language(_ loop: [UInt8]) -> String? {
        guard let body = first(0x0A, in: loop), body.count >= 3 else { return nil }
        let letters = loop[body].prefix(3).map { $0 | 0x20 }
        guard letters.allSatisfy({ $0 >= 0x61 && $0 <= 0x7A }) else { return nil }
        return String(decoding: letters, as: UTF8.self)
    }
}

extension ProgramMap.Stream {
    /// A number that is the same for what a receiver handles alike: the codec, and where that is
    /// unknown the stream_type.
    /// - Parameter programDescriptors: as above.
    public func format(within programDescriptors: [UInt8]) -> Int {
        let codec = Codec(stream: self, programDescriptors: programDescriptors)
        let isUnknown = codec == .otherPES || codec == .otherSections
        return Int(codec.rawValue) << 8 | (isUnknown ? Int(streamType) : 0)
    }
}
