// One run of the fuzzer: the inputs of a plan through a rehearsal, its output to the judge. The
// same inputs go through the checker first: nothing is asked of what it says of them, but that it
// says it.

import Conformance
import SwitchEngine
import TransportStream

public enum FuzzRun {
    /// Steps that virtual time may stand still for: far more than things happen at once.
    private static let standingSteps = 200_000

    /// Runs a plan to its end.
    /// - Parameter inputs: the bytes of each input, as `FuzzPlan.bytes(of:corpus:)` gives them.
    public static func run(
        _ plan: FuzzPlan, inputs: [[UInt8]], keepsEvents: Bool = false
    ) -> FuzzVerdict {
        precondition(inputs.count == plan.inputs.count)
        for bytes in inputs { check(bytes, seed: plan.seed) }
        var judge = FuzzJudge(plan.configuration, keepsEvents: keepsEvents)
        let readers = inputs.map { ByteReader(bytes: $0) }
        let sources = zip(readers, plan.inputs).map { reader, input in
            Rehearsal.Source(delay: input.delay) { reader.read(into: &$0, $1) }
        }
        var rehearsal = Rehearsal(plan.configuration, sources: sources, script: plan.script)
        var standing = 0
        var last = rehearsal.now
        var bytesRead = 0
        while !judge.isOver {
            let goesOn = rehearsal.step()
            let count = readers.reduce(0) { $0 + $1.position }
            judge.read(count - bytesRead)
            bytesRead = count
            judge.drain(&rehearsal.engine, at: rehearsal.now)
            if !goesOn { break }
            standing = rehearsal.now == last ? standing + 1 : 0
            last = rehearsal.now
            guard standing < standingSteps else {
                judge.find("time", "virtual time stands at \(last.nanoseconds / 1_000_000) ms")
                break
            }
        }
        return judge.finish()
    }

    /// The checker on the same bytes, in pieces of chance.
    private static func check(_ bytes: [UInt8], seed: UInt64) {
        var inspector = StreamInspector()
        var chance = SeededGenerator(seed: seed ^ 0xC4EC)
        var at = 0
        while at < bytes.count {
            let end = min(at + 1 + chance.number(100_000), bytes.count)
            inspector.inspect(bytes.span.extracting(at..<end))
            at = end
        }
        _ = inspector.finish()
    }
}

/// Gives bytes piece by piece.
private final class ByteReader {
    let bytes: [UInt8]
    private(set) var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: inout [UInt8], _ places: Range<Int>) -> Int {
        let count = min(places.count, bytes.count - position)
        buffer.replaceSubrange(
            places.lowerBound..<(places.lowerBound + count),
            with: bytes[position..<(position + count)])
        position += count
        return count
    }
}
