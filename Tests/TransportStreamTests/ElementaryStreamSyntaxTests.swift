// Cases of the standards that no sample has, written bit by bit from the syntax tables.

import Testing

@testable import TransportStream

@Suite struct ElementaryStreamH264SyntaxTests {
    @Test func recoveryPointOnFieldPairIsOpen() {
        var h = H264Writer()
        h.parameterSets()
        h.recoveryPoint()
        h.slice(type: 7, frame: 1, order: 2, parity: .top)
        h.slice(type: 5, frame: 1, order: 3, parity: .bottom)
        h.slice(type: 6, frame: 2, order: 0, parity: .top, reference: 0)
        h.slice(type: 6, frame: 2, order: 1, parity: .bottom, reference: 0)
        h.slice(type: 6, frame: 2, order: 4, parity: .top, reference: 0)
        h.slice(type: 6, frame: 2, order: 5, parity: .bottom, reference: 0)
        let marks = bothWays(h.bytes, .h264)
        #expect(marks.map { $0.randomAccess } == [.open, .none, .none, .none, .none, .none])
        #expect(
            marks.map { $0.field } == [
                .firstField, .secondField, .firstField, .secondField, .firstField, .secondField,
            ])
        #expect(marks[0].position == 0 && marks[0].hasParameterSets)
        #expect(marks.map { $0.isReference } == [true, true, false, false, false, false])
        #expect(marks[0].statedFrameTicks == 1_080_000)
    }

    @Test func idrFieldWithSecondIntraOrPredictedField() {
        for secondType in [5, 7] {
            var h = H264Writer()
            h.parameterSets()
            h.slice(type: 7, frame: 0, order: 0, parity: .bottom, idr: 3)
            h.slice(type: secondType, frame: 0, order: 1, parity: .top)
            h.slice(type: 5, frame: 1, order: 4)
            let marks = bothWays(h.bytes, .h264)
            #expect(marks.map { $0.randomAccess } == [.closed, .none, .none])
            #expect(marks.map { $0.field } == [.firstField, .secondField, .frame])
        }
    }

    @Test func gradualRefreshIsNoRandomAccess() {
        var h = H264Writer()
        h.parameterSets()
        h.recoveryPoint(frames: 12)
        h.slice(type: 7, frame: 1, order: 0)
        h.recoveryPoint()
        h.slice(type: 5, frame: 2, order: 2)
        h.slice(type: 7, frame: 3, order: 4)
        #expect(bothWays(h.bytes, .h264).map { $0.randomAccess } == [.none, .none, .none])
    }

    @Test func recoveryPointBehindLongMessageIsSeen() {
        var h = H264Writer()
        h.parameterSets()
        h.recoveryPoint(behind: 3000)
        h.slice(type: 7, frame: 1, order: 0)
        #expect(bothWays(h.bytes, .h264).map { $0.randomAccess } == [.open])
    }

    @Test func slicesOfOnePictureAreOneUnit() {
        for long in [true, false] {
            var h = H264Writer()
            h.longStartCode = long
            h.parameterSets()
            var starts: [Int64] = [0]
            h.slice(type: 7, frame: 0, order: 0, idr: 0)
            h.slice(type: 7, frame: 0, order: 0, first: 200, idr: 0)
            for picture in 1...4 {
                starts.append(Int64(h.bytes.count))
                h.slice(type: 5, frame: picture, order: 2 * picture)
                h.slice(type: 5, frame: picture, order: 2 * picture, first: 200)
            }
            #expect(bothWays(h.bytes, .h264).map { $0.position } == starts)
        }
    }

    @Test func twoIDRPicturesInARowAreTold() {
        var h = H264Writer()
        h.parameterSets()
        h.slice(type: 7, frame: 0, order: 0, first: 5, idr: 0)
        h.slice(type: 7, frame: 0, order: 0, idr: 1)
        // The first slice is of a picture whose begin was seen: parameter sets stand before it.
        #expect(bothWays(h.bytes, .h264).count == 2)
    }

    @Test func redundantPicturesDoNotCount() {
        var h = H264Writer()
        h.profile = 66
        h.isInterlaced = false
        h.hasRedundantCount = true
        h.parameterSets()
        h.slice(type: 7, frame: 0, order: 0, idr: 0)
        h.slice(type: 7, frame: 0, order: 0, idr: 0, redundant: 1)
        h.slice(type: 5, frame: 1, order: 2)
        h.slice(type: 5, frame: 1, order: 2, redundant: 1)
        #expect(bothWays(h.bytes, .h264).count == 2)
    }

    @Test func arbitrarySliceOrderIsOnePicture() {
        var h = H264Writer()
        h.profile = 66
        h.isInterlaced = false
        h.parameterSets()
        h.slice(type: 7, frame: 0, order: 0, first: 300, idr: 0)
        h.slice(type: 7, frame: 0, order: 0, first: 0, idr: 0)
        h.slice(type: 7, frame: 0, order: 0, first: 100, idr: 0)
        #expect(bothWays(h.bytes, .h264).count == 1)
    }

    @Test func separateColourPlanesAreOnePicture() {
        var h = H264Writer()
        h.isInterlaced = false
        h.separatePlanes = true
        h.parameterSets()
        for plane in 0..<3 { h.slice(type: 7, frame: 0, order: 0, idr: 0, plane: plane) }
        for plane in 0..<3 { h.slice(type: 5, frame: 1, order: 2, plane: plane) }
        #expect(bothWays(h.bytes, .h264).count == 2)
    }

    @Test func pictureStructureGivesDisplayedFields() {
        var h = H264Writer()
        h.parameterSets()
        let fields: [UInt8] = [2, 2, 2, 3, 3, 4, 6]
        for (index, structure) in [0, 3, 4, 5, 6, 7, 8].enumerated() {
            h.pictureTiming(structure)
            h.slice(type: 5, frame: index, order: 2 * index)
        }
        #expect(bothWays(h.bytes, .h264).map { $0.displayedFields } == fields)
    }

    @Test func prefixUnitsBetweenSlicesDoNotSplit() {
        var h = H264Writer()
        h.parameterSets()
        h.unit(0x6E, [0x80, 0, 1])
        h.slice(type: 7, frame: 0, order: 0, idr: 0)
        h.unit(0x6E, [0x80, 0, 1])
        h.slice(type: 7, frame: 0, order: 0, first: 100, idr: 0)
        let second = h.bytes.count
        h.unit(0x2E, [0x80, 0, 1])
        h.slice(type: 5, frame: 1, order: 2)
        #expect(bothWays(h.bytes, .h264).map { $0.position } == [0, Int64(second)])
    }

    @Test func fieldsPairRightAfterTheFirstOneWasLost() {
        var h = H264Writer()
        h.parameterSets()
        h.slice(type: 5, frame: 1, order: 2, parity: .top)
        h.slice(type: 5, frame: 1, order: 3, parity: .bottom)
        let loss = h.bytes.count
        h.slice(type: 6, frame: 2, order: 1, parity: .bottom, reference: 0)
        h.slice(type: 6, frame: 2, order: 4, parity: .top, reference: 0)
        h.slice(type: 6, frame: 2, order: 5, parity: .bottom, reference: 0)
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        detector.scan(h.bytes.span, from: 0, to: loss, startsPES: true, into: &marks)
        detector.reset()
        detector.scan(
            h.bytes.span, from: loss, to: h.bytes.count, startsPES: true, into: &marks)
        #expect(
            marks.map { $0.field } == [
                .firstField, .secondField, .secondField, .firstField, .secondField,
            ])
    }

    @Test func middleOfPictureAfterLossIsNotMarked() {
        var h = H264Writer()
        h.parameterSets()
        h.slice(type: 5, frame: 1, order: 2)
        let loss = h.bytes.count
        h.slice(type: 5, frame: 2, order: 4, first: 50)
        let next = h.bytes.count
        h.slice(type: 5, frame: 3, order: 6)
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        detector.scan(h.bytes.span, from: 0, to: loss, startsPES: true, into: &marks)
        detector.reset()
        detector.scan(
            h.bytes.span, from: loss, to: h.bytes.count, startsPES: false, into: &marks)
        #expect(marks.map { $0.position } == [0, Int64(next)])
    }

    /// A zero at the end of a PES packet is not the zero_byte of a unit that begins the next one.
    @Test func trailingZeroStaysInItsPacket() {
        var h = H264Writer()
        h.parameterSets()
        h.slice(type: 5, frame: 1, order: 2)
        h.bytes.append(0)
        let packet = h.bytes.count
        h.longStartCode = false
        h.slice(type: 5, frame: 2, order: 4)
        var detector = AccessUnitDetector(codec: .h264)
        var marks: [AccessUnitMark] = []
        detector.scan(h.bytes.span, from: 0, to: packet, startsPES: true, into: &marks)
        detector.scan(
            h.bytes.span, from: packet, to: h.bytes.count, startsPES: true, into: &marks)
        #expect(marks.map { $0.position } == [0, Int64(packet)])
    }
}

