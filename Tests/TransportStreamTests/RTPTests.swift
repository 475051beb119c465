// RTP headers of a captured stream (the expected transport stream was taken out of it by another
// tool), and every field by RFC 3550.

import Testing

@testable import TransportStream

@Suite struct RTPTests {
    /// 16 RTP datagrams on a VLAN; their payloads together are the oracle's transport stream.
    @Test(.needsSamples) func capturedStream() throws {
        let capture = try Samples.read("pcap/udp_vlan123_rtp_mcast.pcap")
        let expected = try Samples.read("oracle/pcap_udp_vlan123_rtp_mcast/test-162.1.ts")
        var found: [UInt8] = []
        var last: RTPHeader?
        var at = 24
        while at + 16 <= capture.count {
            let length = Int(capture[at + 8]) | Int(capture[at + 9]) << 8
            // Ethernet with an 802.1Q tag 18, IPv4 20, UDP 8
            let datagram = Array(capture[at + 16 + 46..<at + 16 + length])
            at += 16 + length
            let header = try RTPHeader.parse(datagram.span).get()
            #expect(header.payloadType == 33)
            #expect(!header.hasPadding && !header.hasExtension)
            #expect(header.payload == 12..<datagram.count)
            if let last {
                #expect(header.sequenceNumber == last.sequenceNumber.next)
                #expect(header.sequenceNumber.isAfter(last.sequenceNumber))
                #expect(header.synchronizationSource == last.synchronizationSource)
            }
            last = header
            found += datagram[header.payload]
        }
        #expect(found == expected)
    }

    /// A transport stream without RTP begins with 0x47: version 1.
    @Test func plainTransportStreamIsNoRTP() {
        let packet = [0x47] + [UInt8](repeating: 0, count: 187)
        #expect(RTPHeader.parse(packet.span) == .failure(.version(1)))
    }

    @Test func everyFieldOfTheFixedHeader() throws {
        let packet: [UInt8] = [
            0x80, 0xA1, 0x12, 0x34, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x47,
        ]
        let header = try RTPHeader.parse(packet.span).get()
        #expect(header.marker)
        #expect(header.payloadType == 33)
        #expect(header.sequenceNumber.value == 0x1234)
        #expect(header.timestamp == 0x89AB_CDEF)
        #expect(header.synchronizationSource == 0xFEDC_BA98)
        #expect(header.payload == 12..<13)
        #expect(header.extensionProfile == nil)
    }

    @Test func sourcesExtensionAndPadding() throws {
        var packet: [UInt8] = [0xB2, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        packet += [UInt8](repeating: 7, count: 8)  // two contributing sources
        packet += [0xBE, 0xDE, 0, 1, 1, 2, 3, 4]
        packet += [0x47, 0x48, 0x49, 0, 0, 3]
        let header = try RTPHeader.parse(packet.span).get()
        #expect(header.contributingSources == 2)
        #expect(header.extensionProfile == 0xBEDE)
        #expect(header.extensionRange == 24..<28)
        #expect(header.payload == 28..<31)
        for count in 0..<28 {
            let short = Array(packet[..<count])
            guard case .failure = RTPHeader.parse(short.span) else {
                Issue.record("\(count) bytes")
                continue
            }
        }
        packet[packet.count - 1] = 0
        #expect(RTPHeader.parse(packet.span) == .failure(.padding))
        packet[packet.count - 1] = 7
        #expect(RTPHeader.parse(packet.span) == .failure(.padding))
        packet[packet.count - 1] = 6
        #expect(try RTPHeader.parse(packet.span).get().payload.isEmpty)
    }

    @Test func sequenceNumbersWrap() {
        let cases: [(UInt16, UInt16, Int)] = [
            (1, 0, 1), (0, 1, -1), (0, 65535, 1), (65535, 0, -1), (5, 5, 0), (32767, 0, 32767),
            (32768, 0, -32768), (100, 65500, 136),
        ]
        for (a, b, distance) in cases {
            let first = RTPSequenceNumber(a)
            let second = RTPSequenceNumber(b)
            #expect(first.distance(from: second) == distance)
            #expect(first.isAfter(second) == (distance > 0))
        }
        #expect(RTPSequenceNumber(65535).next == RTPSequenceNumber(0))
    }

    @Test func noiseDoesNoHarm() {
        for seed in UInt64(1)...2000 {
            var random = SeededNumbers(seed: seed)
            var packet = (0..<random.next() % 80).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            if !packet.isEmpty { packet[0] = packet[0] & 0x3F | 0x80 }
            if case .success(let header) = RTPHeader.parse(packet.span) {
                #expect(header.payload.upperBound <= packet.count)
                #expect(header.extensionRange.upperBound <= packet.count)
            }
        }
    }
}
