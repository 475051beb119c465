// What happens in one run of the fuzzer, before it happens: recordings, what is wrong with them,
// how the channel is set, and what is done to it. All of it is drawn from one seed, and printed;
// single ingredients can be left out.

import SwitchEngine
import TransportStream

/// One input of a run.
public struct FuzzInput: Sendable, Equatable {
    /// Number of its recording in the corpus.
    public var recording: Int
    /// Packets of the recording that are taken; all where there are fewer.
    public var packets: Range<Int>
    /// It comes so many times, one behind the other.
    public var passes = 1
    /// Nanoseconds that its first packet comes after virtual time 0.
    public var delay: Int64 = 0
    public var mutations: [Mutation] = []
}

/// A line that brings bytes as they are, whatever is in them: pieces of one size at one rate, held
/// up at times, and what was held up comes at once.
public struct FuzzLine: Sendable, Equatable {
    /// In parts of a million of each input's own rate.
    public var rate: Int
    public var pieceBytes: Int
    /// How often it is held up, in parts of a million of all pieces.
    public var stalls: Int
    /// For how long at most, nanoseconds.
    public var longestStall: Int64
    public var seed: UInt64
}

public struct FuzzPlan: Sendable {
    public let seed: UInt64
    public var inputs: [FuzzInput]
    public var configuration: ChannelConfiguration
    public var script: [RehearsalEvent]
    /// Names of the recordings, by input.
    public var names: [String]
    /// How the inputs come; nil for when their own clocks say, as in a rehearsal.
    public var line: FuzzLine?

    /// Something that can be left out.
    public enum Ingredient: Sendable, Equatable {
        case mutation(input: Int, number: Int)
        case event(Int)
        case passes(input: Int)
        case delay(input: Int)
        case setting(Setting)
        /// Comes when its own clock says instead.
        case line
        /// The last input, with all that names it.
        case lastInput
    }

    /// A setting that is not as by default.
    public enum Setting: String, Sendable, CaseIterable {
        case muxRate, returning, alignment, standstillMode, cue, slate, plannedWait, holdBack
    }

    private static let second: Int64 = 1_000_000_000

    /// Draws a run.
    /// - Parameter corpus: at least one recording. Another corpus gives another run.
    public init(seed: UInt64, corpus: [FuzzRecording]) {
        precondition(!corpus.isEmpty)
        self.seed = seed
        var chance = SeededGenerator(seed: seed)
        let count = [1, 1, 2, 2, 2, 2, 2, 2, 3, 3][chance.number(10)]
        inputs = FuzzPlan.inputs(count, corpus, &chance)
        names = inputs.map { corpus[$0.recording].name }
        configuration = ChannelConfiguration(
            inputs: inputs.indices.map { InputConfiguration(name: "in\($0)") })
        script = []
        let first = Mutant(bytes: FuzzPlan.whole(inputs[0], corpus))
        configure(rate: FuzzPlan.rate(first), &chance)
        let length = first.durationTicks.scaled(by: 1000, over: 27) * Int64(inputs[0].passes)
        writeScript(length: length, &chance)
        mutate(&chance)
        if chance.happens(perMillion: 250_000) {
            line = FuzzLine(
                rate: [990_000, 1_000_000, 1_000_000, 1_050_000][chance.number(4)],
                pieceBytes: [1316, 1316, 188, 1 + chance.number(4_000)][chance.number(4)],
                stalls: [0, 0, 500, 5_000][chance.number(4)],
                longestStall: Int64(1 + chance.number(3_000)) * 1_000_000, seed: chance.next())
        }
    }

    // MARK: Drawing

    private static func inputs(
        _ count: Int, _ corpus: [FuzzRecording], _ chance: inout SeededGenerator
    ) -> [FuzzInput] {
        let main = chance.number(corpus.count)
        return (0..<count).map { number in
            var recording = main
            // Half of all standbys are of the same kind: the next one in the corpus is its pair.
            if number > 0 {
                recording = chance.happens(perMillion: 500_000)
                    ? min(max(main + 1 - chance.number(3), 0), corpus.count - 1)
                    : chance.number(corpus.count)
            }
            var input = FuzzInput(recording: recording, packets: 0..<Int.max)
            let packets = corpus[recording].bytes.count / Packet.size
            if chance.happens(perMillion: 400_000) {
                let first = chance.number(packets / 2 + 1)
                input.packets = first..<(first + 200 + chance.number(packets))
            }
            if chance.happens(perMillion: 200_000) { input.passes = 2 + chance.number(2) }
            if number > 0 && chance.happens(perMillion: 500_000) {
                input.delay = Int64(chance.number(3_000)) * 1_000_000
            }
            return input
        }
    }

