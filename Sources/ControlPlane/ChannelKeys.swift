// The keys of channels, inputs and outputs: one row for each.

import SwitchEngine
import SwitchIO

enum ChannelKeys {
    private static let second: Int64 = 1_000_000_000
    private static let minute = 60 * second
    private static let hour = 60 * minute
    static let mostLinks = 64
    static let mostOutputs = 64

    /// What the engine alone is told.
    static let engine: [ConfigurationKey<ChannelConfiguration>] = [
        .time("hold-back", \.holdBack, to: minute),
        .choice("align", \.alignment),
        .word("return", allowed: ReturnValue.allowed) { engine, text in
            guard let value = ReturnValue(argument: text) else { return false }
            engine.returning = value.policy
            return true
        },
        .section("flapping", \.flapping, flapping),
        .time("wait", \.plannedWait, to: 10 * minute),
        .rate("mux-rate", \.muxRate),
        .time("start-grace", \.startGrace, to: minute),
        .time("standstill", \.standstill, to: hour),
        .choice("all-gone", \.standstillMode),
        .time("pre-roll", \.preRoll, to: minute),
        .section("detection", \.detection, DetectionKeys.all),
    ]

    private static let flapping: [ConfigurationKey<FlapPolicy>] = [
        .time("limit", \.limit, to: 24 * hour),
        .time("first-step", \.firstStep, to: hour),
        .time("decay", \.decay, from: second, to: 24 * hour),
    ]

    private static let cue: [ConfigurationKey<ChannelDraft>] = [
        name("target", \.cueTarget), name("origin", \.cueOrigin),
    ]

    static let channel: [ConfigurationKey<ChannelDraft>] =
        [
            name("name", \.name),
            ConfigurationKey("inputs") { channel, value, reader in
                channel.hasInputs = true
                channel.inputs = reader.list(value, most: 64, allowed: "a list of inputs").map {
                    reader.input($0)
                }
            },
            ConfigurationKey("outputs") { channel, value, reader in
                channel.hasOutputs = true
                let items = reader.list(value, most: mostOutputs, allowed: "a list of outputs")
                channel.outputs = items.map { reader.output($0) }
            },
            program(\.program),
            .time("burst", \.burst, to: ChannelPlan.mostBurst),
            ConfigurationKey("state") { channel, value, reader in
                let allowed = "a file of this channel's own, such as /var/lib/attacca/one.state"
                guard let filled = reader.text(value, allowed: allowed) else { return }
                // An address is no path.
                guard !filled.text.contains("://"), !filled.text.hasSuffix("/"),
                    !filled.text.utf8.contains(0)
                else {
                    reader.fail(value.place, found: filled.shown.description, allowed: allowed)
                    return
                }
                channel.state = Named(text: filled.text, place: value.place)
            },
            ConfigurationKey("slate") { channel, value, reader in
                if case .text = value.content { return slate(&channel, value, &reader) }
                reader.read(value, [
                    ConfigurationKey("still", take: slate), ConfigurationKey("clip", take: slate),
                ], into: &channel)
                if channel.slate == nil {
                    reader.fail(
                        value.place, found: "no picture", allowed: "still: or clip:, a file")
                }
            },
            ConfigurationKey("cue") { channel, value, reader in
                reader.read(value, cue, into: &channel)
            },
        ] + engine.map { $0.within(\.engine) }

    /// A picture of which a slate is made.
    @Sendable private static func slate(
        _ channel: inout ChannelDraft, _ value: Value, _ reader: inout ConfigurationReader
    ) {
        let allowed = "a still or a clip, such as card.png"
        guard let filled = reader.text(value, allowed: allowed) else { return }
        guard !filled.text.isEmpty, !filled.text.contains("://"), channel.slate == nil else {
            reader.fail(value.place, found: filled.shown.description, allowed: allowed)
            return
        }
        channel.slate = Named(text: filled.text, place: value.place)
    }

    static let names = channel.map(\.name).joined(separator: ", ")

