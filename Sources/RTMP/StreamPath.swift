// Which stream a publisher wishes to bring: an application and a name, which is the stream key.
//
//   rtmp://host/live/KEY                  application live, name KEY
//   rtmp://host/live/event/KEY            live/event and KEY to some encoders, live and event/KEY
//                                         to others: what counts is the whole

/// An application and a stream key.
public struct StreamPath: Sendable, Equatable {
    public var application: String
    /// A secret: it lets whoever knows it on the air.
    public var name: String

    public init(application: String, name: String) {
        self.application = application
        self.name = name
    }

    /// Whether this is what a publisher asks for. Takes as long for any key of one length.
    /// - Parameter wish: some encoders append options behind a question mark.
    public func answers(to wish: StreamPath) -> Bool {
        let own = StreamPath.whole(application, name)
        let asked = StreamPath.whole(StreamPath.plain(wish.application), wish.name)
        let plain = StreamPath.whole(
            StreamPath.plain(wish.application), StreamPath.plain(wish.name))
        // Both are looked at, so that time does not tell which one it was.
        let isExact = StreamPath.isSame(own, asked)
        let isPlain = StreamPath.isSame(own, plain)
        return isExact || isPlain
    }

    private static func plain(_ text: String) -> String {
        String(text.prefix { $0 != "?" })
    }

    private static func whole(_ application: String, _ name: String) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        return Array(
            (application + "/" + name).utf8.split(separator: slash).joined(separator: [slash]))
    }

    private static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

// The three ways to print a value would all find the key.
extension StreamPath: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(application)/…" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["path": description]) }
}