    private mutating func configure(rate: Int64, _ chance: inout SeededGenerator) {
        let ms: Int64 = 1_000_000
        configuration.holdBack = [0, 200, 500, 1_000, 2_000, 2_000, 2_000, 2_000, 4_000, 8_000][
            chance.number(10)] * ms
        if chance.happens(perMillion: 300_000) {
            configuration.alignment = AlignmentMode.allCases[
                chance.number(AlignmentMode.allCases.count)]
        }
        switch chance.number(4) {
        case 0: configuration.returning = .atOnce
        case 1: configuration.returning = .after(nanoseconds: Int64(chance.number(4_000)) * ms)
        default: break
        }
        if chance.happens(perMillion: 250_000) { configuration.standstillMode = .silence }
        if chance.happens(perMillion: 250_000) {
            configuration.muxRate = max(rate * Int64(13 + chance.number(20)) / 10, 1_000_000)
        }
        if chance.happens(perMillion: 300_000) {
            configuration.plannedWait = Int64(chance.number(10_000)) * ms
        }
        if inputs.count > 1 && chance.happens(perMillion: 150_000) {
            configuration.inputs[inputs.count - 1].isSlate = true
        }
        if inputs.count > 1 && chance.happens(perMillion: 200_000) {
            configuration.cue = CuePolicy(target: InputID(1 + chance.number(inputs.count - 1)))
        }
    }

    private mutating func writeScript(length: Int64, _ chance: inout SeededGenerator) {
        for _ in 0..<chance.number(6) {
            let time = Int64(chance.next() % UInt64(max(length, 1))) / 1_000_000 * 1_000_000
            let input = InputID(
                chance.happens(perMillion: 500_000) ? 0 : chance.number(inputs.count))
            switch chance.number(8) {
            case 0, 1, 2:
                script.append(RehearsalEvent(time: time, action: .drop(input)))
                if chance.happens(perMillion: 700_000) {
                    let pause = Int64(50 + chance.number(6_000)) * 1_000_000
                    script.append(RehearsalEvent(time: time + pause, action: .restore(input)))
                }
            case 3:
                let share = [200, 5_000, 100_000][chance.number(3)]
                let seed = UInt64(chance.number(1_000))
                script.append(
                    RehearsalEvent(
                        time: time, action: .loss(input, perMillion: share, seed: seed)))
            case 4, 5:
                script.append(RehearsalEvent(time: time, action: .command(.switchTo(input))))
            case 6:
                let moment = MonotonicInstant(nanoseconds: time)
                script.append(
                    RehearsalEvent(time: 0, action: .command(.switchTo(input, at: moment))))
            default:
                script.append(RehearsalEvent(time: time, action: .command(.hold(input))))
                if chance.happens(perMillion: 700_000) {
                    let pause = Int64(chance.number(6_000)) * 1_000_000
                    script.append(
                        RehearsalEvent(time: time + pause, action: .command(.release)))
                }
            }
        }
    }

    /// One run in eight has only sound recordings; half of the others have one mutation.
    private mutating func mutate(_ chance: inout SeededGenerator) {
        let share = chance.number(8)
        guard share > 0 else { return }
        let count = share < 5 ? 1 : 2 + chance.number(5)
        for _ in 0..<count {
            let input = chance.happens(perMillion: 500_000) ? 0 : chance.number(inputs.count)
            inputs[input].mutations.append(Mutation(&chance))
        }
    }

    private static func whole(_ input: FuzzInput, _ corpus: [FuzzRecording]) -> [UInt8] {
        let bytes = corpus[input.recording].bytes
        let range = input.packets.clamped(to: 0..<(bytes.count / Packet.size))
        return Array(bytes[(range.lowerBound * Packet.size)..<(range.upperBound * Packet.size)])
    }