@Suite struct ElementaryStreamHEVCSyntaxTests {
    /// 23008-2 table 7-1 for each NAL unit type of a slice. No parameter sets are there, so the
    /// coding is known only of IRAP pictures.
    @Test func typesTellRandomAccessAndLeading() {
        for type in UInt8(0)...31 {
            let bytes: [UInt8] = [0, 0, 0, 1, type << 1, 1, 0x80 | 0x20, 0x55, 0x55, 0x55]
            let marks = bothWays(bytes, .hevc)
            let expected: RandomAccess =
                switch type {
                case 17...20: .closed
                case 16, 21: .open
                default: .none
                }
            switch type {
            case 0...9, 16...21:
                #expect(marks.map { $0.randomAccess } == [expected], "type \(type)")
                #expect(
                    marks.map { $0.leading } == [
                        type / 2 == 3 ? .decodable : type / 2 == 4 ? .skipped : .no
                    ])
                #expect(marks.map { $0.coding } == [type >= 16 ? .intra : .unknown])
            default:
                #expect(marks.isEmpty, "type \(type)")
            }
        }
    }

    @Test func otherLayersAndLaterSlicesDoNotBegin() {
        let first: [UInt8] = [0, 0, 1, 0x02, 1, 0xA0, 0x55]
        let later: [UInt8] = [0, 0, 1, 0x02, 1, 0x20, 0x55]
        let layer: [UInt8] = [0, 0, 1, 0x02, 9, 0xA0, 0x55]
        let suffix: [UInt8] = [0, 0, 1, 0x50, 1, 0x84, 0x01]
        let prefix: [UInt8] = [0, 0, 1, 0x4E, 1, 0x84, 0x01, 0x80]
        let stream = first + later + layer + suffix + prefix + first
        let marks = bothWays(stream, .hevc)
        #expect(marks.map { $0.position } == [0, 28])
    }
}

