// Something that the operating system or libsrt did not do, for an operator.

import CSRT
import Glibc

public struct IOFailure: Error, CustomStringConvertible, Sendable {
    public var description: String

    public init(_ description: String) { self.description = description }

    /// `what: reason of errno`.
    static func system(_ what: String, _ code: Int32 = errno) -> IOFailure {
        IOFailure("\(what): \(String(cString: strerror(code)))")
    }

    /// `what: libsrt's last error`.
    static func srt(_ what: String) -> IOFailure {
        IOFailure("\(what): \(String(cString: srt_getlasterror_str()))")
    }
}