    /// Bits per second, by its PCRs.
    static func rate(_ mutant: Mutant) -> Int64 {
        let bits = Int64(mutant.bytes.count) * 8
        return bits.scaled(by: StreamTime.ticksPerSecond, over: mutant.durationTicks)
    }

    /// The bytes of an input: mutated, and as often as it comes.
    public func bytes(of input: Int, corpus: [FuzzRecording]) -> [UInt8] {
        let input = inputs[input]
        var mutant = Mutant(bytes: FuzzPlan.whole(input, corpus))
        for mutation in input.mutations where !mutation.kind.breaksFraming {
            mutation.apply(to: &mutant, corpus: corpus)
        }
        for mutation in input.mutations where mutation.kind.breaksFraming {
            mutation.apply(to: &mutant, corpus: corpus)
        }
        var bytes: [UInt8] = []
        for _ in 0..<input.passes { bytes += mutant.bytes }
        return bytes
    }
}

// MARK: - Leaving out

extension FuzzPlan {
    /// All that can be left out, in an order that stays while the plan does.
    public var ingredients: [Ingredient] {
        var all: [Ingredient] = []
        for (number, input) in inputs.enumerated() {
            all += input.mutations.indices.map { .mutation(input: number, number: $0) }
            if input.passes > 1 { all.append(.passes(input: number)) }
            if input.delay > 0 { all.append(.delay(input: number)) }
        }
        all += script.indices.map { .event($0) }
        let plain = ChannelConfiguration(inputs: configuration.inputs)
        for setting in Setting.allCases {
            var changed = self
            changed.reset(setting, to: plain)
            if changed.configuration != configuration { all.append(.setting(setting)) }
        }
        if line != nil { all.append(.line) }
        // As often as there are inputs to leave out.
        all += inputs.dropFirst().map { _ in .lastInput }
        return all
    }

    /// The same run without some of its ingredients.
    /// - Parameter kept: numbers of `ingredients`.
    public func keeping(_ kept: Set<Int>) -> FuzzPlan {
        var plan = self
        let plain = ChannelConfiguration(inputs: configuration.inputs)
        // From the last on: the numbers of those before stay what they are.
        for (number, ingredient) in ingredients.enumerated().reversed()
        where !kept.contains(number) {
            switch ingredient {
            case .mutation(let input, let number):
                // The last input may be gone already.
                guard input < plan.inputs.count else { continue }
                plan.inputs[input].mutations.remove(at: number)
            case .event(let number):
                plan.script.removeAll { $0 == script[number] }
            case .passes(let input):
                if input < plan.inputs.count { plan.inputs[input].passes = 1 }
            case .delay(let input):
                if input < plan.inputs.count { plan.inputs[input].delay = 0 }
            case .setting(let setting): plan.reset(setting, to: plain)
            case .line: plan.line = nil
            case .lastInput: plan.removeLastInput()
            }
        }
        return plan
    }

    private mutating func reset(_ setting: Setting, to plain: ChannelConfiguration) {
        switch setting {
        case .muxRate: configuration.muxRate = plain.muxRate
        case .returning: configuration.returning = plain.returning
        case .alignment: configuration.alignment = plain.alignment
        case .standstillMode: configuration.standstillMode = plain.standstillMode
        case .cue: configuration.cue = plain.cue
        case .slate:
            for index in configuration.inputs.indices {
                configuration.inputs[index].isSlate = false
            }
        case .plannedWait: configuration.plannedWait = plain.plannedWait
        case .holdBack: configuration.holdBack = plain.holdBack
        }
    }

    private mutating func removeLastInput() {
        let last = InputID(inputs.count - 1)
        inputs.removeLast()
        names.removeLast()
        configuration.inputs.removeLast()
        if configuration.cue?.target == last { configuration.cue = nil }
        script.removeAll { $0.action.input == last }
    }
}

extension RehearsalEvent.Action {
    /// The input that it is about.
    var input: InputID? {
        switch self {
        case .drop(let input), .restore(let input), .loss(let input, _, _): input
        case .command(.switchTo(let input, _, _)), .command(.hold(let input)): input
        case .command(.release), .command(.clearSchedule): nil
        }
    }
}
