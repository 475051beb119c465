// What libav logs, kept instead of printed: the last complaint often says more than the number that
// a call gives back. Nothing secret of the job's address is left in it.

import CLibAV
import Synchronization

enum LibAVLog {
    private struct State {
        var secrets: [String] = []
        /// The newest at the end, two at most: the first of them says why, the other of what.
        var last: [String] = []
    }

    private static let state = Mutex(State())
    private static let lineBytes = 1024

    static func capture(hiding secrets: [String]) {
        state.withLock { $0.secrets = secrets }
        av_log_set_level(AV_LOG_WARNING)
        av_log_set_callback { context, level, format, arguments in
            guard level <= AV_LOG_ERROR, let format, let arguments else { return }
            LibAVLog.keep(context, level, format, arguments)
        }
    }

    private static func keep(
        _ context: UnsafeMutableRawPointer?, _ level: Int32, _ format: UnsafePointer<CChar>,
        _ arguments: CVaListPointer
    ) {
        var line = [CChar](repeating: 0, count: lineBytes)
        var prefix: Int32 = 0
        av_log_format_line2(context, level, format, arguments, &line, Int32(lineBytes), &prefix)
        let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = Reporter.shortened(String(decoding: bytes, as: UTF8.self))
        if !text.isEmpty { state.withLock { $0.last = ($0.last + [text]).suffix(2) } }
    }

    /// The last complaints, and none from then on.
    static func takeLast() -> String {
        state.withLock { state in
            defer { state.last = [] }
            return state.last.joined(separator: "; ")
        }
    }

    /// Without secrets, and short.
    static func clean(_ text: String) -> String {
        var text = text
        for secret in state.withLock({ $0.secrets }) {
            var rest = text[...]
            var result = ""
            while let place = LibAVLog.find(secret, in: rest) {
                result += rest[..<place.lowerBound] + "…"
                rest = rest[place.upperBound...]
            }
            text = result + rest
        }
        return Reporter.shortened(text)
    }

    private static func find(
        _ secret: String, in text: Substring
    ) -> Range<Substring.Index>? {
        guard !secret.isEmpty else { return nil }
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(secret) {
                return start..<text.index(start, offsetBy: secret.count)
            }
            start = text.index(after: start)
        }
        return nil
    }
}

/// Gives a call's result, or says what went wrong with it.
@discardableResult
func check(_ code: Int32, _ what: String) throws(MediaFailure) -> Int32 {
    guard code < 0 else { return code }
    throw MediaFailure(code, what)
}

extension MediaFailure {
    init(_ code: Int32, _ what: String) {
        var text = [CChar](repeating: 0, count: 128)
        av_strerror(code, &text, text.count)
        var why = String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if code == clibav_error_exit() { why = "no answer in time" }
        let last = LibAVLog.takeLast()
        self.init("\(what): \(why)" + (last.isEmpty ? "" : " (\(last))"))
    }
}
