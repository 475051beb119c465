// A configuration: YAML, or the pieces of a command line, to channel plans. README, "On air", shows
// one with all keys; ChannelKeys.swift has them as tables.
//
// All mistakes are told at once, each with its file, line, key, what stands there and what is
// allowed. `${NAME}` in a value is a variable of the environment; what it holds is never shown.

import SwitchEngine
import SwitchIO
import Yams

public enum Configuration {
    /// Channels of one process.
    static let mostChannels = 256
    /// Values in a file; aliases of aliases are more than one sees.
    static let mostValues = 100_000

    /// Reads a configuration.
    /// - Parameters:
    ///   - source: what errors call it: the file's path.
    ///   - hasSocketGroups: whether addresses may ask for groups; asked only when one does.
    public static func read(
        _ text: String, source: String, environment: [String: String],
        hasSocketGroups: @autoclosure () -> Bool = SRTLibrary.hasSocketGroups
    ) throws(ConfigurationFailure) -> [ChannelPlan] {
        try readProcess(
            text, source: source, environment: environment, hasSocketGroups: hasSocketGroups()
        ).channels
    }

    /// Reads a configuration with what belongs to the process and not to a channel.
    public static func readProcess(
        _ text: String, source: String, environment: [String: String],
        hasSocketGroups: @autoclosure () -> Bool = SRTLibrary.hasSocketGroups
    ) throws(ConfigurationFailure) -> ProcessPlan {
        var reader = ConfigurationReader(source: source, environment: environment)
        var draft = ProcessDraft()
        if let root = reader.compose(text) {
            reader.read(root, rootKeys, into: &draft)
            if draft.channels.isEmpty, reader.errors.isEmpty {
                reader.fail(root.place, found: "no channels", allowed: "channels: a list")
            }
        }
        return ProcessPlan(
            channels: try reader.finish(&draft.channels, hasSocketGroups), http: draft.http)
    }

    private struct ProcessDraft {
        var channels: [ChannelDraft] = []
        var http: WebAddress?
    }

    private static let rootKeys: [ConfigurationKey<ProcessDraft>] = [
        .word("http", allowed: WebAddress.allowed) { draft, text in
            draft.http = WebAddress(text)
            return draft.http != nil
        },
        ConfigurationKey("channels") { draft, value, reader in
            for item in reader.list(value, most: mostChannels, allowed: "a list of channels") {
                // What is no channel at all lacks no keys.
                guard reader.entries(item, allowed: ChannelKeys.names) != nil else { continue }
                var channel = ChannelDraft(place: item.place)
                reader.read(item, ChannelKeys.channel, into: &channel)
                draft.channels.append(channel)
            }
        },
    ]
}

/// What a configuration says.
public struct ProcessPlan: Sendable {
    public var channels: [ChannelPlan]
    /// Where the process is reached by HTTP; nil for nowhere.
    public var http: WebAddress?
}

extension ChannelPlan {
    /// One channel from the pieces of a command line.
    /// - Parameters:
    ///   - inputs: `URL` or `name=URL`, the preferred one first.
    ///   - outputs: the same.
    ///   - options: keys of a channel with their values, `("hold-back", "4s")`.
    ///   - hasSocketGroups: as in `Configuration.read`.
    public static func from(
        inputs: [String], outputs: [String], options: [(key: String, value: String)] = [],
        environment: [String: String] = [:],
        hasSocketGroups: @autoclosure () -> Bool = SRTLibrary.hasSocketGroups
    ) throws(ConfigurationFailure) -> ChannelPlan {
        var reader = ConfigurationReader(source: "command line", environment: environment)
        var channel = ChannelDraft(place: Place(line: nil, key: "command line"))
        let lists = [("inputs", "-i", inputs), ("outputs", "-o", outputs)]
        var entries: [Value.Entry] = []
        for (name, option, texts) in lists where !texts.isEmpty {
            let items = texts.enumerated().map { index, text in
                Value(piece: text, place: Place(line: nil, key: "\(option) \(index + 1)"))
            }
            entries.append(Value.Entry(name: name, option: option, content: .list(items)))
        }
        for (key, value) in options {
            entries.append(Value.Entry(name: key, option: "--\(key)", content: .text(value)))
        }
        let value = Value(place: channel.place, content: .mapping(entries))
        reader.read(value, ChannelKeys.channel, into: &channel)
        var channels = [channel]
        return try reader.finish(&channels, hasSocketGroups)[0]
    }
}

extension Value {
    /// `URL` or `name=URL` of a command line.
    fileprivate init(piece: String, place: Place) {
        let sign = piece.firstIndex(of: "=")
        guard let sign, ChannelKeys.isName(String(piece[..<sign])) else {
            self.init(place: place, content: .text(piece))
            return
        }
        let parts = [
            ("name", String(piece[..<sign])), ("url", String(piece[piece.index(after: sign)...])),
        ]
        self.init(
            place: place,
            content: .mapping(
                parts.map { name, text in
                    Entry(
                        name: name, place: place, value: Value(place: place, content: .text(text)))
                }))
    }
}

extension Value.Entry {
    fileprivate init(name: String, option: String, content: Value.Content) {
        let place = Place(line: nil, key: option)
        self.init(name: name, place: place, value: Value(place: place, content: content))
    }
}

extension ConfigurationReader {
    /// Parses YAML. What it says of a mistake holds nothing of the text.
    fileprivate mutating func compose(_ text: String) -> Value? {
        let allowed = "YAML: channels: and what belongs to it; between brackets or braces, "
            + "${NAME} and addresses with commas go in quotes"
        var place = Place(line: 1, key: "")
        var found = "what is no YAML"
        do {
            if let node = try Yams.compose(yaml: text) {
                var budget = Configuration.mostValues
                let value = Value(node, place: place, budget: &budget)
                if budget > 0 { return value }
                found = "more than \(Configuration.mostValues) values, aliases included"
            } else {
                found = "nothing"
            }
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                // At the end of the text libyaml counts a line more.
                place.line = min(mark.line, text.split(
                    omittingEmptySubsequences: false, whereSeparator: \.isNewline).count)
                found += ": " + problem
            case .reader(let problem, _, _, _): found += ": " + problem
            case .duplicatedKeysInMapping(let names, let context):
                place.line = context.mark.line
                found = "a key twice: " + names.map { ShownText($0).description }
                    .joined(separator: ", ")
            default: break
            }
        } catch {}
        place.key = "YAML"
        fail(place, found: found, allowed: allowed)
        return nil
    }

    /// Makes plans of what was read, if nothing was wrong with it.
    fileprivate mutating func finish(
        _ channels: inout [ChannelDraft], _ hasSocketGroups: () -> Bool
    ) throws(ConfigurationFailure) -> [ChannelPlan] {
        for index in channels.indices { channels[index].settle(number: index + 1, &self) }
        refuseConflicts(channels)
        refuseGroups(channels, hasSocketGroups)
        guard errors.isEmpty else { throw ConfigurationFailure(errors) }
        return channels.map(\.plan)
    }
}
