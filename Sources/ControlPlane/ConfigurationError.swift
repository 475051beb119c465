// What is wrong with a configuration, so that an operator can mend it.

/// One mistake in a configuration.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The file, or `command line`.
    public var source: String
    /// 1 and up; nil where the source has no lines.
    public var line: Int?
    /// The key's path, `channels[0].inputs[1].links[0]`, or the option.
    public var key: String
    /// What is there instead, never a secret.
    public var found: String
    /// What may be there.
    public var allowed: String

    public init(source: String, line: Int?, key: String, found: String, allowed: String) {
        self.source = source
        self.line = line
        self.key = key
        self.found = found
        self.allowed = allowed
    }

    public var description: String {
        "\(source)\(line.map { ":\($0)" } ?? ""): \(key): found \(found); allowed: \(allowed)"
    }
}
