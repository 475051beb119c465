import Foundation

/// One decoded picture.
public struct Picture: Sendable, Equatable {
    /// Place in the file, from 0, in order of presentation.
    public let position: Int
    /// Presentation time in ticks of 90 kHz on the file's own time base. It goes on upwards where
    /// the 33-bit clock starts again, and is negative before such a place when the file begins
    /// less than a minute before it. Nil when the decoder gave none.
    public let ticks: Int64?
    /// Nil when the block code cannot be read without doubt.
    public let mark: Mark?
    /// How far the moving part is from what the mark promises: the mean absolute difference in
    /// steps of luma (0...255) in the worst of 40 cells. The sample streams themselves stay below
    /// `DecodedContent.damageLimit`; a picture decoded from wrong references does not. Nil without
    /// a mark.
    public let damage: Double?

    public var isReadable: Bool { mark != nil }
}

/// Everything that the tests want to know about a file, as an independent decoder sees it.
public struct DecodedContent: Sendable {
    /// All pictures that the decoder put out, in order of presentation; none is repeated or left
    /// out by anything but the decoder.
    public let pictures: [Picture]
    public let sound: Sound
    /// What the decoder had to say, line by line; empty for a faultless file.
    public let messages: [String]

    /// Decodes the first video and the first audio stream of a file.
    ///
    /// The pictures are looked at while they come out of the decoder and are not kept.
    public static func read(path: String) throws -> DecodedContent {
        let kinds = try streamKinds(path: path)
        guard kinds.contains("video") else { throw ContentError.noVideo(path: path) }
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("stream-content-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }

        let files = OutputFiles(folder: folder)
        let layout = PictureLayout()
        var marks: [(Mark?, Double?)] = []
        let status = try Tool.run(
            "ffmpeg", arguments(path: path, files: files, withSound: kinds.contains("audio")),
            errors: files.messages
        ) { reader in
            try eachPicture(from: reader) { luma in
                let mark = layout.mark(in: luma)
                marks.append((mark, mark.map { layout.damage(of: luma, index: $0.index) }))
            }
        }
        let messages = Tool.lines(of: files.messages)
        guard status == 0 else {
            throw ContentError.decoderFailed(path: path, status: status, messages: messages)
        }
        let times = PacketList(file: files.pictureTimes).packets
        let pictures = marks.enumerated().map { position, found in
            Picture(
                position: position,
                ticks: position < times.count ? times[position].ticks : nil,
                mark: found.0, damage: found.1)
        }
        return DecodedContent(
            pictures: pictures, sound: sound(from: files), messages: messages)
    }

    /// The kinds of the file's streams that can be decoded, such as `video`.
    ///
    /// A stream that is announced but never comes has no picture width and no sample rate.
    private static func streamKinds(path: String) throws -> [String] {
        var kinds: [String] = []
        let null = URL(fileURLWithPath: "/dev/null")
        let arguments = [
            "-v", "error", "-show_entries", "stream=codec_type,width,sample_rate",
            "-of", "csv=p=0", path,
        ]
        let status = try Tool.run("ffprobe", arguments, errors: null) { reader in
            while let line = try reader.line() {
                let fields = line.split(separator: ",").map(String.init)
                let isReal = fields.dropFirst().contains { (Int($0) ?? 0) > 0 }
                if isReal, let kind = fields.first { kinds.append(kind) }
            }
        }
        guard status == 0 else {
            throw ContentError.decoderFailed(path: path, status: status, messages: [])
        }
        return kinds
    }

    /// Each stream is decoded once and put out twice: its data and, for the timestamps, a list.
    ///
    /// The list's time base has to be given, since pictures would else be counted in nominal
    /// picture durations and irregular timestamps would disappear in rounding.
    private static func arguments(
        path: String, files: OutputFiles, withSound: Bool
    ) -> [String] {
        let pictures = [
            "-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1:90000",
        ]
        let sound = ["-map", "0:a:0", "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le"]
        var result = ["-nostdin", "-nostats", "-hide_banner", "-v", "warning", "-y"]
        result += ["-threads", "1", "-copyts", "-i", path]
        result += pictures + ["-vf", "extractplanes=y", "-strict", "-1"]
        result += ["-f", "yuv4mpegpipe", "pipe:1"]
        result += pictures + ["-vf", "extractplanes=y,crop=16:16:0:0", "-c:v", "rawvideo"]
        result += ["-f", "framecrc", files.pictureTimes.path]
        if withSound {
            result += sound + ["-f", "s16le", files.samples.path]
            result += sound + ["-f", "framecrc", files.soundTimes.path]
        }
        return result
    }

    /// Takes the pictures out of a YUV4MPEG stream of luma only.
    private static func eachPicture(
        from reader: PipeReader, handle: (UnsafeBufferPointer<UInt8>) -> Void
    ) throws {
        guard let header = try reader.line() else { return }
        let fields = header.split(separator: " ")
        let size = [PictureLayout.width, PictureLayout.height]
        guard fields.contains("W\(size[0])"), fields.contains("H\(size[1])"),
            fields.contains(where: { $0.hasPrefix("Cmono") })
        else { throw ContentError.unexpectedFormat(header) }
        while let line = try reader.line() {
            guard line.hasPrefix("FRAME") else { throw ContentError.unexpectedFormat(line) }
            guard let luma = try reader.bytes(count: size[0] * size[1]) else { return }
            luma.withUnsafeBufferPointer(handle)
        }
    }

    private static func sound(from files: OutputFiles) -> Sound {
        guard let data = try? Data(contentsOf: files.samples) else {
            return Sound(samples: [], stretches: [])
        }
        var samples: [Int16] = []
        samples.reserveCapacity(data.count / 2)
        data.withUnsafeBytes { bytes in
            for position in stride(from: 0, to: bytes.count - 1, by: 2) {
                let value = UInt16(bytes[position]) | UInt16(bytes[position + 1]) << 8
                samples.append(Int16(bitPattern: value))
            }
        }
        var stretches: [Sound.Stretch] = []
        var count = 0
        for packet in PacketList(file: files.soundTimes).packets {
            stretches.append(
                Sound.Stretch(firstSample: count, presentation: packet.seconds))
            count += packet.size / 2
        }
        return Sound(samples: samples, stretches: stretches)
    }
}

/// Why a file could not be read at all.
public enum ContentError: Error, CustomStringConvertible {
    case noVideo(path: String)
    case decoderFailed(path: String, status: Int32, messages: [String])
    case unexpectedFormat(String)
    case toolMissing(String)

    public var description: String {
        switch self {
        case .noVideo(let path):
            "no video in \(path)"
        case .decoderFailed(let path, let status, let messages):
            "decoding \(path) ended with status \(status): "
                + messages.joined(separator: "\n")
        case .unexpectedFormat(let header):
            "unexpected pictures: \(header)"
        case .toolMissing(let name):
            "\(name) is not in any folder of PATH"
        }
    }
}

/// Where the decoder leaves what does not come through its pipe.
struct OutputFiles {
    let messages: URL
    let pictureTimes: URL
    let soundTimes: URL
    let samples: URL

    init(folder: URL) {
        messages = folder.appendingPathComponent("messages")
        pictureTimes = folder.appendingPathComponent("picture-times")
        soundTimes = folder.appendingPathComponent("sound-times")
        samples = folder.appendingPathComponent("samples")
    }
}
