// Picture order counts over a seam, on hand-made pictures. The numbers are worked out by hand from
// 14496-10 §8.2.1; those of the stand-ins were seen of ffmpeg 5.1, which decoded such seams right
// or wrong as it is told here.

import Testing
import TransportStream

@testable import SwitchEngine

extension SideWriter {
    /// Gives the pictures the order of an H.264 encoder: two counts a frame from the last IDR
    /// picture (letter I) on, frame_num with 4 bits; B pictures are no references.
    mutating func order(bits: UInt8, from first: Int64 = 0, frameNumber start: Int = 0) {
        var base = side.pictures[0].presentation - first * SideWriter.frame
        var number = start
        for index in side.pictures.indices {
            var picture = side.pictures[index]
            picture.isReference = picture.coding != .bidirectional
            picture.order.isIDR = picture.randomAccess == .closed
            if picture.order.isIDR {
                base = picture.presentation
                number = 0
            }
            let count = 2 * (picture.presentation - base) / SideWriter.frame
            picture.order.kind = .coded
            picture.order.frameNumberBits = 4
            picture.order.frameNumber = UInt16(number & 15)
            picture.order.countBits = bits
            picture.order.countLSB = UInt16(count & (1 << Int64(bits) - 1))
            picture.referenceFrames = 4
            side.pictures[index] = picture
            if picture.isReference { number += 1 }
        }
    }
}

@Suite struct OrderCountTests {
    private static func coded(_ lsb: UInt16, bits: UInt8 = 4, isIDR: Bool = false) -> PictureOrder {
        var order = PictureOrder()
        order.kind = .coded
        order.countBits = bits
        order.countLSB = lsb
        order.frameNumberBits = 4
        order.isIDR = isIDR
        return order
    }

    private static func counts(_ orders: [(PictureOrder, isReference: Bool)]) -> [Int64?] {
        var count = OrderCount()
        return orders.map { count.next($0.0, isReference: $0.isReference) }
    }

    // MARK: Counting

    /// §8.2.1.1: within half the modulus the count goes up or down, beyond it wraps; only reference
    /// pictures are counted from.
    @Test func theHighPartFollowsTheLastReferencePicture() {
        let values: [(UInt16, Bool)] = [
            (0, true), (6, true), (2, false), (4, false), (12, true), (8, false), (2, true),
            (14, false), (0, false), (10, true), (9, true),
        ]
        let orders = values.enumerated().map { place, value in
            (Self.coded(value.0, isIDR: place == 0), isReference: value.1)
        }
        #expect(Self.counts(orders) == [0, 6, 2, 4, 12, 8, 18, 14, 16, 26, 25])
    }

    /// The half itself: it wraps upwards (≥), not downwards (>).
    @Test func halfOfTheModulusWrapsUpwardsOnly() {
        let up = [Self.coded(0, isIDR: true), Self.coded(9), Self.coded(1)]
        #expect(Self.counts(up.map { ($0, true) }) == [0, -7, 1])
        let half = [Self.coded(0, isIDR: true), Self.coded(8), Self.coded(0)]
        #expect(Self.counts(half.map { ($0, true) }) == [0, 8, 16])
    }

    /// §8.2.1.3
    @Test func decodingOrderCountsFrameNumbers() {
        let numbers: [(UInt16, Bool)] = [(0, true), (1, false), (1, true), (15, true), (0, true)]
        let orders = numbers.enumerated().map { place, value in
            var order = PictureOrder()
            order.kind = .decoding
            order.isIDR = place == 0
            order.frameNumberBits = 4
            order.frameNumber = value.0
            return (order, isReference: value.1)
        }
        #expect(Self.counts(orders) == [0, 1, 2, 30, 32])
    }

    @Test func whatCanNotBeToldIsNil() {
        var cyclic = Self.coded(0)
        cyclic.kind = .cyclic
        var decoding = Self.coded(0)
        decoding.kind = .decoding
        let mixed = [cyclic, Self.coded(3), decoding].map { ($0, isReference: true) }
        #expect(Self.counts(mixed) == [nil, 3, nil])
        #expect(Self.counts([(PictureOrder(), true)]) == [nil])
    }

    /// Seen of ffmpeg: frames that it thinks are missing count on by two, as many as there may be
    /// reference frames.
    @Test func standInsAreAsManyAsFrameNumbersAreMissing() {
        func standIns(after last: UInt16, bits: UInt8 = 4, before next: UInt16) -> Int64 {
            var count = OrderCount()
            var order = Self.coded(0, isIDR: true)
            order.frameNumber = last
            order.frameNumberBits = bits
            _ = count.next(order, isReference: true)
            var entry = Self.coded(0)
            entry.frameNumber = next
            return count.standIns(before: entry, referenceFrames: 4)
        }
        #expect(standIns(after: 7, before: 7) == 0)
        #expect(standIns(after: 7, before: 8) == 0)
        #expect(standIns(after: 15, before: 0) == 0)
        #expect(standIns(after: 7, before: 10) == 4)
        #expect(standIns(after: 7, before: 15) == 8)
        #expect(standIns(after: 15, before: 14) == 8)
        // frame_num 100 of 8 bits before one of 4: from 5 to 4 again.
        #expect(standIns(after: 100, bits: 8, before: 4) == 30)
    }

    // MARK: Planning

    private static let open = "C2 B0 B1 P5 B3 B4 P8 B6 B7 P11 B9 B10"
    private static let closed = "I0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11"

