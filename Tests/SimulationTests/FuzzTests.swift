// The fuzzer's own parts: mutations do what they say, a seed is one run, and the judge sees what it
// is there for. That the engine stands them is `FuzzCommandTests`.

import Foundation
import SwitchEngine
import Testing
import TransportStream

@testable import Simulation

private let corpus: [FuzzRecording] = {
    let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("SampleStreams")
    return ["h264-main.ts", "h264-backup.ts"].compactMap { name in
        guard let data = try? Data(contentsOf: folder.appendingPathComponent(name)) else {
            return nil
        }
        return FuzzRecording(name: name, file: [UInt8](data.prefix(400 * 188)))
    }
}()

private func mutant(_ mutation: Mutation) -> Mutant {
    var mutant = Mutant(bytes: corpus[0].bytes)
    mutation.apply(to: &mutant, corpus: corpus)
    return mutant
}

/// PTS of all PES packets, by packet.
private func stamps(_ mutant: Mutant) -> [Int64?] {
    (0..<mutant.count).map { mutant.stamps($0)?.presentation?.ticks }
}

private func clocks(_ mutant: Mutant) -> [Int64?] {
    (0..<mutant.count).map { mutant.header($0)?.clockReference?.ticks }
}

@Suite("Mutations")
struct MutationTests {
    private func seeds(_ kind: Mutation.Kind) -> [Mutation] {
        (1...8).map { Mutation(kind: kind, place: 100_000, count: 5, ticks: 90_000, seed: $0) }
    }

    @Test("each kind changes something, the same each time", arguments: Mutation.Kind.allCases)
    func changes(kind: Mutation.Kind) {
        #expect(corpus.count == 2)
        #expect(seeds(kind).contains { mutant($0).bytes != corpus[0].bytes })
        for mutation in seeds(kind) {
            #expect(mutant(mutation).bytes == mutant(mutation).bytes)
        }
    }

    @Test("packets stay whole where the kind says so", arguments: Mutation.Kind.allCases)
    func wholePackets(kind: Mutation.Kind) {
        guard !kind.breaksFraming else { return }
        for mutation in seeds(kind) {
            let mutant = mutant(mutation)
            #expect(mutant.bytes.count % Packet.size == 0)
            let isInSync = (0..<mutant.count).allSatisfy {
                mutant.bytes[mutant.offset($0)] == Packet.syncByte
            }
            #expect(isInSync || kind == .flipAnywhere)
        }
    }

    @Test("one wrong PTS is one")
    func oneStamp() {
        let plain = stamps(Mutant(bytes: corpus[0].bytes))
        let changed = stamps(
            mutant(Mutation(kind: .wrongPTS, place: 500_000, count: 1, ticks: 90_000, seed: 2)))
        let differences = zip(plain, changed).filter { $0 != $1 }
        #expect(differences.count == 1)
        #expect(differences.allSatisfy { ($1 ?? 0) - ($0 ?? 0) == 90_000 })
    }

    @Test("one wrong PCR is one")
    func oneClock() {
        let plain = clocks(Mutant(bytes: corpus[0].bytes))
        let changed = clocks(
            mutant(Mutation(kind: .wrongClock, place: 500_000, count: 1, ticks: 90_000)))
        let differences = zip(plain, changed).filter { $0 != $1 }
        #expect(differences.count == 1)
        #expect(differences.allSatisfy { ($1 ?? 0) - ($0 ?? 0) == 90_000 * 300 })
    }

    @Test("changed tables have a right CRC")
    func tables() {
        let kinds: [Mutation.Kind] = [.streamType, .addStream, .unlistStream, .clockPID]
        for mutation in kinds.flatMap(seeds) {
            let mutant = mutant(mutation)
            let pid = Mutant(bytes: corpus[0].bytes).map?.pid
            var sections = SectionAssembler()
            var found = 0
            for packet in 0..<mutant.count where mutant.pid(packet) == pid {
                guard let header = mutant.header(packet) else { continue }
                sections.append(
                    mutant.bytes.span, from: mutant.offset(packet) + Int(header.payloadOffset),
                    to: mutant.offset(packet + 1), startsUnit: header.startsUnit
                ) { if ProgramMap(section: $0) != nil { found += 1 } }
            }
            #expect(found > 0)
            #expect(sections.checksumErrors == 0)
        }
    }

