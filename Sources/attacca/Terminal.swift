// What goes to standard error: complaints, and the progress line where a person looks on.

import Foundation

enum Terminal {
    /// Writes one line to standard error.
    static func complain(_ message: String) {
        FileHandle.standardError.write(Data("attacca: \(message)\n".utf8))
    }

    /// Whether standard error is a terminal.
    static let isInteractive = isatty(2) == 1
}

/// A line that is written over and over, at most five times a second, on terminals only.
struct ProgressLine {
    private var lastWrite = DispatchTime.now()
    private var isShown = false

    /// Whether it is time to show something new.
    var isDue: Bool {
        guard Terminal.isInteractive else { return false }
        let now = DispatchTime.now().uptimeNanoseconds
        return now - lastWrite.uptimeNanoseconds > 200_000_000
    }

    /// Writes the line.
    mutating func show(_ text: String) {
        lastWrite = DispatchTime.now()
        isShown = true
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    /// Takes the line away.
    mutating func clear() {
        guard isShown else { return }
        isShown = false
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
