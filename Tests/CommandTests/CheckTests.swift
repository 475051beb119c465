// `attacca check` as a gate in a script, and what the product is linked with.

import Foundation
import Testing

@Suite struct CheckTests {
    /// The tables of the backups come more than 100 ms apart.
    @Test func brokenLawGivesStatusOne() throws {
        let outcome = try Command.attacca(["check", SamplePair.h264.path("backup")])
        #expect(outcome.status == 1)
        #expect(outcome.errorLines == [])
        #expect(outcome.output.contains("PAT"))
        let detailed = try Command.attacca(["check", "--json", SamplePair.h264.path("backup")])
        #expect(detailed.status == 1)
        let judgement = try Judgement(text: detailed.output)
        #expect(!judgement.conformant)
        #expect(judgement.brokenLaws.contains { $0.name == "patInterval" })
    }

    @Test func rehearsedOutputGivesStatusZero() throws {
        let cast = Cast(pair: .h264, first: "backup", second: "main")
        let rehearsal = try Rehearsal(cast.inputs, events: ["9s:switch:main"])
        let outcome = try Command.attacca(["check", rehearsal.path])
        #expect(outcome.status == 0)
        #expect(outcome.errorLines == [])
        let detailed = try Command.attacca(["check", "--json", rehearsal.path])
        #expect(detailed.status == 0)
        let judgement = try Judgement(text: detailed.output)
        #expect(judgement.conformant)
        #expect(judgement.sentences == [])
        #expect(abs((judgement.time.durationSeconds ?? 0) - 36) < 1)
    }

    @Test func rehearsalIsTheSameEachTime() throws {
        let cast = Cast(pair: .mpeg2, first: "main", second: "backup")
        let events = ["5s:loss:main:2%:3", "12s:switch:main"]
        let outputs = try (0..<2).map { _ in
            let rehearsal = try Rehearsal(cast.inputs, events: events)
            return try Data(contentsOf: URL(fileURLWithPath: rehearsal.path))
        }
        #expect(outputs[0] == outputs[1])
    }

    /// Two libsrt in one process crash, and libavformat brings one of its own.
    @Test func commandIsLinkedWithoutMediaLibraries() throws {
        let outcome = try Command.run("ldd", [try Binary.found.get()])
        #expect(outcome.status == 0)
        let lines = outcome.output.split(separator: "\n")
        #expect(!lines.isEmpty)
        let media = ["libavcodec", "libavformat", "libavutil", "libswscale", "libswresample"]
        #expect(lines.filter { line in media.contains { line.contains($0) } } == [])
        #expect(lines.filter { $0.contains("libsrt") }.count <= 1)
    }
}
