// The one programme that goes out: which stream goes to which slot, and when the PMT changes.

import Testing
import TransportStream

@testable import SwitchEngine

@Suite struct OutputProgramTests {
    private func claim(
        _ codec: Codec, _ type: UInt8, _ pid: UInt16, _ language: String? = nil,
        descriptors: [UInt8] = []
    ) -> StreamClaim {
        var loop = descriptors
        if let language { loop += [0x0A, 4] + Array(language.utf8) + [0] }
        return StreamClaim(
            codec: codec, language: language,
            stream: .init(streamType: type, pid: PID(pid), descriptors: loop))
    }

    private func program(
        _ claims: [StreamClaim], clock: UInt16 = 0x100, mapPID: UInt16 = 0x1000
    ) -> OutputProgram {
        var program = OutputProgram()
        program.set(
            transportStreamID: 0x1234, mapPID: PID(mapPID),
            map: ProgramMap(
                program: 7, version: 4, clockPID: PID(clock), descriptors: [5, 1, 9],
                streams: claims.map(\.stream)))
        program.announce(program.reserve(for: claims))
        return program
    }

    /// Reserves and announces at once, as for the first input on air.
    private func slots(_ program: inout OutputProgram, for claims: [StreamClaim]) -> [Int] {
        let reservations = program.reserve(for: claims)
        program.announce(reservations)
        return reservations.map(\.slot)
    }

    private func map(_ program: inout OutputProgram) -> ProgramMap? {
        var packets: [UInt8] = []
        program.appendTables(to: &packets)
        var map: ProgramMap?
        var assembler = SectionAssembler()
        for at in stride(from: 188, to: packets.count, by: 188) {
            assembler.append(
                packets.span, from: at + 4, to: at + 188, startsUnit: packets[at + 1] & 0x40 != 0
            ) { map = ProgramMap(section: $0) }
        }
        return map
    }

    /// 13818-1 table 2-3: 0x0000 ... 0x000F and 0x1FFF are for others.
    @Test(arguments: [0x0000, 0x0001, 0x000F, 0x0010, 0x1FFE, 0x1FFF] as [UInt16])
    func theMapIsOnAPIDForProgrammes(pid: UInt16) throws {
        let claims = [claim(.h264, 0x1B, 0x100)]
        var program = self.program(claims, mapPID: pid)
        #expect(try #require(map(&program)).streams == claims.map(\.stream))
        #expect(program.mapPID == PID((0x10...0x1FFE).contains(pid) ? pid : 0x1000))
    }

    /// A seam to another codec that never came to its first packet, and back to the codec that is
    /// told of, as another input describes it: for a receiver nothing has changed.
    @Test func theSameCodecIsToldOfOnce() throws {
        let first = [claim(.eac3, 0x87, 0x100, descriptors: [5, 4, 69, 65, 67, 51])]
        var program = self.program(first)
        _ = program.reserve(for: [claim(.aacADTS, 0x0F, 0x200)])
        program.announce(program.reserve(for: [claim(.eac3, 0x87, 0x300, descriptors: [21, 0])]))
        let found = try #require(map(&program))
        #expect(found.version == 4 && found.streams == first.map(\.stream))
        // The other codec is told of when it comes.
        program.announce(program.reserve(for: [claim(.aacADTS, 0x0F, 0x200)]))
        let after = try #require(map(&program))
        #expect(after.version == 5 && after.streams.map(\.streamType) == [0x0F])
    }

    @Test func theFirstInputGivesTheProgramme() throws {
        let claims = [claim(.h264, 0x1B, 0x100), claim(.aacADTS, 0x0F, 0x101, "eng")]
        var program = self.program(claims)
        let found = try #require(map(&program))
        #expect(found.program == 7 && found.clockPID == PID(0x100) && found.version == 4)
        #expect(found.descriptors == [5, 1, 9] && found.streams == claims.map(\.stream))
        var packets: [UInt8] = []
        program.appendTables(to: &packets)
        #expect(packets.count == program.tablePacketCount * 188)
        #expect(readHeader(packets)?.pid == .pat)
        #expect(readHeader(packets)?.continuity.rawValue == 1, "the second time")
        let association = Array(packets[5..<21])
        let table = ProgramAssociation(section: association.span)
        #expect(table?.transportStreamID == 0x1234)
        #expect(table?.entries == [.init(program: 7, pid: PID(0x1000))])
    }

