// All mistakes of one configuration: who mends one likes to see the others too.

/// What was wrong, in the order of the lines.
public struct ConfigurationFailure: Error, Equatable, CustomStringConvertible {
    /// At least one.
    public let errors: [ConfigurationError]

    public init(_ errors: [ConfigurationError]) {
        // What has no line comes first; the sort keeps the order of what is on one line.
        self.errors = errors.enumerated().sorted {
            ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset)
        }.map(\.element)
    }

    /// One line for each.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
