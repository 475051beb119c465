// What may stand in a configuration: tables, one row for each key.

import SwitchEngine
import SwitchIO

/// One key of a section.
struct ConfigurationKey<Target>: Sendable {
    var name: String
    /// Reads the value into the target, or writes down what is wrong with it.
    var take: @Sendable (inout Target, Value, inout ConfigurationReader) -> Void

    init(
        _ name: String,
        take: @escaping @Sendable (inout Target, Value, inout ConfigurationReader) -> Void
    ) {
        self.name = name
        self.take = take
    }

    /// A value that is written in one word; `set` says whether it may be.
    static func word(
        _ name: String, allowed: String, set: @escaping @Sendable (inout Target, String) -> Bool
    ) -> ConfigurationKey {
        ConfigurationKey(name) { target, value, reader in
            guard let filled = reader.text(value, allowed: allowed) else { return }
            if !set(&target, filled.text) {
                reader.fail(value.place, found: filled.shown.description, allowed: allowed)
            }
        }
    }

    /// A time in nanoseconds.
    static func time(
        _ name: String, _ path: WritableKeyPath<Target, Int64> & Sendable, from least: Int64 = 0,
        to most: Int64
    ) -> ConfigurationKey {
        word(name, allowed: timeRange(least, most)) { target, text in
            guard let time = TimeValue(argument: text), time.nanoseconds >= least,
                time.nanoseconds <= most
            else { return false }
            target[keyPath: path] = time.nanoseconds
            return true
        }
    }

    /// `a time such as …, 0s to 60s`.
    static func timeRange(_ least: Int64, _ most: Int64) -> String {
        let bounds = [least, most].map { TimeValue(nanoseconds: $0).description }
        return "\(TimeValue.allowed), from \(bounds[0]) to \(bounds[1])"
    }

    /// A bit rate.
    static func rate(
        _ name: String, _ path: WritableKeyPath<Target, Int64?> & Sendable
    ) -> ConfigurationKey {
        word(name, allowed: RateValue.allowed) { target, text in
            guard let rate = RateValue(argument: text) else { return false }
            target[keyPath: path] = rate.bitsPerSecond
            return true
        }
    }

    /// One of a few words.
    static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, _ path: WritableKeyPath<Target, Choice> & Sendable
    ) -> ConfigurationKey where Choice.RawValue == String {
        let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return word(name, allowed: allowed) { target, text in
            guard let choice = Choice(rawValue: text) else { return false }
            target[keyPath: path] = choice
            return true
        }
    }

    static func flag(
        _ name: String, _ path: WritableKeyPath<Target, Bool> & Sendable
    ) -> ConfigurationKey {
        word(name, allowed: "true or false") { target, text in
            guard ["true", "false"].contains(text) else { return false }
            target[keyPath: path] = text == "true"
            return true
        }
    }

    /// A section with keys of its own.
    static func section<Part: Sendable>(
        _ name: String, _ path: WritableKeyPath<Target, Part> & Sendable,
        _ keys: [ConfigurationKey<Part>]
    ) -> ConfigurationKey {
        ConfigurationKey(name) { target, value, reader in
            reader.read(value, keys, into: &target[keyPath: path])
        }
    }

    /// The same row for a part of something greater.
    func within<Whole>(
        _ path: WritableKeyPath<Whole, Target> & Sendable
    ) -> ConfigurationKey<Whole> {
        ConfigurationKey<Whole>(name) { whole, value, reader in
            take(&whole[keyPath: path], value, &reader)
        }
    }
}

extension ConfigurationReader {
    /// Reads a mapping by its table. A key that the table does not have is a mistake.
    mutating func read<Target>(
        _ value: Value, _ keys: [ConfigurationKey<Target>], into target: inout Target
    ) {
        let names = keys.map(\.name)
        guard let entries = entries(value, allowed: names.joined(separator: ", ")) else { return }
        for entry in entries {
            if let key = keys.first(where: { $0.name == entry.name }) {
                key.take(&target, entry.value, &self)
            } else {
                fail(
                    entry.place, found: "an unknown key",
                    allowed: Spelling.allowed(names, nearest: entry.name))
            }
        }
    }
}

/// What somebody may have meant.
enum Spelling {
    /// All names, and the one that was probably meant.
    static func allowed(_ names: [String], nearest name: String) -> String {
        let all = names.joined(separator: ", ")
        let nearest = names.map { ($0, distance($0, name)) }.min { $0.1 < $1.1 }
        guard let (meant, steps) = nearest, steps <= max(2, meant.count / 3) else { return all }
        return "\(meant), probably; all: \(all)"
    }

    /// Letters to change, insert, leave out or swap with their neighbour until one is the other.
    static func distance(_ one: String, _ other: String) -> Int {
        let a = Array(one.utf8), b = Array(other.lowercased().utf8.prefix(40))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    least = min(least, rows[i - 1][j - 1] + 1)
                }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