@Suite struct ElementaryStreamMPEG2SyntaxTests {
    private static let sequence: [UInt8] = [
        0, 0, 1, 0xB3, 0x2D, 0x02, 0x40, 0x33, 0x24, 0x9F, 0x23, 0x81,
    ]
    /// Main profile at main level, interlaced, 4:2:0.
    private static let interlaced: [UInt8] = [
        0, 0, 1, 0xB5, 0x14, 0x82, 0x00, 0x01, 0x00, 0x00,
    ]
    private static let progressive: [UInt8] = [
        0, 0, 1, 0xB5, 0x14, 0x8A, 0x00, 0x01, 0x00, 0x00,
    ]
    private static let slice: [UInt8] = [0, 0, 1, 1, 0x22, 0x33, 0x44]

    private func group(closed: Bool) -> [UInt8] {
        [0, 0, 1, 0xB8, 0x00, 0x08, 0x00, closed ? 0x40 : 0x00]
    }

    /// type: 1 I, 2 P, 3 B. structure: 1 top, 2 bottom, 3 frame.
    private func picture(
        _ type: Int, reference: Int = 0, structure: Int? = 3, topFirst: Bool = false,
        repeats: Bool = false
    ) -> [UInt8] {
        var header = BitWriter()
        header.u(10, reference)
        header.u(3, type)
        header.u(16, 0xFFFF)
        header.u(3, 0)
        var bytes: [UInt8] = [0, 0, 1, 0] + header.bytes
        if let structure {
            var coding = BitWriter()
            coding.u(4, 8)
            coding.u(16, 0xFFFF)
            coding.u(2, 0)
            coding.u(2, structure)
            coding.u(1, topFirst ? 1 : 0)
            coding.u(5, 0)
            coding.u(1, repeats ? 1 : 0)
            coding.u(9, 0)
            bytes += [0, 0, 1, 0xB5] + coding.bytes
        }
        return bytes + Self.slice + Self.slice
    }

