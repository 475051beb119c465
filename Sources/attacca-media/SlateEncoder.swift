// A still or a clip, encoded once to be like a stream that is on the air: codecs, size, picture
// rate, sample rate and channels. A picture of another shape stands between black bars; what brings
// no sound is silent. A random access each second, and no pictures that wait for later ones: it is
// to be entered anywhere.

import CLibAV
import Glibc
import MediaJobs

struct SlateEncoder {
    /// A still is repeated for so long.
    private static let stillSeconds: Int64 = 10
    /// More of a clip is left out.
    private static let longestSeconds: Int64 = 120

    private let picture: Encoder?
    private let sound: Encoder?
    private let muxer: Muxer

    static func encode(_ recipe: SlateRecipe) throws(MediaFailure) {
        let like: Demuxer
        if let path = recipe.like {
            like = try Demuxer("file:\(path)", ["protocol_whitelist": "file"])
        } else {
            like = try Demuxer(packetsOf: STDIN_FILENO)
        }
        let slate = try SlateEncoder(like: like, into: recipe.output)
        let clip: ClipReader
        do throws(MediaFailure) {
            clip = try ClipReader(recipe.picture)
        } catch {
            throw MediaFailure("'\(recipe.picture)': \(error.description)")
        }
        do throws(MediaFailure) {
            try slate.run(clip)
        } catch {
            if let path = recipe.output { unlink(path) }
            throw error
        }
        Reporter.tell(.finished(recipe.output ?? ""))
    }

    private init(like: Demuxer, into path: String?) throws(MediaFailure) {
        func first(_ kind: AVMediaType) -> StreamPointer? {
            like.streams.first {
                $0.pointee.codecpar.pointee.codec_type == kind
                    && ($0.pointee.codecpar.pointee.width > 0
                        || $0.pointee.codecpar.pointee.sample_rate > 0)
            }
        }
        picture = try first(AVMEDIA_TYPE_VIDEO).map { stream throws(MediaFailure) in
            try Encoder(pictureLike: stream)
        }
        sound = try first(AVMEDIA_TYPE_AUDIO).map { stream throws(MediaFailure) in
            try Encoder(soundLike: stream)
        }
        guard picture != nil || sound != nil else {
            throw MediaFailure("there is neither picture nor sound to be like")
        }
        let place: Muxer.Place =
            if let path { .url("file:\(path)") } else { .pipe(try PipeSink(STDOUT_FILENO)) }
        muxer = try Muxer(format: "mpegts", place)
        muxer.maximumDelay = LinkJob.muxDelay
        try picture?.add(to: muxer)
        try sound?.add(to: muxer)
        try muxer.begin(["pcr_period": "20", "pat_period": "0.05"])
    }

    // MARK: Pictures, and the sound to them

    private func run(_ clip: ClipReader) throws(MediaFailure) {
        guard let picture else {
            try addSilence(untilSeconds: Double(SlateEncoder.stillSeconds))
            return try finish()
        }
        guard let first = try clip.next() else { throw MediaFailure("there is no picture in it") }
        let second = try clip.next()
        let shaper = try PictureShaper(from: clip, to: picture, isStill: second == nil)
        if var frame = second {
            try shaper.put(first)
            while true {
                try shaper.put(frame)
                try encode(shaper, picture)
                guard picture.seconds < Double(SlateEncoder.longestSeconds),
                    let next = try clip.next()
                else { break }
                frame = next
            }
            try shaper.put(nil)
            try encode(shaper, picture)
        } else {
            try shaper.put(first)
            try shaper.put(nil)
            guard let shaped = try shaper.take() else {
                throw MediaFailure("it could not be scaled")
            }
            let rate = picture.rate
            let count = SlateEncoder.stillSeconds * Int64(rate.num) / Int64(max(rate.den, 1))
            for _ in 0..<max(count, 1) {
                try picture.encode(shaped, into: muxer)
                try addSilence(untilSeconds: picture.seconds)
            }
        }
        try finish()
    }

    private func encode(_ shaper: PictureShaper, _ picture: Encoder) throws(MediaFailure) {
        while let shaped = try shaper.take() {
            try picture.encode(shaped, into: muxer)
            try addSilence(untilSeconds: picture.seconds)
        }
    }

    private func addSilence(untilSeconds end: Double) throws(MediaFailure) {
        guard let sound else { return }
        while sound.seconds < end { try sound.encodeSilence(into: muxer) }
    }

    private func finish() throws(MediaFailure) {
        try picture?.finish(into: muxer)
        try sound?.finish(into: muxer)
        try muxer.finish()
    }
}
