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
        if let line = plan.line {
            var driver = FuzzLineDriver(plan, line, inputs: inputs)
            drive(&driver, &judge)
        } else {
            var driver = FuzzClockDriver(plan, inputs: inputs)
            drive(&driver, &judge)
        }
        return judge.finish()
    }

    private static func drive<Driver: FuzzDriver & ~Copyable>(
        _ driver: inout Driver, _ judge: inout FuzzJudge
    ) {
        var standing = 0
        var last = driver.now
        var bytesRead = 0
        while !judge.isOver {
            let goesOn = driver.step()
            judge.read(driver.bytesRead - bytesRead)
            bytesRead = driver.bytesRead
            driver.drain(into: &judge)
            if !goesOn { return }
            standing = driver.now == last ? standing + 1 : 0
            last = driver.now
            guard standing < standingSteps else {
                judge.find("time", "virtual time stands at \(last.nanoseconds / 1_000_000) ms")
                return
            }
        }
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

/// What plays the inputs of a run to an engine.
protocol FuzzDriver: ~Copyable {
    /// Virtual time.
    var now: MonotonicInstant { get }
    /// Bytes of all inputs that have been read so far.
    var bytesRead: Int { get }
    /// Goes on to the next thing that happens; false at the end.
    mutating func step() -> Bool
    mutating func drain(into judge: inout FuzzJudge)
}

/// Packets come when their own clock says, as in a rehearsal.
struct FuzzClockDriver: FuzzDriver, ~Copyable {
    private var rehearsal: Rehearsal
    private let readers: [ByteReader]

    init(_ plan: FuzzPlan, inputs: [[UInt8]]) {
        let readers = inputs.map { ByteReader(bytes: $0) }
        self.readers = readers
        let sources = zip(readers, plan.inputs).map { reader, input in
            Rehearsal.Source(delay: input.delay) { reader.read(into: &$0, $1) }
        }
        rehearsal = Rehearsal(plan.configuration, sources: sources, script: plan.script)
    }

    var now: MonotonicInstant { rehearsal.now }
    var bytesRead: Int { readers.reduce(0) { $0 + $1.position } }
    mutating func step() -> Bool { rehearsal.step() }
    mutating func drain(into judge: inout FuzzJudge) {
        judge.drain(&rehearsal.engine, at: rehearsal.now)
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