    @Test func fieldPicturesPairByTemporalReference() {
        var stream = Self.sequence + Self.interlaced + group(closed: false)
        stream += picture(1, reference: 2, structure: 1) + picture(2, reference: 2, structure: 2)
        stream += picture(3, reference: 0, structure: 1) + picture(3, reference: 0, structure: 2)
        stream += picture(3, reference: 1, structure: 1)  // its bottom field is missing
        stream += picture(2, reference: 5, structure: 2) + picture(2, reference: 5, structure: 1)
        let marks = bothWays(stream, .mpeg2Video)
        #expect(
            marks.map { $0.field } == [
                .firstField, .secondField, .firstField, .secondField, .firstField, .firstField,
                .secondField,
            ])
        #expect(marks[0].randomAccess == .open)
        #expect(marks.dropFirst().allSatisfy { $0.randomAccess == .none })
        #expect(marks.allSatisfy { $0.displayedFields == 1 })
    }

    @Test func groupHeaderTellsClosed() {
        for closed in [true, false] {
            let stream = Self.sequence + Self.interlaced + group(closed: closed) + picture(1)
            let marks = bothWays(stream + [0, 0, 1, 0xB7], .mpeg2Video)
            #expect(marks.map { $0.randomAccess } == [closed ? .closed : .open])
            #expect(marks.map { $0.hasParameterSets } == [true])
        }
        // No group header: open. No sequence header: no random access.
        let stream = Self.sequence + Self.interlaced + picture(1) + group(closed: true) + picture(1)
        #expect(bothWays(stream, .mpeg2Video).map { $0.randomAccess } == [.open, .none])
    }

    /// 13818-2 §6.3.10, repeat_first_field.
    @Test func repeatedFields() {
        func fields(_ sequenceExtension: [UInt8], _ topFirst: Bool, _ repeats: Bool) -> [UInt8] {
            let stream =
                Self.sequence + sequenceExtension
                + picture(1, topFirst: topFirst, repeats: repeats)
            return bothWays(stream, .mpeg2Video).map { $0.displayedFields }
        }
        #expect(fields(Self.interlaced, true, false) == [2])
        #expect(fields(Self.interlaced, true, true) == [3])
        #expect(fields(Self.progressive, false, false) == [2])
        #expect(fields(Self.progressive, false, true) == [4])
        #expect(fields(Self.progressive, true, true) == [6])
    }

    /// MPEG-1: no extensions at all; stuffing zeros before start codes belong to the unit before.
    @Test func mpeg1WithoutExtensions() {
        let unit = Self.sequence + group(closed: true) + picture(1, structure: nil)
        let stream = unit + [0, 0] + unit + [0, 0, 0, 0] + picture(2, structure: nil)
        let marks = bothWays(stream, .mpeg2Video)
        #expect(marks.map { $0.randomAccess } == [.closed, .closed, .none])
        #expect(
            marks.map { $0.position } == [0, Int64(unit.count + 2), Int64(2 * unit.count + 6)])
        #expect(marks.allSatisfy { $0.statedFrameTicks == 1_080_000 })
    }
}