    /// 60 pictures: an IDR picture each 12 outgoing; the incoming one's count is `first` frames on.
    private func request(first: Int64, bits: UInt8 = 6, sent: Int = 4) -> SeamRequest {
        var outgoing = SideWriter()
        outgoing.gops(5, Self.closed)
        outgoing.order(bits: 5)
        outgoing.sent(before: sent)
        // The open entries show pictures 2, 14, 26 ... of their side: 12 frames apart, 24 counts.
        var incoming = SideWriter()
        incoming.gops(5, Self.open)
        incoming.order(bits: bits, from: first)
        return ask(outgoing.side, incoming.side, offset: 0)
    }

    private func fallen(_ request: SeamRequest, before cut: Int, from entry: Int) -> Int {
        SeamPlanner.picturesOutOfOrder(
            request.outgoing.pictures.prefix(cut), request.incoming, from: entry)
    }

    /// 14 pictures out: the last IDR at 12, so counts 0 and 2; frame_num 1, the entry's is 4.
    @Test func aCountThatRisesBehindTheStandInsIsInOrder() {
        // lsb 8: 8 is above 2, but not above 2 + 2 · 2 stand-ins where frame_num 2 and 3 miss.
        let near = request(first: 4 - 12 + 32)
        #expect(near.incoming.pictures[12].order.countLSB == 8)
        #expect(near.incoming.pictures[12].order.frameNumber == 4)
        #expect(fallen(near, before: 14, from: 12) == 0)
        let nearer = request(first: 3 - 12 + 32)
        #expect(nearer.incoming.pictures[12].order.countLSB == 6)
        #expect(fallen(nearer, before: 14, from: 12) == 1)
    }

    @Test func aCountThatFallsTakesPicturesWithIt() {
        // lsb 56 of 64 behind 2: −8, −6 ... up to 6, the greatest with its stand-ins: 8 pictures.
        let request = request(first: 28 - 12)
        #expect(request.incoming.pictures[12].order.countLSB == 56)
        #expect(fallen(request, before: 14, from: 12) == 8)
        // The same behind an IDR picture of its own: nothing.
        var begun = request
        begun.incoming.pictures[12].order.isIDR = true
        #expect(fallen(begun, before: 14, from: 12) == 0)
    }

    @Test func otherCodecsAndUnknownCounts() {
        var request = request(first: 28 - 12)
        for index in request.outgoing.pictures.indices {
            request.outgoing.pictures[index].order = PictureOrder()
        }
        #expect(fallen(request, before: 14, from: 12) == 0, "the decoder is another one")
        var cyclic = self.request(first: 4 - 12 + 32)
        for index in cyclic.outgoing.pictures.indices {
            cyclic.outgoing.pictures[index].order.kind = .cyclic
        }
        #expect(fallen(cyclic, before: 14, from: 12) == 1)
        var shuffled = self.request(first: 4 - 12 + 32)
        shuffled.outgoing.pictures[12].order.countLSB = 9
        #expect(fallen(shuffled, before: 14, from: 12) == 1, "counts that contradict the PTS")
    }

    @Test func anEntryWhoseCountRisesGoesBeforeAnEarlierOneThatFalls() throws {
        // Entries show 14, 26, 38, 50 and cuts are anywhere: all meet. The outgoing count is 2 at
        // each cut, the incoming lsb goes on by 24: 56, 16, 40, 0.
        let request = request(first: 28 - 12)
        let plan = try #require(planned(request))
        #expect(request.incoming.pictures[plan.incomingFrom].order.countLSB == 16)
        #expect(plan.cost.kind == .meets && plan.cost.framesOutOfOrder == 0)
    }

    @Test func whereNoneRisesTheLeastIsTakenAndNoMeeting() throws {
        var request = request(first: 28 - 12)
        request.incoming.pictures.removeLast(36)
        request.incoming.pictures[0].isDamaged = true
        let plan = try #require(planned(request))
        #expect(plan.incomingFrom == 12)
        #expect(plan.cost.kind == .loses && plan.cost.framesLost == 0)
        #expect(plan.cost.framesOutOfOrder == 8 && plan.cost.framesMissed == 8)
    }

    /// The fields of a frame count one by one: the second one's place is what is counted from.
    @Test func fieldsAreCountedFromTheSecondOne() {
        var outgoing = SideWriter()
        outgoing.gops(2, Self.closed)
        outgoing.order(bits: 4)
        for index in outgoing.side.pictures.indices {
            var second = outgoing.side.pictures[index].order
            second.countLSB = (second.countLSB + 1) & 15
            second.isIDR = false
            outgoing.side.pictures[index].secondOrder = second
        }
        var incoming = SideWriter()
        incoming.gops(2, Self.open)
        incoming.order(bits: 4, frameNumber: 12)
        let request = ask(outgoing.side, incoming.side, offset: 0)
        // Behind counts 18 and 19 (lsb 2 and 3) of 10 pictures since the IDR picture.
        var last = request
        last.incoming.pictures[12].order.frameNumber = 10
        last.incoming.pictures[12].order.countLSB = 11
        #expect(fallen(last, before: 22, from: 12) == 0, "11 − 3 is half: 27")
        last.incoming.pictures[12].order.countLSB = 12
        #expect(fallen(last, before: 22, from: 12) > 0, "12 − 3 is more: 12")
    }

    @Test func anyNumbersAreCounted() {
        var random = SeededNumbers(seed: 5)
        for _ in 0..<2000 {
            var count = OrderCount()
            for _ in 0..<20 {
                var order = PictureOrder()
                order.kind = [.coded, .coded, .decoding, .cyclic, .unknown][random.below(5)]
                order.isIDR = random.below(10) == 0
                order.countBits = UInt8(random.below(17))
                order.frameNumberBits = UInt8(random.below(17))
                order.countLSB = UInt16(random.below(65536))
                order.frameNumber = UInt16(random.below(65536))
                _ = count.next(order, isReference: random.below(2) == 0)
                #expect(count.standIns(before: order, referenceFrames: 16) >= 0)
            }
        }
    }
}