    @Test("a stream that was never there leaves no packet")
    func missingStream() {
        for mutation in seeds(.withoutStream) {
            let mutant = mutant(mutation)
            let there = Set((0..<mutant.count).map { mutant.pid($0) })
            let before = Mutant(bytes: corpus[0].bytes).streams()
            #expect(before.filter { !there.contains($0) }.count == 1)
        }
    }
}

@Suite("Fuzz plans")
struct FuzzPlanTests {
    @Test("one seed is one run")
    func oneSeed() {
        let plans = (0..<2).map { _ in FuzzPlan(seed: 7, corpus: corpus) }
        #expect(plans[0].inputs == plans[1].inputs)
        #expect(plans[0].script == plans[1].script)
        #expect(plans[0].configuration == plans[1].configuration)
        #expect(FuzzPlan(seed: 8, corpus: corpus).inputs != plans[0].inputs)
    }

    @Test("ingredients can be left out one by one")
    func leavingOut() {
        for seed in 1...60 as ClosedRange<UInt64> {
            let plan = FuzzPlan(seed: seed, corpus: corpus)
            let all = Set(plan.ingredients.indices)
            #expect(plan.keeping(all).ingredients == plan.ingredients)
            #expect(plan.keeping([]).ingredients.isEmpty)
            #expect(plan.keeping([]).inputs.count == 1)
            for number in all {
                let fewer = plan.keeping(all.subtracting([number]))
                #expect(fewer.ingredients.count < plan.ingredients.count)
            }
        }
    }

    @Test("a run is the same each time, by its own clock and by a line")
    func sameRun() {
        var plan = FuzzPlan(seed: 7, corpus: corpus).keeping([])
        plan.inputs[0].packets = 0..<Int.max
        for line in [nil, FuzzLine(
            rate: 1_000_000, pieceBytes: 1316, stalls: 5_000, longestStall: 1_000_000_000, seed: 3)]
        {
            plan.line = line
            let inputs = [plan.bytes(of: 0, corpus: corpus)]
            let verdicts = (0..<2).map { _ in FuzzRun.run(plan, inputs: inputs) }
            #expect(verdicts[0].outputBytes > 0)
            #expect(verdicts[0].digest == verdicts[1].digest)
            #expect(verdicts[0].findings == [])
        }
    }
}

@Suite("Fuzz judge")
struct FuzzJudgeTests {
    /// Null packets, one each millisecond from `first` on, that leave at `now` seconds.
    private func kinds(
        packets: Int, first: Int64 = 0, step: Int64 = 27_000, offset: Int64 = 0, now: Int64 = 0,
        muxRate: Int64? = nil
    ) -> Set<String> {
        var configuration = ChannelConfiguration(inputs: [InputConfiguration(name: "main")])
        configuration.muxRate = muxRate
        var judge = FuzzJudge(configuration, keepsEvents: false)
        var bytes = [UInt8](repeating: 0, count: packets * Packet.size)
        var span = bytes.mutableSpan
        for packet in 0..<packets {
            PacketWriter.writeNull(in: &span, at: packet * Packet.size)
        }
        let times = (0..<packets).map { first + Int64($0) * step }
        judge.take(
            bytes.span, times.span, offset: offset,
            at: MonotonicInstant(nanoseconds: now * 1_000_000_000))
        return Set(judge.finish().findings.map(\.kind))
            .intersection(["bytes", "order", "clock ahead", "clock behind"])
    }

    @Test("what is allowed")
    func sound() {
        #expect(kinds(packets: 1_000) == [])
        // 7 s ahead: the hold-back and 5 s.
        #expect(kinds(packets: 1, offset: 7 * 27_000_000) == [])
    }

    @Test("too many bytes, unless they are nulls of the mux rate")
    func bytes() {
        // 2 MB out of nothing within 7 s.
        #expect(kinds(packets: 11_000, step: 300) == ["bytes"])
        #expect(kinds(packets: 11_000, step: 300, muxRate: 3_000_000) == [])
    }

    @Test("a schedule that stands")
    func order() {
        #expect(kinds(packets: 2, step: 0) == ["order"])
    }

    @Test("a clock that is away from the host's")
    func clock() {
        #expect(kinds(packets: 1, offset: 7 * 27_000_000 + 27_000) == ["clock ahead"])
        #expect(kinds(packets: 1, now: 8) == ["clock behind"])
    }
}
