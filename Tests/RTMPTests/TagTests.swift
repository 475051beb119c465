// FLV tags and the configurations in them, against bytes that ffmpeg wrote and tables of 14496-3.

import Testing

@testable import RTMP

@Suite struct TagTests {
    @Test func picturesAndConfigurationsAreToldApart() {
        #expect(VideoTag.read(TestPublisher.configuration25) == .configuration(.h264, offset: 5))
        #expect(
            VideoTag.read(bytes("17 01 000050 00000001 65"))
                == .picture(.h264, isKey: true, composition: 80, offset: 5))
        #expect(
            VideoTag.read(bytes("27 01 ffffd8 00000001 41"))
                == .picture(.h264, isKey: false, composition: -40, offset: 5))
        #expect(VideoTag.read(bytes("17 02 000000")) == .nothing)
        #expect(VideoTag.read(bytes("22 00")) == .unsupported("Sorenson H.263"))
        #expect(VideoTag.read([]) == .nothing)
        // A server's command, such as "seeking begins".
        #expect(VideoTag.read(bytes("57 00")) == .nothing)
    }

    @Test func enhancedTagsNameTheirCodec() {
        #expect(VideoTag.read(bytes("90 68766331 01")) == .configuration(.hevc, offset: 5))
        #expect(
            VideoTag.read(bytes("91 68766331 000028 00"))
                == .picture(.hevc, isKey: true, composition: 40, offset: 8))
        #expect(
            VideoTag.read(bytes("a3 68766331 00"))
                == .picture(.hevc, isKey: false, composition: 0, offset: 5))
        #expect(VideoTag.read(bytes("90 61763031 01")) == .unsupported("av01"))
        #expect(VideoTag.read(bytes("90 0a763031 01")) == .unsupported("?v01"))
        #expect(AudioTag.read(bytes("90 6d703461 1190")) == .configuration(offset: 5))
        #expect(AudioTag.read(bytes("91 6d703461 21")) == .frame(offset: 5))
        #expect(AudioTag.read(bytes("90 4f707573")) == .unsupported("Opus"))
    }

    @Test func soundAndItsConfigurationAreToldApart() {
        #expect(AudioTag.read(TestPublisher.sound44) == .configuration(offset: 2))
        #expect(AudioTag.read(TestPublisher.frame()) == .frame(offset: 2))
        #expect(AudioTag.read(bytes("2f ff")) == .unsupported("MP3"))
        #expect(AudioTag.read([0xAF]) == .nothing)
    }

    @Test func theParameterSetsOfX264AreFound() {
        let found = VideoConfiguration(avc: TestPublisher.configuration25, from: 5)
        #expect(found?.lengthBytes == 4)
        #expect(
            found?.parameterSets == [TestPublisher.sequenceSet25, TestPublisher.pictureSet])
        for count in 0..<TestPublisher.configuration25.count {
            let cut = Array(TestPublisher.configuration25.prefix(count))
            #expect(VideoConfiguration(avc: cut, from: 5) == nil)
        }
    }

    /// As x265 and ffmpeg's muxer write it, without the long SEI message at its end.
    @Test func theParameterSetsOfX265AreFoundAndItsMessagesLeftOut() {
        let head = bytes("01 01 60000000 900000000000 1e f000 fc fd f8 f8 0000 0f 04")
        let sets = bytes(
            """
            20 0001 0018 40010c01ffff01600000030090000003000003001e959809
            21 0001 0029 42010101600000030090000003000003001ea02083165959ae4caf01680800000300
            0800000300c840 22 0001 0007 4401c173d08927 27 0001 0004 4e010501
            """)
        let found = VideoConfiguration(hevc: head + sets, from: 0)
        #expect(found?.lengthBytes == 4)
        #expect(found?.parameterSets.map(\.count) == [24, 41, 7])
        #expect(found?.parameterSets.map { $0[0] >> 1 } == [32, 33, 34])
    }

    @Test func unitsThatDoNotFitAreLeftOut() {
        let configuration = VideoConfiguration(avc: TestPublisher.configuration25, from: 5)
        #expect(
            configuration?.units(bytes("00000002 aabb 00000000 00000001 cc 00000009 dd"), from: 0)
                == [4..<6, 14..<15])
        #expect(configuration?.units(bytes("ffffffff aa"), from: 0) == [])
    }

    /// As ffmpeg's ADTS muxer begins them for 44.1, 48 and 22.05 kHz; the length of 263 bytes by
    /// hand.
    @Test(arguments: [
        ("1208", "fff1504020fffc"), ("1190", "fff14c8020fffc"), ("1388", "fff15c4020fffc"),
    ]) func aFrameGetsItsHeader(configuration: String, header: String) throws {
        let found = try SoundConfiguration.read(bytes(configuration), from: 0).get()
        #expect(hex(found.header(frameBytes: 256)) == header)
    }

    @Test func soundThatADTSCanNotSayIsRefused() {
        func read(_ text: String) -> SoundConfiguration.Lack? {
            let found = SoundConfiguration.read(bytes(text), from: 0)
            return if case .failure(let lack) = found { lack } else { nil }
        }
        #expect(read("12") == .broken)
        #expect(read("") == .broken)
        // 1180: a channel configuration of 0. 1194: frames of 960 samples. b990…: type 23, low
        // delay.
        #expect(read("1180") == .unsupported("AAC with a channel configuration of its own"))
        #expect(read("1194") == .unsupported("AAC with short frames"))
        #expect(read("b990") == .unsupported("AAC object type 23"))
        // A rate that is not in the table, 48,001 Hz.
        #expect(read("178 05DC0 90") == .broken)
    }

    @Test func spectralBandReplicationIsTheCoresRate() throws {
        // Type 5, core at 24 kHz, stereo, output at 48 kHz, core type 2.
        let found = try SoundConfiguration.read(bytes("2b1188"), from: 0).get()
        #expect(found.sampleRate == 24_000)
    }
}