    @Test func theSameCodecsOnOtherPIDsChangeNothing() {
        var program = self.program([
            claim(.h264, 0x1B, 0x100), claim(.aacADTS, 0x0F, 0x101, "eng"),
            claim(.aacADTS, 0x0F, 0x102, "deu"), claim(.scte35, 0x86, 0x103),
        ])
        let before = map(&program)
        let slots = slots(&program, for: [
            claim(.scte35, 0x86, 0x44), claim(.aacADTS, 0x0F, 0x45, "deu"),
            claim(.h264, 0x1B, 0x46), claim(.aacADTS, 0x0F, 0x47, "eng"),
        ])
        #expect(slots == [3, 2, 0, 1])
        #expect(map(&program) == before)
    }

    @Test func unknownLanguagesAreTakenInOrder() {
        var program = self.program([
            claim(.h264, 0x1B, 0x100), claim(.ac3, 0x81, 0x101, "eng"),
            claim(.ac3, 0x81, 0x102, "fra"),
        ])
        let slots = slots(&program, for: [
            claim(.ac3, 0x81, 0x50), claim(.ac3, 0x81, 0x51, "eng"), claim(.h264, 0x1B, 0x52),
        ])
        #expect(slots == [2, 1, 0] && program.version == 4)
    }

    /// 0x03 and 0x04 are one codec to a decoder; the language tells the streams apart.
    @Test func languageGoesBeforeStreamType() {
        var program = self.program([
            claim(.mpegAudio, 0x04, 0x101, "ita"), claim(.mpegAudio, 0x04, 0x102, "eng"),
        ])
        let slots = slots(&program, for: [
            claim(.mpegAudio, 0x03, 0x50, "eng"), claim(.mpegAudio, 0x03, 0x51, "ita"),
        ])
        #expect(slots == [1, 0])
        #expect(program.version == 4)
    }

    @Test func languageGoesBeforeOrderWhereTheCodecDiffersToo() {
        var program = self.program([
            claim(.aacADTS, 0x0F, 0x101, "ita"), claim(.aacADTS, 0x0F, 0x102, "eng"),
        ])
        let slots = slots(&program, for: [
            claim(.ac3, 0x81, 0x50, "eng"), claim(.ac3, 0x81, 0x51, "ita"),
        ])
        #expect(slots == [1, 0])
    }

    /// The slot's language must follow its descriptors, or the next input is put on wrong slots.
    @Test func aSlotThatChangesItsCodecChangesItsLanguage() {
        var program = self.program([
            claim(.aacADTS, 0x0F, 0x101, "ita"), claim(.aacADTS, 0x0F, 0x102, "eng"),
        ])
        let second = [claim(.ac3, 0x81, 0x50, "fra"), claim(.ac3, 0x81, 0x51, "deu")]
        #expect(slots(&program, for: second) == [0, 1])
        let languages = program.slots.map { Descriptors.language($0.stream.descriptors) }
        #expect(languages == ["fra", "deu"])
        #expect(program.slots.map(\.language) == ["fra", "deu"])
        #expect(slots(&program, for: second.reversed()) == [1, 0])
    }

    /// Teletext and DVB subtitles are both private PES packets, told apart by descriptors only.
    @Test func dataStreamsOfOtherKindsDoNotShareASlot() {
        let subtitles = claim(.otherPES, 6, 0x101, descriptors: [0x59, 0])
        let teletext = claim(.otherPES, 6, 0x102, descriptors: [0x56, 0])
        var program = self.program([claim(.h264, 0x1B, 0x100), subtitles])
        #expect(slots(&program, for: [teletext, claim(.h264, 0x1B, 0x50)]) == [2, 0])
    }

