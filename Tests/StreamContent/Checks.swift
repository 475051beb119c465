/// Pictures per second, as a fraction.
public struct PictureRate: Sendable, Hashable {
    public let numerator: Int
    public let denominator: Int

    public init(_ numerator: Int, _ denominator: Int = 1) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// Seconds from the beginning of the content to a picture.
    public func time(ofIndex index: Int) -> Double {
        Double(index) * Double(denominator) / Double(numerator)
    }
}

/// Pictures of one encoder whose indices count up one by one, with no unreadable one among them.
public struct PictureRun: Sendable, Hashable, CustomStringConvertible {
    public let encoder: EncoderIdentity
    /// The content indices of the run.
    public let indices: ClosedRange<Int>
    /// The place of the run's first picture in the file.
    public let position: Int

    public var count: Int { indices.count }
    public var description: String {
        "\(encoder) \(indices.lowerBound)...\(indices.upperBound)"
    }
}

/// A place where one readable picture is followed by another than its successor in content, by
/// one of another encoder, or by unreadable pictures.
public struct PictureJump: Sendable, Hashable, CustomStringConvertible {
    public let from: Mark
    public let to: Mark
    /// The place in the file of the picture marked `to`.
    public let position: Int
    /// How many unreadable pictures lie between the two.
    public let unreadable: Int

    /// Whether only the encoder changes and the content goes on with its very next picture.
    public var isSeamless: Bool {
        to.index == from.index + 1 && to.encoder != from.encoder && unreadable == 0
    }

    public var description: String {
        let gap = unreadable > 0 ? " over \(unreadable) unreadable" : ""
        return "from \(from) to \(to) at \(position)\(gap)"
    }
}

/// How picture and sound lie to each other at one presentation time.
public struct LipSyncPoint: Sendable, Equatable {
    /// The place of the picture in the file.
    public let position: Int
    /// Presentation time in seconds on the file's own time base.
    public let presentation: Double
    /// Content time of the picture minus content time of the sound, in seconds; the sound is late
    /// when this is positive.
    public let offset: Double
}

/// A place where the sound's content time moves against its presentation time.
public struct SoundSlip: Sendable, Equatable {
    /// Seconds from the first decoded sample to where the change was noticed.
    public let position: Double
    /// Content times around it, in seconds; `from` is what would have followed without a slip.
    public let expected: Double
    public let found: Double
}

/// A place where the timestamps of the sound do not follow from the number of its samples.
public struct SoundGap: Sendable, Equatable {
    /// Seconds from the first decoded sample.
    public let position: Double
    /// Seconds of sound that are missing, or too many when negative.
    public let missing: Double
}

extension DecodedContent {
    /// What a faultless picture of the sample streams stays below in `Picture.damage`.
    public static let damageLimit = 15.0

    /// The pictures of the file in stretches.
    public var runs: [PictureRun] {
        var result: [PictureRun] = []
        var isOpen = false
        for picture in pictures {
            guard let mark = picture.mark else {
                isOpen = false
                continue
            }
            if isOpen, let last = result.last, last.encoder == mark.encoder,
                last.indices.upperBound + 1 == mark.index
            {
                result[result.count - 1] = PictureRun(
                    encoder: last.encoder, indices: last.indices.lowerBound...mark.index,
                    position: last.position)
            } else {
                result.append(
                    PictureRun(
                        encoder: mark.encoder, indices: mark.index...mark.index,
                        position: picture.position))
                isOpen = true
            }
        }
        return result
    }

    /// All places between two runs, in order.
    public var jumps: [PictureJump] {
        var result: [PictureJump] = []
        var last: (mark: Mark, position: Int)?
        for picture in pictures {
            guard let mark = picture.mark else { continue }
            if let last {
                let unreadable = picture.position - last.position - 1
                let follows =
                    mark.encoder == last.mark.encoder && mark.index == last.mark.index + 1
                if !follows || unreadable > 0 {
                    result.append(
                        PictureJump(
                            from: last.mark, to: mark, position: picture.position,
                            unreadable: unreadable))
                }
            }
            last = (mark, picture.position)
        }
        return result
    }

