// The order of pictures in a group, as a pure function of the picture's number in decoding order.
//
//   closed   shown    I B B P B B P P        decoded  I P B B P B B P
//   open     shown    b b I B B P ...        decoded  I b b P B B ...
//
// An open group's leading pictures b are shown before its I picture and need the group before.

/// One picture of the pattern.
struct PatternPicture: Sendable {
    enum Kind: Sendable { case intra, predicted, bidirectional }
    /// Shown at this place relative to the group's I picture, in frames.
    var shown: Int
    var kind: Kind
    var isReference: Bool
    /// Reference pictures of the group before it, in decoding order.
    var referencesBefore: Int
}

/// One picture of an encoder's life.
struct PlannedPicture: Sendable {
    /// Content index.
    var index: Int64
    /// Frames since the encoder's first picture at which it is decoded.
    var decodingPlace: Int64
    /// The group, counted from 0.
    var group: Int64
    var kind: PatternPicture.Kind
    var isReference: Bool
    /// frame_num before it is taken modulo anything.
    var frameNumber: Int64
    /// A decoder may start here, and whether it is of the open kind.
    var isEntry: Bool
    var isOpenEntry: Bool
    /// Shown before the I picture of its group.
    var isLeading: Bool
    /// Leading pictures of its group.
    var leadingCount: Int64
}

/// All pictures of an encoder in decoding order.
struct GroupPattern: Sendable {
    let pictures: [PatternPicture]
    let firstIndex: Int64
    let isOpen: Bool
    let leadingCount: Int
    let leadingReferences: Int
    private let references: Int
    private let placeOfShown: [Int]

    init(_ profile: EncoderProfile) {
        firstIndex = profile.firstIndex
        let depth = profile.depth
        isOpen = profile.isOpen && depth > 0
        leadingCount = isOpen ? depth : 0
        // An open group ends with a P picture, so its length is whole runs.
        let length = isOpen
            ? max(1, profile.groupLength / (depth + 1)) * (depth + 1) : profile.groupLength
        var shown: [(Int, PatternPicture.Kind, Bool)] = [(0, .intra, true)]
        func addRun(from first: Int, count: Int) {
            let isPyramid = profile.isPyramid && count == 3
            if isPyramid { shown.append((first + 1, .bidirectional, true)) }
            for place in first..<(first + count) where !(isPyramid && place == first + 1) {
                shown.append((place, .bidirectional, false))
            }
        }
        addRun(from: -leadingCount, count: leadingCount)
        var next = 1
        let end = length - leadingCount
        while next < end {
            let run = min(depth, end - next - 1)
            shown.append((next + run, .predicted, true))
            addRun(from: next, count: run)
            next += run + 1
        }
        var count = 0
        pictures = shown.map { place, kind, isReference in
            defer { count += isReference ? 1 : 0 }
            return PatternPicture(
                shown: place, kind: kind, isReference: isReference, referencesBefore: count)
        }
        references = count
        leadingReferences = pictures.count { $0.isReference && $0.shown < 0 }
        var places = [Int](repeating: 0, count: shown.count)
        for (place, picture) in pictures.enumerated() {
            places[picture.shown + leadingCount] = place
        }
        placeOfShown = places
    }

    private var length: Int64 { Int64(pictures.count) }

    /// The picture that is decoded as number `number`, from 0.
    func picture(decoded number: Int64) -> PlannedPicture {
        // The first group has no leading pictures.
        let skipped = Int64(leadingCount)
        let place = number == 0 ? 0 : number + skipped
        return picture(group: place / length, place: Int(place % length), decodingPlace: number)
    }

    /// The number in decoding order of a content index; nil where the encoder never shows it.
    func decodingNumber(of index: Int64) -> Int64? {
        let shown = index - firstIndex + Int64(leadingCount)
        guard index >= firstIndex else { return nil }
        let place = (shown / length) * length + Int64(placeOfShown[Int(shown % length)])
        return place == 0 ? 0 : place - Int64(leadingCount)
    }

    private func picture(group: Int64, place: Int, decodingPlace: Int64) -> PlannedPicture {
        let entry = pictures[place]
        let before = Int64(entry.referencesBefore)
        let number: Int64 = isOpen
            ? (group == 0 && place == 0
                ? 0 : group * Int64(references) + before - Int64(leadingReferences))
            : before
        return PlannedPicture(
            index: firstIndex + group * length + Int64(entry.shown),
            decodingPlace: decodingPlace, group: group, kind: entry.kind,
            isReference: entry.isReference, frameNumber: number, isEntry: place == 0,
            isOpenEntry: place == 0 && isOpen && group > 0, isLeading: entry.shown < 0,
            leadingCount: group > 0 ? Int64(leadingCount) : 0)
    }
}