    static let input: [ConfigurationKey<InputDraft>] =
        [
            name("name", \.name),
            ConfigurationKey("url") { input, value, reader in
                input.url = value.place
                input.links += reader.links([value])
            },
            ConfigurationKey("links") { input, value, reader in
                input.list = value.place
                let items = reader.list(value, most: mostLinks, allowed: "a list of addresses")
                input.links += reader.links(items)
            },
            program(\.engine.program),
            .flag("slate", \.engine.isSlate),
            ConfigurationKey("detection") { input, value, _ in input.detection = value },
            bonded(nil, .choice("bond", \.bond)),
            bonded(.merge, .time("skew", \.skewWindow, to: BondPlan.longestSkewWindow)),
        ] + mainBackup.map { bonded(.mainBackup, $0.within(\.mainBackup)) }

    private static let mainBackup: [ConfigurationKey<MainBackupPlan>] = [
        .flag("cold", \.isCold),
        .time("trip", \.trip, from: second / 50, to: 10 * minute),
        .word(
            "clear",
            allowed: "never, or \(ConfigurationKey<MainBackupPlan>.timeRange(0, 24 * hour))"
        ) { plan, text in
            plan.clear = TimeValue(argument: text)?.nanoseconds
            return text == "never" || (0...24 * hour).contains(plan.clear ?? -1)
        },
        .rate("required-rate", \.requiredBitsPerSecond),
    ]

    static let output: [ConfigurationKey<OutputDraft>] = [
        name("name", \.name),
        ConfigurationKey("url") { output, value, reader in
            output.hasAddress = true
            output.address = reader.outputAddress(value)
        },
    ]

    // MARK: Kinds of rows

    /// A key of one kind of bond; whether the input has that shows at the end.
    private static func bonded(
        _ bond: InputDraft.Bond?, _ key: ConfigurationKey<InputDraft>
    ) -> ConfigurationKey<InputDraft> {
        ConfigurationKey(key.name) { input, value, reader in
            input.bondKeys.append((key.name, bond, value.place))
            key.take(&input, value, &reader)
        }
    }

    private static func name<Target>(
        _ key: String, _ path: WritableKeyPath<Target, Named?> & Sendable
    ) -> ConfigurationKey<Target> {
        ConfigurationKey(key) { target, value, reader in
            let allowed = "1 to 64 letters, digits, dots, minus signs and underscores"
            guard let filled = reader.text(value, allowed: allowed) else { return }
            guard isName(filled.text) else {
                reader.fail(value.place, found: filled.shown.description, allowed: allowed)
                return
            }
            target[keyPath: path] = Named(text: filled.text, place: value.place)
        }
    }

    private static func program<Target>(
        _ path: WritableKeyPath<Target, UInt16?> & Sendable
    ) -> ConfigurationKey<Target> {
        .word("program", allowed: "a programme number, 1 to 65535") { target, text in
            guard let number = UInt16(text), number > 0 else { return false }
            target[keyPath: path] = number
            return true
        }
    }

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0)
                    || "-_.".utf8.contains($0)
            }
    }
}

extension ConfigurationReader {
    /// An input: keys, or its address alone.
    fileprivate mutating func input(_ value: Value) -> InputDraft {
        var input = InputDraft(place: value.place)
        if case .text = value.content {
            input.url = value.place
            input.links = links([value])
        } else {
            read(value, ChannelKeys.input, into: &input)
        }
        return input
    }

    /// An output: keys, or its address alone.
    fileprivate mutating func output(_ value: Value) -> OutputDraft {
        var output = OutputDraft(place: value.place)
        if case .text = value.content {
            output.hasAddress = true
            output.address = outputAddress(value)
        } else {
            read(value, ChannelKeys.output, into: &output)
        }
        return output
    }

    fileprivate mutating func links(_ values: [Value]) -> [LinkDraft] {
        var links: [LinkDraft] = []
        for value in values {
            guard let text = addressText(value) else { continue }
            do {
                let address = try LinkAddress(text, environment: environment)
                links.append(LinkDraft(place: value.place, address: address))
            } catch {
                fail(value.place, error)
            }
        }
        return links
    }

    fileprivate mutating func outputAddress(_ value: Value) -> OutputAddress? {
        guard let text = addressText(value) else { return nil }
        do {
            return try OutputAddress(text, environment: environment)
        } catch {
            fail(value.place, error)
            return nil
        }
    }

    private mutating func addressText(_ value: Value) -> String? {
        if case .text(let text) = value.content, !text.isEmpty { return text }
        fail(value.place, found: value.kind, allowed: "an address such as srt://:9001")
        return nil
    }
}
