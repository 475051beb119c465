// What libav logs, kept instead of printed: the last complaint often says more than the number that
// a call gives back. Nothing secret of the job's address is left in it.

import CLibAV
import Glibc
import MediaJobs
import Synchronization

enum LibAVLog {
    private struct State {
        var filter = SecretFilter()
        /// Whole lines. The newest at the end, two at most: the first of them says why, the other
        /// of what.
        var last: [String] = []
    }

    private static let state = Mutex(State())
    /// libav makes none that is longer.
    private static let lineBytes = 64 << 10

    static func capture(hiding secrets: [String]) {
        state.withLock { $0.filter = SecretFilter(secrets) }
        av_log_set_level(AV_LOG_WARNING)
        av_log_set_callback { context, level, format, arguments in
            guard level <= AV_LOG_WARNING, let format, let arguments else { return }
            // An HLS server that was started again counts from 0: libav would wait until it has
            // come as far as before.
            if strstr(format, "Media sequence changed unexpectedly") != nil { Watch.giveUp() }
            guard level <= AV_LOG_ERROR else { return }
            LibAVLog.keep(context, level, format, arguments)
        }
    }

    private static func keep(
        _ context: UnsafeMutableRawPointer?, _ level: Int32, _ format: UnsafePointer<CChar>,
        _ arguments: CVaListPointer
    ) {
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: lineBytes) { line in
            var prefix: Int32 = 0
            line[0] = 0
            av_log_format_line2(
                context, level, format, arguments, line.baseAddress, Int32(line.count), &prefix)
            return String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        if !text.isEmpty { state.withLock { $0.last = ($0.last + [text]).suffix(2) } }
    }

    /// The last complaints, and none from then on.
    static func takeLast() -> String {
        let last = state.withLock { state in
            defer { state.last = [] }
            return state.last
        }
        return last.map(clean).joined(separator: "; ")
    }

    /// Without secrets, and short.
    static func clean(_ text: String) -> String {
        Reporter.shortened(state.withLock { $0.filter }.clean(text))
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
