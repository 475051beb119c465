// The first bytes of audio and video messages: what they are (Adobe's FLV specification 10.1, Annex
// E.4; Enhanced RTMP for the video codecs since). Only what can be put on the air is taken apart.
//
//   video    frame type (4 bits), codec (4) | packet type (1) | composition time (3) | data
//   enhanced 1, frame type (3), packet type (4) | four-character code (4) | (composition time) | …
//   audio    codec (4), rate, size, channels | packet type (1), AAC only | data

import TransportStream

/// What a video message brings; the offsets are those of its data.
enum VideoTag: Equatable {
    /// - codec: H.264 or HEVC.
    case configuration(Codec, offset: Int)
    /// - composition: PTS − DTS, milliseconds.
    case picture(Codec, isKey: Bool, composition: Int32, offset: Int)
    /// Nothing to put on the air: an end of sequence, a command frame.
    case nothing
    case unsupported(String)

    static func read(_ bytes: [UInt8]) -> VideoTag {
        guard let first = bytes.first else { return .nothing }
        let isKey = first >> 4 & 7 == 1
        if first & 0x80 != 0 { return enhanced(bytes, first, isKey: isKey) }
        // A command of a server to a player.
        guard first >> 4 != 5 else { return .nothing }
        let codec: Codec
        switch first & 0x0F {
        case 7: codec = .h264
        // What encoders in China wrote before there was an enhanced RTMP.
        case 12: codec = .hevc
        case let other: return .unsupported(legacyNames[other] ?? "video codec \(other)")
        }
        guard bytes.count >= 5 else { return .nothing }
        switch bytes[1] {
        case 0: return .configuration(codec, offset: 5)
        case 1: return .picture(codec, isKey: isKey, composition: composition(bytes, 2), offset: 5)
        default: return .nothing
        }
    }

    private static func enhanced(_ bytes: [UInt8], _ first: UInt8, isKey: Bool) -> VideoTag {
        let packet = first & 0x0F
        // 4 is metadata (HDR), 6 several tracks, 7 a modifier.
        guard packet != 6, packet != 7 else { return .unsupported("several video tracks") }
        guard first >> 4 & 7 != 5, let code = bytes.bigEndian(at: 1, count: 4) else {
            return .nothing
        }
        let codec: Codec
        switch code {
        case FourCharacterCode.avc1: codec = .h264
        case FourCharacterCode.hvc1: codec = .hevc
        default: return .unsupported(FourCharacterCode.shown(code))
        }
        switch packet {
        case 0: return .configuration(codec, offset: 5)
        case 1 where bytes.count >= 8:
            return .picture(codec, isKey: isKey, composition: composition(bytes, 5), offset: 8)
        case 3: return .picture(codec, isKey: isKey, composition: 0, offset: 5)
        default: return .nothing
        }
    }

    /// 24 bits with a sign.
    private static func composition(_ bytes: [UInt8], _ position: Int) -> Int32 {
        let value = bytes.bigEndian(at: position, count: 3) ?? 0
        return Int32(bitPattern: value << 8) >> 8
    }

    private static let legacyNames: [UInt8: String] = [
        2: "Sorenson H.263", 3: "Screen video", 4: "VP6", 5: "VP6 with alpha", 6: "Screen video 2",
    ]
}

/// What an audio message brings.
enum AudioTag: Equatable {
    case configuration(offset: Int)
    case frame(offset: Int)
    case nothing
    case unsupported(String)

    static func read(_ bytes: [UInt8]) -> AudioTag {
        guard let first = bytes.first else { return .nothing }
        switch first >> 4 {
        case 10:
            guard bytes.count >= 2 else { return .nothing }
            switch bytes[1] {
            case 0: return .configuration(offset: 2)
            case 1: return .frame(offset: 2)
            default: return .nothing
            }
        case 9: return enhanced(bytes, packet: first & 0x0F)
        case let other: return .unsupported(names[other] ?? "audio codec \(other)")
        }
    }

    private static func enhanced(_ bytes: [UInt8], packet: UInt8) -> AudioTag {
        guard packet != 5, packet != 7 else { return .unsupported("several audio tracks") }
        guard let code = bytes.bigEndian(at: 1, count: 4) else { return .nothing }
        guard code == FourCharacterCode.mp4a else {
            return .unsupported(FourCharacterCode.shown(code))
        }
        switch packet {
        case 0: return .configuration(offset: 5)
        case 1: return .frame(offset: 5)
        default: return .nothing
        }
    }

    private static let names: [UInt8: String] = [
        0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser",
        6: "Nellymoser", 7: "G.711", 8: "G.711", 11: "Speex", 14: "MP3",
    ]
}

enum FourCharacterCode {
    static let avc1: UInt32 = 0x6176_6331
    static let hvc1: UInt32 = 0x6876_6331
    static let mp4a: UInt32 = 0x6D70_3461

    /// As far as it may stand in a log.
    static func shown(_ code: UInt32) -> String {
        var letters: [UInt8] = []
        letters.append(bigEndian: code, count: 4)
        return String(
            decoding: letters.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }
}