    /// The places in the file of pictures without a readable mark.
    public var unreadablePositions: [Int] {
        pictures.filter { !$0.isReadable }.map(\.position)
    }

    /// The places in the file of pictures that are readable but do not show what they should.
    public func damagedPositions(above limit: Double = damageLimit) -> [Int] {
        pictures.filter { ($0.damage ?? 0) > limit }.map(\.position)
    }

    /// The places in the file of pictures that do not come one picture duration after the one
    /// before, within `tolerance` ticks of 90 kHz.
    public func irregularPositions(rate: PictureRate, tolerance: Double = 1) -> [Int] {
        let duration = 90_000 * rate.time(ofIndex: 1)
        return zip(pictures, pictures.dropFirst()).compactMap { before, picture in
            guard let first = before.ticks, let second = picture.ticks else {
                return picture.position
            }
            let deviation = Double(second - first) - duration
            return abs(deviation) > tolerance ? picture.position : nil
        }
    }

    /// Measures picture against sound through the file.
    ///
    /// Pictures without a mark or a timestamp are passed over, and so are those at whose
    /// presentation time no sound can be read.
    ///
    /// - Parameter step: how many pictures to go from one measurement to the next.
    public func lipSync(rate: PictureRate, every step: Int = 5) -> [LipSyncPoint] {
        stride(from: 0, to: pictures.count, by: max(1, step)).compactMap { position in
            let picture = pictures[position]
            guard let mark = picture.mark, let ticks = picture.ticks else { return nil }
            let presentation = Double(ticks) / 90_000
            guard let heard = sound.contentTime(at: presentation) else { return nil }
            let base = mark.encoder == .slate ? Sound.slateBase : 0
            return LipSyncPoint(
                position: position, presentation: presentation,
                offset: base + rate.time(ofIndex: mark.index) - heard)
        }
    }
}

extension Sound {
    /// Places where the sound does not go on as its timestamps say.
    ///
    /// - Parameters:
    ///   - tolerance: seconds that the content time may be off.
    ///   - step: seconds from one reading to the next.
    public func slips(
        tolerance: Double = 0.005, every step: Double = 0.010
    ) -> [SoundSlip] {
        var result: [SoundSlip] = []
        var last: (content: Double, presentation: Double)?
        for reading in readings(every: step) {
            guard let content = reading.content else { continue }
            if let last {
                let expected = last.content + reading.presentation - last.presentation
                if abs(content - expected) > tolerance {
                    result.append(
                        SoundSlip(
                            position: reading.position, expected: expected, found: content))
                }
            }
            last = (content, reading.presentation)
        }
        return result
    }

    /// The readings at which nothing could be read, as positions in seconds from the first sample.
    public func silentPositions(every step: Double = 0.010) -> [Double] {
        readings(every: step).filter { $0.content == nil }.map(\.position)
    }

    /// Holes (and overlaps) that the timestamps show.
    ///
    /// - Parameter tolerance: seconds by which a timestamp may be off.
    public func gaps(tolerance: Double = 0.001) -> [SoundGap] {
        zip(stretches, stretches.dropFirst()).compactMap { before, stretch in
            let length = Double(stretch.firstSample - before.firstSample) / Self.rate
            let missing = stretch.presentation - before.presentation - length
            guard abs(missing) > tolerance else { return nil }
            return SoundGap(
                position: Double(stretch.firstSample) / Self.rate, missing: missing)
        }
    }

    /// Whose sound it is, in order, with the position in seconds from the first decoded sample at
    /// which each is first heard.
    public func sources(
        every step: Double = 0.010
    ) -> [(encoder: EncoderIdentity, position: Double)] {
        var result: [(encoder: EncoderIdentity, position: Double)] = []
        for reading in readings(every: step) {
            guard let encoder = reading.encoder, encoder != result.last?.encoder else { continue }
            result.append((encoder, reading.position))
        }
        return result
    }
}
