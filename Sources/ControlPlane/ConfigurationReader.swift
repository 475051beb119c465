// A configuration's nodes as they are read: every value knows its place, and a mistake is written
// down and reading goes on.

import SwitchIO
import Yams

/// Collects mistakes.
struct ConfigurationReader {
    /// The file, or `command line`.
    let source: String
    let variables: AddressVariables
    let environment: [String: String]
    private(set) var errors: [ConfigurationError] = []

    init(source: String, environment: [String: String]) {
        self.source = source
        self.environment = environment
        variables = AddressVariables(environment)
    }

    mutating func fail(_ place: Place, found: String, allowed: String) {
        errors.append(
            ConfigurationError(
                source: source, line: place.line, key: place.key, found: found, allowed: allowed))
    }

    /// What is wrong with an address, or with a part of it.
    mutating func fail(_ place: Place, _ error: AddressError) {
        let part = error.part == "address" ? "" : ", \(error.part)"
        fail(
            Place(line: place.line, key: place.key + part), found: error.found,
            allowed: error.allowed)
    }
}

/// Where a value stands.
struct Place: Equatable {
    /// 1 and up; nil on the command line.
    var line: Int?
    /// `channels[0].inputs[1].links[0]`, or an option.
    var key: String

    /// What stands under a key of this.
    func key(_ name: String, line: Int? = nil) -> Place {
        Place(line: line ?? self.line, key: key.isEmpty ? name : "\(key).\(name)")
    }

    func item(_ index: Int, line: Int? = nil) -> Place {
        Place(line: line ?? self.line, key: "\(key)[\(index)]")
    }
}

/// A value and its place.
struct Value {
    enum Content {
        /// As written.
        case text(String)
        case list([Value])
        case mapping([Entry])
    }

    struct Entry {
        var name: String
        /// Of the key, for keys that are wrong.
        var place: Place
        var value: Value
    }

    var place: Place
    var content: Content

    init(place: Place, content: Content) {
        self.place = place
        self.content = content
    }

    /// What a node is, for messages.
    var kind: String {
        switch content {
        case .text(let text): text.isEmpty ? "nothing" : ShownText(text).description
        case .list: "a list"
        case .mapping: "keys"
        }
    }

    /// Deeper than configurations are.
    private static let deepest = 16

    /// - Parameter budget: values that may still be made: aliases of aliases grow without end.
    init(_ node: Node, place: Place, budget: inout Int, depth: Int = 0) {
        budget = max(0, budget - 1)
        let isDeep = depth >= Value.deepest || budget == 0
        let place = Place(line: node.mark?.line ?? place.line, key: place.key)
        switch node {
        case .scalar(let scalar):
            self.init(place: place, content: .text(scalar.string))
        case .sequence(let sequence) where !isDeep:
            var list: [Value] = []
            for (index, node) in sequence.enumerated() where budget > 0 {
                let own = place.item(index)
                list.append(Value(node, place: own, budget: &budget, depth: depth + 1))
            }
            self.init(place: place, content: .list(list))
        case .mapping(let mapping) where !isDeep:
            var entries: [Entry] = []
            for (key, node) in mapping where budget > 0 {
                let name = key.scalar?.string ?? ""
                let own = place.key(Value.shown(name), line: key.mark?.line)
                let value = Value(node, place: own, budget: &budget, depth: depth + 1)
                entries.append(Entry(name: name, place: own, value: value))
            }
            self.init(place: place, content: .mapping(entries))
        case .sequence, .mapping, .alias:
            self.init(place: place, content: .text(""))
        }
    }

    /// A key in a path: it may be a mistyped address with its passphrase.
    private static func shown(_ key: String) -> String {
        String(ShownText(key).description.dropFirst().dropLast())
    }
}

extension ConfigurationReader {
    /// The text of a value, its variables replaced.
    mutating func text(_ value: Value, allowed: String) -> FilledText? {
        guard case .text(let text) = value.content, !text.isEmpty else {
            fail(value.place, found: value.kind, allowed: allowed)
            return nil
        }
        do {
            return try variables.fill(text, part: "address")
        } catch {
            fail(value.place, error)
            return nil
        }
    }

    /// The entries of a mapping.
    mutating func entries(_ value: Value, allowed: String) -> [Value.Entry]? {
        if case .mapping(let entries) = value.content { return entries }
        fail(value.place, found: value.kind, allowed: allowed)
        return nil
    }

    /// The values of a list that is not empty.
    mutating func list(_ value: Value, most: Int, allowed: String) -> [Value] {
        guard case .list(let values) = value.content, !values.isEmpty else {
            if case .list = value.content {
                fail(value.place, found: "an empty list", allowed: allowed)
            } else {
                fail(value.place, found: value.kind, allowed: allowed)
            }
            return []
        }
        guard values.count <= most else {
            fail(value.place, found: "\(values.count) of them", allowed: "at most \(most)")
            return []
        }
        return values
    }
}
