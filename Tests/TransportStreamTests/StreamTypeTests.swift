// From stream_type and descriptors to a codec: table 2-34 of 13818-1, EN 300 468, SCTE 35, the
// private ranges of ATSC and Blu-ray.

import Testing

@testable import TransportStream

@Suite struct StreamTypeTests {
    static let cuei: [UInt8] = [0x05, 4, 0x43, 0x55, 0x45, 0x49]
    static let hdmv: [UInt8] = [0x05, 8, 0x48, 0x44, 0x4D, 0x56, 0xFF, 0x1B, 0x44, 0x3F]

    private static func registration(_ letters: String) -> [UInt8] {
        [0x05, UInt8(letters.utf8.count)] + Array(letters.utf8)
    }

    private func codec(
        _ type: UInt8, _ descriptors: [UInt8] = [], program: [UInt8] = []
    ) -> Codec {
        Codec(
            stream: .init(streamType: type, pid: PID(0x100), descriptors: descriptors),
            programDescriptors: program)
    }

    @Test(arguments: [
        (UInt8(0x01), Codec.mpeg2Video), (0x02, .mpeg2Video), (0x03, .mpegAudio),
        (0x04, .mpegAudio),
        (0x0F, .aacADTS), (0x11, .aacLATM), (0x1B, .h264), (0x24, .hevc), (0x81, .ac3),
        (0x87, .eac3), (0x05, .otherSections), (0x0A, .otherSections), (0x0B, .otherSections),
        (0x0C, .otherSections), (0x0D, .otherSections), (0x06, .otherPES), (0x15, .otherPES),
        (0x10, .otherPES), (0x82, .otherPES), (0x83, .otherPES), (0xEA, .otherPES),
        (0xFF, .otherPES),
        (0x00, .otherPES), (0x86, .scte35),
    ])
    func theTypeAlone(type: UInt8, expected: Codec) {
        #expect(codec(type) == expected)
    }

    /// Table 2-34: 0x13 is carried in 14496_sections, 0x16 in metadata_sections, 0x17 and 0x18 in
    /// DSM-CC carousels.
    @Test(arguments: [UInt8(0x13), 0x16, 0x17, 0x18])
    func typesThatTheStandardPutsIntoSections(type: UInt8) {
        #expect(codec(type) == .otherSections)
    }

    @Test func eightySixIsSpliceInformationUnlessBluRaySaysOtherwise() {
        #expect(codec(0x86, Self.cuei) == .scte35)
        #expect(codec(0x86, program: Self.cuei) == .scte35)
        #expect(codec(0x86, Self.cuei, program: Self.cuei) == .scte35)
        #expect(codec(0x86, program: Self.hdmv) == .otherPES)
        #expect(codec(0x86, Self.hdmv) == .otherPES)
    }

    @Test func eightyFourIsEnhancedAC3OnBluRayOnly() {
        #expect(codec(0x84, program: Self.hdmv) == .eac3)
        #expect(codec(0x84) == .otherPES)
        #expect(codec(0x84, Self.registration("EAC3")) == .eac3)
    }

    @Test(arguments: [
        ([UInt8](), Codec.otherPES), ([0x6A, 1, 0], .ac3), ([0x7A, 1, 0], .eac3),
        ([0x56, 5, 0x66, 0x72, 0x61, 0x09, 0x00], .otherPES), ([0x59, 0], .otherPES),
        ([0x52, 1, 7, 0x6A, 3, 0, 0, 0], .ac3), ([0x6A, 1, 0, 0x7A, 1, 0], .eac3),
        (registration("AC-3"), .ac3), (registration("EAC3"), .eac3), (registration("Opus"), .opus),
        (registration("HEVC"), .hevc), (registration("KLVA"), .otherPES),
        (registration("ID3 "), .otherPES), (registration("AC-"), .otherPES),
        ([0x6A, 200, 0], .otherPES), ([0x6A], .otherPES),
    ])
    func privateStreamsByTheirDescriptors(descriptors: [UInt8], expected: Codec) {
        #expect(codec(0x06, descriptors) == expected)
    }

    @Test func kindsAndCarriage() {
        let video: Set<Codec> = [.mpeg2Video, .h264, .hevc]
        let data: Set<Codec> = [.scte35, .otherPES, .otherSections]
        for codec in Codec.allCases {
            let kind: Codec.Kind =
                video.contains(codec) ? .video : data.contains(codec) ? .data : .audio
            #expect(codec.kind == kind)
            #expect(codec.isPES == (codec != .scte35 && codec != .otherSections))
        }
    }

    // MARK: Descriptor loops

    @Test func descriptorsAreFoundByTag() {
        let loop: [UInt8] = [0x52, 1, 7, 0x0A, 4, 0x46, 0x52, 0x41, 0, 0x52, 0]
        #expect(Descriptors.first(0x52, in: loop) == 2..<3)
        #expect(Descriptors.first(0x0A, in: loop) == 5..<9)
        #expect(Descriptors.first(0x05, in: loop) == nil)
        #expect(Descriptors.language(loop) == "fra")
        // A body is no descriptor, and one that runs out of the loop ends it.
        #expect(!Descriptors.contains(0x46, in: loop))
        #expect(!Descriptors.contains(0x0A, in: Array(loop[..<8])))
        #expect(Descriptors.first(0x52, in: Array(loop[..<8])) == 2..<3)
    }

    @Test func languagesOnlyOfLetters() {
        #expect(Descriptors.language([0x0A, 4, 0x71, 0x61, 0x64, 3]) == "qad")
        #expect(Descriptors.language([0x0A, 4, 0, 0, 0, 0]) == nil)
        #expect(Descriptors.language([0x0A, 2, 0x66, 0x72]) == nil)
        #expect(Descriptors.language([0x0A, 0]) == nil && Descriptors.language([]) == nil)
    }

    @Test func registrationsNeedFourBytes() {
        #expect(Descriptors.registration(Self.cuei)?.formatIdentifier == 0x4355_4549)
        #expect(Descriptors.registration(Self.hdmv)?.formatIdentifier == 0x4844_4D56)
        #expect(Descriptors.registration([0x05, 3, 1, 2, 3]) == nil)
    }
}