    @Test func theVersionMovesOncePerChangeAndWraps() {
        var program = self.program([claim(.h264, 0x1B, 0x100), claim(.aacADTS, 0x0F, 0x101)])
        let pids = program.slots.map(\.pid)
        for step in 1...40 {
            let codec: (Codec, UInt8) = step % 2 == 1 ? (.hevc, 0x24) : (.h264, 0x1B)
            let claims = [claim(codec.0, codec.1, 0x200), claim(.aacADTS, 0x0F, 0x201)]
            #expect(slots(&program, for: claims) == [0, 1])
            #expect(program.version == UInt8((4 + step) % 32))
            #expect(slots(&program, for: claims) == [0, 1])
            #expect(program.version == UInt8((4 + step) % 32), "the same again")
        }
        #expect(program.slots.map(\.pid) == pids)
    }

    @Test func aNewStreamGetsItsOwnFreePID() throws {
        var program = self.program([claim(.h264, 0x1B, 0x100), claim(.aacADTS, 0x0F, 0x101)])
        let slots = slots(&program, for: [
            claim(.h264, 0x1B, 0x300), claim(.aacADTS, 0x0F, 0x101), claim(.ac3, 0x81, 0x101),
            claim(.eac3, 0x87, 0x1000), claim(.otherPES, 6, 0x1FFF), claim(.otherPES, 6, 0x03),
        ])
        #expect(slots == [0, 1, 2, 3, 4, 5])
        let pids = program.slots.map(\.pid)
        #expect(Set(pids).count == 6 && pids[0] == PID(0x100) && pids[1] == PID(0x101))
        #expect(pids.allSatisfy { $0 >= PID(0x20) && $0 != .null && $0 != PID(0x1000) })
        let found = try #require(map(&program))
        #expect(found.version == 5 && found.streams.map(\.pid) == pids)
        #expect(found.clockPID == PID(0x100))
    }

    /// A PMT is one section of 1,024 bytes at most (13818-1 §2.4.4.9); slots are never taken away.
    @Test func tablesStayReadableHoweverManySlots() {
        var program = self.program([claim(.h264, 0x1B, 0x100)])
        let loop = [UInt8](repeating: 0, count: 40)
        for step in UInt8(0)..<120 {
            let data = claim(.otherPES, step, 0x200 + UInt16(step), descriptors: [0x80, 40] + loop)
            _ = slots(&program, for: [claim(.h264, 0x1B, 0x100), data])
        }
        var packets: [UInt8] = []
        program.appendTables(to: &packets)
        #expect(packets.count <= 188 * 7 && map(&program) != nil)
    }

    @Test func countersCountPerSlotAndClockPacketsRepeat() {
        var program = self.program([claim(.h264, 0x1B, 0x100), claim(.aacADTS, 0x0F, 0x101)])
        for step in UInt8(0)..<40 {
            #expect(program.nextContinuity(slot: 0).rawValue == step % 16)
            #expect(program.clockPacketContinuity.rawValue == step % 16)
        }
        #expect(program.nextContinuity(slot: 1).rawValue == 0)
        var separate = self.program([claim(.h264, 0x1B, 0x100)], clock: 0x1F0)
        _ = separate.nextContinuity(slot: 0)
        let first = separate.clockPacketContinuity
        _ = separate.nextContinuity(slot: 0)
        #expect(separate.clockPacketContinuity == first)
    }

    /// PCRs may come on the PID of a table (13818-1 table 2-3): its counter is theirs then.
    @Test(arguments: [UInt16(0), 0x1000]) func clockPacketsRepeatTheCounterOfATable(pid: UInt16) {
        var program = self.program([claim(.h264, 0x1B, 0x100)], clock: pid)
        for _ in 0..<3 {
            var packets: [UInt8] = []
            program.appendTables(to: &packets)
            #expect(readHeader(packets)?.continuity == program.clockPacketContinuity)
        }
    }
}
